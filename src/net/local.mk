# libevent_openssl names the whole of libevent, too, whose core would then be loaded twice: last, nothing needs it (--as-needed).
NET_LIBS = $(EVENT_LIBS) $(EVENT_OPENSSL_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS)
src_libnet_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(EVENT_OPENSSL_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS)
src_libnet_a_SOURCES = \
	src/net/conn.c src/net/conn.h \
	src/net/intake.c src/net/intake.h \
	src/net/intake_check.c src/net/intake_check.h \
	src/net/listen.c src/net/listen.h \
	src/net/loop.c src/net/loop.h \
	src/net/peers.c src/net/peers.h \
	src/net/public.c src/net/public.h \
	src/net/tls.c src/net/tls.h \
	src/net/xfer.c src/net/xfer.h
