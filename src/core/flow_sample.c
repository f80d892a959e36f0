#include "core/flow_sample.h"

#define LOOPS_MAX 3 /* rounds more than need be, mostly */
#define LONG_MAX_ROUNDS 80

static unsigned pick(uint64_t *seed, unsigned n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % n;
}

/* Letters and digits, if there are any, else whatever a range begins with. */
static void add_character(const struct flow_sets *sets, int set, uint64_t *seed, struct buf *out)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const unsigned count = sizeof(good) - 1, from = pick(seed, count);
    const struct flow_range *ranges;
    char bytes[4];
    int n;

    for (unsigned i = 0; i < count; i++)
        if (flow_set_has(sets, set, (unsigned char)good[(from + i) % count])) {
            buf_char(out, good[(from + i) % count]);
            return;
        }
    ranges = flow_set_ranges(sets, set, &n);
    if (n > 0)
        buf_add(out, bytes, flow_encode(ranges[pick(seed, (unsigned)n)].lo, bytes));
}

static int rounds(const struct flow_node *node, uint64_t *seed)
{
    const int most =
        node->max < 0 || node->max > node->min + LONG_MAX_ROUNDS ? node->min + LONG_MAX_ROUNDS : node->max;
    const int few = most - node->min < LOOPS_MAX ? most - node->min : LOOPS_MAX;

    if (pick(seed, 8) == 0)
        return most;
    return node->min + (int)pick(seed, (unsigned)few + 1);
}

void flow_sample(const struct flow_sets *sets, const struct flow_node *node, uint64_t *seed, struct buf *out)
{
    switch (node->kind) {
    case FLOW_CHAR:
        add_character(sets, node->set, seed, out);
        break;
    case FLOW_ALT:
        flow_sample(sets, node->kids[pick(seed, (unsigned)node->count)], seed, out);
        break;
    case FLOW_REPEAT:
        for (int n = rounds(node, seed); n > 0 && !out->failed; n--) {
            const size_t before = out->len;

            flow_sample(sets, node->kids[0], seed, out);
            if (out->len == before) /* it may be empty, and then as often as need be */
                break;
        }
        break;
    default:
        for (int i = 0; i < node->count && !out->failed; i++)
            flow_sample(sets, node->kids[i], seed, out);
    }
}
