#include "core/flow_against.h"

#include "core/flow_data.h"
#include "core/flow_findings.h"
#include "core/flow_reach.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)200 << 20) /* of each */
#define STEPS_MAX 300000000u           /* of each */
#define TAKERS_MAX 8
#define FATES_MAX 8 /* of one button */
#define WORDS_MAX 3 /* for each of them */
#define NODES_MAX 20000
#define BYTES_MAX ((size_t)40 << 20)
#define GROUPS_MAX 200

/* Data that one rule took, and what takes it now; -1: none. */
struct fate {
    int old, new;
    struct text words[WORDS_MAX];
    int n_words;
};

/* The rules of one side that may take it, up to the first that does for sure. */
struct takers {
    int rules[TAKERS_MAX], n;
    bool sure;
};

/* Buttons in chats that share a fate. */
struct group {
    int old, new;
    struct text data; /* of one of them */
    int64_t buttons, chats, last;
};

struct flow_against {
    struct flow old, new;
    struct flow_real *real_old, *real_new;
    struct flow_concrete *concrete;
    struct findings *findings;
    struct group groups[GROUPS_MAX];
    int n_groups;
    int64_t buttons, kept; /* in chats: all, those that go where they went */
};

static bool begin(struct flow *flow, const struct ruleset *ruleset, const struct ruleset *beside,
                  struct findings *findings)
{
    flow->ruleset = ruleset;
    flow->beside = beside;
    flow->findings = findings;
    flow->mem.max = MEMORY_MAX;
    flow->steps_max = STEPS_MAX;
    if (!flow_model_build(flow))
        return false;
    flow_reach_catches(flow);
    return true;
}

struct flow_against *flow_against_new(const struct ruleset *old, const struct ruleset *new,
                                      struct findings *findings)
{
    struct flow_against *against = calloc(1, sizeof(*against));

    if (!against)
        return NULL;
    against->findings = findings;
    if (begin(&against->old, old, new, findings) && begin(&against->new, new, NULL, findings)) {
        against->real_old = flow_real_new(&against->old);
        against->real_new = flow_real_new(&against->new);
    }
    if (against->real_old && against->real_new)
        return against;
    flow_against_free(against);
    return NULL;
}

void flow_against_free(struct flow_against *against)
{
    if (!against)
        return;
    flow_concrete_free(against->concrete);
    flow_real_free(against->real_old);
    flow_real_free(against->real_new);
    flow_model_free(&against->old);
    flow_model_free(&against->new);
    free(against);
}

/* --- what becomes of one text ------------------------------------------------------------------------------------------ */

static bool same_name(const struct flow_against *against, int old, int new)
{
    return strcmp(against->old.rules[old].rule->name, against->new.rules[new].rule->name) == 0;
}

static bool share_a_name(const struct flow_against *against, const struct takers *old,
                         const struct takers *new)
{
    for (int i = 0; i < old->n; i++)
        for (int k = 0; k < new->n; k++)
            if (same_name(against, old->rules[i], new->rules[k]))
                return true;
    return false;
}

/* -1, -1: nothing to say. With conditions several rules may take it; one of them that is left is enough. */
static struct fate fate_of(struct flow_against *against, enum flow_side side, struct text data)
{
    struct takers old, new;

    old.n = flow_real_takers(against->real_old, side, data, old.rules, TAKERS_MAX);
    new.n = flow_real_takers(against->real_new, side, data, new.rules, TAKERS_MAX);
    if (share_a_name(against, &old, &new))
        return (struct fate){ .old = -1, .new = -1 };
    return (struct fate){ .old = old.n ? old.rules[0] : -1, .new = new.n ? new.rules[0] : -1 };
}

/* --- buttons of the old rules ------------------------------------------------------------------------------------------ */

struct following {
    struct flow_against *against;
    struct flow_button *button;
    struct fate fates[FATES_MAX];
    int n;
    bool kept; /* some of what it sends goes where it went */
};

static void add_word(struct following *following, struct flow_walk *walk, int node, int old, int new)
{
    struct fate *fate = following->fates;

    while (fate < following->fates + following->n && (fate->old != old || fate->new != new))
        fate++;
    if (fate == following->fates + FATES_MAX)
        return;
    if (fate == following->fates + following->n) {
        *fate = (struct fate){ .old = old, .new = new };
        following->n++;
    }
    if (fate->n_words < WORDS_MAX)
        fate->words[fate->n_words++] = flow_reach_word(&following->against->old, walk, node);
}

static void sort_takers(const struct flow *flow, enum flow_side side, const int *names, int n,
                        struct takers takers[2])
{
    for (int i = 0; i < n; i++) {
        const bool beside = names[i] >= flow->n_rules;
        struct takers *mine = &takers[beside];

        if (mine->sure || mine->n == TAKERS_MAX || flow->rules[names[i]].all[side])
            continue;
        mine->rules[mine->n++] = beside ? names[i] - flow->n_rules : names[i];
        mine->sure = flow_model_certain(&flow->rules[names[i]], side);
    }
}

