# The flow checker.
src_libcore_a_SOURCES += src/core/flow_atoms.c src/core/flow_atoms.h src/core/flow_base.c src/core/flow_base.h \
	src/core/flow_class.c src/core/flow_code.c src/core/flow_code.h src/core/flow_dfa.c src/core/flow_dfa.h \
	src/core/flow_parse.h src/core/flow_regex.c src/core/flow_regex.h src/core/flow_set.c src/core/flow_set.h \
	src/core/flow_tree.c src/core/flow_tree.h
