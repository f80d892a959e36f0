files_tests = tests/unit/test_yaml tests/unit/test_schema tests/unit/test_doc tests/unit/test_config
if HAVE_CMOCKA
check_PROGRAMS += $(files_tests)
TESTS += $(files_tests)
endif
tests_unit_test_yaml_SOURCES = tests/unit/test_yaml.c
tests_unit_test_yaml_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_yaml_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
tests_unit_test_schema_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_schema_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_doc_SOURCES = tests/unit/test_doc.c
tests_unit_test_doc_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_doc_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_config_LDADD = $(CORE_TEST_LIBS)
