# Documents, schema tables, configuration.
src_libcore_a_SOURCES +=
