# Patterns, templates, messages, rules, outcomes.
src_libcore_a_SOURCES += src/core/dialect.c src/core/limits.c src/core/limits.h src/core/message.c \
	src/core/message_build.c src/core/message_build.h src/core/named.c src/core/named.h src/core/outcome.c \
	src/core/pattern.c src/core/rule_build.c src/core/rule_build.h src/core/ruleset.c src/core/ruleset_index.c \
	src/core/ruleset_index.h src/core/template.c
EXTRA_DIST += rules/10-orders.yaml rules/10-orders.test.yaml
