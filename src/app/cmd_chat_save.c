/* A talk of `callbackd chat` as a test case. */

#include "app/cmd_chat.h"
#include "app/play.h"
#include "base/file.h"
#include "base/now.h"
#include "core/doc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_MAX ((size_t)16 << 20)
#define CASE_ARENA_MAX ((size_t)1 << 28)
#define WHY_MAX ((size_t)1 << 20)

/* --- YAML ------------------------------------------------------------------------------------------------------------ */

/* JSON's escapes mean the same in YAML; what YAML wants escaped besides are a few characters that nobody sees. */
static size_t unseen(struct text text, size_t i, unsigned *code)
{
    const unsigned char *p = (const unsigned char *)text.p + i;
    const size_t left = text.n - i;

    if (*p < 0x20 || *p == 0x7F) {
        *code = *p;
        return 1;
    }
    if (left >= 2 && *p == 0xC2 && p[1] < 0xA0) { /* U+0080 to U+009F */
        *code = p[1];
        return 2;
    }
    if (left < 3 || (*p != 0xE2 && *p != 0xEF))
        return 0;
    *code = (*p & 0xFu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return *code == 0x2028 || *code == 0x2029 || *code == 0xFEFF || *code >= 0xFFFE ? 3 : 0;
}

static void put_quoted(struct buf *out, struct text text)
{
    size_t n;

    buf_char(out, '"');
    for (size_t i = 0; i < text.n; i += n ? n : 1) {
        unsigned code;

        n = unseen(text, i, &code);
        if (n)
            buf_printf(out, "\\u%04x", code);
        else if (text.p[i] == '"' || text.p[i] == '\\')
            buf_printf(out, "\\%c", text.p[i]);
        else
            buf_char(out, text.p[i]);
    }
    buf_char(out, '"');
}

static void put_json(struct buf *out, struct json_object *value);

static void put_members(struct buf *out, struct json_object *value)
{
    bool any = false;

    buf_char(out, '{');
    json_object_object_foreach(value, key, member)
    {
        buf_str(out, any ? ", " : " ");
        put_quoted(out, text_of(key));
        buf_str(out, ": ");
        put_json(out, member);
        any = true;
    }
    buf_str(out, any ? " }" : "}");
}

static void put_items(struct buf *out, struct json_object *value)
{
    const size_t n = json_object_array_length(value);

    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_str(out, i ? ", " : " ");
        put_json(out, json_object_array_get_idx(value, i));
    }
    buf_str(out, n ? " ]" : "]");
}

static void put_json(struct buf *out, struct json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        put_members(out, value);
    else if (json_object_is_type(value, json_type_array))
        put_items(out, value);
    else if (json_object_is_type(value, json_type_string))
        put_quoted(out, doc_text(value));
    else
        doc_print(value, out);
}

static void put_parsed(struct buf *out, struct text json)
{
    struct fault fault;
    struct json_object *value = doc_parse(json, &fault);

    put_json(out, value);
    json_object_put(value);
}

/* --- what the customer does ---------------------------------------------------------------------------------------------- */

static void put_attachment(struct buf *out, const struct chat_turn *turn)
{
    buf_str(out, "{ type: ");
    put_quoted(out, text_of(turn->what));
    if (turn->url) {
        buf_str(out, ", url: ");
        put_quoted(out, text_of(turn->url));
    }
    if (turn->name) {
        buf_str(out, ", name: ");
        put_quoted(out, text_of(turn->name));
    }
    buf_str(out, " }");
}

static void put_lookups(struct buf *out, const struct answers *answers, size_t turn)
{
    bool any = false;

    for (size_t i = 0; i < answers->count; i++) {
        const struct given *given = &answers->items[i];

        if (given->from != turn)
            continue;
        buf_str(out, any ? ", " : "      lookups: { ");
        put_quoted(out, text_of(given->name));
        buf_str(out, ": ");
        if (given->kind == ANSWER_JSON)
            put_parsed(out, text_of(given->json));
        else
            buf_str(out, answers_word(given));
        any = true;
    }
    buf_str(out, any ? " }\n" : "");
}

static void put_deed(struct buf *out, const struct chat_turn *turn)
{
    buf_printf(out, "    - %s: ", deed_name(turn->deed));
    if (turn->deed == DEED_ATTACHMENT)
        put_attachment(out, turn);
    else
        put_quoted(out, text_of(turn->what));
    buf_char(out, '\n');
}

/* --- what follows -------------------------------------------------------------------------------------------------------- */

static void put_replies(struct buf *out, const struct talk_turn *turn)
{
    buf_str(out, "        replies:");
    if (turn->count == 0)
        buf_str(out, " []");
    buf_char(out, '\n');
    for (size_t i = 0; i < turn->count; i++) {
        buf_printf(out, "          - { type: %.*s, text: ", TEXT_ARG(turn->messages[i].type));
        put_quoted(out, turn->messages[i].text);
        buf_str(out, " }\n");
    }
}

static void put_labels(struct buf *out, const struct talk_turn *turn)
{
    bool any = false;

    buf_str(out, "        buttons: [");
    for (size_t i = 0; i < turn->count; i++)
        for (size_t j = 0; j < turn->messages[i].n_rows; j++)
            for (size_t k = 0; k < turn->messages[i].rows[j].count; k++) {
                buf_str(out, any ? ", " : " ");
                put_quoted(out, turn->messages[i].rows[j].buttons[k].label);
                any = true;
            }
    buf_str(out, any ? " ]\n" : "]\n");
}

static bool came_before(const struct sandbox_outcome *outcome, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (text_eq(outcome->actions[k].action, outcome->actions[i].action))
            return true;
    return false;
}

