#pragma once

/* An intake in a thread of its own, and a plain-socket client to it. */

#include "net/intake.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIT_HELD 64

struct kit {
    struct loop *loop;
    struct intake *intake;
    pthread_t thread;
    int calls[2], results[2]; /* pipes: pointers to struct call, and back */
    struct loop_watch *watch;
    /* The loop thread's, to be looked at by kit_on_loop only. */
    bool hold; /* keep requests instead of answering them */
    uint64_t held[KIT_HELD];
    size_t n_held, n_seen;
};

/* Answers every request with "METHOD TARGET BODY-LENGTH" as text. */
struct kit *kit_start(const char *address, const struct intake_limits *limits);
void kit_stop(struct kit *kit);
/* kit_on_loop: runs it in the loop's thread and waits for its result. */
size_t kit_on_loop(struct kit *kit, size_t (*run)(struct kit *kit));
/* kit_until: repeats it until it gives `want`; fails the test after 5 s. */
void kit_until(struct kit *kit, size_t (*run)(struct kit *kit), size_t want);
size_t kit_connections(struct kit *kit);
size_t kit_pending(struct kit *kit);
size_t kit_held(struct kit *kit);
size_t kit_seen(struct kit *kit);
size_t kit_answer_held(struct kit *kit);

int kit_connect(struct kit *kit);
void kit_send(int fd, const char *bytes, size_t n);
void kit_say(int fd, const char *string);
/* kit_hear: reads until `until` was seen, or to the end if it is NULL, at most 5 s; NUL-terminated, into out. True: it was seen (the
   end came). A reset counts as the end. */
bool kit_hear(int fd, const char *until, char *out, size_t size);
/* kit_ask: a connection of its own for these bytes; all that comes back, until the end. */
void kit_ask(struct kit *kit, const char *bytes, size_t n, char *out, size_t size);
