#include "core/outcome.h"

#include "core/doc.h"

#include <string.h>

#define REASON_MAX 300
#define TEXT_LOOKED_AT 4096
#define RETRY_AFTER_MAX_S ((int64_t)24 * 3600)

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOMES] = {
        [OUTCOME_OK] = "ok",
        [OUTCOME_RETRY] = "retry",
        [OUTCOME_REJECTED] = "rejected",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_UNKNOWN] = "unknown",
        [OUTCOME_PAUSED] = "paused",
        [OUTCOME_FORBIDDEN] = "forbidden",
    };

    return (unsigned)outcome < OUTCOMES ? names[outcome] : "?";
}

/* Words of an answer and what they mean, whatever its status says; lower case. Telegram's descriptions may come wrapped or
   with Octopods' own words, so they are looked for anywhere in the text. */
static const struct {
    const char *words;
    enum outcome outcome;
} known_texts[] = {
    { "blocked by the user", OUTCOME_REJECTED },
    { "bot blocked", OUTCOME_REJECTED },
    { "bot was blocked", OUTCOME_REJECTED },
    { "blocked the bot", OUTCOME_REJECTED },
    { "blocked your bot", OUTCOME_REJECTED },
    { "user_is_blocked", OUTCOME_REJECTED },
    { "chat not found", OUTCOME_REJECTED },
    { "user not found", OUTCOME_REJECTED },
    { "peer_id_invalid", OUTCOME_REJECTED },
    { "user is deactivated", OUTCOME_REJECTED },
    { "input_user_deactivated", OUTCOME_REJECTED },
    { "can't initiate conversation", OUTCOME_REJECTED },
    { "cannot initiate conversation", OUTCOME_REJECTED },
    { "bot was kicked", OUTCOME_REJECTED },
    { "bot is not a member", OUTCOME_REJECTED },
    { "group chat was deleted", OUTCOME_REJECTED },
    { "group chat was upgraded", OUTCOME_REJECTED },
    { "deprecated api key", OUTCOME_PAUSED },
    { "deprecated_api_key", OUTCOME_PAUSED },
    { "unauthorized", OUTCOME_PAUSED },
    { "channel / number is unknown to us", OUTCOME_PAUSED },
    { "too many requests", OUTCOME_RETRY },
};

/* What a status means where no text is known. */
static const struct {
    int first, last;
    enum outcome outcome;
} statuses[] = {
    { 200, 299, OUTCOME_OK },        { 300, 399, OUTCOME_PAUSED }, { 401, 401, OUTCOME_PAUSED },
    { 403, 403, OUTCOME_FORBIDDEN }, { 404, 405, OUTCOME_PAUSED }, { 429, 429, OUTCOME_RETRY },
    { 400, 499, OUTCOME_FAILED },    { 500, 500, OUTCOME_RETRY },  { 503, 503, OUTCOME_RETRY },
};

/* Where the last whole member of the outermost object ends, as far as it is known that it is whole. */
static size_t last_member(struct text body)
{
    size_t end = 0;
    bool quoted = false;
    char last = 0;
    int depth = 0;

    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        if (quoted)
            continue;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth == 1 && (c == ',' || (c == '"' && last == ':')))
            end = c == ',' ? i : i + 1;
        if (c && strchr("{[]},:", c))
            last = c;
    }
    return end;
}

/* What an answer had said before it broke off. */
static struct json_object *parse_torn(struct text body)
{
    struct buf whole = BUF(body.n + 1);
    struct json_object *doc;
    struct fault fault;

    buf_add(&whole, body.p, last_member(body));
    buf_char(&whole, '}');
    doc = doc_parse(buf_get(&whole), &fault);
    buf_free(&whole);
    return doc;
}

/* NULL: it is no object. */
static struct json_object *parse_object(struct text body)
{
    struct fault fault;
    struct json_object *doc = body.n ? doc_parse(body, &fault) : NULL;

    if (json_object_is_type(doc, json_type_object))
        return doc;
    json_object_put(doc);
    return NULL;
}

/* What the answer says went wrong: Octopods' "error", Telegram's "description", or a body that is no JSON and no page. */
static struct text error_text(const struct answer *answer, struct json_object *doc)
{
    static const char *const keys[] = { "error", "description", "message" };
    struct text body = text_trim(answer->body);

