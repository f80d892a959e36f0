# Lints of the C sources, as tests; and the test that each of them can fail.

lints = contrib/lint/layers contrib/lint/words contrib/lint/headers contrib/lint/format contrib/lint/test_lint.py
if HAVE_PYTHON
TESTS += $(lints)
endif
EXTRA_DIST += $(lints) contrib/lint/lintlib.py

# How `headers` compiles.
AM_TESTS_ENVIRONMENT += \
	LINT_CC='$(CC) $(DEFS) $(DEFAULT_INCLUDES) $(HARDEN_CPPFLAGS) $(CPPFLAGS) $(WARN_CFLAGS) $(HARDEN_CFLAGS) $(CFLAGS) $(EVENT_CFLAGS) $(CURL_CFLAGS) $(JSON_CFLAGS) $(PCRE2_CFLAGS) $(YAML_CFLAGS) $(SQLITE_CFLAGS) $(PQ_CFLAGS) $(CRYPTO_CFLAGS)'; \
	export LINT_CC;

# clang-tidy with the checks of .clang-tidy; takes minutes.
JOBS = 1
tidy:
	find $(srcdir)/src -name '*.c' | sort | xargs -n 4 -P $(JOBS) sh -c 'clang-tidy --quiet "$$@" -- $(DEFS) $(DEFAULT_INCLUDES) \
		-iquote $(srcdir)/src -std=gnu11 $(EVENT_CFLAGS) $(CURL_CFLAGS) $(JSON_CFLAGS) $(PCRE2_CFLAGS) $(YAML_CFLAGS) \
		$(SQLITE_CFLAGS) $(PQ_CFLAGS) $(CRYPTO_CFLAGS)' sh
.PHONY: tidy

# The tests that `contrib/check` runs once more from the tarball: all but the functional ones, which take long.
distcheck-tests:
	@echo $(filter-out tests/functional/%,$(TESTS))
# Those whose lines are counted: but for one that makes the checker work to its limits, a minute more where lines are counted.
unit-tests:
	@echo $(filter-out tests/unit/test_flow_bounds,$(filter tests/unit/%,$(TESTS)))
.PHONY: distcheck-tests unit-tests
