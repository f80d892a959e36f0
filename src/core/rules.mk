# Patterns, templates, messages, rules, outcomes.
src_libcore_a_SOURCES += src/core/pattern.c
