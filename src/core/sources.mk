# Sources: verifying, extracting, fetching.
src_libcore_a_SOURCES +=
