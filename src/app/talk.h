#pragma once

/* A customer's talk with the flow, in the sandbox: what was said, and what can be pressed now. For `test` and `chat`. */

#include "app/sandbox.h"
#include "core/shown.h"

#define TALK_PAUSE_MS 10000 /* what a customer takes between two turns, where nobody says otherwise */

struct talk;

/* talk_new: `contact` is a JSON object or none (p == NULL). NULL with a fault. */
struct talk *talk_new(const struct sandbox_setup *setup, struct text contact, struct fault *fault) CHECKED;
void talk_free(struct talk *talk);
void talk_wait(struct talk *talk, int64_t ms);
/* talk_forget_answers: as sandbox_forget_answers. */
void talk_forget_answers(struct talk *talk);
int64_t talk_now(const struct talk *talk);
/* talk_look: as sandbox_look, at the customer's chat. */
bool talk_look(struct talk *talk, struct sandbox_chat *out, struct fault *fault) CHECKED;

struct talk_turn {
    struct sandbox_outcome outcome;
    const struct shown *messages; /* what was sent, as outcome.sent */
    size_t count;
};

/* talk_say: a tap or a text, and all that follows. What `turn` points to lives as long as the talk. */
bool talk_say(struct talk *talk, enum entry_kind kind, struct text data, struct talk_turn *turn,
              struct fault *fault) CHECKED;

/* What the customer can press: the buttons of the last message, and the keys of the keyboard that is there. */
struct talk_choice {
    const struct shown_button *button;
    const struct sandbox_sent *from; /* the request that brought it */
    bool key;
};

/* talk_choices: lends until the next turn. */
const struct talk_choice *talk_choices(const struct talk *talk, size_t *n);
/* talk_find: by label, without regard to white space at its ends; NULL if it is not there. */
const struct talk_choice *talk_find(const struct talk *talk, struct text label);
/* talk_attach: a file without words. */
bool talk_attach(struct talk *talk, const struct attachment *attachment, struct talk_turn *turn,
                 struct fault *fault) CHECKED;
/* talk_press: a button's tap, a key's text. False with a fault for a button that opens an address. */
bool talk_press(struct talk *talk, const struct talk_choice *choice, struct talk_turn *turn,
                struct fault *fault) CHECKED;
