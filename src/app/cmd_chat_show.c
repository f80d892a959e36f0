/* What `callbackd chat` shows. In parentheses stands what no customer sees. */

#include "app/cmd_chat.h"
#include "app/told.h"
#include "base/now.h"
#include "core/draw.h"
#include "core/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)64 << 20)
#define DRAWING_MAX ((size_t)16 << 20)
#define SHOWN_MAX 200

void chat_complain(const struct fault *fault)
{
    printf("(");
    told_text(text_of(fault->text), stdout);
    printf(")\n");
}

/* --- messages -------------------------------------------------------------------------------------------------------- */

static size_t number_of(const void *arg, const struct shown_button *button)
{
    size_t n;
    const struct talk_choice *choices = talk_choices(arg, &n);

    for (size_t i = 0; i < n; i++)
        if (choices[i].button == button)
            return i + 1;
    return 0;
}

static void show_messages(const struct chat *chat, const struct talk_turn *turn)
{
    const struct draw_numbers numbers = { number_of, chat->talk };
    struct arena *arena = arena_new(ARENA_MAX);
    struct buf out = BUF(DRAWING_MAX);

    for (size_t i = 0; arena && i < turn->count; i++) {
        if (!draw_message(&turn->messages[i], &numbers, arena, &out))
            break;
    }
    fputs(buf_get(&out).p, stdout);
    buf_free(&out);
    arena_free(arena);
}

void chat_show_turn(const struct chat *chat)
{
    const struct talk_turn *turn = chat->count ? &chat->turns[chat->count - 1].result : NULL;
    const struct sandbox_outcome *outcome = turn ? &turn->outcome : NULL;

    if (!turn)
        return;
    show_messages(chat, turn);
    if (outcome->reason.p) {
        printf("(%s: ", outcome->rule.p ? run_state_name(outcome->run_state) : "nothing is sent");
        told_text(outcome->reason, stdout);
        printf(")\n");
    } else if (turn->count == 0) {
        printf("(rule %.*s sends nothing)\n", TEXT_ARG(outcome->rule));
    }
}

/* --- what is kept ---------------------------------------------------------------------------------------------------- */

/* "364d 23h", "29m 50s" */
static void show_time(int64_t ms)
{
    static const struct {
        int64_t ms, most;
        char unit;
    } units[] = { { 86400000, INT64_MAX, 'd' }, { 3600000, 24, 'h' }, { 60000, 60, 'm' }, { 1000, 60, 's' } };
    size_t i = 0;

    while (i < 3 && ms < units[i].ms)
        i++;
    printf("%" PRId64 "%c", ms / units[i].ms, units[i].unit);
    if (i < 3 && ms / units[i + 1].ms % units[i + 1].most)
        printf(" %" PRId64 "%c", ms / units[i + 1].ms % units[i + 1].most, units[i + 1].unit);
}

static void show_variable(const struct variable_row *row, int64_t now)
{
    char shown[SHOWN_MAX + 1];

    text_printable(row->value, shown, SHOWN_MAX);
    printf("chat.%.*s = %s%s  (%s ", TEXT_ARG(row->name), shown, row->value.n > SHOWN_MAX ? "..." : "",
           row->session ? "until the session ends, in" : "for");
    show_time(row->until - now);
    printf(")\n");
}

void chat_show_variables(const struct chat *chat)
{
    const int64_t now = talk_now(chat->talk);
    struct sandbox_chat kept;
    struct fault fault;
    char at[32];

    if (!talk_look(chat->talk, &kept, &fault)) {
        chat_complain(&fault);
        return;
    }
    for (size_t i = 0; i < kept.n_variables; i++)
        show_variable(&kept.variables[i], now);
    if (kept.quiet_until > now) {
        printf("quiet for ");
        show_time(kept.quiet_until - now);
        printf(": texts are left to people, presses are answered\n");
    }
    now_format(now, at, sizeof(at));
    printf("(%sit is %s)\n", kept.n_variables ? "" : "no variables; ", at);
}

/* --- lookups --------------------------------------------------------------------------------------------------------- */

void chat_show_lookup(const struct chat *chat, const char *name)
{
    const struct given *given = answers_find(&chat->answers, name, chat->count);
    char shown[SHOWN_MAX + 1];

    text_printable(text_of(given ? answers_word(given) : "sample"), shown, SHOWN_MAX);
    printf("(%s: %s%s)\n", name, shown, given && strlen(answers_word(given)) > SHOWN_MAX ? "..." : "");
}

void chat_show_lookups(const struct chat *chat)
{
    const struct ruleset *ruleset = chat->generation->ruleset;
    bool any = false;

    for (size_t i = 0; i < ruleset_count(ruleset); i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);

        for (size_t k = 0; k < rule->n_steps; k++) {
            const struct lookup *lookup = rule->steps[k].lookup;
            const char *near;

            if (!lookup || ruleset_lookup(ruleset, text_of(lookup_name(lookup)), &near) != lookup)
                continue; /* none, or shown before */
            chat_show_lookup(chat, lookup_name(lookup));
            any = true;
        }
    }
    if (!any)
        printf("(no rule asks a lookup)\n");
}
