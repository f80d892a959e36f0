/* What the store keeps of a chat beyond its runs: variables, the ledger of buttons, the keyboard that the customer has, and whether a
   person has taken over. Variables whose name begins with ':' are the program's own. */

#include "app/engine_state.h"

#include "base/log.h"
#include "core/doc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUIET ":quiet"       /* presses only */
#define KEYBOARD ":keyboard" /* { label: data } of the latest keyboard */
#define KEYBOARD_MS (30LL * 86400 * 1000)
#define KEYBOARD_MAX (32u << 10)
#define SAID_MS 600000

static const struct {
    const char *name, *reason;
} refusals[] = {
    [REFUSED_NOT] = { "", "out of memory" },
    [REFUSED_NOT_ISSUED] = { "not_issued", "refused: no such button was sent to this chat" },
    [REFUSED_USED] = { "used", "refused: the button was used" },
    [REFUSED_EXPIRED] = { "expired", "refused: the button is too old" },
};

const char *refusal_name(enum refusal refusal)
{
    return refusals[refusal].name;
}

const char *guard_reason(enum refusal refusal)
{
    return refusals[refusal].reason;
}

struct text guard_refused(struct text reason)
{
    for (size_t i = REFUSED_NOT_ISSUED; i < sizeof(refusals) / sizeof(*refusals); i++)
        if (text_is(reason, refusals[i].reason))
            return text_of(refusals[i].name);
    return TEXT_NONE;
}

/* --- variables --------------------------------------------------------------------------------------------------------- */

static struct text value_of(const struct variable_row *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(rows[i].name, name))
            return rows[i].value;
    return TEXT_NONE;
}

/* The rules' own ones, as scope.chat. */
static bool add_chat(const struct variable_row *rows, size_t n, struct json_object *scope)
{
    struct json_object *chat = json_object_new_object();
    char name[65];

    if (!doc_add(scope, "chat", chat))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].name.n || rows[i].name.p[0] == ':' || rows[i].name.n >= sizeof(name))
            continue;
        memcpy(name, rows[i].name.p, rows[i].name.n);
        name[rows[i].name.n] = '\0';
        if (!doc_add_text(chat, name, rows[i].value))
            return false;
    }
    return true;
}

bool guard_add_variables(struct engine *engine, int64_t chat, struct json_object *scope)
{
    struct variable_row *rows = NULL;
    size_t n =
        engine->has_variables ? store_variables(engine->store, chat, engine->now, engine->arena, &rows) : 0;

    return add_chat(rows, n, scope);
}

size_t guard_look(struct engine *engine, int64_t chat, struct variable_row **rows, int64_t *quiet_until)
{
    size_t n = store_variables(engine->store, chat, engine_now(engine), engine->arena, rows), kept = 0;

    *quiet_until = 0;
    for (size_t i = 0; i < n; i++) {
        if (text_is((*rows)[i].name, QUIET))
            *quiet_until = (*rows)[i].until;
        if ((*rows)[i].name.n && (*rows)[i].name.p[0] != ':')
            (*rows)[kept++] = (*rows)[i];
    }
    return kept;
}

void guard_set_quiet(struct engine *engine, int64_t chat, int64_t ms)
{
    const struct variable_row row = { text_of(QUIET), text_of("1"), engine->now + ms, false };

    if (ms > 0)
        store_set_variable(engine->store, chat, &row);
    else
        store_drop_variable(engine->store, chat, row.name);
    engine->has_variables = true;
}

/* --- what was sent ------------------------------------------------------------------------------------------------------- */

/* FNV-1a over what a person would read: white space does not count. */
static uint64_t hash_text(struct text text)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] > ' ')
            hash = (hash ^ (unsigned char)text.p[i]) * 1099511628211u;
    return hash;
}

static struct said *place_of(struct engine *engine, int64_t chat, uint64_t hash)
{
    return &engine->said[(hash ^ (uint64_t)chat * 0x9e3779b97f4a7c15u) & (SAID - 1)];
}

/* The inbox may show it to another node than the one that sent it. */
static struct text said_name(const struct engine *engine, uint64_t hash)
{
    char name[32];

    snprintf(name, sizeof(name), ":said.%016" PRIx64, hash);
    return arena_text(engine->arena, text_of(name));
}

static bool was_said_by_a_node(struct engine *engine, int64_t chat, uint64_t hash)
{
    struct text name = said_name(engine, hash);
    struct variable_row *rows;
    size_t n = store_variables(engine->store, chat, engine->now, engine->arena, &rows);

    for (size_t i = 0; i < n; i++)
        if (name.p && text_eq(rows[i].name, name))
            return true;
    return false;
}

static bool was_said(struct engine *engine, int64_t chat, struct text text)
{
    const uint64_t hash = hash_text(text);
    const struct said *said = place_of(engine, chat, hash);

    if (engine->node.joined)
        return was_said_by_a_node(engine, chat, hash);
    return said->chat == chat && said->hash == hash && engine->now - said->at < SAID_MS;
}

static bool has_key_data(const struct rendered *message)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            if (message->rows[i].buttons[k].callback_data.p)
                return true;
    return false;
}

static bool add_keys(const struct engine *engine, const struct rendered *message, struct json_object *keys)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++) {
            const struct rendered_button *key = &message->rows[i].buttons[k];
            struct text label = arena_text(engine->arena, text_trim(key->text));

            if (!label.p || !doc_add_text(keys, label.p, key->callback_data))
                return false;
        }
    return true;
}