    for (size_t i = 0; doc && i < sizeof(keys) / sizeof(*keys); i++) {
        struct text text = doc_str(doc, keys[i]);

        if (text.n)
            return text;
    }
    if (doc) /* {"error": {"message": ...}} */
        return doc_str(doc_key(doc, "error"), "message");
    if (body.n == 0 || body.p[0] == '<' || answer->status / 100 == 2)
        return TEXT_NONE;
    return text_make(body.p, body.n < TEXT_LOOKED_AT ? body.n : TEXT_LOOKED_AT);
}

static bool by_text(struct text text, enum outcome *outcome)
{
    for (size_t i = 0; text.n && i < sizeof(known_texts) / sizeof(*known_texts); i++) {
        if (!text_find_nocase(text, known_texts[i].words))
            continue;
        *outcome = known_texts[i].outcome;
        return true;
    }
    return false;
}

static enum outcome by_status(const struct answer *answer)
{
    if (answer->status < 200)
        return answer->left ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (answer->status >= statuses[i].first && answer->status <= statuses[i].last)
            return statuses[i].outcome;
    /* 502, 504, 520-527 and every other 5xx: something in between gave up, the message may be out. */
    return OUTCOME_UNKNOWN;
}

static void later(struct verdict *out, int64_t ms)
{
    if (ms > RETRY_AFTER_MAX_S * 1000)
        ms = RETRY_AFTER_MAX_S * 1000;
    if (ms > out->retry_after_ms)
        out->retry_after_ms = ms;
}

