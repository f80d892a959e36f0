#include "core/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    bool left;
    int status;
    const char *body;
    enum outcome outcome;
    int64_t retry_after_ms;
};

#define TELEGRAM(code, words) "{\"ok\":false,\"error_code\":" #code ",\"description\":\"" words "\"}"
#define OCTOPODS(code, words) "{\"request_id\":\"req_1\",\"error_code\":" #code ",\"error\":\"" words "\"}"
#define BAD(words)                                                          \
    {                                                                       \
        true, 400, TELEGRAM(400, "Bad Request: " words), OUTCOME_FAILED, -1 \
    }

static const struct row rows[] = {
    /* Octopods: the article's common errors, the texts and codes of its error pages */
    { true, 400, OCTOPODS(9, "Chat not found"), OUTCOME_REJECTED, -1 },
    { true, 400, OCTOPODS(9, "Bot blocked"), OUTCOME_REJECTED, -1 },
    { true, 400, OCTOPODS(9, "The user has blocked your bot."), OUTCOME_REJECTED, -1 },
    { true, 400, OCTOPODS(9, "Message too long"), OUTCOME_FAILED, -1 },
    { true, 400, OCTOPODS(9, "Unauthorized"), OUTCOME_PAUSED, -1 },
    { true, 401, "", OUTCOME_PAUSED, -1 },
    { true, 403, "", OUTCOME_FORBIDDEN, -1 },
    { true, 403, "{\"error\":\"Telegram interactive is not enabled\"}", OUTCOME_FORBIDDEN, -1 },
    { true, 400, OCTOPODS(1, "You must supply message_id in your request payload."), OUTCOME_FAILED, -1 },
    { true, 400, OCTOPODS(2, "Body is empty."), OUTCOME_FAILED, -1 },
    { true, 400, OCTOPODS(4, "Type mismatch."), OUTCOME_FAILED, -1 },
    { true, 400, OCTOPODS(3, "Message Template does not exist."), OUTCOME_FAILED, -1 },
    { true, 400, OCTOPODS(6, "Deprecated API Key. Please go to your Octopods App, and get your new API Key"),
      OUTCOME_PAUSED, -1 },
    { true, 400, OCTOPODS(5, "Deprecated API key."), OUTCOME_PAUSED, -1 },
    { true, 400, OCTOPODS(5, "DEPRECATED_API_KEY"), OUTCOME_PAUSED, -1 },
    { true, 400, OCTOPODS(5, "Your origin sending Channel / Number is unknown to us."), OUTCOME_PAUSED, -1 },
    { true, 400, OCTOPODS(5, "Phone number is missing."), OUTCOME_FAILED, -1 },
    { true, 429, "", OUTCOME_RETRY, -1 },
    /* Telegram's descriptions, also wrapped by Octopods */
    { true, 400, TELEGRAM(400, "Bad Request: chat not found"), OUTCOME_REJECTED, -1 },
    { true, 400, OCTOPODS(7, "Telegram: Bad Request: CHAT NOT FOUND"), OUTCOME_REJECTED, -1 },
    { true, 400, TELEGRAM(400, "Bad Request: user not found"), OUTCOME_REJECTED, -1 },
    { true, 400, TELEGRAM(400, "Bad Request: private chat not found"), OUTCOME_REJECTED, -1 },
    { true, 400, TELEGRAM(400, "Bad Request: PEER_ID_INVALID"), OUTCOME_REJECTED, -1 },
    BAD("chat_id is empty"),
    BAD("message text is empty"),
    BAD("text must be non-empty"),
    BAD("message is too long"),
    BAD("text is too long"),
    BAD("message caption is too long"),
    BAD("BUTTON_DATA_INVALID"),
    BAD("BUTTON_URL_INVALID"),
    BAD("BUTTON_TYPE_INVALID"),
    BAD("inline keyboard button URL 'x' is invalid: Wrong HTTP URL"),
    BAD("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
    BAD("can't parse keyboard button: KeyboardButton must be a String or an Object"),
    BAD("can't parse reply keyboard markup JSON object"),
    BAD("can't parse entities: unexpected end"),
    BAD("reply markup is too long"),
    BAD("message is not modified: same content"),
    BAD("query is too old and response timeout expired or query ID is invalid"),
    { true, 400, TELEGRAM(400, "Bad Request: group chat was upgraded to a supergroup chat"), OUTCOME_REJECTED,
      -1 },
    { true, 401, TELEGRAM(401, "Unauthorized"), OUTCOME_PAUSED, -1 },
    { true, 403, TELEGRAM(403, "Forbidden: bot was blocked by the user"), OUTCOME_REJECTED, -1 },
    { true, 400, TELEGRAM(400, "Bad Request: USER_IS_BLOCKED"), OUTCOME_REJECTED, -1 },
    { true, 403, TELEGRAM(403, "Forbidden: user is deactivated"), OUTCOME_REJECTED, -1 },
    { true, 400, TELEGRAM(400, "Bad Request: INPUT_USER_DEACTIVATED"), OUTCOME_REJECTED, -1 },
    { true, 403, TELEGRAM(403, "Forbidden: bot can't initiate conversation with a user"), OUTCOME_REJECTED,
      -1 },
    { true, 403, TELEGRAM(403, "Forbidden: bot was kicked from the group chat"), OUTCOME_REJECTED, -1 },
    { true, 403, TELEGRAM(403, "Forbidden: bot is not a member of the channel chat"), OUTCOME_REJECTED, -1 },
    { true, 403, TELEGRAM(403, "Forbidden: the group chat was deleted"), OUTCOME_REJECTED, -1 },
    { true, 429,
      "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 17\","
      "\"parameters\":{\"retry_after\":17}}",
      OUTCOME_RETRY, 17000 },
    { true, 400, OCTOPODS(8, "Too Many Requests: retry after 5"), OUTCOME_RETRY, 5000 },
    { true, 400, OCTOPODS(8, "too many requests: Retry After 99999999999999999999"), OUTCOME_RETRY,
      86400000 },
    { true, 429, "{\"parameters\":{\"retry_after\":-3}}", OUTCOME_RETRY, -1 },
    { true, 429, "{\"parameters\":{\"retry_after\":\"x\"}}", OUTCOME_RETRY, -1 },
    { true, 500, TELEGRAM(500, "Internal Server Error"), OUTCOME_RETRY, -1 },
    { true, 502, "", OUTCOME_UNKNOWN, -1 },
    /* statuses */
    { false, 0, "", OUTCOME_RETRY, -1 },
    { true, 0, "", OUTCOME_UNKNOWN, -1 },
    { true, 100, "", OUTCOME_UNKNOWN, -1 },
    { true, 200, "{}", OUTCOME_OK, -1 },
    { true, 201, "rubbish, chat not found", OUTCOME_OK, -1 },
    { true, 204, "", OUTCOME_OK, -1 },
    { true, 301, "", OUTCOME_PAUSED, -1 },
    { true, 404, "<html>404</html>", OUTCOME_PAUSED, -1 },
    { true, 405, "", OUTCOME_PAUSED, -1 },
    { true, 403, "<html>Sorry, the bot was blocked by the user</html>", OUTCOME_FORBIDDEN, -1 },
    { true, 403, "Forbidden: bot was blocked by the user", OUTCOME_REJECTED, -1 },
    { true, 413, "", OUTCOME_FAILED, -1 },
    { true, 422, "[1]", OUTCOME_FAILED, -1 },
    { true, 503, "", OUTCOME_RETRY, -1 },
    { true, 501, "", OUTCOME_UNKNOWN, -1 },
    { true, 504, "", OUTCOME_UNKNOWN, -1 },
    { true, 520, "", OUTCOME_UNKNOWN, -1 },
    { true, 527, "", OUTCOME_UNKNOWN, -1 },
    { true, 599, "", OUTCOME_UNKNOWN, -1 },
    { true, 400, "\xFF\x00", OUTCOME_FAILED, -1 },
    { true, 400, "{\"error\":{\"message\":\"chat not found\"}}", OUTCOME_REJECTED, -1 },
    { true, 400, "{\"error\":", OUTCOME_FAILED, -1 },
};

static struct verdict classify(const struct row *row, struct arena *arena, int64_t retry_after)
{
    const struct answer answer = { row->left, row->status, true, retry_after, text_of(row->body), NULL };
    struct verdict verdict;

    outcome_classify(&answer, arena, &verdict);
    return verdict;
}

static void test_table(void **state)
{
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verdict verdict = classify(&rows[i], arena, -1);

        if (verdict.outcome != rows[i].outcome || verdict.retry_after_ms != rows[i].retry_after_ms)
            fail_msg("%d %s: %s, %lld", rows[i].status, rows[i].body, outcome_name(verdict.outcome),
                     (long long)verdict.retry_after_ms);
        assert_true(verdict.reason.n > 0 && verdict.reason.n <= 300);
        assert_null(memchr(verdict.reason.p, '\n', verdict.reason.n));
    }
    arena_free(arena);
}

