STORE_LIBS = $(SQLITE_LIBS)
src_libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
src_libstore_a_SOURCES =
