tools_tests = tests/unit/test_draw tests/unit/test_graph tests/unit/test_mutate tests/unit/test_shown tests/unit/test_testcase
if HAVE_CMOCKA
check_PROGRAMS += $(tools_tests)
TESTS += $(tools_tests)
endif
tests_unit_test_draw_SOURCES = tests/unit/test_draw.c
tests_unit_test_draw_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_draw_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_graph_SOURCES = tests/unit/test_graph.c
tests_unit_test_graph_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_graph_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_mutate_SOURCES = tests/unit/test_mutate.c
tests_unit_test_mutate_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_mutate_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_shown_SOURCES = tests/unit/test_shown.c
tests_unit_test_shown_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_shown_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_testcase_SOURCES = tests/unit/test_testcase.c
tests_unit_test_testcase_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_testcase_LDADD = $(CORE_TEST_LIBS)
