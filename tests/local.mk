include tests/unit/local.mk
include tests/sim/local.mk
include tests/functional/local.mk
include tests/docs/local.mk

# Both drivers read TAP: cmocka's output for the unit tests, the functional tests' own.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	ASAN_OPTIONS=handle_segv=2; export ASAN_OPTIONS; srcdir='$(srcdir)'; export srcdir; PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
