#include "app/play.h"

#include "app/talk.h"
#include "core/doc.h"

#define SHOWN_MAX 300

struct play {
    struct talk *talk;
    struct coverage *coverage;
    const struct test_case *test;
    size_t step;
    struct buf *why;
    bool good;
};

/* --- what is said of a difference ------------------------------------------------------------------------------------ */

static void add_shown(struct buf *out, struct text text)
{
    char shown[SHOWN_MAX + 1];

    text_printable(text, shown, SHOWN_MAX);
    buf_str(out, shown);
}

/* "rules.test.yaml:12: step 2, press 'Older': " */
static void begin_line(struct play *play)
{
    const struct test_step *step = &play->test->steps[play->step];

    buf_printf(play->why, "%s:%d: ", step->at.document->path, step->at.line);
    if (play->test->count > 1)
        buf_printf(play->why, "step %zu, ", play->step + 1);
    buf_printf(play->why, "%s '", deed_name(step->deed));
    add_shown(play->why, step->what);
    buf_str(play->why, "': ");
    play->good = false;
}

static void add_fault(struct play *play, const struct fault *fault)
{
    begin_line(play);
    buf_printf(play->why, "%s\n", fault->text);
}

static void add_labels(struct buf *out, const struct talk_turn *turn)
{
    bool any = false;

    for (size_t i = 0; i < turn->count; i++)
        for (size_t j = 0; j < turn->messages[i].n_rows; j++)
            for (size_t k = 0; k < turn->messages[i].rows[j].count; k++) {
                buf_str(out, any ? ", " : "");
                add_shown(out, turn->messages[i].rows[j].buttons[k].label);
                any = true;
            }
    if (!any)
        buf_str(out, "none");
}

static void add_messages(struct play *play, const struct talk_turn *turn)
{
    for (size_t i = 0; i < turn->count; i++)
        buf_printf(play->why, "  sent %zu: %.*s\n", i + 1, TEXT_ARG(turn->messages[i].doc));
}

/* --- what is expected ------------------------------------------------------------------------------------------------ */

static void check_rule(struct play *play, const struct node *wanted, const struct sandbox_outcome *outcome)
{
    struct text got = outcome->rule.p ? outcome->rule : text_of("none");

    if (!wanted || text_eq(wanted->text, got))
        return;
    begin_line(play);
    buf_printf(play->why, "rule: expected '%.*s', got '%.*s'", TEXT_ARG(wanted->text), TEXT_ARG(got));
    if (outcome->reason.p)
        buf_printf(play->why, " (%.*s)", TEXT_ARG(outcome->reason));
    buf_char(play->why, '\n');
}

static void check_run(struct play *play, const struct sandbox_outcome *outcome)
{
    if (!outcome->rule.p || outcome->run_state == RUN_DONE)
        return;
    begin_line(play);
    buf_printf(play->why, "the run of rule '%.*s' is %s: %.*s\n", TEXT_ARG(outcome->rule),
               run_state_name(outcome->run_state), TEXT_ARG(outcome->reason));
}

static void check_replies(struct play *play, const struct node *wanted, const struct talk_turn *turn)
{
    if (!wanted)
        return;
    if (wanted->count != turn->count) {
        begin_line(play);
        buf_printf(play->why, "replies: expected %zu, got %zu\n", wanted->count, turn->count);
    }
    for (size_t i = 0; i < wanted->count && i < turn->count; i++) {
        struct fault fault;

        if (shown_fits(&turn->messages[i], wanted->items[i], &fault))
            continue;
        begin_line(play);
        buf_printf(play->why, "reply %zu: %s\n", i + 1, fault.text);
    }
}

static bool same_labels(const struct node *wanted, const struct talk_turn *turn)
{
    size_t n = 0;

    for (size_t i = 0; i < turn->count; i++)
        for (size_t j = 0; j < turn->messages[i].n_rows; j++)
            for (size_t k = 0; k < turn->messages[i].rows[j].count; k++, n++)
                if (n >= wanted->count ||
                    !text_eq(turn->messages[i].rows[j].buttons[k].label, wanted->items[n]->text))
                    return false;
    return n == wanted->count;
}

