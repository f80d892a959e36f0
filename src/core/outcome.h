#pragma once

/* How a request to Octopods ended, and what follows from it. Sources: the article's "Common errors", Octopods' error codes and
   message statuses, Telegram's descriptions. */

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

enum outcome {
    OUTCOME_OK,
    OUTCOME_RETRY,    /* later, the same bytes */
    OUTCOME_REJECTED, /* the customer's side: blocked bot, chat not found */
    OUTCOME_FAILED,   /* ours: bad payload */
    OUTCOME_UNKNOWN,  /* the request left, the answer did not come */
    OUTCOME_PAUSED, /* the channel's key, address or account is wrong: the run waits until a person mends it */
    OUTCOME_FORBIDDEN, /* 403 without a known text: retry, and pause after three distinct chats without a success */
    OUTCOMES
};

const char *outcome_name(enum outcome outcome);

/* What the transport saw. */
struct answer {
    bool left;              /* the body callback was entered: the request may have arrived */
    int status;             /* of the status line; 0: none came */
    bool whole;             /* the answer was read to its end and within its limit */
    int64_t retry_after_ms; /* from Retry-After; -1: not said */
    struct text body;
    const char *error; /* the transport's words when it failed; NULL */
};

struct verdict {
    enum outcome outcome;
    struct text reason; /* for people and logs: one line, in the arena */
    /* Of an answer that broke off, what it had said until then. */
    struct text reply_id; /* message_id, string or number, as text */
    struct text request_id, status_url;
    int64_t
        retry_after_ms; /* -1: not said. Retry-After, or Telegram's "retry after N" / parameters.retry_after */
};

/* outcome_classify: the first line of durability's list that fits. Never fails. */
void outcome_classify(const struct answer *answer, struct arena *arena, struct verdict *out);
/* outcome_of_status: what became of a message, by the answer to a request for its status: ok, rejected or failed; retry: that
   is not known yet. Never fails. */
void outcome_of_status(const struct answer *answer, struct arena *arena, struct verdict *out);

/* retry_delay: full jitter on exponential backoff: attempt 1 gives about base_ms, doubled for each further one up to max_ms;
   `random` is any 32 bits. Retry-After (>= 0) is a lower bound. */
int64_t retry_delay(int attempt, int64_t base_ms, int64_t max_ms, int64_t retry_after_ms, uint32_t random);
