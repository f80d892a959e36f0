app_tests = tests/unit/test_engine tests/unit/test_engine_work tests/unit/test_sandbox
if HAVE_CMOCKA
check_PROGRAMS += $(app_tests)
TESTS += $(app_tests)
endif
APP_TEST_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
APP_TEST_LIBS = src/libapp.a src/libcore.a src/libstore.a src/libnet.a src/libbase.a $(CORE_LIBS) $(STORE_LIBS) \
	$(NET_LIBS) $(CMOCKA_LIBS)
enginekit = tests/unit/enginekit.c tests/unit/enginekit.h
tests_unit_test_engine_SOURCES = tests/unit/test_engine.c $(enginekit)
tests_unit_test_engine_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_work_SOURCES = tests/unit/test_engine_work.c $(enginekit)
tests_unit_test_engine_work_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_work_LDADD = $(APP_TEST_LIBS)
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c $(enginekit)
tests_unit_test_sandbox_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_sandbox_LDADD = $(APP_TEST_LIBS)
