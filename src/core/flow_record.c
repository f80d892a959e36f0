#include "core/flow_record.h"

#include <string.h>

#define ENTRIES_MAX 160
#define OCCURRENCES_MAX 40
#define RECORD_MAX 4000 /* ints */

/* --- occurrences ------------------------------------------------------------------------------------------------------ */

static const struct flow_node *tree_of(const struct flow_records *records)
{
    return records->flow->rules[records->button->entered].regex[records->side].top;
}

static bool add_state(struct flow_records *records, struct flow_ints *states, int state)
{
    for (int i = 0; i < states->n; i++)
        if (states->v[i] == state)
            return true;
    return state != FLOW_LIMIT && states->n < ENTRIES_MAX && flow_push(&records->flow->mem, states, state);
}

static struct flow_occurrence *add_occurrence(struct flow_records *records, int part, int group, bool flag)
{
    if (records->n == OCCURRENCES_MAX || !flow_grow(&records->flow->mem, &records->occurrences, &records->cap,
                                                    records->n + 1, sizeof(*records->occurrences)))
        return NULL;
    records->occurrences[records->n] = (struct flow_occurrence){ .part = part, .group = group, .flag = flag };
    return &records->occurrences[records->n++];
}

/* A value that any message up to the button's needs, and that may be missing: then nothing goes out. */
static enum flow_answer need(struct flow_records *records, const struct template *template)
{
    struct template_part part;

    for (size_t i = 0; template && template_part(template, i, &part); i++) {
        int group;

        if (part.kind != TEMPLATE_CAPTURE || part.otherwise.p)
            continue;
        group = flow_model_group(records->flow, records->button, records->side, part.text);
        if (group == 0)
            return FLOW_NO;
        if (flow_tree_optional(tree_of(records), group) && !add_occurrence(records, -1, group, true))
            return FLOW_UNKNOWN;
    }
    return FLOW_YES;
}

static enum flow_answer need_message(struct flow_records *records, const struct message *message)
{
    enum flow_answer answer = need(records, message->input_field_placeholder);

    for (size_t i = 0; i < message->n_lines && answer == FLOW_YES; i++)
        if (!message->lines[i].when && !message->lines[i].repeat)
            answer = need(records, message->lines[i].text);
    for (size_t r = 0; r < message->n_rows; r++)
        for (size_t k = 0; k < message->rows[r].count && answer == FLOW_YES; k++) {
            const struct message_button *button = &message->rows[r].buttons[k];

            if (button->when || message->rows[r].when || message->rows[r].repeat)
                continue;
            answer = need(records, button->text);
            if (answer == FLOW_YES)
                answer = need(records, button->url);
            if (answer == FLOW_YES)
                answer = need(records, button->callback_data);
        }
    return answer;
}

static enum flow_answer need_all(struct flow_records *records)
{
    const struct flow_button *button = records->button;
    const struct rule *rule = records->flow->rules[button->rule].rule;
    enum flow_answer answer = need(records, button->template);

    /* what stands in other branches is not sent; whether this one is comes out when it is tried */
    for (int s = button->plain ? 0 : button->step; s <= button->step && answer == FLOW_YES; s++)
        for (size_t m = 0; m < rule->steps[s].count && answer == FLOW_YES; m++)
            if (s < button->step || (int)m <= button->message)
                answer = need_message(records, rule->steps[s].messages[m]);
    return answer;
}

/* --- in which states they begin --------------------------------------------------------------------------------------- */

struct leaving {
    struct flow_records *records;
    struct flow_ints *states;
};

static bool see_state(void *arg, struct flow_walk *walk, int node)
{
    struct leaving *leaving = arg;

    return add_state(leaving->records, leaving->states, walk->pairs[node].state);
}

/* The states in which a group's text can end when it begins in one of these. */
static bool leave(struct flow_records *records, int group, const struct flow_ints *from, struct flow_ints *to)
{
    struct flow *flow = records->flow;
    const struct flow_node *inside = flow_tree_group(tree_of(records), group);
    struct leaving leaving = { records, to };
    const int before = flow->code.n;
    bool good = inside != NULL;
    int start;

    flow_code_begin(&flow->code);
    if (inside)
        flow_code_node(&flow->code, inside);
    start = flow_code_end(&flow->code, 0);
    good = good && start >= 0;
    for (int i = 0; i < from->n && good; i++) {
        struct flow_walk walk = flow_model_walk(flow, FLOW_TAP);

        walk.dfa = records->wanted.target;
        walk.keep_dead = true;
        walk.visit = see_state;
        walk.arg = &leaving;
        good = flow_walk_run(&walk, &start, 1, from->v[i]) == FLOW_ALL;
        flow_walk_free(&walk);
    }
    flow->code.n = before;
    return good;
}

