# `make torture`: the daemon is killed under load, see torture.py. Never installed, not built by `make all`.

EXTRA_DIST += contrib/torture/torture.py contrib/torture/load.py contrib/torture/plant.py contrib/torture/rounds.py \
	contrib/torture/nodes.py contrib/torture/verdict.py contrib/torture/killpoint.c contrib/torture/RESULTS
CLEANFILES += contrib/torture/killpoint.so

# Automake has no shared objects without libtool, and this one is no library: it is loaded into the daemon by LD_PRELOAD.
contrib/torture/killpoint.so: $(srcdir)/contrib/torture/killpoint.c
	$(AM_V_GEN)$(MKDIR_P) contrib/torture && $(CC) -D_GNU_SOURCE $(CPPFLAGS) $(WARN_CFLAGS) $(SQLITE_CFLAGS) $(CFLAGS) \
		-fPIC -shared $(LDFLAGS) -o $@ $(srcdir)/contrib/torture/killpoint.c -ldl

# TORTURE_FLAGS: --kills N, ... (see torture.py --help). In a build with sanitizers their reports are findings, too.
torture: callbackd tests/sim/callbackd-sim contrib/torture/killpoint.so
	TSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/threads.supp' \
		$(PYTHON) $(srcdir)/contrib/torture/torture.py $(TORTURE_FLAGS)
.PHONY: torture

# NODES_FLAGS: --notifications N, ... (see nodes.py --help)
torture-nodes: callbackd tests/sim/callbackd-sim
	$(PYTHON) $(srcdir)/contrib/torture/nodes.py $(NODES_FLAGS)
.PHONY: torture-nodes