static void keep_keyboard(struct engine *engine, int64_t chat, const struct rendered *message)
{
    struct variable_row row = { text_of(KEYBOARD), TEXT_NONE, engine->now + KEYBOARD_MS, false };
    struct json_object *keys = json_object_new_object();

    if (keys && add_keys(engine, message, keys))
        row.value = doc_printed(keys, KEYBOARD_MAX, engine->arena);
    if (!row.value.p)
        store_give_up(engine->store, "no memory for the keyboard");
    else
        store_set_variable(engine->store, chat, &row);
    engine->has_variables = true;
    json_object_put(keys);
}

void guard_note_sent(struct engine *engine, int64_t chat, const struct rendered *message)
{
    const uint64_t hash = hash_text(message->text);

    *place_of(engine, chat, hash) = (struct said){ chat, engine->now, hash };
    if (engine->node.joined)
        store_set_variable(
            engine->store, chat,
            &(struct variable_row){ said_name(engine, hash), text_of("1"), engine->now + SAID_MS, false });
    if (message->type == MESSAGE_REPLY_KEYBOARD && has_key_data(message))
        keep_keyboard(engine, chat, message);
    else if (engine->has_variables &&
             (message->type == MESSAGE_REPLY_KEYBOARD || message->type == MESSAGE_REMOVE_REPLY_KEYBOARD))
        store_drop_variable(engine->store, chat, text_of(KEYBOARD));
}

const char *guard_teammate(struct engine *engine, const struct source *source, const struct entry *entry)
{
    struct chat_row chat;

    if (!entry->user_id.p || source_takeover_ms(source) == 0 ||
        !store_find_chat(engine->store, engine_chat_channel(engine, source), entry->user_id, engine->arena,
                         &chat))
        return entry->kind == ENTRY_TEAMMATE ? "a teammate's message" : "the conversation was closed";
    if (entry->kind == ENTRY_CLOSED) {
        guard_set_quiet(engine, chat.id, 0);
        return "the conversation was closed: texts are answered again";
    }
    if (was_said(engine, chat.id, entry->body))
        return "our own message, as the inbox shows it";
    guard_set_quiet(engine, chat.id, source_takeover_ms(source));
    return "a teammate's message: for a while texts are left to people";
}

/* --- before the match ---------------------------------------------------------------------------------------------------- */

static bool is_token(struct text data)
{
    if (data.n != strlen(TOKEN_SIGN) + TOKEN_DIGITS || !text_starts(data, TOKEN_SIGN))
        return false;
    for (size_t i = strlen(TOKEN_SIGN); i < data.n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", data.p[i]))
            return false;
    return true;
}

/* The token of another chat, or of nobody, stays what it is: some text. */
static void take_token(struct engine *engine, struct ruleset_question *question, struct known *known)
{
    struct issued_row row;

    if (!is_token(question->data) ||
        !store_find_issued(engine->store, known->chat, question->data, engine->now, engine->arena, &row))
        return;
    known->token = question->data;
    question->data = row.data;
    question->kind = ENTRY_TAP;
    question->issued = true;
}

/* False when memory is out. */
static bool take_key(struct engine *engine, struct text keyboard, struct ruleset_question *question)
{
    struct fault fault;
    struct text label = arena_text(engine->arena, text_trim(question->data)), data;
    struct json_object *keys = doc_parse(keyboard, &fault);

    data = label.p ? doc_str(keys, label.p) : TEXT_NONE;
    if (data.p) {
        question->data = arena_text(engine->arena, data);
        question->kind = ENTRY_TAP;
    }
    json_object_put(keys);
    return label.p && question->data.p;
}

static bool take_chat(struct engine *engine, struct ruleset_question *question, const struct known *known)
{
    struct variable_row *rows;
    struct text keyboard;
    size_t n;

    store_touch_session(engine->store, known->chat, engine->now,
                        engine->now + ruleset_settings(engine->generation->ruleset)->session_ms);
    n = store_variables(engine->store, known->chat, engine->now, engine->arena, &rows);
    question->quiet = value_of(rows, n, QUIET).p;
    keyboard = value_of(rows, n, KEYBOARD);
    if (keyboard.p && question->kind != ENTRY_TAP && !take_key(engine, keyboard, question))
        return false;
    return add_chat(rows, n, question->scope);
}

bool guard_open(struct engine *engine, const struct source *source, const struct entry *entry,
                struct ruleset_question *question, struct known *known)
{
    bool ledger = ruleset_wants(engine->generation->ruleset)->ledger;
    struct chat_row chat;

    *known = (struct known){ .found = false };
    if (!entry->user_id.p || (!engine->has_variables && !ledger) ||
        !store_find_chat(engine->store, engine_chat_channel(engine, source), entry->user_id, engine->arena,
                         &chat))
        return true;
    *known = (struct known){ .found = true, .chat = chat.id };
    if (question->kind != ENTRY_TEXT && ledger)
        take_token(engine, question, known);
    return !engine->has_variables || take_chat(engine, question, known);
}

/* --- after it -------------------------------------------------------------------------------------------------------------- */

enum refusal guard_check(struct engine *engine, const struct rule *rule, const struct known *known,
                         const struct ruleset_question *question, struct issued_row *row)
{
    struct text token = known->token.p ? known->token : question->data;

    if (!known->found ||
        !store_find_issued(engine->store, known->chat, token, engine->now, engine->arena, row))
        return REFUSED_NOT_ISSUED;
    if (rule->expires_ms && engine->now - row->at >= rule->expires_ms)
        return REFUSED_EXPIRED;
    return rule->single_use && row->spent_by ? REFUSED_USED : REFUSED_NOT;
}