static void test_ids(void **state)
{
    static const struct row documented = {
        true, 201,
        "{\"request_id\":\"req_01HT5Q\",\"message_id\":\"msg_01HT5Q\",\"message_status_url\":"
        "\"https://api.octopods.io/api/v1/telegram/messages/"
        "msg_01HT5Q\",\"destination_user_id\":\"123456789\"}",
        OUTCOME_OK, -1
    };
    static const struct row numbers = { true, 200, "{\"request_id\":7,\"message_id\":123456789012}",
                                        OUTCOME_OK, -1 };
    static const struct row odd = { true, 200,
                                    "{\"request_id\":null,\"message_id\":[],\"message_status_url\":5}",
                                    OUTCOME_OK, -1 };
    struct arena *arena = arena_new(1 << 20);
    struct verdict verdict = classify(&documented, arena, -1);

    (void)state;
    assert_true(text_is(verdict.reply_id, "msg_01HT5Q"));
    assert_true(text_is(verdict.request_id, "req_01HT5Q"));
    assert_true(text_ends(verdict.status_url, "/messages/msg_01HT5Q"));
    assert_true(text_is(verdict.reason, "HTTP 201"));
    verdict = classify(&numbers, arena, -1);
    assert_true(text_is(verdict.reply_id, "123456789012"));
    assert_true(text_is(verdict.request_id, "7"));
    assert_null(verdict.status_url.p);
    verdict = classify(&odd, arena, -1);
    assert_int_equal(verdict.outcome, OUTCOME_OK);
    assert_null(verdict.reply_id.p);
    assert_null(verdict.status_url.p);
    arena_free(arena);
}

