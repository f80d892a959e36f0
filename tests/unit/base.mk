base_tests = tests/unit/test_base
if HAVE_CMOCKA
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
endif
tests_unit_test_base_SOURCES = tests/unit/test_base.c
tests_unit_test_base_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_base_LDADD = $(BASE_TEST_LIBS)