static void check_buttons(struct play *play, const struct node *wanted, const struct talk_turn *turn)
{
    if (!wanted || same_labels(wanted, turn))
        return;
    begin_line(play);
    buf_str(play->why, "buttons: expected ");
    for (size_t i = 0; i < wanted->count; i++) {
        buf_str(play->why, i ? ", " : "");
        add_shown(play->why, wanted->items[i]->text);
    }
    buf_str(play->why, wanted->count ? "; got " : "none; got ");
    add_labels(play->why, turn);
    buf_char(play->why, '\n');
}

static const struct sandbox_action *find_action(const struct sandbox_outcome *outcome, struct text name)
{
    for (size_t i = 0; i < outcome->n_actions; i++)
        if (text_eq(outcome->actions[i].action, name))
            return &outcome->actions[i];
    return NULL;
}

/* All that is wanted was done; an empty map: nothing was. */
static bool has_actions(const struct node *wanted, const struct sandbox_outcome *outcome)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct sandbox_action *action = find_action(outcome, wanted->keys[i]->text);
        const struct node *value = wanted->items[i];

        if (value->plain && node_is(value, "false")
                ? action != NULL
                : !action || (action->value.p && !text_eq(action->value, value->text)))
            return false;
    }
    return wanted->count || !outcome->n_actions;
}

static void add_wanted(struct buf *why, const struct node *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        buf_printf(why, "%s%.*s: ", i ? ", " : "", TEXT_ARG(wanted->keys[i]->text));
        add_shown(why, wanted->items[i]->text);
    }
    buf_str(why, wanted->count ? "" : "nothing");
}

static void add_actions(struct buf *why, const struct sandbox_outcome *outcome)
{
    for (size_t i = 0; i < outcome->n_actions; i++) {
        buf_printf(why, "%s%.*s: ", i ? ", " : "", TEXT_ARG(outcome->actions[i].action));
        add_shown(why, outcome->actions[i].value.p ? outcome->actions[i].value : text_of("true"));
    }
    buf_str(why, outcome->n_actions ? "" : "nothing");
}

static void check_inbox(struct play *play, const struct node *wanted, const struct sandbox_outcome *outcome)
{
    if (!wanted || has_actions(wanted, outcome))
        return;
    begin_line(play);
    buf_str(play->why, "inbox: expected ");
    add_wanted(play->why, wanted);
    buf_str(play->why, "; got ");
    add_actions(play->why, outcome);
    buf_char(play->why, '\n');
}

static void add_value(struct buf *why, struct text value)
{
    buf_str(why, value.p ? "'" : "none");
    add_shown(why, value);
    buf_str(why, value.p ? "'" : "");
}

static void check_chat(struct play *play, const struct node *wanted, const struct sandbox_outcome *outcome)
{
    struct fault fault;
    struct json_object *chat = outcome->chat.p ? doc_parse(outcome->chat, &fault) : NULL;

    for (size_t i = 0; wanted && i < wanted->count; i++) {
        struct text got = doc_str(chat, wanted->keys[i]->text.p);
        const struct node *value = wanted->items[i];

        if (node_is_null(value) ? !got.p : got.p && text_eq(got, value->text))
            continue;
        begin_line(play);
        buf_printf(play->why, "chat.%.*s: expected ", TEXT_ARG(wanted->keys[i]->text));
        add_value(play->why, node_is_null(value) ? TEXT_NONE : value->text);
        buf_str(play->why, ", got ");
        add_value(play->why, got);
        buf_char(play->why, '\n');
    }
    json_object_put(chat);
}

static void check_refused(struct play *play, const struct node *wanted, const struct sandbox_outcome *outcome)
{
    if (!wanted || text_eq(wanted->text, outcome->refused.p ? outcome->refused : TEXT_NONE))
        return;
    begin_line(play);
    buf_printf(play->why, "refused: expected '%.*s', got ", TEXT_ARG(wanted->text));
    add_value(play->why, outcome->refused);
    buf_char(play->why, '\n');
}

/* --- steps ----------------------------------------------------------------------------------------------------------- */

static bool no_button(struct play *play, struct text label, struct fault *fault)
{
    struct buf there = BUF(800);
    char name[SHOWN_MAX + 1];
    size_t n;
    const struct talk_choice *choices = talk_choices(play->talk, &n);

    text_printable(label, name, SHOWN_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_str(&there, i ? ", " : "");
        add_shown(&there, choices[i].button->label);
    }
    fault_set(fault, "there is no button '%s'; there is: %s", name, n && !there.failed ? there.data : "none");
    buf_free(&there);
    return false;
}

