# Sources: verifying, extracting, fetching.
src_libcore_a_SOURCES += \
	src/core/html.c src/core/html.h \
	src/core/sign.c