/* One part of the template: from the states before it to those behind it. */
static bool pass(struct flow_records *records, int i, const struct template_part *part,
                 const struct flow_ints *from, struct flow_ints *to)
{
    struct flow_dfa *target = records->wanted.target;
    struct flow_occurrence *occurrence;
    bool good = part->kind != TEMPLATE_OTHER;
    struct text text = part->kind == TEMPLATE_LITERAL ? part->text : part->otherwise;
    int group = 0;

    for (int k = 0; k < from->n && good && text.p; k++)
        good = add_state(records, to, flow_dfa_text(target, from->v[k], text));
    if (part->kind != TEMPLATE_CAPTURE || !good)
        return good;
    group = flow_model_group(records->flow, records->button, records->side, part->text);
    occurrence = add_occurrence(records, i, group, false);
    if (!occurrence)
        return false;
    for (int k = 0; k < from->n && good; k++)
        good = flow_push(&records->flow->mem, &occurrence->entries, from->v[k]);
    return good && (group == 0 || leave(records, group, from, to));
}

static bool find_entries(struct flow_records *records)
{
    struct flow *flow = records->flow;
    struct flow_ints from = { NULL, 0, 0 }, to = { NULL, 0, 0 };
    struct template_part part;
    bool good = flow_push(&flow->mem, &from, records->wanted.target_start);

    for (size_t i = 0; good && template_part(records->button->template, i, &part); i++) {
        struct flow_ints swap = from;

        to.n = 0;
        good = pass(records, (int)i, &part, &from, &to);
        from = to;
        to = swap;
    }
    flow_ints_drop(&flow->mem, &from);
    flow_ints_drop(&flow->mem, &to);
    return good;
}

/* Only lengths count. */
static bool find_lengths(struct flow_records *records)
{
    struct template_part part;

    records->measure = records->sum = true;
    for (size_t i = 0; template_part(records->button->template, i, &part); i++) {
        int group;

        if (part.kind == TEMPLATE_OTHER)
            return false;
        if (part.kind != TEMPLATE_CAPTURE)
            continue;
        group = flow_model_group(records->flow, records->button, records->side, part.text);
        if (!add_occurrence(records, (int)i, group, false))
            return false;
        records->sum &= group == 0 || !flow_tree_in_loop(tree_of(records), group);
    }
    return true;
}

static bool lay_out(struct flow_records *records)
{
    for (int i = 0; i < records->n; i++) {
        struct flow_occurrence *occurrence = &records->occurrences[i];

        occurrence->at = records->size;
        records->size += 1 + occurrence->entries.n;
        records->size += records->measure && !records->sum && !occurrence->flag;
    }
    records->sum_at = records->size++;
    return records->size <= RECORD_MAX &&
           flow_grow(&records->flow->mem, &records->room, &records->room_cap, records->size, sizeof(int));
}

enum flow_answer flow_records_begin(struct flow_records *records, struct flow *flow,
                                    const struct flow_button *button, enum flow_side side,
                                    const struct flow_wanted *wanted)
{
    enum flow_answer answer;
    bool good;

    *records = (struct flow_records){ .flow = flow, .button = button, .side = side, .wanted = *wanted };
    answer = need_all(records);
    if (answer != FLOW_YES)
        return answer;
    good = wanted->wish == FLOW_WISH_LONG || wanted->wish == FLOW_WISH_EMPTY ? find_lengths(records)
                                                                             : find_entries(records);
    return good && lay_out(records) ? FLOW_YES : FLOW_UNKNOWN;
}

void flow_records_free(struct flow_records *records)
{
    struct flow_mem *mem = &records->flow->mem;

    for (int i = 0; i < records->n; i++)
        flow_ints_drop(mem, &records->occurrences[i].entries);
    flow_drop(mem, &records->occurrences, &records->cap, sizeof(*records->occurrences));
    flow_drop(mem, &records->pool, &records->pool_cap, sizeof(int));
    flow_drop(mem, &records->slots, &records->n_slots, sizeof(int));
    flow_drop(mem, &records->room, &records->room_cap, sizeof(int));
}