/* "Too Many Requests: retry after 17" */
static void later_by_text(struct text text, struct verdict *out)
{
    static const char words[] = "retry after ";
    const size_t n = sizeof(words) - 1;
    int64_t seconds = 0;

    for (; text.n > n; text.p++, text.n--) {
        if (!text_is_nocase(text_make(text.p, n), words))
            continue;
        for (size_t i = n; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
            if (seconds < RETRY_AFTER_MAX_S)
                seconds = seconds * 10 + (text.p[i] - '0');
        if (text.p[n] >= '0' && text.p[n] <= '9')
            later(out, seconds * 1000);
        return;
    }
}

static void later_by_doc(struct json_object *doc, struct verdict *out)
{
    struct json_object *seconds = doc_key(doc_key(doc, "parameters"), "retry_after");
    int64_t value;

    if (!seconds || json_object_get_type(seconds) != json_type_int)
        return;
    value = json_object_get_int64(seconds);
    if (value >= 0)
        later(out, (value < RETRY_AFTER_MAX_S ? value : RETRY_AFTER_MAX_S) * 1000);
}

static void be_later(const struct answer *answer, struct text error, struct json_object *doc,
                     struct verdict *out)
{
    later(out, answer->retry_after_ms);
    later_by_text(error, out);
    later_by_doc(doc, out);
}

static struct text keep(struct arena *arena, struct text text)
{
    return text.n ? arena_text(arena, text) : TEXT_NONE;
}

static void read_ids(const struct answer *answer, struct json_object *whole, struct arena *arena,
                     struct verdict *out)
{
    struct json_object *doc = whole || answer->whole ? json_object_get(whole) : parse_torn(answer->body);
    struct text url = doc_str(doc, "message_status_url");
    char id[256];

    if (doc_id(doc_key(doc, "message_id"), id))
        out->reply_id = keep(arena, text_of(id));
    if (doc_id(doc_key(doc, "request_id"), id))
        out->request_id = keep(arena, text_of(id));
    if (url.n <= 2048)
        out->status_url = keep(arena, url);
    json_object_put(doc);
}

static struct text reason(const struct answer *answer, struct text error, struct json_object *doc,
                          struct arena *arena)
{
    char line[REASON_MAX + 1], words[REASON_MAX / 2 + 1], code[256];
    struct buf buf = BUF(REASON_MAX);
    struct text kept;

    if (answer->status)
        buf_printf(&buf, "HTTP %d", answer->status);
    else
        buf_str(&buf, answer->left ? "no answer" : "not connected");
    if (!error.n && answer->status < 200 && answer->error)
        error = text_of(answer->error);
    text_printable(text_trim(error), words, sizeof(words) - 1);
    if (words[0])
        buf_printf(&buf, ": %s", words);
    if (doc_id(doc_key(doc, "error_code"), code) && strlen(code) < 16)
        buf_printf(&buf, " (error_code %s)", code);
    if (answer->status && !answer->whole)
        buf_str(&buf, ", the answer is not whole");
    text_printable(buf_get(&buf), line, REASON_MAX);
    buf_free(&buf);
    kept = arena_text(arena, text_of(line));
    return kept.p ? kept : text_of("out of memory");
}

void outcome_classify(const struct answer *answer, struct arena *arena, struct verdict *out)
{
    struct json_object *doc = parse_object(answer->body);
    struct text error = error_text(answer, doc);

    *out = (struct verdict){ .retry_after_ms = -1 };
    if (answer->status < 200 || !by_text(error, &out->outcome))
        out->outcome = by_status(answer);
    if (out->outcome == OUTCOME_RETRY)
        be_later(answer, error, doc, out);
    read_ids(answer, doc, arena, out);
    out->reason = reason(answer, error, doc, arena);
    json_object_put(doc);
}

/* --- a message's status ---------------------------------------------------------------------------------------------- */

/* Of all channels, as the one for Telegram is documented nowhere; in either case. What is deleted was there. The others
   (queued, unknown, whatever comes) may still become one of these. */
static const struct {
    const char *status;
    enum outcome outcome;
} message_statuses[] = {
    { "sent", OUTCOME_OK },    { "delivered", OUTCOME_OK },  { "read", OUTCOME_OK },
    { "deleted", OUTCOME_OK }, { "failed", OUTCOME_FAILED }, { "undelivered", OUTCOME_FAILED },
};

/* A string, or an object with a code and a title; else what the status means in words. */
static struct text failure_text(struct json_object *doc)
{
    struct text text = doc_str(doc, "failure_reason");

    if (!text.n)
        text = doc_str(doc_key(doc, "failure_reason"), "title");
    return text.n ? text : doc_str(doc, "status_message");
}

static void by_message_status(struct text status, struct json_object *doc, struct arena *arena,
                              struct verdict *out)
{
    char word[41], words[REASON_MAX / 2 + 1] = "";
    struct buf line = BUF(REASON_MAX);
    enum outcome told;

    text_printable(status, word, sizeof(word) - 1);
    buf_printf(&line, "message status %s", word);
    for (size_t i = 0; i < sizeof(message_statuses) / sizeof(*message_statuses); i++)
        if (text_is_nocase(status, message_statuses[i].status))
            out->outcome = message_statuses[i].outcome;
    if (out->outcome == OUTCOME_FAILED) {
        text_printable(text_trim(failure_text(doc)), words, sizeof(words) - 1);
        if (by_text(failure_text(doc), &told) && told == OUTCOME_REJECTED)
            out->outcome = OUTCOME_REJECTED;
    }
    if (words[0])
        buf_printf(&line, ": %s", words);
    out->reason = arena_text(arena, buf_get(&line));
    buf_free(&line);
}

void outcome_of_status(const struct answer *answer, struct arena *arena, struct verdict *out)
{
    struct json_object *doc = parse_object(answer->body);
    struct text status = answer->status / 100 == 2 ? doc_str(doc, "status") : TEXT_NONE;
    struct text error = error_text(answer, doc);

    *out = (struct verdict){ .outcome = OUTCOME_RETRY, .retry_after_ms = -1 };
    if (status.n) {
        by_message_status(status, doc, arena, out);
    } else {
        be_later(answer, error, doc, out);
        out->reason = reason(answer, error, doc, arena);
    }
    json_object_put(doc);
}

int64_t retry_delay(int attempt, int64_t base_ms, int64_t max_ms, int64_t retry_after_ms, uint32_t random)
{
    int64_t most = base_ms > 0 ? base_ms : 1, delay;

    for (int i = 1; i < attempt && most < max_ms; i++)
        most = most > INT64_MAX / 2 ? INT64_MAX : most * 2;
    if (most > max_ms && max_ms > 0)
        most = max_ms;
    delay = 1 + (int64_t)((double)random / 4294967296.0 * (double)most);
    if (delay > most)
        delay = most;
    return delay < retry_after_ms ? retry_after_ms : delay;
}