/* Of two notes a case can expect the first. */
static void put_inbox(struct buf *out, const struct sandbox_outcome *outcome)
{
    for (size_t i = 0; i < outcome->n_actions; i++) {
        if (came_before(outcome, i))
            continue;
        buf_printf(out, "%s%.*s: ", i ? ", " : "        inbox: { ", TEXT_ARG(outcome->actions[i].action));
        if (outcome->actions[i].value.p)
            put_quoted(out, outcome->actions[i].value);
        else
            buf_str(out, "true");
    }
    buf_str(out, outcome->n_actions ? " }\n" : "");
}

static void add_variables(struct json_object *all, struct text chat, bool gone)
{
    struct fault fault;
    struct json_object *variables = chat.p ? doc_parse(chat, &fault) : NULL;

    if (!variables)
        return;
    json_object_object_foreach(variables, name, value)
    {
        json_object_object_add(all, name, gone ? NULL : json_object_get(value));
    }
    json_object_put(variables);
}

/* All variables that there are, and null for those that are gone since the turn before. */
static void put_chat(struct buf *out, const struct sandbox_outcome *outcome,
                     const struct sandbox_outcome *before)
{
    struct json_object *all = json_object_new_object();

    if (before)
        add_variables(all, before->chat, true);
    add_variables(all, outcome->chat, false);
    if (json_object_object_length(all)) {
        buf_str(out, "        chat: ");
        put_json(out, all);
        buf_char(out, '\n');
    }
    json_object_put(all);
}

static void put_turn(struct buf *out, const struct chat *chat, size_t i)
{
    const struct chat_turn *turn = &chat->turns[i];
    const struct sandbox_outcome *outcome = &turn->result.outcome;

    put_deed(out, turn);
    put_lookups(out, &chat->answers, i);
    if (turn->after_ms != (i ? TALK_PAUSE_MS : 0))
        buf_printf(out, "      after: %" PRId64 "ms\n", turn->after_ms);
    buf_printf(out, "      expect:\n        rule: %.*s\n",
               TEXT_ARG(outcome->rule.p ? outcome->rule : text_of("none")));
    if (outcome->refused.p)
        buf_printf(out, "        refused: %.*s\n", TEXT_ARG(outcome->refused));
    put_replies(out, &turn->result);
    put_labels(out, &turn->result);
    put_inbox(out, outcome);
    put_chat(out, outcome, i ? &chat->turns[i - 1].result.outcome : NULL);
}

static void put_case(struct buf *out, const struct chat *chat)
{
    char at[32];

    now_format(chat->start_at, at, sizeof(at));
    buf_printf(out, "- name: a talk\n  at: '%s'\n", at);
    if (chat->contact.p) {
        buf_str(out, "  contact: ");
        put_parsed(out, chat->contact);
        buf_char(out, '\n');
    }
    buf_str(out, "  steps:\n");
    for (size_t i = 0; i < chat->count; i++)
        put_turn(out, chat, i);
}

/* --- the file ------------------------------------------------------------------------------------------------------------ */

/* Played as `test` will play it, so that what is saved is sure to pass. */
static bool passes(const struct chat *chat, struct text source, struct fault *fault)
{
    struct arena *arena = arena_new(CASE_ARENA_MAX);
    struct findings *findings = findings_new();
    struct buf why = BUF(WHY_MAX);
    struct test_cases cases;
    bool ok = false;

    if (!arena || !findings)
        fault_set(fault, "out of memory");
    else if (!testcase_read(arena, "the talk", source, chat->generation->ruleset, &cases, findings))
        fault_set(fault, "it cannot be told as a case: %s", findings_get(findings, 0)->text);
    else if (!play_case(chat->generation, &cases.items[0], NULL, &why))
        fault_set(fault, "played again it does not pass: %.*s", (int)strcspn(buf_get(&why).p, "\n"),
                  buf_get(&why).p);
    else
        ok = true;
    buf_free(&why);
    findings_free(findings);
    arena_free(arena);
    return ok;
}

static bool can_save(const struct chat *chat, const char *path, struct fault *fault)
{
    for (size_t i = 0; i < chat->count; i++) {
        const struct sandbox_outcome *outcome = &chat->turns[i].result.outcome;

        if (outcome->rule.p && outcome->run_state != RUN_DONE)
            return fault_set(
                fault, "turn %zu, '%s', did not end well: a case cannot have it; :back takes turns back",
                i + 1, chat->turns[i].what);
    }
    if (!chat->count)
        return fault_set(fault, "nothing was said yet");
    if (!*path)
        return fault_set(fault, ":save wants the name of a file");
    if (text_ends(text_of(path), ".json"))
        return fault_set(fault, "the case is YAML; let its name end in .test.yaml");
    if (access(path, F_OK) == 0 && !(chat->saved && strcmp(chat->saved, path) == 0))
        return fault_set(fault, "%s is there already; choose another name", path);
    return true;
}

bool chat_save(struct chat *chat, struct text path, struct fault *fault)
{
    struct buf out = BUF(CASE_MAX);
    char *name = text_dup(path);
    bool ok = name ? can_save(chat, name, fault) : fault_set(fault, "out of memory");

    if (ok) {
        put_case(&out, chat);
        ok = !out.failed || fault_set(fault, "the talk is too long");
    }
    ok = ok && passes(chat, buf_get(&out), fault) && file_write(name, buf_get(&out), fault);
    buf_free(&out);
    if (ok) {
        free(chat->saved);
        chat->saved = name;
    } else {
        free(name);
    }
    return ok;
}