static bool press(struct play *play, struct text label, struct talk_turn *turn, struct fault *fault)
{
    const struct talk_choice *choice = talk_find(play->talk, label);

    if (!choice)
        return no_button(play, label, fault);
    if (play->coverage && !choice->button->url.p)
        coverage_press(play->coverage, choice->from, choice->button);
    return talk_press(play->talk, choice, turn, fault);
}

static bool take_turn(struct play *play, const struct test_step *step, struct talk_turn *turn,
                      struct fault *fault)
{
    if (step->deed == DEED_PRESS)
        return press(play, step->what, turn, fault);
    if (step->deed == DEED_ATTACHMENT)
        return talk_attach(play->talk, &step->attachment, turn, fault);
    return talk_say(play->talk, step->deed == DEED_TAP ? ENTRY_TAP : ENTRY_TEXT, step->what, turn, fault);
}

static void play_step(struct play *play)
{
    const struct test_step *step = &play->test->steps[play->step];
    struct talk_turn turn = { 0 };
    struct fault fault = { "" };

    if (step->lookups.count)
        talk_forget_answers(play->talk);
    talk_wait(play->talk, step->after_ms >= 0 ? step->after_ms : play->step ? TALK_PAUSE_MS : 0);
    if (!take_turn(play, step, &turn, &fault)) {
        add_fault(play, &fault);
        return;
    }
    for (size_t i = 0; play->coverage && i < turn.outcome.n_rules; i++)
        coverage_rule(play->coverage, turn.outcome.rules[i]);
    check_rule(play, step->expect.rule, &turn.outcome);
    check_run(play, &turn.outcome);
    check_replies(play, step->expect.replies, &turn);
    check_buttons(play, step->expect.buttons, &turn);
    check_inbox(play, step->expect.inbox, &turn.outcome);
    check_chat(play, step->expect.chat, &turn.outcome);
    check_refused(play, step->expect.refused, &turn.outcome);
    if (!play->good)
        add_messages(play, &turn);
}

static const struct test_lookup *find_lookup(const struct test_lookups *lookups, const char *name)
{
    for (size_t i = 0; i < lookups->count; i++)
        if (text_is(lookups->items[i].name, name))
            return &lookups->items[i];
    return NULL;
}

/* The latest step that says something of it, else the case; NULL: nothing is said. */
static const struct test_lookup *answer_of(const struct play *play, const char *name)
{
    const struct test_lookup *answer = NULL;

    for (size_t i = play->step + 1; i-- > 0 && !answer;)
        answer = find_lookup(&play->test->steps[i].lookups, name);
    return answer ? answer : find_lookup(&play->test->lookups, name);
}

static bool lookup_fails(void *context, const char *name)
{
    const struct test_lookup *answer = answer_of(context, name);

    return answer && answer->status >= 500;
}

static enum sandbox_by answer_lookup(void *context, const struct request_mail *request,
                                     struct result_mail *result)
{
    const struct test_lookup *answer = answer_of(context, request->job.owner);

    if (!answer || answer->status == 0)
        return SANDBOX_SAMPLE;
    result->status = answer->status;
    result->body = text_dup(answer->body);
    result->body_size = result->body ? answer->body.n : 0;
    return SANDBOX_GIVEN;
}

static void watch_step(void *context, const struct rule *rule, size_t step, size_t next)
{
    coverage_step(context, rule, step, next);
}

bool play_case(struct generation *generation, const struct test_case *test, struct coverage *coverage,
               struct buf *why)
{
    struct play play = { .coverage = coverage, .test = test, .why = why, .good = true };
    const struct engine_watch watch = { watch_step, coverage };
    const struct sandbox_setup setup = { .generation = generation,
                                         .start_at = test->start_at,
                                         .lookup = answer_lookup,
                                         .lookup_fails = lookup_fails,
                                         .context = &play,
                                         .watch = coverage ? &watch : NULL };
    struct fault fault = { "" };

    play.talk = talk_new(&setup, test->contact, &fault);
    if (!play.talk)
        add_fault(&play, &fault);
    for (; play.talk && play.good && play.step < test->count; play.step++)
        play_step(&play);
    talk_free(play.talk);
    return play.good;
}
