#include "store/store_mem_table.h"

#include <stdlib.h>
#include <string.h>

/* --- trees ------------------------------------------------------------------------------------------------------- */

static struct mem_node *node_of(const void *row)
{
    return (struct mem_node *)((char *)row - offsetof(struct mem_node, row));
}

/* Rows before the key to the left, the others to the right. */
static void split(struct mem_node *tree, int i, const struct mem_index *index, const void *key,
                  struct mem_node **left, struct mem_node **right)
{
    if (!tree) {
        *left = *right = NULL;
    } else if (index->compare(tree->row, key) < 0) {
        *left = tree;
        split(tree->right[i], i, index, key, &tree->right[i], right);
    } else {
        *right = tree;
        split(tree->left[i], i, index, key, left, &tree->left[i]);
    }
}

static struct mem_node *join(struct mem_node *left, struct mem_node *right, int i)
{
    if (!left)
        return right;
    if (!right)
        return left;
    if (left->priority < right->priority) {
        right->left[i] = join(left, right->left[i], i);
        return right;
    }
    left->right[i] = join(left->right[i], right, i);
    return left;
}

static void tree_add(struct mem_node **root, int i, const struct mem_index *index, struct mem_node *node)
{
    struct mem_node *left, *right;

    split(*root, i, index, node->row, &left, &right);
    node->left[i] = node->right[i] = NULL;
    *root = join(join(left, node, i), right, i);
}

static void tree_remove(struct mem_node **at, int i, const struct mem_index *index, struct mem_node *node)
{
    while (*at && *at != node)
        at = index->compare((*at)->row, node->row) < 0 ? &(*at)->right[i] : &(*at)->left[i];
    if (*at)
        *at = join(node->left[i], node->right[i], i);
}

static bool is_held(const struct mem_index *index, const struct mem_node *node)
{
    return !index->holds || index->holds(node->row);
}

/* Both trees' nodes hang on no memory of their own: taking rows in and out cannot fail. */
static void put(struct mem *mem, enum mem_kind kind, struct mem_node *out, struct mem_node *in)
{
    const struct mem_shape *shape = &mem_shapes[kind];

    for (size_t i = 0; i < shape->n_indexes; i++) {
        const struct mem_index *index = &shape->indexes[i];

        if (out && is_held(index, out))
            tree_remove(&mem->roots[kind][i], (int)i, index, out);
        if (in && is_held(index, in))
            tree_add(&mem->roots[kind][i], (int)i, index, in);
    }
}

/* The first row for which compare(row, key) >= least. */
static const void *seek(struct mem *mem, enum mem_kind kind, int i, const void *key, int least)
{
    const struct mem_index *index = &mem_shapes[kind].indexes[i];
    const void *found = NULL;

    for (struct mem_node *node = mem->roots[kind][i]; node;) {
        if (!key || index->compare(node->row, key) >= least) {
            found = node->row;
            node = node->left[i];
        } else {
            node = node->right[i];
        }
    }
    return found;
}

const void *mem_first(struct mem *mem, enum mem_kind kind, int index, const void *key)
{
    return seek(mem, kind, index, key, 0);
}

const void *mem_after(struct mem *mem, enum mem_kind kind, int index, const void *key)
{
    return seek(mem, kind, index, key, 1);
}

const void *mem_before(struct mem *mem, enum mem_kind kind, int i, const void *key)
{
    const struct mem_index *index = &mem_shapes[kind].indexes[i];
    const void *found = NULL;

    for (struct mem_node *node = mem->roots[kind][i]; node;) {
        if (index->compare(node->row, key) < 0) {
            found = node->row;
            node = node->right[i];
        } else {
            node = node->left[i];
        }
    }
    return found;
}

