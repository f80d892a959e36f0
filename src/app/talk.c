#include "app/talk.h"

#include <stdlib.h>

#define ARENA_MAX ((size_t)256 << 20)
#define USER_ID "1000000001"

struct talk {
    struct sandbox *sandbox;
    struct arena *arena;
    struct text contact;
    const struct shown *last, *keyboard; /* the last message; the one whose keyboard is there; NULL: none */
    const struct sandbox_sent *last_sent, *keyboard_sent;
    struct talk_choice *choices;
    size_t n_choices;
};

struct talk *talk_new(const struct sandbox_setup *setup, struct text contact, struct fault *fault)
{
    struct talk *talk = calloc(1, sizeof(*talk));

    fault_set(fault, "out of memory");
    if (!talk)
        return NULL;
    talk->arena = arena_new(ARENA_MAX);
    if (talk->arena && contact.p)
        talk->contact = arena_text(talk->arena, contact);
    if (talk->arena && (talk->contact.p || !contact.p))
        talk->sandbox = sandbox_new(setup, fault);
    if (talk->sandbox)
        return talk;
    talk_free(talk);
    return NULL;
}

void talk_free(struct talk *talk)
{
    if (!talk)
        return;
    sandbox_free(talk->sandbox);
    arena_free(talk->arena);
    free(talk);
}

void talk_wait(struct talk *talk, int64_t ms)
{
    sandbox_advance(talk->sandbox, ms);
}

void talk_forget_answers(struct talk *talk)
{
    sandbox_forget_answers(talk->sandbox);
}

int64_t talk_now(const struct talk *talk)
{
    return sandbox_now(talk->sandbox);
}

bool talk_look(struct talk *talk, struct sandbox_chat *out, struct fault *fault)
{
    return sandbox_look(talk->sandbox, text_of(USER_ID), out, fault);
}

/* --- what can be pressed ----------------------------------------------------------------------------------------------- */

static size_t buttons_of(const struct shown *message)
{
    size_t n = 0;

    for (size_t i = 0; message && i < message->n_rows; i++)
        n += message->rows[i].count;
    return n;
}

static void add_choices(struct talk *talk, const struct shown *message, const struct sandbox_sent *sent)
{
    for (size_t i = 0; message && i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            talk->choices[talk->n_choices++] =
                (struct talk_choice){ &message->rows[i].buttons[k], sent, message->keyboard };
}

/* Telegram keeps a keyboard until another message takes it away; buttons stay with their message. */
static void look(struct talk *talk, const struct shown *message, const struct sandbox_sent *sent)
{
    talk->last = message->keyboard ? NULL : message;
    talk->last_sent = sent;
    if (!message->keyboard && !text_is(message->type, "remove_reply_keyboard"))
        return;
    talk->keyboard = message->keyboard ? message : NULL;
    talk->keyboard_sent = sent;
}

static bool look_at_all(struct talk *talk, const struct talk_turn *turn)
{
    for (size_t i = 0; i < turn->count; i++)
        look(talk, &turn->messages[i], &turn->outcome.sent[i]);
    talk->n_choices = 0;
    talk->choices = arena_array(talk->arena, buttons_of(talk->last) + buttons_of(talk->keyboard) + 1,
                                sizeof(*talk->choices));
    if (!talk->choices)
        return false;
    add_choices(talk, talk->last, talk->last_sent);
    add_choices(talk, talk->keyboard, talk->keyboard_sent);
    return true;
}

const struct talk_choice *talk_choices(const struct talk *talk, size_t *n)
{
    *n = talk->n_choices;
    return talk->choices;
}

const struct talk_choice *talk_find(const struct talk *talk, struct text label)
{
    for (size_t i = 0; i < talk->n_choices; i++)
        if (text_eq(text_trim(talk->choices[i].button->label), text_trim(label)))
            return &talk->choices[i];
    return NULL;
}

/* --- turns --------------------------------------------------------------------------------------------------------------- */

static bool read_messages(struct talk *talk, struct talk_turn *turn, struct fault *fault)
{
    struct shown *messages = arena_array(talk->arena, turn->outcome.n_sent + 1, sizeof(*messages));

    turn->messages = messages;
    turn->count = turn->outcome.n_sent;
    for (size_t i = 0; messages && i < turn->count; i++)
        if (!shown_read(turn->outcome.sent[i].body, talk->arena, &messages[i], fault))
            return false;
    return (messages && look_at_all(talk, turn)) || fault_set(fault, "out of memory");
}

bool talk_say(struct talk *talk, enum entry_kind kind, struct text data, struct talk_turn *turn,
              struct fault *fault)
{
    const struct sandbox_entry entry = {
        .kind = kind, .data = data, .user_id = text_of(USER_ID), .contact = talk->contact
    };

    return sandbox_enter(talk->sandbox, &entry, &turn->outcome, fault) && read_messages(talk, turn, fault);
}

bool talk_attach(struct talk *talk, const struct attachment *attachment, struct talk_turn *turn,
                 struct fault *fault)
{
    const struct sandbox_entry entry = { .kind = ENTRY_TEXT,
                                         .data = text_of(""),
                                         .user_id = text_of(USER_ID),
                                         .contact = talk->contact,
                                         .attachment = *attachment };

    return sandbox_enter(talk->sandbox, &entry, &turn->outcome, fault) && read_messages(talk, turn, fault);
}

bool talk_press(struct talk *talk, const struct talk_choice *choice, struct talk_turn *turn,
                struct fault *fault)
{
    const struct shown_button *button = choice->button;

    if (button->url.p)
        return fault_set(fault, "'%.*s' opens %.*s", (int)(button->label.n < 100 ? button->label.n : 100),
                         button->label.p, (int)(button->url.n < 500 ? button->url.n : 500), button->url.p);
    return talk_say(talk, button->data.p ? ENTRY_TAP : ENTRY_TEXT,
                    button->data.p ? button->data : button->label, turn, fault);
}
