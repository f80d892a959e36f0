#pragma once

/* The front door: what a webhook request is answered. Verifies on the loop's thread, hands over to the engine, and answers when
   the engine has stored it, or 503 when that takes too long. */

#include "app/generation.h"
#include "app/mail.h"
#include "app/metrics.h"
#include "net/intake.h"
#include "net/loop.h"

struct frontdoor;

/* frontdoor_new: takes a reference of the generation. Mails for the engine go to `engine`. */
struct frontdoor *frontdoor_new(struct loop *loop, struct generation *generation, struct mailbox *engine,
                                struct metrics *metrics) CHECKED;
void frontdoor_free(struct frontdoor *door);
/* frontdoor_listen: on the configuration's address, with TLS if it says so. */
bool frontdoor_listen(struct frontdoor *door, struct fault *fault) CHECKED;
const char *frontdoor_address(const struct frontdoor *door);
/* frontdoor_adopt: works with another generation (takes a reference); TLS files are read again. */
void frontdoor_adopt(struct frontdoor *door, struct generation *generation);
/* frontdoor_answer: what the engine said of stored notifications. */
void frontdoor_answer(struct frontdoor *door, const struct acks_mail *acks);
/* frontdoor_close: accepts no more connections; what is not handed over yet is answered 503. */
void frontdoor_close(struct frontdoor *door);
/* frontdoor_is_quiet: after frontdoor_close: every answer has gone out. */
bool frontdoor_is_quiet(const struct frontdoor *door);
