rules_tests = tests/unit/test_pattern tests/unit/test_outcome tests/unit/test_template \
	tests/unit/test_message tests/unit/test_rules tests/unit/test_steps tests/unit/test_values tests/unit/test_lookup
if HAVE_CMOCKA
check_PROGRAMS += $(rules_tests)
TESTS += $(rules_tests)
endif
tests_unit_test_pattern_SOURCES = tests/unit/test_pattern.c
tests_unit_test_pattern_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pattern_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_outcome_SOURCES = tests/unit/test_outcome.c
tests_unit_test_outcome_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_outcome_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_template_SOURCES = tests/unit/test_template.c
tests_unit_test_template_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_template_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_message_LDADD = $(CORE_TEST_LIBS)
case_help = tests/unit/case_help.c tests/unit/case_help.h
tests_unit_test_rules_SOURCES = tests/unit/test_rules.c $(case_help)
tests_unit_test_rules_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_rules_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_steps_SOURCES = tests/unit/test_steps.c
tests_unit_test_steps_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_steps_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_values_SOURCES = tests/unit/test_values.c
tests_unit_test_values_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_values_LDADD = $(CORE_TEST_LIBS)
EXTRA_DIST += tests/unit/rules_findings.txt
tests_unit_test_lookup_SOURCES = tests/unit/test_lookup.c
tests_unit_test_lookup_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_lookup_LDADD = $(CORE_TEST_LIBS)
