app_tests = tests/unit/test_engine tests/unit/test_engine_work tests/unit/test_engine_runs \
	tests/unit/test_engine_random tests/unit/test_sandbox \
	tests/unit/test_schedule \
	tests/unit/test_engine_faults tests/unit/test_engine_poll tests/unit/test_engine_begin \
	tests/unit/test_engine_pgsql tests/unit/test_engine_lost \
	tests/unit/test_memory \
	tests/unit/test_breaker \
	tests/unit/test_loopguard \
	tests/unit/test_metrics \
	tests/unit/test_cache \
	tests/unit/test_secrets \
	tests/unit/test_answers \
	tests/unit/test_cmdline
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
tests_unit_test_engine_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_test_engine_work_SOURCES = tests/unit/test_engine_work.c $(enginekit)
tests_unit_test_engine_work_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_work_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_runs_SOURCES = tests/unit/test_engine_runs.c $(enginekit)
tests_unit_test_engine_runs_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_runs_LDADD = $(APP_TEST_LIBS)
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c $(enginekit)
tests_unit_test_sandbox_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_sandbox_LDADD = $(APP_TEST_LIBS)
tests_unit_test_schedule_SOURCES = tests/unit/test_schedule.c
tests_unit_test_schedule_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_schedule_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_begin_SOURCES = tests/unit/test_engine_begin.c $(enginekit)
tests_unit_test_engine_begin_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_begin_LDADD = $(APP_TEST_LIBS)
# Without libpq, or a PostgreSQL to start, it says that it is skipped.
tests_unit_test_engine_pgsql_SOURCES = tests/unit/test_engine_pgsql.c $(enginekit) tests/unit/pgkit.c tests/unit/pgkit.h
tests_unit_test_engine_pgsql_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_pgsql_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_poll_SOURCES = tests/unit/test_engine_poll.c $(enginekit)
tests_unit_test_engine_poll_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_poll_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_lost_SOURCES = tests/unit/test_engine_lost.c $(enginekit)
tests_unit_test_engine_lost_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_lost_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_faults_SOURCES = tests/unit/test_engine_faults.c $(enginekit)
tests_unit_test_engine_faults_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_faults_LDADD = $(APP_TEST_LIBS)
tests_unit_test_memory_SOURCES = tests/unit/test_memory.c tests/unit/failmalloc.c tests/unit/failmalloc.h $(enginekit)
tests_unit_test_memory_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_memory_LDADD = $(APP_TEST_LIBS)
tests_unit_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mallocx,--wrap=rallocx \
	-Wl,--wrap=__libc_malloc,--wrap=__libc_calloc,--wrap=__libc_realloc
tests_unit_test_breaker_SOURCES = tests/unit/test_breaker.c
tests_unit_test_breaker_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_breaker_LDADD = $(APP_TEST_LIBS)
tests_unit_test_loopguard_SOURCES = tests/unit/test_loopguard.c
tests_unit_test_loopguard_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_loopguard_LDADD = $(APP_TEST_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_metrics_LDADD = $(APP_TEST_LIBS)
tests_unit_test_cache_SOURCES = tests/unit/test_cache.c
tests_unit_test_cache_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_cache_LDADD = $(APP_TEST_LIBS)
tests_unit_test_secrets_SOURCES = tests/unit/test_secrets.c
tests_unit_test_secrets_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_secrets_LDADD = $(APP_TEST_LIBS)
tests_unit_test_answers_SOURCES = tests/unit/test_answers.c
tests_unit_test_answers_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_answers_LDADD = $(APP_TEST_LIBS)
tests_unit_test_cmdline_SOURCES = tests/unit/test_cmdline.c
tests_unit_test_cmdline_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_cmdline_LDADD = $(APP_TEST_LIBS)
tests_unit_test_engine_random_SOURCES = tests/unit/test_engine_random.c $(enginekit)
tests_unit_test_engine_random_CFLAGS = $(APP_TEST_CFLAGS)
tests_unit_test_engine_random_LDADD = $(APP_TEST_LIBS)
