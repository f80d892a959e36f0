#include "kit_rules.h"

#include "core/limits.h"
#include "core/shown.h"

#include <stdio.h>

struct ruleset *kit_rules(const char *yaml)
{
    struct ruleset_file file = { "rules.yaml", text_of(yaml) };
    struct findings *findings = fuzz_must(findings_new());
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);
    struct buf out = BUF(10000);

    findings_print(findings, &out);
    if (!ruleset)
        fprintf(stderr, "%s\n", buf_get(&out).p);
    findings_free(findings);
    buf_free(&out);
    return fuzz_must(ruleset);
}

static void check_button(const struct rendered_button *button)
{
    struct fault fault;

    HOLDS(limits_label(button->text, &fault));
    HOLDS(!button->url.p || limits_url(button->url, &fault));
    HOLDS(!button->callback_data.p || button->token || limits_data(button->callback_data, &fault));
    HOLDS(button->token || button->callback_data.n <= 64);
    HOLDS(!button->token || limits_token_data(button->callback_data, &fault));
}

static void check_shown(enum dialect dialect, const struct rendered *message, struct arena *arena)
{
    struct buf body = BUF((size_t)8 << 20);
    struct shown shown;
    struct fault fault;

    HOLDS(dialect_print(dialect, message, text_of("123"), &body));
    HOLDS(shown_read(buf_get(&body), arena, &shown, &fault));
    HOLDS(text_eq(shown.text, message->text) && shown.n_rows == message->n_rows);
    for (size_t i = 0; i < shown.n_rows; i++) {
        HOLDS(shown.rows[i].count == message->rows[i].count);
        for (size_t k = 0; k < shown.rows[i].count; k++)
            HOLDS(text_eq(shown.rows[i].buttons[k].label, message->rows[i].buttons[k].text));
    }
    buf_free(&body);
}

static void check_message(const struct rendered *message, struct arena *arena)
{
    size_t buttons = 0;
    struct fault fault;

    HOLDS(message_check(message, &fault));
    HOLDS(limits_text(message->text, &fault));
    for (size_t i = 0; i < message->n_rows; i++) {
        HOLDS(message->rows[i].count > 0 && message->rows[i].count <= LIMIT_ROW);
        buttons += message->rows[i].count;
        for (size_t k = 0; k < message->rows[i].count; k++)
            check_button(&message->rows[i].buttons[k]);
    }
    HOLDS(buttons <= LIMIT_BUTTONS);
    check_shown(DIALECT_FLAT, message, arena);
    check_shown(DIALECT_MARKUP, message, arena);
}

static void render_step(const struct step *step, struct json_object *scope, struct pattern_scratch *scratch,
                        struct arena *arena)
{
    struct fault fault = { "" };
    struct rendered message;

    for (size_t i = 0; i < step->count; i++)
        if (message_render(step->messages[i], scope, scratch, arena, &message, &fault))
            check_message(&message, arena);
        else
            HOLDS(fuzz_is_line(text_of(fault.text)) && fault.text[0]);
}

void kit_render(const struct ruleset *ruleset, struct json_object *scope, struct pattern_scratch *scratch)
{
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));

    for (size_t i = 0; i < ruleset_count(ruleset); i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);

        for (size_t k = 0; k < rule->n_steps; k++) {
            if (rule->steps[k].kind == STEP_REPLY)
                render_step(&rule->steps[k], scope, scratch, arena);
            else if (rule->steps[k].kind == STEP_CHOOSE)
                HOLDS(rule_next(&rule->steps[k], scope, scratch) <= rule->n_steps);
        }
    }
    arena_free(arena);
}
