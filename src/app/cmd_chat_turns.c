/* The turns of `callbackd chat`: taken, taken back, saved as a test case. */

#include "app/cmd_chat.h"

#include "base/file.h"
#include "base/now.h"
#include "core/doc.h"

#include <inttypes.h>
#include <stdlib.h>

#define CASE_MAX ((size_t)16 << 20)

bool chat_begin(struct chat *chat, struct fault *fault)
{
    const struct sandbox_setup setup = { .generation = chat->generation, .start_at = chat->start_at };

    talk_free(chat->talk);
    chat->talk = talk_new(&setup, chat->contact, fault);
    return chat->talk != NULL;
}

void chat_end(struct chat *chat)
{
    for (size_t i = 0; i < chat->count; i++)
        free(chat->turns[i].what);
    chat->count = 0;
    talk_free(chat->talk);
    chat->talk = NULL;
}

/* --- turns ----------------------------------------------------------------------------------------------------------- */

static bool play(struct chat *chat, struct chat_turn *turn, struct fault *fault)
{
    struct text what = text_of(turn->what);
    const struct talk_choice *choice = turn->deed == DEED_PRESS ? talk_find(chat->talk, what) : NULL;

    if (turn->deed == DEED_PRESS && !choice)
        return fault_set(fault, "there is no button '%s'", turn->what);
    if (!choice || !choice->button->url.p) /* what opens an address is no turn */
        talk_wait(chat->talk, turn->after_ms);
    if (!choice)
        return talk_say(chat->talk, turn->deed == DEED_TAP ? ENTRY_TAP : ENTRY_TEXT, what, &turn->result,
                        fault);
    return talk_press(chat->talk, choice, &turn->result, fault);
}

bool chat_take(struct chat *chat, enum deed deed, struct text what, struct fault *fault)
{
    struct chat_turn *turn = &chat->turns[chat->count];
    int64_t pause = chat->count ? TALK_PAUSE_MS : 0;

    if (chat->count == CHAT_TURNS)
        return fault_set(fault, "this talk is long enough");
    *turn = (struct chat_turn){ .deed = deed,
                                .what = text_dup(what),
                                .after_ms = chat->wait_ms >= 0 ? chat->wait_ms : pause };
    if (!turn->what)
        return fault_set(fault, "out of memory");
    if (!play(chat, turn, fault)) {
        free(turn->what);
        return false;
    }
    chat->wait_ms = -1;
    chat->count++;
    return true;
}

bool chat_back(struct chat *chat, struct fault *fault)
{
    if (chat->count == 0)
        return fault_set(fault, "there is nothing to take back");
    free(chat->turns[--chat->count].what);
    if (!chat_begin(chat, fault))
        return false;
    for (size_t i = 0; i < chat->count; i++)
        if (!play(chat, &chat->turns[i], fault))
            return false;
    return true;
}

/* --- saving ---------------------------------------------------------------------------------------------------------- */

/* In double quotes, which mean the same in YAML. */
static void put_quoted(struct buf *out, struct text text)
{
    struct json_object *string = json_object_new_string_len(text.p ? text.p : "", (int)text.n);

    buf_str(out, string ? json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE) : "\"\"");
    out->failed = out->failed || !string;
    json_object_put(string);
}

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

static void put_turn(struct buf *out, const struct chat_turn *turn, bool first)
{
    const struct sandbox_outcome *outcome = &turn->result.outcome;

    buf_printf(out, "    - %s: ", deed_name(turn->deed));
    put_quoted(out, text_of(turn->what));
    buf_char(out, '\n');
    if (turn->after_ms != (first ? 0 : TALK_PAUSE_MS))
        buf_printf(out, "      after: %" PRId64 "ms\n", turn->after_ms);
    buf_printf(out, "      expect:\n        rule: %.*s\n",
               TEXT_ARG(outcome->rule.p ? outcome->rule : text_of("none")));
    put_replies(out, &turn->result);
    put_labels(out, &turn->result);
}

static bool can_save(const struct chat *chat, struct fault *fault)
{
    for (size_t i = 0; i < chat->count; i++) {
        const struct sandbox_outcome *outcome = &chat->turns[i].result.outcome;

        if (outcome->rule.p && outcome->run_state != RUN_DONE)
            return fault_set(fault, "the run of '%s' did not end well; that is no case", chat->turns[i].what);
    }
    return chat->count || fault_set(fault, "nothing was said yet");
}

bool chat_save(const struct chat *chat, const char *path, struct fault *fault)
{
    struct buf out = BUF(CASE_MAX);
    char at[32];
    bool ok = can_save(chat, fault);

    now_format(chat->start_at, at, sizeof(at));
    buf_printf(&out, "- name: a talk\n  at: '%s'\n", at);
    if (chat->contact.p)
        buf_printf(&out, "  contact: %.*s\n", TEXT_ARG(chat->contact));
    buf_str(&out, "  steps:\n");
    for (size_t i = 0; i < chat->count; i++)
        put_turn(&out, &chat->turns[i], i == 0);
    if (ok && out.failed)
        ok = fault_set(fault, "out of memory");
    ok = ok && file_write(path, buf_get(&out), fault);
    buf_free(&out);
    return ok;
}