/* An answer that broke off has said what stands whole in it. */
static void test_torn(void **state)
{
    static const struct {
        const char *body, *id, *url;
    } cases[] = {
        { "{\"request_id\":\"r\",\"message_id\":\"m1\",\"message_status_url\":\"https://x/m1\",\"dest", "m1",
          "https://x/m1" },
        { "{\"message_id\":\"m1\",\"message_status_url\":\"https://x/m", "m1", NULL },
        { "{\"message_id\":\"m1\"", "m1", NULL },
        { "{\"message_id\":\"m1", NULL, NULL },
        { "{\"message_id\":12", NULL, NULL }, /* it may have been 123 */
        { "{\"message_id\":12,", "12", NULL },
        { "{\"a\":[1,{\"message_id\":\"no\",\"b\":\"}\"}],\"message_id\":\"m\\\"1\",\"c", "m\"1", NULL },
        { "{\"a\":{\"message_id\":\"no\",", NULL, NULL },
        { "{\"message_id\"", NULL, NULL },
        { "{\"message_id\":\"m1\"}", "m1", NULL },
        { "[\"message_id\",\"m1\",", NULL, NULL },
        { "<html>,", NULL, NULL },
        { "", NULL, NULL },
    };
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer answer = { true, 502, false, -1, text_of(cases[i].body), NULL };
        struct verdict verdict;

        outcome_classify(&answer, arena, &verdict);
        assert_int_equal(verdict.outcome, OUTCOME_UNKNOWN);
        if (!text_eq(verdict.reply_id, text_of(cases[i].id)) ||
            !text_eq(verdict.status_url, text_of(cases[i].url)))
            fail_msg("%s: %.*s, %.*s", cases[i].body, TEXT_ARG(verdict.reply_id),
                     TEXT_ARG(verdict.status_url));
    }
    arena_free(arena);
}

