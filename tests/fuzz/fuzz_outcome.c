/* What Octopods or the helpdesk answers: a line "STATUS [FLAGS [RETRY-AFTER]]" (flags: l: the request left, w: the answer is whole),
   then the body. */

#include "fuzz.h"

#include "core/inbox.h"
#include "core/outcome.h"

#include <string.h>

static struct answer read_answer(struct text body)
{
    struct text line = fuzz_line(&body), status = line, flags = TEXT_NONE, after = TEXT_NONE;
    struct answer answer = { .retry_after_ms = -1, .body = body };
    int64_t number;

    if (text_cut(line, ' ', &status, &flags))
        (void)text_cut(flags, ' ', &flags, &after);
    answer.status = text_i64(status, &number) && number >= 0 && number < 1000 ? (int)number : 0;
    answer.left = flags.n && memchr(flags.p, 'l', flags.n);
    answer.whole = flags.n && memchr(flags.p, 'w', flags.n);
    if (text_i64(after, &number) && number >= 0)
        answer.retry_after_ms = number;
    answer.error = answer.status ? NULL : "connection refused";
    return answer;
}

static void check_inbox(const struct answer *answer, struct arena *arena)
{
    struct text id, reason;
    enum outcome outcome = inbox_classify(answer->status, answer->body, arena, &id, &reason);

    HOLDS(outcome < OUTCOMES && outcome != OUTCOME_UNKNOWN && fuzz_is_line(reason));
}

static void check_status(const struct answer *answer, struct arena *arena)
{
    struct verdict verdict;

    outcome_of_status(answer, arena, &verdict);
    HOLDS(fuzz_is_line(verdict.reason));
    HOLDS(verdict.outcome == OUTCOME_RETRY || answer->status / 100 == 2);
    HOLDS(verdict.outcome == OUTCOME_OK || verdict.outcome == OUTCOME_REJECTED ||
          verdict.outcome == OUTCOME_FAILED || verdict.outcome == OUTCOME_RETRY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer answer = read_answer(fuzz_text(data, size));
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    struct verdict verdict;
    int64_t delay;

    outcome_classify(&answer, arena, &verdict);
    HOLDS(verdict.outcome < OUTCOMES);
    HOLDS(fuzz_is_line(verdict.reason));
    HOLDS(verdict.outcome != OUTCOME_UNKNOWN || answer.left ||
          answer.status); /* what never left is never unknown */
    HOLDS(verdict.outcome != OUTCOME_OK || (answer.status >= 200 && answer.status < 300));
    HOLDS(verdict.retry_after_ms >= -1);
    HOLDS(verdict.outcome == OUTCOME_RETRY || verdict.retry_after_ms == -1);
    HOLDS(text_utf8_count(verdict.reply_id) >= 0 && text_utf8_count(verdict.request_id) >= 0);
    delay = retry_delay((int)(size % 100), 1000, 60000, verdict.retry_after_ms, (uint32_t)size * 2654435761u);
    HOLDS(delay >= 1 && delay >= verdict.retry_after_ms);
    check_inbox(&answer, arena);
    check_status(&answer, arena);
    arena_free(arena);
    return 0;
}
