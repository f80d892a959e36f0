sources_tests = tests/unit/test_sign tests/unit/test_html
if HAVE_CMOCKA
check_PROGRAMS += $(sources_tests)
TESTS += $(sources_tests)
endif
tests_unit_test_sign_SOURCES = tests/unit/test_sign.c
tests_unit_test_sign_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sign_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_html_SOURCES = tests/unit/test_html.c
tests_unit_test_html_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_html_LDADD = $(CORE_TEST_LIBS)
