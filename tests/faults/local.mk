# What is loaded into the daemon by LD_PRELOAD in tests. Automake has no shared objects without libtool, and this is no library.
tests/faults/trouble.so: $(srcdir)/tests/faults/trouble.c
	$(AM_V_GEN)$(MKDIR_P) tests/faults && $(CC) -D_GNU_SOURCE $(CPPFLAGS) $(WARN_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) \
		-o $@ $(srcdir)/tests/faults/trouble.c -ldl
if HAVE_PYTHON
check_DATA += tests/faults/trouble.so
endif
CLEANFILES += tests/faults/trouble.so
EXTRA_DIST += tests/faults/trouble.c
