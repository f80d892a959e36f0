# What the tools for people who write rules need beside: test cases, messages as customers see them, pictures.
src_libcore_a_SOURCES += \
	src/core/columns.c src/core/columns.h \
	src/core/draw.c src/core/draw.h \
	src/core/example.c src/core/example.h \
	src/core/graph.c src/core/graph.h \
	src/core/graph_edges.c src/core/graph_edges.h \
	src/core/graph_layout.c src/core/graph_layout.h \
	src/core/graph_ports.c src/core/graph_ports.h \
	src/core/graph_svg.c src/core/graph_text.c \
	src/core/mutate.c src/core/mutate.h src/core/mutate_print.c \
	src/core/shown.c src/core/shown.h \
	src/core/testcase.c src/core/testcase.h
