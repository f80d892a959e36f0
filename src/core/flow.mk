# The flow checker.
src_libcore_a_SOURCES += src/core/flow.c src/core/flow.h src/core/flow_against.c src/core/flow_against.h src/core/flow_atoms.c src/core/flow_atoms.h \
	src/core/flow_base.c src/core/flow_base.h src/core/flow_chat.c src/core/flow_chat.h src/core/flow_class.c src/core/flow_code.c src/core/flow_code.h \
	src/core/flow_concrete.c src/core/flow_concrete.h src/core/flow_data.c src/core/flow_data.h src/core/flow_dfa.c src/core/flow_dfa.h \
	src/core/flow_effort.c src/core/flow_effort.h \
	src/core/flow_findings.c src/core/flow_findings.h src/core/flow_model.c src/core/flow_model.h \
	src/core/flow_parse.h src/core/flow_reach.c src/core/flow_reach.h src/core/flow_real.c src/core/flow_real.h \
	src/core/flow_record.c src/core/flow_record.h \
	src/core/flow_regex.c src/core/flow_regex.h src/core/flow_sample.c src/core/flow_sample.h src/core/flow_set.c src/core/flow_set.h src/core/flow_steps.c src/core/flow_steps.h src/core/flow_tree.c \
	src/core/flow_tree.h src/core/flow_trace.c src/core/flow_trace.h \
	src/core/flow_values.c src/core/flow_values.h src/core/flow_walk.c src/core/flow_walk.h src/core/flow_when.c src/core/flow_when.h
