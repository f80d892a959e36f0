#pragma once

/* What the parts of `callbackd chat` share: a talk that remembers its turns, so that it can be taken back and saved. */

#include "app/talk.h"
#include "core/testcase.h"

#define CHAT_TURNS 1000

struct chat_turn {
    enum deed deed;
    char *what;
    int64_t after_ms;
    struct talk_turn result;
};

struct chat {
    struct generation *generation;
    struct text contact; /* p == NULL: none */
    int64_t start_at;
    struct talk *talk;
    struct chat_turn turns[CHAT_TURNS];
    size_t count;
    int64_t wait_ms; /* before the next turn; -1: as long as customers take */
};

/* chat_begin: a new talk. False with a fault. */
bool chat_begin(struct chat *chat, struct fault *fault) CHECKED;
void chat_end(struct chat *chat);
/* chat_take: a turn; it is remembered if it could be taken. */
bool chat_take(struct chat *chat, enum deed deed, struct text what, struct fault *fault) CHECKED;
/* chat_back: as if the last turn had not been; false if there is none, or with a fault. */
bool chat_back(struct chat *chat, struct fault *fault) CHECKED;
/* chat_save: the talk as a test case, to a file. */
bool chat_save(const struct chat *chat, const char *path, struct fault *fault) CHECKED;
