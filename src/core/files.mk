# Documents, schema tables, configuration.
src_libcore_a_SOURCES += \
	src/core/finding.c src/core/json_file.c src/core/node.c src/core/schema.c src/core/schema_json.c \
	src/core/tree.c src/core/tree.h src/core/yaml.c src/core/yaml_words.c src/core/yaml_words.h
