#pragma once

/* A configuration or rule file as a tree that knows where everything stands. Made by yaml_read and by json_read. */

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

/* Lines and columns count from 1, columns in characters. */
struct place {
    const struct document *document;
    int line, column, width; /* width: how many characters the caret underlines, 1 at least */
};

struct node {
    enum node_kind kind;
    struct place at;
    struct text text; /* of a scalar */
    bool plain;       /* a scalar without quotes: may be a number, true, false, null */
    size_t count;
    struct node **items; /* elements of a list, values of a map */
    struct node **keys;  /* keys of a map, all scalars, none twice */
};

struct document {
    const char *path;   /* as shown to the user */
    struct text source; /* the whole file */
    struct node *root;  /* NULL: the file is empty */
};

/* document_line: the line's text without its end; empty if there is no such line. Lines end in LF, CR LF or CR. */
struct text document_line(const struct document *document, int line);
/* document_place: where a byte of the source stands. */
struct place document_place(const struct document *document, size_t offset, int width);

/* A node's own place is the content of a scalar: behind an opening quote, as wide as what is between the quotes. */

/* node_part: the place of n bytes of a scalar's text, from `offset` on. Knows escapes; falls back to the whole node where
   text and source do not run side by side (several lines, block texts). */
struct place node_part(const struct node *node, size_t offset, size_t n);
/* node_quoted: the place of a scalar with its quotes. */
struct place node_quoted(const struct node *node);

/* node_get: the value of a key, NULL if the map has none or the node is NULL or no map. */
const struct node *node_get(const struct node *map, const char *key);
/* node_is_null: a plain `null`, `~` or an empty plain scalar. */
bool node_is_null(const struct node *node);
/* node_bool, node_int: of a plain scalar; false if it is none. */
bool node_bool(const struct node *node, bool *out);
bool node_int(const struct node *node, int64_t *out);
/* node_is_text: a scalar whose text is it. */
bool node_is(const struct node *node, const char *text);
