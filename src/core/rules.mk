# Patterns, templates, messages, rules, outcomes.
src_libcore_a_SOURCES += \
	src/core/address.c src/core/address.h src/core/lookup.c src/core/lookup.h src/core/lookup_answer.c \
	src/core/lookup_build.c src/core/lookup_build.h src/core/lookup_parts.h src/core/node_json.c src/core/node_json.h \
	src/core/rule_lookups.c src/core/rule_lookups.h \
	src/core/condition.c src/core/condition.h src/core/dialect.c src/core/filter.c src/core/filter.h \
	src/core/hours.c src/core/hours.h src/core/inbox.c src/core/inbox.h src/core/limits.c src/core/limits.h src/core/maker.h src/core/message.c \
	src/core/message_build.c src/core/message_build.h src/core/message_lines.c src/core/message_parts.h \
	src/core/message_rows.c src/core/message_schema.c src/core/named.c src/core/named.h src/core/names.c \
	src/core/names.h src/core/outcome.c src/core/path.c src/core/path.h src/core/pattern.c \
	src/core/pattern_pool.c src/core/pattern_pool.h src/core/rule_build.c src/core/rule_build.h src/core/rule_goto.c src/core/rule_goto.h \
	src/core/rule.c src/core/ruleset.c src/core/ruleset_index.c src/core/ruleset_index.h src/core/ruleset_load.c src/core/ruleset_load.h \
	src/core/settings.c src/core/settings.h \
	src/core/settings_build.c src/core/settings_build.h src/core/step_build.c src/core/step_build.h \
	src/core/template.c src/core/zone.c src/core/zone.h
