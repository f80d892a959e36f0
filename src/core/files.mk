# Documents, schema tables, configuration.
src_libcore_a_SOURCES += \
	src/core/config.c src/core/config_forms.c src/core/config_forms.h src/core/config_schema.c src/core/doc.c \
	src/core/finding.c src/core/json_file.c src/core/node.c src/core/schema.c src/core/schema_json.c \
	src/core/secret.c src/core/tree.c src/core/tree.h src/core/yaml.c src/core/yaml_words.c \
	src/core/yaml_words.h
