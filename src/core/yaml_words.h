#pragma once

/* What is wrong with a YAML text, in words for people who do not know YAML. Works on the text alone. */

#include "core/finding.h"
#include "core/node.h"

/* yaml_check_utf8: false after adding an error. */
bool yaml_check_utf8(const struct document *document, struct findings *findings) CHECKED;
/* yaml_check_bytes: UTF-8, no tabs, no control characters. False after adding errors. */
bool yaml_check_bytes(const struct document *document, struct findings *findings) CHECKED;
/* yaml_find_cut: is there, behind the unquoted text that ends at byte `end`, a '#' glued to a word? Then that is an error. */
bool yaml_find_cut(const struct document *document, size_t end, bool flow, struct findings *findings);

/* A syntax error as libyaml tells it. */
struct yaml_trouble {
    const char *problem; /* its words */
    size_t offset;       /* where it is */
    size_t opened;       /* where the thing began that it was reading */
    size_t from;         /* up to here everything was understood */
    bool flow;           /* between { } or [ ] */
};

/* yaml_explain: adds one error for it. */
void yaml_explain(const struct document *document, const struct yaml_trouble *trouble,
                  struct findings *findings);