/* --- records ---------------------------------------------------------------------------------------------------------- */

static const int *record_of(const struct flow_records *records, int record)
{
    return records->pool + (size_t)record * (size_t)records->size;
}

static uint64_t hash_of(const struct flow_records *records, const int *values)
{
    return flow_hash(5, values, (size_t)records->size * sizeof(int));
}

/* The number of what is in `room`. */
static int keep(struct flow_records *records)
{
    const size_t bytes = (size_t)records->size * sizeof(int);
    struct flow_mem *mem = &records->flow->mem;
    bool fresh;
    uint64_t h;

    flow_work(mem, 2 * (size_t)records->size);
    if (records->n_records > (1 << 30) / records->size ||
        !flow_slots(mem, &records->slots, &records->n_slots, records->n_records + 1, &fresh) ||
        !flow_grow(mem, &records->pool, &records->pool_cap, (records->n_records + 1) * records->size,
                   sizeof(int)))
        return -1;
    for (int i = 0; fresh && i < records->n_records; i++) {
        h = hash_of(records, record_of(records, i));
        while (records->slots[h & (uint64_t)(records->n_slots - 1)] >= 0)
            h++;
        records->slots[h & (uint64_t)(records->n_slots - 1)] = i;
    }
    for (h = hash_of(records, records->room);; h++) {
        int *slot = &records->slots[h & (uint64_t)(records->n_slots - 1)];

        if (*slot >= 0 && memcmp(record_of(records, *slot), records->room, bytes) == 0)
            return *slot;
        if (*slot >= 0)
            continue;
        *slot = records->n_records;
        memcpy(records->pool + (size_t)records->n_records * (size_t)records->size, records->room, bytes);
        return records->n_records++;
    }
}

static void load(struct flow_records *records, int record)
{
    memcpy(records->room, record_of(records, record), (size_t)records->size * sizeof(int));
}

/* As the group begins: nothing is captured yet. */
static void begin_occurrence(struct flow_records *records, const struct flow_occurrence *occurrence)
{
    if (occurrence->entries.n)
        memcpy(records->room + occurrence->at + 1, occurrence->entries.v,
               (size_t)occurrence->entries.n * sizeof(int));
    if (records->measure && !records->sum && !occurrence->flag)
        records->room[occurrence->at + 1] = 0;
}

int flow_records_first(struct flow_records *records)
{
    memset(records->room, 0, (size_t)records->size * sizeof(int));
    for (int i = 0; i < records->n; i++)
        begin_occurrence(records, &records->occurrences[i]);
    return keep(records);
}

int flow_records_open(struct flow_records *records, int record, int group)
{
    bool any = false;

    for (int i = 0; i < records->n; i++) {
        const struct flow_occurrence *occurrence = &records->occurrences[i];

        if (occurrence->group != group)
            continue;
        if (!any)
            load(records, record);
        any = true;
        records->room[occurrence->at] = 1;
        begin_occurrence(records, occurrence);
    }
    return any ? keep(records) : record;
}

static bool inside(const struct flow_occurrence *occurrence, uint32_t groups)
{
    return !occurrence->flag && occurrence->group > 0 && (groups >> occurrence->group & 1);
}

int flow_records_step(struct flow_records *records, int record, uint32_t groups, int atom)
{
    const int most = records->wanted.wish == FLOW_WISH_LONG ? (int)records->wanted.bytes + 1 : 1;
    bool any = false;

    for (int i = 0; i < records->n; i++) {
        const struct flow_occurrence *occurrence = &records->occurrences[i];

        if (!inside(occurrence, groups))
            continue;
        if (!any)
            load(records, record);
        any = true;
        if (records->measure) {
            int *length = &records->room[records->sum ? records->sum_at : occurrence->at + 1];

            *length += flow_atoms_bytes(records->flow->atoms, atom);
            *length = *length > most ? most : *length;
        }
        for (int k = 0; k < occurrence->entries.n; k++) {
            int *state = &records->room[occurrence->at + 1 + k];

            *state = flow_dfa_step(records->wanted.target, *state, atom);
            if (*state == FLOW_LIMIT)
                return -1;
        }
    }
    return any ? keep(records) : record;
}