const void *mem_find(struct mem *mem, enum mem_kind kind, int index, const void *key)
{
    const void *row = mem_first(mem, kind, index, key);

    return row && mem_shapes[kind].indexes[index].compare(row, key) == 0 ? row : NULL;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

static struct text *text_at(const void *row, size_t offset)
{
    return (struct text *)((char *)row + offset);
}

static uint32_t next_random(struct mem *mem)
{
    mem->random ^= mem->random << 13;
    mem->random ^= mem->random >> 17;
    mem->random ^= mem->random << 5;
    return mem->random;
}

/* One piece of memory: the node, the row, its texts. */
static struct mem_node *copy(struct mem *mem, const struct mem_shape *shape, const void *row)
{
    size_t size = sizeof(struct mem_node) + shape->size;
    struct mem_node *node;
    char *tail;

    for (size_t i = 0; i < shape->n_texts; i++)
        size += text_at(row, shape->texts[i])->n;
    node = calloc(1, size);
    if (!node)
        return NULL;
    node->priority = next_random(mem);
    memcpy(node->row, row, shape->size);
    tail = node->row + shape->size;
    for (size_t i = 0; i < shape->n_texts; i++) {
        struct text *text = text_at(node->row, shape->texts[i]);

        if (text->n)
            memcpy(tail, text->p, text->n);
        if (text->p)
            text->p = tail;
        tail += text->n;
    }
    return node;
}

static bool change(struct mem *mem, enum mem_kind kind, const void *old, const void *row)
{
    struct mem_node *before = old ? node_of(old) : NULL, *after = NULL;

    if (mem->n_log == mem->cap_log) {
        size_t cap = mem->cap_log ? 2 * mem->cap_log : 64;
        struct mem_change *log = realloc(mem->log, cap * sizeof(*log));

        if (!log)
            return store_fail(&mem->store, STORE_TEMPFAIL, "no memory");
        mem->log = log;
        mem->cap_log = cap;
    }
    if (row && !(after = copy(mem, &mem_shapes[kind], row)))
        return store_fail(&mem->store, STORE_TEMPFAIL, "no memory");
    put(mem, kind, before, after);
    mem->log[mem->n_log++] = (struct mem_change){ kind, before, after };
    return true;
}

bool mem_insert(struct mem *mem, enum mem_kind kind, const void *row)
{
    for (size_t i = 0; i < mem_shapes[kind].n_unique; i++)
        if (mem_find(mem, kind, (int)i, row))
            return store_fail(&mem->store, STORE_BAD_DATA, "a row of this key is there");
    return change(mem, kind, NULL, row);
}

bool mem_replace(struct mem *mem, enum mem_kind kind, const void *old, const void *row)
{
    return change(mem, kind, old, row);
}

bool mem_delete(struct mem *mem, enum mem_kind kind, const void *old)
{
    return change(mem, kind, old, NULL);
}

bool mem_lend(struct mem *mem, enum mem_kind kind, const void *row, struct arena *arena, void *out)
{
    const struct mem_shape *shape = &mem_shapes[kind];

    memcpy(out, row, shape->lent);
    for (size_t i = 0; i < shape->n_texts; i++) {
        struct text *text = text_at(out, shape->texts[i]);

        *text = store_lend_text(&mem->store, arena, *text);
    }
    return !store_failed(&mem->store);
}

void mem_give(struct mem *mem, enum mem_kind kind, const void *row, struct store_rows *out)
{
    void *at;

    out->size = mem_shapes[kind].lent;
    at = store_rows_add(&mem->store, out);
    if (at)
        mem_lend(mem, kind, row, out->arena, at);
}

void *mem_given(struct mem *mem, const struct store_rows *out, size_t *n)
{
    *n = store_failed(&mem->store) ? 0 : out->n;
    return *n ? out->rows : NULL;
}

/* --- the log ------------------------------------------------------------------------------------------------------ */

void mem_keep(struct mem *mem)
{
    for (size_t i = 0; i < mem->n_log; i++)
        free(mem->log[i].before);
    mem->n_log = 0;
}

void mem_undo(struct mem *mem)
{
    while (mem->n_log > 0) {
        struct mem_change *last = &mem->log[--mem->n_log];

        put(mem, last->kind, last->after, last->before);
        free(last->after);
    }
}

void mem_destroy(struct mem *mem)
{
    for (int kind = 0; kind < MEM_KINDS; kind++) {
        const void *row;

        while ((row = mem_first(mem, (enum mem_kind)kind, MEM_KEY, NULL)) != NULL) {
            tree_remove(&mem->roots[kind][MEM_KEY], MEM_KEY, &mem_shapes[kind].indexes[MEM_KEY],
                        node_of(row));
            free(node_of(row));
        }
    }
    free(mem->log);
}
