# What the tools for people who write rules need beside: test cases, messages as customers see them.
src_libcore_a_SOURCES += \
	src/core/shown.c src/core/shown.h \
	src/core/testcase.c src/core/testcase.h
