# One program per module: tests/unit/test_MODULE.c, linked with its own layer and the base only.

UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
BASE_TEST_LIBS = src/libbase.a $(CMOCKA_LIBS)
CORE_TEST_LIBS = src/libcore.a src/libbase.a $(CORE_LIBS) $(CMOCKA_LIBS)
STORE_TEST_LIBS = src/libstore.a src/libbase.a $(STORE_LIBS) $(CMOCKA_LIBS)
NET_TEST_LIBS = src/libnet.a src/libbase.a $(NET_LIBS) $(CMOCKA_LIBS)

include tests/unit/base.mk
include tests/unit/sources.mk
include tests/unit/files.mk
include tests/unit/rules.mk
include tests/unit/net.mk
include tests/unit/store.mk
include tests/unit/app.mk
include tests/unit/flow.mk
include tests/unit/tools.mk
