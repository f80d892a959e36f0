sources_tests = \
	tests/unit/test_sign \
	tests/unit/test_html \
	tests/unit/test_source_verify
if HAVE_CMOCKA
check_PROGRAMS += $(sources_tests)
TESTS += $(sources_tests)
endif
EXTRA_DIST += \
	tests/unit/payloads/hubspot-batch.json \
	tests/unit/payloads/hubspot-limit.json \
	tests/unit/payloads/hubspot-message.json \
	tests/unit/payloads/hubspot-one.json \
	tests/unit/payloads/hubspot-thread.json \
	tests/unit/payloads/intercom-deleted.json \
	tests/unit/payloads/intercom-error.json \
	tests/unit/payloads/intercom-ping.json \
	tests/unit/payloads/intercom-user-created.json \
	tests/unit/payloads/intercom-user-replied.json
source_help = tests/unit/source_help.c tests/unit/source_help.h
SOURCE_TEST_CFLAGS = $(UNIT_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_sign_SOURCES = tests/unit/test_sign.c
tests_unit_test_sign_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sign_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_html_SOURCES = tests/unit/test_html.c
tests_unit_test_html_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_html_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_source_verify_SOURCES = tests/unit/test_source_verify.c $(source_help)
tests_unit_test_source_verify_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_verify_LDADD = $(CORE_TEST_LIBS)
