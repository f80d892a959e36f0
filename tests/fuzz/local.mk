# One small program per parser, each with a corpus. Without libFuzzer their main is replay.c, and `make check` gives them their
# corpora; `make fuzz` builds them once more with clang and lets libFuzzer search.

FUZZ_NAMES = \
	config \
	doc \
	generic \
	html \
	hubspot \
	intake \
	intake_check \
	intercom \
	lookup \
	message \
	outcome \
	pattern \
	rules \
	template \
	testcase \
	words \
	yaml \
	zone

fuzz_programs = \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_doc \
	tests/fuzz/fuzz_generic \
	tests/fuzz/fuzz_html \
	tests/fuzz/fuzz_hubspot \
	tests/fuzz/fuzz_intake \
	tests/fuzz/fuzz_intake_check \
	tests/fuzz/fuzz_intercom \
	tests/fuzz/fuzz_lookup \
	tests/fuzz/fuzz_message \
	tests/fuzz/fuzz_outcome \
	tests/fuzz/fuzz_pattern \
	tests/fuzz/fuzz_rules \
	tests/fuzz/fuzz_template \
	tests/fuzz/fuzz_testcase \
	tests/fuzz/fuzz_words \
	tests/fuzz/fuzz_yaml \
	tests/fuzz/fuzz_zone
check_PROGRAMS += $(fuzz_programs)
check_LIBRARIES += tests/fuzz/libkit.a
tests_fuzz_libkit_a_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_libkit_a_SOURCES = tests/fuzz/fuzz.h tests/fuzz/kit.c tests/fuzz/kit_file.c tests/fuzz/kit_file.h tests/fuzz/kit_rules.c \
	tests/fuzz/kit_rules.h tests/fuzz/kit_source.c tests/fuzz/kit_source.h
if !FUZZERS
tests_fuzz_libkit_a_SOURCES += tests/fuzz/replay.c
TESTS += $(fuzz_programs)
endif
EXTRA_DIST += tests/fuzz/campaign tests/fuzz/corpus

FUZZ_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
FUZZ_LINK = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
FUZZ_CORE_LIBS = tests/fuzz/libkit.a src/libcore.a src/libbase.a $(CORE_LIBS)
FUZZ_NET_LIBS = tests/fuzz/libkit.a src/libnet.a src/libbase.a $(NET_LIBS)

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_doc_SOURCES = tests/fuzz/fuzz_doc.c
tests_fuzz_fuzz_doc_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_doc_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_doc_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_generic_SOURCES = tests/fuzz/fuzz_generic.c
tests_fuzz_fuzz_generic_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_generic_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_generic_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_html_SOURCES = tests/fuzz/fuzz_html.c
tests_fuzz_fuzz_html_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_html_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_html_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_hubspot_SOURCES = tests/fuzz/fuzz_hubspot.c
tests_fuzz_fuzz_hubspot_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_hubspot_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_hubspot_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_intake_SOURCES = tests/fuzz/fuzz_intake.c
tests_fuzz_fuzz_intake_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_intake_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_intake_LDADD = $(FUZZ_NET_LIBS)
tests_fuzz_fuzz_intake_check_SOURCES = tests/fuzz/fuzz_intake_check.c
tests_fuzz_fuzz_intake_check_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_intake_check_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_intake_check_LDADD = $(FUZZ_NET_LIBS)
tests_fuzz_fuzz_intercom_SOURCES = tests/fuzz/fuzz_intercom.c
tests_fuzz_fuzz_intercom_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_intercom_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_intercom_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_lookup_SOURCES = tests/fuzz/fuzz_lookup.c
tests_fuzz_fuzz_lookup_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_lookup_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_lookup_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c
tests_fuzz_fuzz_message_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_message_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_message_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_outcome_SOURCES = tests/fuzz/fuzz_outcome.c
tests_fuzz_fuzz_outcome_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_outcome_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_outcome_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_pattern_SOURCES = tests/fuzz/fuzz_pattern.c
tests_fuzz_fuzz_pattern_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_pattern_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pattern_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/fuzz_rules.c
tests_fuzz_fuzz_rules_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_rules_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_rules_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_template_SOURCES = tests/fuzz/fuzz_template.c
tests_fuzz_fuzz_template_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_template_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_template_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_testcase_SOURCES = tests/fuzz/fuzz_testcase.c
tests_fuzz_fuzz_testcase_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_testcase_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_testcase_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_words_SOURCES = tests/fuzz/fuzz_words.c
tests_fuzz_fuzz_words_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_words_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_words_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c
tests_fuzz_fuzz_yaml_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_yaml_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_yaml_LDADD = $(FUZZ_CORE_LIBS)
tests_fuzz_fuzz_zone_SOURCES = tests/fuzz/fuzz_zone.c
tests_fuzz_fuzz_zone_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_zone_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_zone_LDADD = $(FUZZ_CORE_LIBS)

# FUZZ_SECONDS each; FUZZ_TARGETS="html yaml": only these. Whatever build folder it is called in, the fuzzers are built below it,
# in fuzz/.
FUZZ_SECONDS = 600
FUZZ_TARGETS = $(FUZZ_NAMES)
if FUZZERS
fuzz: $(fuzz_programs)
	$(SHELL) $(srcdir)/tests/fuzz/campaign '$(FUZZ_SECONDS)' '$(srcdir)/tests/fuzz/corpus' tests/fuzz $(FUZZ_TARGETS)
else
fuzz:
	$(MKDIR_P) fuzz
	test -e fuzz/Makefile || (cd fuzz && '$(abs_top_srcdir)/configure' --enable-fuzzers CC='$(FUZZ_CC)' CFLAGS='-g -O1')
	$(MAKE) -C fuzz fuzz FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_TARGETS='$(FUZZ_TARGETS)'
endif
FUZZ_CC = clang
.PHONY: fuzz
distclean-local:
	rm -rf fuzz
