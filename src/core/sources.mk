# Sources: verifying, extracting, fetching.
src_libcore_a_SOURCES += \
	src/core/entry.c \
	src/core/html.c src/core/html.h \
	src/core/sign.c \
	src/core/source.c src/core/source_internal.h \
	src/core/source_attachment.c src/core/source_config.c \
	src/core/source_generic.c \
	src/core/source_hubspot.c \
	src/core/source_intercom.c \
	src/core/source_schema.c \
	src/core/source_value.c