/* Octopods' pages name the statuses in upper and in lower case, and reasons as text and as object. */
static void test_message_status(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum outcome outcome;
        int64_t retry_after_ms;
        const char *reason;
    } cases[] = {
        { 200, "{\"status\":\"SENT\"}", OUTCOME_OK, -1, "message status SENT" },
        { 200, "{\"status\":\"delivered\",\"failure_reason\":null}", OUTCOME_OK, -1,
          "message status delivered" },
        { 200, "{\"status\":\"Read\",\"status_message\":\"The message was read.\"}", OUTCOME_OK, -1,
          "message status Read" },
        { 201, "{\"status\":\"DELETED\"}", OUTCOME_OK, -1, "message status DELETED" },
        { 200, "{\"status\":\"FAILED\",\"failure_reason\":\"Forbidden: bot was blocked by the user\"}",
          OUTCOME_REJECTED, -1, "message status FAILED: Forbidden: bot was blocked by the user" },
        { 200, "{\"status\":\"failed\",\"failure_reason\":{\"code\":9,\"title\":\"Chat not found\"}}",
          OUTCOME_REJECTED, -1, "message status failed: Chat not found" },
        { 200, "{\"status\":\"undelivered\",\"failure_reason\":\"Unauthorized\"}", OUTCOME_FAILED, -1,
          "message status undelivered: Unauthorized" },
        { 200, "{\"status\":\"FAILED\",\"failure_reason\":\"\",\"status_message\":\"Too\\nlong.\"}",
          OUTCOME_FAILED, -1, "message status FAILED: Too?long." },
        { 200, "{\"status\":\"failed\"}", OUTCOME_FAILED, -1, "message status failed" },
        { 200, "{\"status\":\"queued\"}", OUTCOME_RETRY, -1, "message status queued" },
        { 200, "{\"status\":\"UNKNOWN\",\"failure_reason\":\"chat not found\"}", OUTCOME_RETRY, -1,
          "message status UNKNOWN" },
        { 200, "{\"status\":\"sent and more\"}", OUTCOME_RETRY, -1, "message status sent and more" },
        { 200, "{\"status\":7}", OUTCOME_RETRY, -1, "HTTP 200" },
        { 200, "{\"status\":\"DELIVERED\",", OUTCOME_RETRY, -1, "HTTP 200" },
        { 200, "<html>sent</html>", OUTCOME_RETRY, -1, "HTTP 200" },
        { 400, "{\"status\":\"FAILED\",\"error\":\"Message does not exist.\",\"error_code\":3}",
          OUTCOME_RETRY, -1, "HTTP 400: Message does not exist. (error_code 3)" },
        { 401, "", OUTCOME_RETRY, -1, "HTTP 401" },
        { 302, "{\"status\":\"SENT\"}", OUTCOME_RETRY, -1, "HTTP 302" },
        { 404, "{\"error\":\"chat not found\"}", OUTCOME_RETRY, -1, "HTTP 404: chat not found" },
        { 429, TELEGRAM(429, "Too Many Requests: retry after 17"), OUTCOME_RETRY, 17000,
          "HTTP 429: Too Many Requests: retry after 17 (error_code 429)" },
        { 503, "", OUTCOME_RETRY, -1, "HTTP 503" },
        { 0, "", OUTCOME_RETRY, -1, "no answer" },
    };
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer answer = { true, cases[i].status, true, -1, text_of(cases[i].body), NULL };
        struct verdict verdict;

        outcome_of_status(&answer, arena, &verdict);
        if (verdict.outcome != cases[i].outcome || verdict.retry_after_ms != cases[i].retry_after_ms ||
            !text_is(verdict.reason, cases[i].reason))
            fail_msg("%s: %s, %lld, %.*s", cases[i].body, outcome_name(verdict.outcome),
                     (long long)verdict.retry_after_ms, TEXT_ARG(verdict.reason));
    }
    arena_free(arena);
}

static void test_words(void **state)
{
    static const struct answer gone = { .left = false,
                                        .retry_after_ms = -1,
                                        .error = "Connection refused\nby x" };
    static const struct answer cut = { .left = true, .status = 200, .retry_after_ms = -1 };
    static const struct row refused = { true, 400, OCTOPODS(6, "Deprecated\\nAPI Key."), OUTCOME_FAILED, -1 };
    static const struct row busy = { true, 429, "{\"parameters\":{\"retry_after\":2}}", OUTCOME_RETRY, -1 };
    struct arena *arena = arena_new(1 << 20);
    struct verdict verdict;

    (void)state;
    outcome_classify(&gone, arena, &verdict);
    assert_true(text_is(verdict.reason, "not connected: Connection refused?by x"));
    outcome_classify(&cut, arena, &verdict);
    assert_int_equal(verdict.outcome, OUTCOME_OK);
    assert_true(text_is(verdict.reason, "HTTP 200, the answer is not whole"));
    verdict = classify(&refused, arena, -1);
    assert_true(text_is(verdict.reason, "HTTP 400: Deprecated?API Key. (error_code 6)"));
    assert_int_equal(classify(&busy, arena, 7000).retry_after_ms, 7000);
    assert_int_equal(classify(&busy, arena, 1000).retry_after_ms, 2000);
    arena_free(arena);
    arena = arena_new(0);
    verdict = classify(&refused, arena, -1);
    assert_true(verdict.reason.n > 0);
    arena_free(arena);
    assert_string_equal(outcome_name(OUTCOME_FORBIDDEN), "forbidden");
    assert_string_equal(outcome_name((enum outcome)99), "?");
}

static void test_delay(void **state)
{
    static const struct {
        int attempt;
        int64_t base, max, after;
        uint32_t random;
        int64_t delay;
    } table[] = {
        { 1, 1000, 60000, -1, UINT32_MAX, 1000 },  { 1, 1000, 60000, -1, 0, 1 },
        { 2, 1000, 60000, -1, UINT32_MAX, 2000 },  { 3, 1000, 60000, -1, UINT32_MAX / 2, 2000 },
        { 9, 1000, 60000, -1, UINT32_MAX, 60000 }, { 2000000000, 1000, 60000, -1, UINT32_MAX, 60000 },
        { 1, 1000, 60000, 17000, 5, 17000 },       { 1, 0, 0, -1, 5, 1 },
        { 0, 1000, 60000, -1, UINT32_MAX, 1000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        assert_int_equal(
            retry_delay(table[i].attempt, table[i].base, table[i].max, table[i].after, table[i].random),
            table[i].delay);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_ids),
                                        cmocka_unit_test(test_torn),  cmocka_unit_test(test_message_status),
                                        cmocka_unit_test(test_words), cmocka_unit_test(test_delay) };

    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
