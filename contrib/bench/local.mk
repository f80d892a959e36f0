# `make bench`: the yardsticks, the notifications and what drives them. Never installed, not built by `make all`.

EXTRA_PROGRAMS = contrib/bench/bare contrib/bench/relay contrib/bench/notes contrib/bench/match
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += contrib/bench/bench.py contrib/bench/backlog.py contrib/bench/compare.py contrib/bench/nodes.py contrib/bench/report.py \
	contrib/bench/starts.py contrib/bench/subjects.py contrib/bench/troubles.py contrib/bench/feed.lua contrib/bench/RESULTS \
	contrib/bench/peers/install contrib/bench/peers/package.json contrib/bench/peers/package-lock.json contrib/bench/peers/server.js \
	contrib/bench/peers/tap.js contrib/bench/peers/relay.js contrib/bench/peers/stored.js contrib/bench/peers/hooks.json.tmpl \
	contrib/bench/peers/answer contrib/bench/test_bench.py

# What the scripts make of figures, and what pace counts.
check_PROGRAMS += contrib/bench/pace
if HAVE_PYTHON
TESTS += contrib/bench/test_bench.py
endif

BENCH_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CRYPTO_CFLAGS)
contrib_bench_notes_SOURCES = contrib/bench/notes.c contrib/bench/hub.c contrib/bench/hub.h
contrib_bench_notes_CFLAGS = $(BENCH_CFLAGS)
contrib_bench_notes_LDADD = src/libbase.a $(CRYPTO_LIBS)
contrib_bench_match_SOURCES = contrib/bench/match.c
contrib_bench_match_CFLAGS = $(BENCH_CFLAGS) $(JSON_CFLAGS)
contrib_bench_match_LDADD = src/libcore.a src/libbase.a $(CORE_LIBS)
contrib_bench_bare_SOURCES = contrib/bench/bare.c contrib/bench/hub.c contrib/bench/hub.h \
	contrib/bench/serve.c contrib/bench/serve.h
contrib_bench_bare_CFLAGS = $(BENCH_CFLAGS)
contrib_bench_bare_LDADD = src/libbase.a $(EVENT_LIBS) $(CRYPTO_LIBS)
contrib_bench_pace_SOURCES = contrib/bench/pace.c contrib/bench/serve.c contrib/bench/serve.h contrib/bench/ways.c contrib/bench/ways.h
contrib_bench_pace_CFLAGS = $(BENCH_CFLAGS)
contrib_bench_pace_LDADD = src/libbase.a $(EVENT_LIBS)
contrib_bench_relay_SOURCES = contrib/bench/relay.c contrib/bench/hub.c contrib/bench/hub.h \
	contrib/bench/post.c contrib/bench/post.h contrib/bench/serve.c contrib/bench/serve.h
contrib_bench_relay_CFLAGS = $(BENCH_CFLAGS) $(CURL_CFLAGS) $(JSON_CFLAGS) $(PCRE2_CFLAGS)
contrib_bench_relay_LDADD = src/libbase.a $(EVENT_LIBS) $(CURL_LIBS) $(JSON_LIBS) $(PCRE2_LIBS) $(CRYPTO_LIBS)

# What peers/install installs.
clean-local:
	rm -rf bench-peers

# BENCH_FLAGS: --quick, --rounds N, ... (see bench.py --help)
bench: $(EXTRA_PROGRAMS) contrib/bench/pace tests/sim/callbackd-sim tests/faults/trouble.so callbackd
	$(PYTHON) $(srcdir)/contrib/bench/bench.py --build . $(BENCH_FLAGS)
.PHONY: bench
