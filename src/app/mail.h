#pragma once

/* What the two threads say to each other. A mail owns all that it carries; mail_free frees any of them. */

#include "base/mailbox.h"
#include "base/text.h"
#include "core/lookup.h"
#include "core/source.h"

#include <stdint.h>

struct findings;
struct generation;

enum mail_kind {
    /* loop to engine */
    MAIL_ACCEPT, /* a verified notification */
    MAIL_RESULT, /* how a request ended */
    MAIL_RELOAD, /* a generation that was loaded, or why it was not */
    MAIL_STOP,   /* no new claims; end when nothing is in flight */
    /* engine to loop */
    MAIL_ACKS,       /* answers for accepted notifications */
    MAIL_REQUEST,    /* a request to make */
    MAIL_GENERATION, /* work with this generation from now on */
    MAIL_RELOADED,   /* a reload is over, whether it was refused or not */
    MAIL_ENDED,      /* the engine has stopped */
};

struct accept_mail {
    struct mail mail;
    uint64_t request; /* the front door's number for it */
    int64_t received_us;
    char *source, *headers, *body;
    size_t body_size;
};

/* What a request was made for; comes back with its result. */
enum job_kind { JOB_SEND, JOB_POLL, JOB_FETCH, JOB_INBOX, JOB_LOOKUP };

struct job {
    enum job_kind kind;
    int64_t run, chat; /* of all but JOB_FETCH */
    int step, n, attempt;
    int64_t stored_at;
    int64_t entry; /* JOB_FETCH */
    enum fetch_kind fetch;
    char owner[65];                 /* the channel's, the source's, the lookup's name */
    unsigned char key[LOOKUP_HASH]; /* JOB_LOOKUP: of what is asked, for the cache */
};

#define REQUEST_HEADERS 24

struct request_mail {
    struct mail mail;
    struct job job;
    const char *method;
    char *url, *body;
    char *headers[REQUEST_HEADERS + 1]; /* up to NULL; may hold a key: wiped by mail_free */
    int64_t timeout_ms, connect_timeout_ms;
    size_t answer_max;
    int64_t
        start_before_ms; /* in now_boot_ms: its body is not begun later, as others may have it then; 0: at any time */
    bool public_only; /* to no address inside of our network */
    struct result_mail
        *result; /* for whoever makes the request: how it ends can be told whatever memory is left */
};

struct result_mail {
    struct mail mail;
    struct job job;
    bool left, whole;
    int status;
    int64_t retry_after_ms, took_ms;
    char *body, *error; /* error: NULL if the transport did not fail */
    size_t body_size;
    struct generation *asked_with; /* whose secrets the request carried; NULL: not known, or none */
};

struct acks_mail {
    struct mail mail;
    bool stored; /* 200, else 503 */
    size_t count;
    struct ack {
        uint64_t request;
        int64_t received_us;
    } acks[];
};

struct reload_mail {
    struct mail mail;
    struct generation *generation; /* NULL: refused */
    struct findings *findings;
};

struct generation_mail {
    struct mail mail;
    struct generation *generation;
};

struct ended_mail {
    struct mail mail;
    bool stored; /* false: the last commit failed */
};

/* mail_new: zeroed, of this kind and size; NULL when memory is out. */
void *mail_new(enum mail_kind kind, size_t size) CHECKED;
/* mail_request: a request for this job, with the result that it will have. */
struct request_mail *mail_request(const struct job *job) CHECKED;
void mail_free(struct mail *mail);
/* mail_free_all: a list as mailbox_take gives it. */
void mail_free_all(struct mail *mail);
