net_tests = tests/unit/test_intake_check tests/unit/test_intake tests/unit/test_xfer
if HAVE_CMOCKA
check_PROGRAMS += $(net_tests)
TESTS += $(net_tests)
endif
NET_TEST_CFLAGS = $(UNIT_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_intake_check_SOURCES = tests/unit/test_intake_check.c
tests_unit_test_intake_check_CFLAGS = $(NET_TEST_CFLAGS)
tests_unit_test_intake_check_LDADD = $(NET_TEST_LIBS)
tests_unit_test_intake_SOURCES = tests/unit/test_intake.c tests/unit/netkit.c tests/unit/netkit.h
tests_unit_test_intake_CFLAGS = $(NET_TEST_CFLAGS)
tests_unit_test_intake_LDADD = $(NET_TEST_LIBS)
tests_unit_test_xfer_SOURCES = tests/unit/test_xfer.c
tests_unit_test_xfer_CFLAGS = $(NET_TEST_CFLAGS)
tests_unit_test_xfer_LDADD = $(NET_TEST_LIBS)
