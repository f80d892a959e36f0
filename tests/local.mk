include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/sim/local.mk
include tests/functional/local.mk
include tests/faults/local.mk
include tests/docs/local.mk

# Where both threads are at work: what ThreadSanitizer looks at.
thread_tests = tests/unit/test_base tests/unit/test_engine tests/unit/test_xfer tests/functional/test_main_job.py \
	tests/functional/test_frontdoor.py tests/functional/test_operations.py tests/functional/test_sending.py \
	tests/functional/test_stop.py
thread-tests:
	@printf '%s\n' '$(thread_tests)'
.PHONY: thread-tests
EXTRA_DIST += tests/threads.supp tests/postgres.py

# Both drivers read TAP: cmocka's output for the unit tests, the functional tests' own.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	ASAN_OPTIONS=handle_segv=2; export ASAN_OPTIONS; \
	TSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/threads.supp'; export TSAN_OPTIONS; \
	srcdir='$(srcdir)'; export srcdir; PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
