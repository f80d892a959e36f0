sources_tests = \
	tests/unit/test_sign \
	tests/unit/test_html \
	tests/unit/test_source_config \
	tests/unit/test_source_verify \
	tests/unit/test_source_intercom \
	tests/unit/test_source_hubspot \
	tests/unit/test_source_generic \
	tests/unit/test_source_random \
	tests/unit/test_inbox
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
tests_unit_test_source_config_SOURCES = tests/unit/test_source_config.c $(source_help)
tests_unit_test_source_config_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_config_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_source_intercom_SOURCES = tests/unit/test_source_intercom.c $(source_help)
tests_unit_test_source_intercom_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_intercom_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_source_hubspot_SOURCES = tests/unit/test_source_hubspot.c $(source_help)
tests_unit_test_source_hubspot_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_hubspot_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_source_generic_SOURCES = tests/unit/test_source_generic.c $(source_help)
tests_unit_test_source_generic_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_generic_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_source_random_SOURCES = tests/unit/test_source_random.c $(source_help)
tests_unit_test_source_random_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_source_random_LDADD = $(CORE_TEST_LIBS)
tests_unit_test_inbox_SOURCES = tests/unit/test_inbox.c $(source_help)
tests_unit_test_inbox_CFLAGS = $(SOURCE_TEST_CFLAGS)
tests_unit_test_inbox_LDADD = $(CORE_TEST_LIBS)
