CORE_LIBS = $(JSON_LIBS) $(PCRE2_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS)
src_libcore_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(PCRE2_CFLAGS) $(YAML_CFLAGS) $(CRYPTO_CFLAGS)
src_libcore_a_SOURCES = \
	src/core/config.h src/core/doc.h src/core/entry.h src/core/finding.h src/core/message.h src/core/node.h \
	src/core/outcome.h src/core/pattern.h src/core/rule.h src/core/ruleset.h src/core/schema.h src/core/secret.h \
	src/core/sign.h src/core/source.h src/core/template.h src/core/yaml.h

include src/core/files.mk
include src/core/sources.mk
include src/core/rules.mk
include src/core/flow.mk
include src/core/tools.mk
