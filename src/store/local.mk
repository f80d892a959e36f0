STORE_LIBS = $(SQLITE_LIBS) $(PQ_LIBS)
src_libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(PQ_CFLAGS)
src_libstore_a_SOURCES = \
	src/store/store.c src/store/store.h src/store/store_backend.h src/store/store_call.c \
	src/store/store_db.c src/store/store_db.h \
	src/store/store_db_chat.c \
	src/store/store_db_intake.c \
	src/store/store_db_row.c \
	src/store/store_db_send.c \
	src/store/store_db_sql.c src/store/store_db_sql.h src/store/store_db_words.h \
	src/store/store_db_upkeep.c \
	src/store/store_mem.c src/store/store_mem.h \
	src/store/store_mem_chat.c \
	src/store/store_mem_forget.c \
	src/store/store_mem_intake.c \
	src/store/store_mem_list.c \
	src/store/store_mem_run.c \
	src/store/store_mem_send.c \
	src/store/store_mem_shape.c \
	src/store/store_mem_table.c src/store/store_mem_table.h \
	src/store/store_mem_upkeep.c \
	src/store/store_node.c \
	src/store/store_sqlite.c src/store/store_sqlite.h \
	src/store/store_sqlite_db.c src/store/store_sqlite_db.h \
	src/store/store_sqlite_forget.c \
	src/store/store_sqlite_schema.c

pgsql_sources = \
	src/store/store_pgsql.c src/store/store_pgsql.h \
	src/store/store_pgsql_asked.c \
	src/store/store_pgsql_conn.c \
	src/store/store_pgsql_db.c src/store/store_pgsql_db.h \
	src/store/store_pgsql_group.c \
	src/store/store_pgsql_image.c src/store/store_pgsql_image.h \
	src/store/store_pgsql_intake.c \
	src/store/store_pgsql_node.c \
	src/store/store_pgsql_schema.c \
	src/store/store_pgsql_sql.c
if HAVE_LIBPQ
src_libstore_a_SOURCES += $(pgsql_sources)
endif
EXTRA_DIST += $(pgsql_sources)
