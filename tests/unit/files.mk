files_tests = tests/unit/test_yaml
if HAVE_CMOCKA
check_PROGRAMS += $(files_tests)
TESTS += $(files_tests)
endif
tests_unit_test_yaml_SOURCES = tests/unit/test_yaml.c
tests_unit_test_yaml_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_yaml_LDADD = $(CORE_TEST_LIBS)
