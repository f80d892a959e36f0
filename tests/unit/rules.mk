rules_tests = tests/unit/test_pattern
if HAVE_CMOCKA
check_PROGRAMS += $(rules_tests)
TESTS += $(rules_tests)
endif
tests_unit_test_pattern_SOURCES = tests/unit/test_pattern.c
tests_unit_test_pattern_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pattern_LDADD = $(CORE_TEST_LIBS)
