# callbackd-sim plays the services that callbackd talks to; for tests, benchmarks and the demo. Never installed.

noinst_PROGRAMS += tests/sim/callbackd-sim
tests_sim_callbackd_sim_SOURCES = \
	tests/sim/sim.h \
	tests/sim/sim_control.c \
	tests/sim/sim_fault.c tests/sim/sim_fault.h \
	tests/sim/sim_http.c tests/sim/sim_http.h \
	tests/sim/sim_hubspot.c \
	tests/sim/sim_intercom.c \
	tests/sim/sim_late.c tests/sim/sim_late.h \
	tests/sim/sim_main.c \
	tests/sim/sim_octopods.c \
	tests/sim/sim_payload.c tests/sim/sim_payload.h \
	tests/sim/sim_record.c tests/sim/sim_record.h \
	tests/sim/sim_shelf.c tests/sim/sim_shelf.h \
	tests/sim/sim_shop.c
tests_sim_callbackd_sim_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JSON_CFLAGS)
tests_sim_callbackd_sim_LDADD = src/libbase.a $(EVENT_LIBS) $(JSON_LIBS)

# Finds the program in the build folder; prints TAP.
if HAVE_PYTHON
TESTS += tests/sim/test_sim.py
endif
EXTRA_DIST += tests/sim/test_sim.py contrib/draw-message.py
