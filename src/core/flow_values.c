#include "core/flow_values.h"

#include "core/flow_chat.h"
#include "core/settings.h"

#define PATTERN_MAX 4096

/* Nobody turns a thousand pages. */
#define PAGE_NUMBER "[1-9][0-9]{0,2}"

static const struct flow_node *parse(struct flow *flow, struct text pattern)
{
    struct flow_regex regex;
    const struct text kept = flow_model_keep(flow, pattern);

    if (!kept.p)
        return NULL;
    flow_regex_parse(kept, flow->sets, flow->arena, &regex);
    return regex.outside ? NULL : regex.top;
}

static const struct flow_node *one_language(struct flow *flow)
{
    const char *const *languages = ruleset_settings(flow->ruleset)->languages;
    struct buf pattern = BUF(PATTERN_MAX);
    const struct flow_node *tree = NULL;

    for (size_t i = 0; languages && languages[i]; i++)
        buf_printf(&pattern, "%s\\Q%s\\E", i ? "|" : "", languages[i]);
    if (pattern.len && !pattern.failed)
        tree = parse(flow, buf_get(&pattern));
    buf_free(&pattern);
    return tree;
}

const struct flow_node *flow_values_tree(struct flow *flow, const struct template_part *part)
{
    const struct text path = part->text;

    if (part->language)
        return parse(flow, pattern_source(part->language));
    if (text_starts(path, "chat."))
        return flow_chat_tree(flow, text_make(path.p + 5, path.n - 5));
    if (text_starts(path, "pages."))
        return parse(flow, text_of(PAGE_NUMBER));
    if (text_is(path, "lang"))
        return one_language(flow);
    if (text_starts(path, "hours."))
        return parse(flow, text_of("open|closed"));
    return NULL;
}

/* --- filters ----------------------------------------------------------------------------------------------------------- */

static const struct flow_range capitals = { 'A', 'Z' }, smalls = { 'a', 'z' };

/* The set with its capitals made small, or the other way round. */
static int turn(struct flow *flow, int set, bool upper)
{
    const struct flow_range *from = upper ? &smalls : &capitals;
    const int letters = flow_set_make(flow->sets, from, 1);
    const int mine = flow_set_common(flow->sets, set, letters);
    const int rest = flow_set_common(flow->sets, set, flow_set_not(flow->sets, letters));
    struct flow_range turned[26];
    int n = 0;

    for (int i = 0; i < 26; i++)
        if (mine >= 0 && flow_set_has(flow->sets, mine, from->lo + (uint32_t)i))
            turned[n++] =
                (struct flow_range){ (upper ? 'A' : 'a') + (uint32_t)i, (upper ? 'A' : 'a') + (uint32_t)i };
    return n ? flow_set_union(flow->sets, rest, flow_set_make(flow->sets, turned, n)) : rest;
}

/* A copy with other sets; NULL when memory is out. */
static struct flow_node *turn_tree(struct flow *flow, const struct flow_node *node, bool upper)
{
    struct flow_node *copy = arena_alloc(flow->arena, sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *node;
    copy->kids = arena_array(flow->arena, (size_t)node->count + 1, sizeof(*copy->kids));
    if (!copy->kids)
        return NULL;
    if (node->kind == FLOW_CHAR)
        copy->set = turn(flow, node->set, upper);
    for (int i = 0; i < node->count; i++) {
        copy->kids[i] = turn_tree(flow, node->kids[i], upper);
        if (!copy->kids[i])
            return NULL;
    }
    return node->kind == FLOW_CHAR && copy->set < 0 ? NULL : copy;
}

/* All characters that a text of the tree can have; -1: memory is out. */
static int letters_of(struct flow *flow, const struct flow_node *node)
{
    static const struct flow_range any = { 0, FLOW_CODE_MAX };
    int set;

    if (!node)
        return flow_set_make(flow->sets, &any, 1);
    set = node->kind == FLOW_CHAR ? node->set : flow_set_make(flow->sets, NULL, 0);

    for (int i = 0; i < node->count; i++)
        set = flow_set_union(flow->sets, set, letters_of(flow, node->kids[i]));
    return set;
}

static const struct flow_node *cut(struct flow *flow, const struct flow_node *tree, size_t most)
{
    struct flow_node *loop = arena_alloc(flow->arena, sizeof(*loop));
    struct flow_node *letter = arena_alloc(flow->arena, sizeof(*letter));
    struct flow_node **kids = arena_array(flow->arena, 1, sizeof(*kids));
    const int some = tree && most > 0 && !flow_tree_nullable(tree);

    if (!loop || !letter || !kids || most > FLOW_TEXT_MAX)
        return NULL;
    *letter = (struct flow_node){ .kind = FLOW_CHAR, .set = letters_of(flow, tree) };
    *kids = letter;
    *loop =
        (struct flow_node){ .kind = FLOW_REPEAT, .min = some, .max = (int)most, .count = 1, .kids = kids };
    return letter->set < 0 ? NULL : loop;
}

static bool has_space(struct flow *flow, const struct flow_node *tree)
{
    const int set = letters_of(flow, tree);

    for (const char *c = " \t\n\v\f\r"; *c; c++)
        if (set < 0 || flow_set_has(flow->sets, set, (uint32_t)*c))
            return true;
    return false;
}

const struct flow_node *flow_values_filter(struct flow *flow, const struct flow_node *tree,
                                           const struct filter *filter)
{
    const long most = tree ? flow_tree_most(flow->sets, tree, true) : -1;

    if (!tree && filter->kind != FILTER_TRUNCATE)
        return NULL;
    switch (filter->kind) {
    case FILTER_UPPER:
    case FILTER_LOWER:
        return turn_tree(flow, tree, filter->kind == FILTER_UPPER);
    case FILTER_TRIM:
        return has_space(flow, tree) ? NULL : tree;
    case FILTER_TRUNCATE:
        return most >= 0 && most <= (long)filter->n ? tree : cut(flow, tree, filter->n);
    default:
        return NULL;
    }
}
