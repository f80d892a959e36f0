#include "core/flow_code.h"

#define MANY 3000000 /* instructions in all */

static int add(struct flow_code *code, enum flow_op op, int x, int y)
{
    flow_work(code->mem, 2);
    if (code->n - code->from >= code->room ||
        !flow_grow(code->mem, &code->ins, &code->cap, code->n + 1, sizeof(*code->ins)))
        code->over = true;
    if (code->over)
        return -1;
    code->ins[code->n] = (struct flow_ins){ .op = (uint8_t)op, .x = x, .y = y };
    return code->n++;
}

static void generate(struct flow_code *code, const struct flow_node *node);

static void set_target(struct flow_code *code, int at, bool lazy, int exit)
{
    if (code->over)
        return;
    code->ins[at].x = lazy ? exit : at + 1;
    code->ins[at].y = lazy ? at + 1 : exit;
}

static void repeat(struct flow_code *code, const struct flow_node *node)
{
    struct flow_ints splits = { NULL, 0, 0 };
    int at;

    for (int i = 0; i < node->min && !code->over; i++) {
        int from = code->n;

        generate(code, node->kids[0]);
        if (code->n == from)
            return; /* the body is empty, and stays so */
    }
    if (node->max < 0) {
        at = add(code, FLOW_OP_SPLIT, 0, 0);
        generate(code, node->kids[0]);
        (void)add(code, FLOW_OP_JUMP, at, 0);
        set_target(code, at, node->lazy, code->n);
        return;
    }
    for (int i = node->min; i < node->max && !code->over; i++) {
        const int before = code->n;

        at = add(code, FLOW_OP_SPLIT, 0, 0);
        generate(code, node->kids[0]);
        code->over |= !flow_push(code->mem, &splits, at);
        if (code->n == before + 1)
            break;
    }
    for (int i = 0; i < splits.n; i++)
        set_target(code, splits.v[i], node->lazy, code->n);
    flow_ints_drop(code->mem, &splits);
}

static void alternatives(struct flow_code *code, const struct flow_node *node)
{
    struct flow_ints jumps = { NULL, 0, 0 };

    for (int i = 0; i < node->count && !code->over; i++) {
        int split = i + 1 < node->count ? add(code, FLOW_OP_SPLIT, code->n + 1, 0) : -1;

        if (FLOW_MUTANT(23) && node->kids[i]->kind == FLOW_CAT && node->kids[i]->count == 0 && i == 0)
            (void)add(code, FLOW_OP_SET, 0, 0);
        generate(code, node->kids[i]);
        code->over |= !flow_push(code->mem, &jumps, add(code, FLOW_OP_JUMP, 0, 0));
        if (split >= 0 && !code->over)
            code->ins[split].y = code->n;
    }
    for (int i = 0; i < jumps.n && !code->over; i++)
        code->ins[jumps.v[i]].x = code->n;
    flow_ints_drop(code->mem, &jumps);
}

static void group(struct flow_code *code, const struct flow_node *node)
{
    const uint32_t before = code->groups;
    int at;

    if (code->plain) {
        generate(code, node->kids[0]);
        return;
    }
    at = add(code, FLOW_OP_SAVE, 0, 0);
    if (!code->over)
        code->ins[at].group = (uint16_t)node->group;
    code->groups |= 1u << node->group;
    generate(code, node->kids[0]);
    code->groups = before;
    at = add(code, FLOW_OP_SAVE, 0, 0);
    if (code->over)
        return;
    code->ins[at].group = (uint16_t)node->group;
    code->ins[at].end = true;
}

static void generate(struct flow_code *code, const struct flow_node *node)
{
    int at;

    if (code->over)
        return;
    switch (node->kind) {
    case FLOW_EMPTY:
        break;
    case FLOW_CHAR:
        at = add(code, FLOW_OP_SET, node->set, 0);
        if (!code->over)
            code->ins[at].groups = code->groups;
        break;
    case FLOW_CAT:
        for (int i = 0; i < node->count; i++)
            generate(code, node->kids[i]);
        break;
    case FLOW_ALT:
        alternatives(code, node);
        break;
    case FLOW_REPEAT:
        repeat(code, node);
        break;
    case FLOW_GROUP:
        group(code, node);
        break;
    case FLOW_ASSERT:
        at = code->plain ? -1 : add(code, FLOW_OP_ASSERT, 0, 0);
        if (at >= 0 && !code->over)
            code->ins[at].assertion = (uint8_t)node->assertion;
        break;
    }
}

void flow_code_begin(struct flow_code *code)
{
    code->from = code->n;
    code->room = code->n < MANY ? FLOW_PROGRAM_MAX : FLOW_PROGRAM_SMALL;
    code->over = false;
    code->plain = true;
    code->groups = 0;
}

int flow_code_end(struct flow_code *code, int name)
{
    (void)add(code, FLOW_OP_MATCH, name, 0);
    if (!code->over)
        return code->from;
    code->n = code->from;
    return -1;
}

int flow_code_rule(struct flow_code *code, const struct flow_node *node, int name)
{
    flow_code_begin(code);
    code->plain = false;
    generate(code, node);
    return flow_code_end(code, name);
}

void flow_code_node(struct flow_code *code, const struct flow_node *node)
{
    generate(code, node);
}

void flow_code_text(struct flow_code *code, struct flow_sets *sets, struct text text)
{
    for (size_t i = 0; i < text.n && !code->over;) {
        struct flow_range range;

        i += flow_decode(text.p + i, &range.lo);
        range.hi = range.lo;
        (void)add(code, FLOW_OP_SET, flow_set_make(sets, &range, 1), 0);
        code->over |= !code->over && code->ins[code->n - 1].x < 0;
    }
}

void flow_code_either(struct flow_code *code, struct flow_sets *sets, const struct flow_node *node,
                      struct text text)
{
    int split = add(code, FLOW_OP_SPLIT, code->n + 1, 0), jump;

    generate(code, node);
    jump = add(code, FLOW_OP_JUMP, 0, 0);
    if (!code->over)
        code->ins[split].y = code->n;
    flow_code_text(code, sets, text);
    if (!code->over)
        code->ins[jump].x = code->n;
}

void flow_code_any(struct flow_code *code, struct flow_sets *sets)
{
    static const struct flow_range all = { 0, FLOW_CODE_MAX };
    int set = flow_set_make(sets, &all, 1), split = add(code, FLOW_OP_SPLIT, code->n + 1, code->n + 3);

    code->over |= set < 0;
    (void)add(code, FLOW_OP_SET, set, 0);
    (void)add(code, FLOW_OP_JUMP, split, 0);
}

void flow_code_atom(struct flow_code *code, int atom)
{
    (void)add(code, FLOW_OP_SET, FLOW_ATOM + atom, 0);
}

int flow_code_skip(const struct flow_code *code, int pc)
{
    for (;;) {
        if (code->ins[pc].op == FLOW_OP_JUMP)
            pc = code->ins[pc].x;
        else if (code->ins[pc].op == FLOW_OP_SAVE)
            pc++;
        else
            return pc;
    }
}

bool flow_code_asserts(const struct flow_code *code, int start)
{
    for (int i = start; i < code->n && code->ins[i].op != FLOW_OP_MATCH; i++)
        if (code->ins[i].op == FLOW_OP_ASSERT)
            return true;
    return false;
}
