#include "core/flow_concrete.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAX 200000
#define DEPTH_MAX 60

struct seen {
    enum flow_side side;
    struct text input;
    int depth;
};

struct flow_concrete {
    struct flow *flow;
    struct flow_real *real;
    struct seen *seen;
    int n, cap, most;
    int *slots, n_slots;
};

static uint64_t hash_of(enum flow_side side, struct text input)
{
    return flow_hash((uint64_t)side, input.p, input.n);
}

/* The slot where it is or would be. */
static int *slot_of(const struct flow_concrete *concrete, enum flow_side side, struct text input)
{
    for (uint64_t h = hash_of(side, input);; h++) {
        int *slot = &concrete->slots[h & (uint64_t)(concrete->n_slots - 1)];

        if (*slot < 0 || (concrete->seen[*slot].side == side && text_eq(concrete->seen[*slot].input, input)))
            return slot;
    }
}

bool flow_concrete_saw(const struct flow_concrete *concrete, enum flow_side side, struct text input)
{
    return concrete->n_slots && *slot_of(concrete, side, input) >= 0;
}

static void add(struct flow_concrete *concrete, enum flow_side side, struct text input, int depth)
{
    struct flow *flow = concrete->flow;
    bool fresh;
    int *slot;

    if (concrete->n >= concrete->most || depth > DEPTH_MAX || input.n == 0 ||
        !flow_slots(&flow->mem, &concrete->slots, &concrete->n_slots, concrete->n + 1, &fresh) ||
        !flow_grow(&flow->mem, &concrete->seen, &concrete->cap, concrete->n + 1, sizeof(struct seen)))
        return;
    for (int i = 0; fresh && i < concrete->n; i++)
        *slot_of(concrete, concrete->seen[i].side, concrete->seen[i].input) = i;
    slot = slot_of(concrete, side, input);
    if (*slot >= 0)
        return;
    input = flow_model_keep(flow, input);
    if (!input.p)
        return;
    concrete->seen[concrete->n] = (struct seen){ side, input, depth };
    *slot = concrete->n++;
}

static void show(struct flow *flow, struct flow_shown *shown, const struct seen *from, struct text data)
{
    if (shown->found)
        return;
    *shown = (struct flow_shown){ true, from->side, from->input, flow_model_keep(flow, data) };
}

/* The rule was entered: what do its buttons send? */
static void follow(struct flow_concrete *concrete, int rule, const struct seen *from)
{
    struct flow *flow = concrete->flow;
    const int before = concrete->n;
    struct flow_button *button;

    for (int k = 0; (button = flow_model_button(flow, rule, k)); k++) {
        struct text data;
        enum flow_sent sent = flow_real_sends(concrete->real, button, &data);

        if (sent == FLOW_UNSENT)
            continue;
        if (!button->key && (data.n == 0 || data.n > (size_t)button->most))
            show(flow, &button->large, from, data);
        else if (sent == FLOW_SENT)
            add(concrete, button->to, button->key ? text_trim(data) : data, from->depth + 1);
    }
    /* what is new is tried at once, so that the button that sends it is known */
    for (int i = before; i < concrete->n && !flow_spent(&flow->mem); i++) {
        struct seen one = concrete->seen[i];

        if (flow_real_kept(concrete->real, one.side, one.input) ||
            !flow_real_lost(concrete->real, one.side, one.input))
            continue;
        if (from->side == FLOW_DEFAULT)
            flow_real_default(concrete->real, rule);
        else
            (void)flow_real_take(concrete->real, from->side, from->input);
        for (int k = 0; (button = flow_model_button(flow, rule, k)); k++) {
            struct text data;

            if (button->to == one.side && flow_real_sends(concrete->real, button, &data) == FLOW_SENT &&
                text_eq(button->key ? text_trim(data) : data, one.input))
                show(flow, &button->gone, from, one.input);
        }
    }
}

struct flow_concrete *flow_concrete_run(struct flow *flow, struct flow_real *real)
{
    struct flow_concrete *concrete = calloc(1, sizeof(*concrete));

    if (!concrete)
        return NULL;
    *concrete = (struct flow_concrete){ .flow = flow, .real = real };
    flow_model_phase(flow, 2);
    concrete->most = flow->n_rules > DATA_MAX / 20 ? DATA_MAX : 1000 + 20 * flow->n_rules;
    for (int i = 0; i < flow->n_rules && !flow_spent(&flow->mem); i++) {
        const struct flow_rule *rule = &flow->rules[i];
        const struct seen nothing = { FLOW_DEFAULT, TEXT_NONE, 0 };

        if (rule->rule->entry && rule->example[FLOW_TAP].p)
            add(concrete, FLOW_TAP, rule->example[FLOW_TAP], 0);
        if (rule->example[FLOW_TEXT].p)
            add(concrete, FLOW_TEXT, rule->example[FLOW_TEXT], 0);
        if (rule->rule->otherwise == DEFAULT_NO)
            continue;
        flow_real_default(real, i);
        follow(concrete, i, &nothing);
    }
    for (int i = 0; i < concrete->n && !flow_spent(&flow->mem); i++) {
        const struct seen from = concrete->seen[i];
        int rule = flow_real_guess(real, from.side, from.input);

        if (rule >= 0)
            follow(concrete, rule, &from);
    }
    flow_model_phase(flow, 1);
    return concrete;
}

void flow_concrete_free(struct flow_concrete *concrete)
{
    if (!concrete)
        return;
    flow_drop(&concrete->flow->mem, &concrete->seen, &concrete->cap, sizeof(struct seen));
    flow_drop(&concrete->flow->mem, &concrete->slots, &concrete->n_slots, sizeof(int));
    free(concrete);
}
