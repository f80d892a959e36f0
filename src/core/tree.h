#pragma once

/* Builds the tree of a file from below, for the readers: bounded, and strict about keys. */

#include "core/finding.h"
#include "core/node.h"

#define TREE_DEPTH 64
#define TREE_NODES 1000000 /* values and keys of one file */
#define TREE_COPIES 10000  /* nodes that aliases add */

struct tree_level {
    enum node_kind kind;
    struct place at;
    size_t base; /* where its nodes begin on the stack */
};

struct tree {
    struct arena *arena;
    struct findings *findings;
    struct document *document;
    struct node **stack;
    size_t used, size, nodes, copies;
    struct tree_level levels[TREE_DEPTH];
    int depth;
};

/* tree_begin: an empty document in the arena. False after adding an error: memory is out. tree_end in any case. */
bool tree_begin(struct tree *tree, struct arena *arena, const char *path, struct text source,
                struct findings *findings) CHECKED;
void tree_end(struct tree *tree);
/* The following add an error and give false or NULL at a bound; reading cannot go on then. In a map, keys and values take
   turns. tree_scalar copies the text. */
bool tree_open(struct tree *tree, enum node_kind kind, struct place at) CHECKED;
struct node *tree_scalar(struct tree *tree, struct text text, bool plain, struct place at) CHECKED;
/* tree_close: the innermost open list or map is whole. Keys that are no scalars or stand twice are errors, and left out. */
struct node *tree_close(struct tree *tree) CHECKED;
/* tree_repeat: the same node once more (an alias at `at`). */
bool tree_repeat(struct tree *tree, struct node *node, struct place at) CHECKED;
/* tree_is_secret: does a key of this name have a secret, or in a configuration a reference of one? */
bool tree_is_secret(struct text key);
/* tree_password_from: where in the text a URL of PostgreSQL begins, behind its "://", that has a password; SIZE_MAX: none has. */
size_t tree_password_from(struct text text);
/* tree_wants_key: will the next node be a key of a map? */
bool tree_wants_key(const struct tree *tree);
/* tree_key: the key whose value comes next, NULL if there is none. */
const struct node *tree_key(const struct tree *tree);
