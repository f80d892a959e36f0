#include "core/flow_tree.h"

#include <limits.h>

/* Sums and products that stay at LONG_MAX / 4 once they get there. */
static long capped(long value)
{
    return value > LONG_MAX / 4 ? LONG_MAX / 4 : value;
}

static long times(long a, long n)
{
    return a == 0 || n == 0 ? 0 : n > LONG_MAX / 4 / a ? LONG_MAX / 4 : a * n;
}

void flow_tree_clamp(struct flow_node *node, int most)
{
    for (int i = 0; i < node->count; i++)
        flow_tree_clamp(node->kids[i], most);
    if (node->kind != FLOW_REPEAT || flow_tree_nullable(node->kids[0]))
        return;
    if (node->max > most)
        node->max = -1;
    if (node->min > most + 1)
        node->min = most + 1;
}

bool flow_tree_nullable(const struct flow_node *node)
{
    switch (node->kind) {
    case FLOW_CHAR:
        return false;
    case FLOW_CAT:
        for (int i = 0; i < node->count; i++)
            if (!flow_tree_nullable(node->kids[i]))
                return false;
        return true;
    case FLOW_ALT:
        for (int i = 0; i < node->count; i++)
            if (flow_tree_nullable(node->kids[i]))
                return true;
        return false;
    case FLOW_REPEAT:
        return node->min == 0 || flow_tree_nullable(node->kids[0]);
    case FLOW_GROUP:
        return flow_tree_nullable(node->kids[0]);
    default:
        return true;
    }
}

const struct flow_node *flow_tree_group(const struct flow_node *node, int group)
{
    if (node->kind == FLOW_GROUP && node->group == group)
        return node->kids[0];
    for (int i = 0; i < node->count; i++) {
        const struct flow_node *found = flow_tree_group(node->kids[i], group);

        if (found)
            return found;
    }
    return NULL;
}

/* 0: the group is not in here; 1: it is, and always set; 2: it is, and may stay unset. */
static int optional(const struct flow_node *node, int group, bool may)
{
    if (node->kind == FLOW_GROUP && node->group == group)
        return may ? 2 : 1;
    may |= node->kind == FLOW_ALT || (node->kind == FLOW_REPEAT && node->min == 0);
    for (int i = 0; i < node->count; i++) {
        int found = optional(node->kids[i], group, may);

        if (found)
            return found;
    }
    return 0;
}

bool flow_tree_optional(const struct flow_node *node, int group)
{
    return optional(node, group, false) != 1;
}

static bool in_loop(const struct flow_node *node, int group, bool loop)
{
    if (node->kind == FLOW_GROUP && node->group == group)
        return loop;
    loop |= node->kind == FLOW_REPEAT && node->max != 1;
    for (int i = 0; i < node->count; i++)
        if (in_loop(node->kids[i], group, loop))
            return true;
    return false;
}

bool flow_tree_in_loop(const struct flow_node *node, int group)
{
    return in_loop(node, group, false);
}

bool flow_tree_empty_loop(const struct flow_node *node)
{
    if (node->kind == FLOW_REPEAT && node->max != 0 && node->max != 1 && flow_tree_nullable(node->kids[0]))
        return true;
    for (int i = 0; i < node->count; i++)
        if (flow_tree_empty_loop(node->kids[i]))
            return true;
    return false;
}

long flow_tree_most(const struct flow_sets *sets, const struct flow_node *node, bool characters)
{
    const struct flow_range *ranges;
    long sum = 0, one;
    int n;

    switch (node->kind) {
    case FLOW_CHAR:
        ranges = flow_set_ranges(sets, node->set, &n);
        return n == 0 ? 0 : characters ? 1 : flow_bytes(ranges[n - 1].hi);
    case FLOW_CAT:
    case FLOW_ALT:
    case FLOW_GROUP:
        for (int i = 0; i < node->count; i++) {
            one = flow_tree_most(sets, node->kids[i], characters);
            if (one < 0)
                return -1;
            sum = node->kind == FLOW_ALT ? (one > sum ? one : sum) : capped(sum + one);
        }
        return sum;
    case FLOW_REPEAT:
        one = flow_tree_most(sets, node->kids[0], characters);
        if (one == 0 || node->max == 0)
            return 0;
        return one < 0 || node->max < 0 ? -1 : times(one, node->max);
    default:
        return 0;
    }
}

long flow_tree_least(const struct flow_sets *sets, const struct flow_node *node)
{
    const struct flow_range *ranges;
    long sum = node->kind == FLOW_ALT ? LONG_MAX / 4 : 0, one;
    int n;

    switch (node->kind) {
    case FLOW_CHAR:
        ranges = flow_set_ranges(sets, node->set, &n);
        return n == 0 ? 0 : flow_bytes(ranges[0].lo);
    case FLOW_CAT:
    case FLOW_ALT:
    case FLOW_GROUP:
        for (int i = 0; i < node->count; i++) {
            one = flow_tree_least(sets, node->kids[i]);
            sum = node->kind == FLOW_ALT ? (one < sum ? one : sum) : capped(sum + one);
        }
        return sum;
    case FLOW_REPEAT:
        return times(flow_tree_least(sets, node->kids[0]), node->min);
    default:
        return 0;
    }
}