static bool see_data(void *arg, struct flow_walk *walk, int node)
{
    struct following *following = arg;
    struct flow *flow = &following->against->old;
    struct takers takers[2] = { { .n = 0 }, { .n = 0 } };
    const int *names;
    const int n = flow_dfa_accepts(walk->dfa, walk->pairs[node].state, &names);

    if (walk->pairs[node].bytes == 0)
        return true;
    sort_takers(flow, following->button->to, names, n, takers);
    if (takers[0].n == 0)
        return true; /* it led nowhere before */
    if (share_a_name(following->against, &takers[0], &takers[1]))
        following->kept = true;
    else
        add_word(following, walk, node, takers[0].rules[0], takers[1].n ? takers[1].rules[0] : -1);
    return true;
}

static bool follow(struct following *following)
{
    struct flow_button *button = following->button;
    struct flow *flow = &following->against->old;
    bool whole = true;

    for (int side = 0; side < 3; side++) {
        struct flow_walk walk;

        whole &= !button->vague[side];
        if (button->start[side] < 0)
            continue;
        flow_model_begin(flow);
        if (flow_dfa_bytes(flow->both[button->to]) > BYTES_MAX) {
            flow_dfa_reset(flow->both[button->to]);
            flow->start_both[button->to] = flow_dfa_start(
                flow->both[button->to], flow->starts_both[button->to].v, flow->starts_both[button->to].n);
        }
        flow_dfa_limit(flow->both[button->to], NODES_MAX, BYTES_MAX);
        walk = flow_model_walk(flow, button->to);
        walk.dfa = flow->both[button->to];
        walk.visit = see_data;
        walk.arg = following;
        walk.bytes_max = button->to == FLOW_TAP ? button->most : 256;
        whole &= flow_walk_run(&walk, &button->start[side], 1, flow->start_both[button->to]) == FLOW_ALL;
        flow_model_end(flow);
        flow_walk_free(&walk);
    }
    return whole;
}

/* Does the old button really send it, and is that what becomes of it? */
static bool is_real(struct flow_against *against, struct flow_button *button, struct text data, bool sure,
                    struct fate *fate)
{
    struct text fixed;

    if (!data.p)
        return false;
    *fate = fate_of(against, button->to, data);
    if (fate->old < 0)
        return false;
    return sure || template_static(button->template, &fixed) ||
           flow_data_sends(&against->old, against->real_old, against->concrete, button, data);
}

/* Did it say something? */
static bool check_button(struct flow_against *against, struct flow_button *button)
{
    struct following following = { .against = against, .button = button };
    const bool whole = follow(&following);
    bool said = false;

    for (int i = 0; i < following.n && !said; i++)
        for (int k = 0; k < following.fates[i].n_words && !said; k++) {
            const struct text word = following.fates[i].words[k];
            struct fate fate;

            /* where nothing goes where it went, whatever is sent shows it */
            said = is_real(against, button, word, whole && !following.kept && following.n == 1, &fate);
            if (said)
                flow_say_against(&against->old, &against->new, button, word, fate.old, fate.new);
        }
    if (said || (!following.n && whole))
        return said;
    flow_say_undecided(&against->old, button->node->at, "the new rules take all that %s '%.*s' sends",
                       button->key ? "key" : "button", TEXT_ARG(flow_say_label(button)));
    return true;
}

void flow_against_buttons(struct flow_against *against)
{
    struct flow *old = &against->old;

    for (int b = 0; b < old->n_buttons; b++)
        flow_reach_leads(old, &old->buttons[b]);
    for (int i = 0; i < old->n_rules; i++)
        for (int side = 0; side < FLOW_SIDES; side++)
            if (old->rules[i].pattern[side] && old->rules[i].exact[side]) {
                struct flow_won won;

                flow_reach_won(old, i, (enum flow_side)side, &won);
            }
    flow_reach_mark(old);
    against->concrete = flow_concrete_run(old, against->real_old);
    for (int b = 0; b < old->n_buttons && !flow_model_over(old); b++) {
        struct flow_button *button = &old->buttons[b];

        if (button->node && old->rules[button->entered].reached && !old->buttons[button->place].said)
            old->buttons[button->place].said = check_button(against, button);
    }
    if (flow_model_over(old) || flow_model_over(&against->new))
        finding_add(against->findings, FINDING_NOTE, (struct place){ NULL },
                    "the old rules are too many to be followed: what is not said here is undecided");
}

/* --- buttons in chats -------------------------------------------------------------------------------------------------- */

bool flow_against_chat(struct flow_against *against, int64_t chat, struct text data)
{
    const struct fate fate = fate_of(against, FLOW_TAP, data);
    struct group *group = against->groups;

    against->buttons++;
    if (fate.old < 0) {
        against->kept++;
        return true;
    }
    while (group < against->groups + against->n_groups && (group->old != fate.old || group->new != fate.new))
        group++;
    if (group == against->groups + GROUPS_MAX)
        return true; /* counted as not kept */
    if (group == against->groups + against->n_groups) {
        *group = (struct group){ .old = fate.old, .new = fate.new, .last = -1 };
        group->data = flow_model_keep(&against->old, data);
        if (!group->data.p)
            return false;
        against->n_groups++;
    }
    group->buttons++;
    group->chats += group->last != chat;
    group->last = chat;
    return true;
}

void flow_against_chats(struct flow_against *against)
{
    for (int i = 0; i < against->n_groups; i++) {
        const struct group *group = &against->groups[i];

        flow_say_in_chats(&against->old, &against->new, group->data, group->old, group->new, group->buttons,
                          group->chats);
    }
}
