store_tests = tests/unit/test_store tests/unit/test_store_pgsql
if HAVE_CMOCKA
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
endif
store_test_parts = tests/unit/test_store.c tests/unit/test_store.h \
	tests/unit/test_store_chat.c \
	tests/unit/test_store_intake.c \
	tests/unit/test_store_random.c \
	tests/unit/test_store_run.c \
	tests/unit/test_store_upkeep.c
tests_unit_test_store_SOURCES = $(store_test_parts) tests/unit/test_store_file.c tests/unit/test_store_main.c
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_store_LDADD = $(STORE_TEST_LIBS)

# Without libpq, or a PostgreSQL to start, it says that it is skipped.
tests_unit_test_store_pgsql_SOURCES = $(store_test_parts) tests/unit/test_store_pgsql.c tests/unit/test_store_nodes.c \
	tests/unit/test_store_pgsql_intake.c tests/unit/pgkit.c tests/unit/pgkit.h
tests_unit_test_store_pgsql_CFLAGS = $(UNIT_CFLAGS) $(PQ_CFLAGS)
tests_unit_test_store_pgsql_LDADD = $(STORE_TEST_LIBS)

EXTRA_DIST += tests/unit/store_v1.sql

# Not a test: contrib/bench/store_bench FOLDER
noinst_PROGRAMS += contrib/bench/store_bench
contrib_bench_store_bench_SOURCES = contrib/bench/store_bench.c
contrib_bench_store_bench_LDADD = src/libstore.a src/libbase.a $(STORE_LIBS)
