flow_tests = tests/unit/test_flow_regex tests/unit/test_flow tests/unit/test_flow_against \
	tests/unit/test_flow_bounds
if HAVE_CMOCKA
check_PROGRAMS += $(flow_tests)
TESTS += $(flow_tests)
endif
# With translation mistakes that can be switched on.
tests_unit_test_flow_regex_SOURCES = tests/unit/test_flow_regex.c src/core/flow_class.c src/core/flow_code.c \
	src/core/flow_dfa.c src/core/flow_regex.c
tests_unit_test_flow_regex_CFLAGS = $(UNIT_CFLAGS) -DFLOW_MUTANTS
tests_unit_test_flow_regex_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_flow_SOURCES = tests/unit/test_flow.c $(case_help)
tests_unit_test_flow_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_flow_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_flow_against_SOURCES = tests/unit/test_flow_against.c
tests_unit_test_flow_against_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_flow_against_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_flow_bounds_SOURCES = tests/unit/test_flow_bounds.c
tests_unit_test_flow_bounds_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_flow_bounds_LDADD = $(CORE_TEST_LIBS)
EXTRA_DIST += tests/unit/flow_findings.txt tests/unit/flow_against.txt tests/unit/flow_printed.txt
