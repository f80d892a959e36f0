# The layers, lowest first. A library links only what its layer may know.

noinst_LIBRARIES += src/libbase.a src/libcore.a src/libstore.a src/libnet.a src/libapp.a

include src/base/local.mk
include src/core/local.mk
include src/store/local.mk
include src/net/local.mk
include src/app/local.mk

bin_PROGRAMS += callbackd
callbackd_SOURCES = src/main.c
callbackd_LDADD = src/libapp.a src/libcore.a src/libstore.a src/libnet.a src/libbase.a $(CORE_LIBS) $(STORE_LIBS) $(NET_LIBS)
