#pragma once

/* What the parts of `callbackd chat` share: a talk that remembers its turns, so that it can be taken back and saved. */

#include "app/answers.h"
#include "app/talk.h"
#include "core/testcase.h"

#define CHAT_TURNS 1000

/* What the customer does. */
struct chat_deed {
    enum deed deed;
    struct text what;      /* data, text, label; a media type */
    struct text url, name; /* of an attachment; p == NULL: not said */
};

struct chat_turn {
    enum deed deed;
    char *what, *url, *name; /* NULL: not said */
    int64_t after_ms;
    struct talk_turn result;
};

struct chat {
    struct generation *generation;
    struct text contact; /* p == NULL: none */
    int64_t start_at;
    struct talk *talk;
    struct chat_turn turns[CHAT_TURNS];
    size_t count, playing; /* the turn that is being played */
    struct answers answers;
    int64_t wait_ms; /* before the next turn; -1: as long as customers take */
    char *saved;     /* the file that this talk was saved to; NULL: none yet */
};

/* chat_begin: a new talk. False with a fault. */
bool chat_begin(struct chat *chat, struct fault *fault) CHECKED;
void chat_end(struct chat *chat);
/* chat_take: a turn; it is remembered if it could be taken. */
bool chat_take(struct chat *chat, const struct chat_deed *deed, struct fault *fault) CHECKED;
/* chat_back: as if the last turn had not been; false if there is none, or with a fault. */
bool chat_back(struct chat *chat, struct fault *fault) CHECKED;
/* chat_save: the talk as a test case that passes, to a new file, or to the one where it was saved before. */
bool chat_save(struct chat *chat, struct text path, struct fault *fault) CHECKED;

/* --- cmd_chat_show.c ------------------------------------------------------------------------------------------------- */

void chat_complain(const struct fault *fault);
/* chat_show_turn: what the last turn brought. */
void chat_show_turn(const struct chat *chat);
void chat_show_variables(const struct chat *chat);
/* chat_show_lookup: what it is answered from now on; chat_show_lookups: of all that rules ask. */
void chat_show_lookup(const struct chat *chat, const char *name);
void chat_show_lookups(const struct chat *chat);
