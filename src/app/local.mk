src_libapp_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
src_libapp_a_SOURCES =