bool flow_records_cut(struct flow_records *records, int record, uint32_t groups, struct flow_ints *cuts)
{
    struct flow_mem *mem = &records->flow->mem;

    for (int i = 0; i < records->n; i++) {
        const struct flow_occurrence *occurrence = &records->occurrences[i];

        for (int k = 0; k < occurrence->entries.n && inside(occurrence, groups); k++) {
            const struct flow_move *moves = NULL;
            int state = record_of(records, record)[occurrence->at + 1 + k];
            int n = flow_dfa_moves(records->wanted.target, state, &moves);

            if (n == FLOW_LIMIT)
                return false;
            for (int m = 0; m < n; m++)
                if (!flow_push(mem, cuts, moves[m].lo) || !flow_push(mem, cuts, moves[m].hi + 1))
                    return false;
        }
    }
    return true;
}

/* --- what comes of it ------------------------------------------------------------------------------------------------- */

static bool all_set(const struct flow_records *records, const int *values)
{
    for (int i = 0; i < records->n; i++)
        if (records->occurrences[i].flag && !values[records->occurrences[i].at])
            return false;
    return true;
}

static long length_of(const struct flow_records *records, const int *values)
{
    long bytes = records->sum ? values[records->sum_at] : 0;
    struct template_part part;
    int k = 0;

    while (k < records->n && records->occurrences[k].flag)
        k++;
    for (size_t i = 0; template_part(records->button->template, i, &part); i++) {
        const struct flow_occurrence *occurrence = &records->occurrences[k];

        if (part.kind == TEMPLATE_LITERAL) {
            bytes += (long)part.text.n;
            continue;
        }
        k++;
        if (!values[occurrence->at])
            bytes += (long)part.otherwise.n;
        else if (!records->sum)
            bytes += values[occurrence->at + 1];
    }
    return bytes;
}

static int state_of(const struct flow_records *records, const int *values)
{
    struct flow_dfa *target = records->wanted.target;
    int state = records->wanted.target_start, k = 0;
    struct template_part part;

    while (k < records->n && records->occurrences[k].flag)
        k++;
    for (size_t i = 0; state != FLOW_LIMIT && template_part(records->button->template, i, &part); i++) {
        const struct flow_occurrence *occurrence = &records->occurrences[k];
        int entry = 0;

        k += part.kind != TEMPLATE_LITERAL;
        if (part.kind == TEMPLATE_LITERAL || !values[occurrence->at]) {
            state = flow_dfa_text(target, state, part.kind == TEMPLATE_LITERAL ? part.text : part.otherwise);
            continue;
        }
        while (entry < occurrence->entries.n && occurrence->entries.v[entry] != state)
            entry++;
        state = entry < occurrence->entries.n ? values[occurrence->at + 1 + entry] : FLOW_LIMIT;
    }
    return state;
}

static bool state_fits(const struct flow_records *records, int state)
{
    const struct flow_rule *rules = records->flow->rules;
    const enum flow_side to = records->button->to;
    const int *names;
    int n = flow_dfa_accepts(records->wanted.target, state, &names);

    if (records->wanted.wish == FLOW_WISH_TEXT)
        return n > 0;
    for (int i = 0; i < n; i++) {
        if (records->wanted.wish == FLOW_WISH_RULE &&
            (names[i] == records->wanted.rule || flow_model_certain(&rules[names[i]], to)))
            return names[i] == records->wanted.rule;
        if (records->wanted.wish == FLOW_WISH_LOST && !rules[names[i]].all[to])
            return false;
    }
    return records->wanted.wish == FLOW_WISH_LOST;
}

enum flow_answer flow_records_fits(struct flow_records *records, int record)
{
    const int *values = record_of(records, record);
    int state;

    if (!all_set(records, values))
        return FLOW_NO;
    if (records->wanted.wish == FLOW_WISH_LONG)
        return length_of(records, values) > records->wanted.bytes ? FLOW_YES : FLOW_NO;
    if (records->wanted.wish == FLOW_WISH_EMPTY)
        return length_of(records, values) == 0 ? FLOW_YES : FLOW_NO;
    state = state_of(records, values);
    if (state == FLOW_LIMIT || records->flow->mem.out)
        return FLOW_UNKNOWN;
    return state_fits(records, state) ? FLOW_YES : FLOW_NO;
}
