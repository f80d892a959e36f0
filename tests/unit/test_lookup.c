#include "base/arena.h"
#include "core/address.h"
#include "core/doc.h"
#include "core/lookup.h"
#include "core/rule.h"
#include "core/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What a rule asks: the url it makes, the headers, and what is an answer. */

static const char rules[] =
    "lookups:\n"
    "  order:\n"
    "    url: 'https://shop.example.com/orders/${id}?x=${chat.x:-}'\n"
    "    headers: { Authorization: 'Bearer ${secret.KEY}', X-Id: '${id}' }\n"
    "    cache: 30s\n"
    "    fields: { list.*.id: 'ORD-[0-9]+' }\n"
    "    sample: { status: shipped, list: [ { id: ORD-1 } ] }\n"
    "  book:\n"
    "    method: POST\n"
    "    url: 'https://shop.example.com/book'\n"
    "    body: { id: '${id}', list: [ '${id}', 7 ] }\n"
    "    sample: { number: 1 }\n"
    "rules:\n"
    "  - { name: a, tap: 'a:(?<id>.*)', set: { x: '1' }, lookup: order, reply: { text: '${order.status}' } "
    "}\n"
    "  - { name: b, tap: 'b:(?<id>.*)', lookup: book, single_use: true, reply: { text: '${book.number}' } }\n"
    "  - { name: c, default: true, reply: { text: c } }\n";

struct fixture {
    struct findings *findings;
    struct ruleset *ruleset;
    struct arena *arena;
    struct pattern_scratch *scratch;
    struct json_object *scope;
};

static int setup(void **state)
{
    static struct fixture f;
    const struct ruleset_file file = { "r.yaml", text_of(rules) };

    f.findings = findings_new();
    f.ruleset = ruleset_build(&file, 1, NULL, 0, f.findings);
    f.arena = arena_new(1u << 20);
    f.scratch = pattern_scratch_new();
    f.scope = json_object_new_object();
    if (!f.ruleset || !f.arena || !f.scratch || !f.scope)
        return -1;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_object_put(f->scope);
    pattern_scratch_free(f->scratch);
    arena_free(f->arena);
    ruleset_free(f->ruleset);
    findings_free(f->findings);
    return 0;
}

static const struct lookup *lookup_of(const struct fixture *f, const char *rule)
{
    const struct rule *found = ruleset_find(f->ruleset, text_of(rule));

    for (size_t i = 0; i < found->n_steps; i++)
        if (found->steps[i].kind == STEP_LOOKUP)
            return found->steps[i].lookup;
    fail_msg("rule %s asks nothing", rule);
    return NULL;
}

static void test_requests(void **state)
{
    struct fixture *f = *state;
    const struct lookup *order = lookup_of(f, "a"), *book = lookup_of(f, "b");
    struct lookup_request request;
    struct fault fault;

    assert_int_equal(lookup_render(order, f->scope, f->arena, &request, &fault), LOOKUP_NOT_FOUND);
    assert_true(doc_add_text(f->scope, "id", text_of("../a?b#c d\xc3\xa4")));
    assert_int_equal(lookup_render(order, f->scope, f->arena, &request, &fault), LOOKUP_FOUND);
    assert_true(text_is(request.url, "https://shop.example.com/orders/..%2Fa%3Fb%23c%20d%C3%A4?x="));
    assert_null(request.body.p);
    assert_false(lookup_posts(order));
    assert_int_equal(lookup_cache_ms(order), 30000);
    assert_int_equal(lookup_timeout_ms(order), 5000);

    assert_true(doc_add_text(f->scope, "id", text_of("a\"b")));
    assert_int_equal(lookup_render(book, f->scope, f->arena, &request, &fault), LOOKUP_FOUND);
    assert_true(lookup_posts(book));
    assert_int_equal(lookup_cache_ms(book), 0);
    assert_true(text_is(request.body, "{\"id\":\"a\\\"b\",\"list\":[\"a\\\"b\",7]}"));
}

static struct text secret(void *context, const char *name)
{
    return strcmp(name, "KEY") == 0 ? text_of(context) : TEXT_NONE;
}

static bool has_line(const struct text *lines, size_t n, const char *line)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(lines[i], line))
            return true;
    return false;
}

static void test_headers(void **state)
{
    struct fixture *f = *state;
    const struct lookup *order = lookup_of(f, "a");
    unsigned char a[LOOKUP_HASH], b[LOOKUP_HASH];
    char key[] = "s3cret", other[] = "other";
    struct text *lines;
    struct fault fault;
    size_t n;

    assert_true(doc_add_text(f->scope, "id", text_of("7")));
    assert_true(lookup_headers(order, f->scope, secret, key, f->arena, &lines, &n, &fault));
    assert_true(has_line(lines, n, "Authorization: Bearer s3cret"));
    assert_true(has_line(lines, n, "X-Id: 7"));
    assert_true(lookup_hash(order, text_of("u"), lines, n, a));
    assert_true(lookup_headers(order, f->scope, secret, other, f->arena, &lines, &n, &fault));
    assert_true(lookup_hash(order, text_of("u"), lines, n, b));
    assert_memory_not_equal(a, b, LOOKUP_HASH); /* another key may see another answer */

    /* a value cannot begin a line of its own, and a fault shows none */
    assert_true(doc_add_text(f->scope, "id", text_of("7\r\nX-Evil: 1")));
    assert_false(lookup_headers(order, f->scope, secret, key, f->arena, &lines, &n, &fault));
    assert_null(strstr(fault.text, "s3cret"));
    assert_null(strstr(fault.text, "X-Evil"));
}

static void test_answers(void **state)
{
    static const struct {
        int status;
        bool whole;
        const char *body;
        enum lookup_verdict verdict;
    } cases[] = {
        { 200, true, "{\"status\":\"shipped\"}", LOOKUP_FOUND },
        { 201, true, "[]", LOOKUP_FOUND },
        { 200, true, "{\"list\":[{\"id\":\"ORD-1\"},{\"id\":\"ORD-22\"}]}", LOOKUP_FOUND },
        { 200, true, "{\"list\":[{\"id\":\"ORD-1\"},{\"id\":\"x\"}]}", LOOKUP_FAILED },
        { 200, true, "{\"n\":123456789012345678901234567890}", LOOKUP_FOUND },
        { 404, true, "", LOOKUP_NOT_FOUND },
        { 500, true, "{}", LOOKUP_FAILED },
        { 302, true, "{}", LOOKUP_FAILED },
        { 200, false, "{\"status\":\"shipped\"}", LOOKUP_FAILED },
        { 200, true, "", LOOKUP_FAILED },
        { 204, true, "", LOOKUP_FAILED },
        { 200, true, "null", LOOKUP_FAILED },
        { 200, true, "7", LOOKUP_FAILED },
        { 200, true, "<html><body>Oops</body></html>", LOOKUP_FAILED },
        { 200, true, "{\"n\":NaN}", LOOKUP_FAILED },
        { 200, true, "{\"a\":1} {\"b\":2}", LOOKUP_FAILED },
        { 200, true, "{\"a\":\"\xff\"}", LOOKUP_FAILED },
    };
    struct fixture *f = *state;
    const struct lookup *order = lookup_of(f, "a");

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_object *value = NULL;
        struct fault fault = { "" };
        enum lookup_verdict verdict = lookup_read(order, cases[i].status, cases[i].whole,
                                                  text_of(cases[i].body), f->scratch, &value, &fault);

        if (verdict != cases[i].verdict)
            fail_msg("%d %s: %d (%s)", cases[i].status, cases[i].body, verdict, fault.text);
        assert_true(verdict != LOOKUP_FAILED || fault.text[0]);
        if (verdict == LOOKUP_FOUND)
            json_object_put(value);
    }
}

static void test_hosts(void **state)
{
    static const struct {
        const char *url;
        bool allowed;
    } cases[] = {
        { "https://www.dhl.de/t/1", true },
        { "https://WWW.DHL.DE", true },
        { "https://a.b.dhl.de/?q=1#x", true },
        { "https://shop.example/x", true },
        { "https://shop.example?a@b", false }, /* some programs look for an '@' up to the first '/' */
        { "https://shop.example#@evil.example/", false },
        { "https://shop.example?x=1/@", true },
        { "https://dhl.de/", false }, /* *.dhl.de is what is below it */
        { "https://sub.shop.example/", false },
        { "http://www.dhl.de/", false },
        { "https://www.dhl.de.evil.example/", false },
        { "https://evilwww-dhl.de/", false },
        { "https://evil.example/www.dhl.de", false },
        { "https://www.dhl.de@evil.example/", false },
        { "https://evil.example#@www.dhl.de/", false },
        { "https://evil.example\\@www.dhl.de/", false },
        { "https://evil.example\\.dhl.de/", false },
        { "https:\\\\www.dhl.de/", false },
        { "https:/www.dhl.de/", false },
        { "https:www.dhl.de", false },
        { "//www.dhl.de/", false },
        { "https://www.dhl.de:8443/", false },
        { "https://www%2edhl.de/", false },
        { "https://evil.example%00.dhl.de/", false },
        { "https://evil.example\t.dhl.de/", false },
        { " https://www.dhl.de/", false },
        { "https://www.dhl.de/a b", false },
        { "https://www.dhl.de/\n", false },
        { "https://.dhl.de/", false },
        { "https://[::1]/", false },
        { "javascript:alert(1)//www.dhl.de", false },
        { "", false },
    };
    const struct text hosts[] = { text_of("*.dhl.de"), text_of("shop.example") };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (address_allowed(text_of(cases[i].url), hosts, 2) != cases[i].allowed)
            fail_msg("%s", cases[i].url);
}

/* Whatever follows the host is never taken for a part of it, and whatever stands in front never lets another host through. */
static void test_random_addresses(void **state)
{
    static const char bits[][12] = { "https://", "www.dhl.de", "evil.example", "@",   "/", "\\", "#", "?",
                                     ":",        ".",          "%2e",          ".de", "a", " ",  "*", "//" };
    const struct text host = text_of("www.dhl.de");
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct buf url = BUF(200);
        size_t end;

        for (int k = 0; k < 6; k++) {
            seed = seed * 1664525u + 1013904223u;
            buf_str(&url, bits[seed >> 28]);
        }
        end = strlen("https://www.dhl.de");
        if (address_allowed(buf_get(&url), &host, 1) && (strncmp(url.data, "https://www.dhl.de", end) != 0 ||
                                                         (url.data[end] && !strchr("/?#", url.data[end]))))
            fail_msg("%s", url.data);
        buf_free(&url);
    }
}

/* Of a channel, and what an answer calls the address of a message's status. */
static void test_same_server(void **state)
{
    static const struct {
        const char *channel, *url;
        bool same;
    } cases[] = {
        { "https://api.octopods.io", "https://api.octopods.io/api/v1/telegram/messages/m1", true },
        { "https://api.octopods.io/base", "HTTPS://API.Octopods.IO:443/x?y#z", true },
        { "https://api.octopods.io:443", "https://api.octopods.io", true },
        { "http://127.0.0.1:8080", "http://127.0.0.1:8080/x", true },
        { "http://127.0.0.1", "http://127.0.0.1:080/x", true },
        { "http://[::1]:81", "http://[::1]:81/x", true },
        { "http://[::1]:81", "http://[::1]/x", false },
        { "http://[::1]:81", "http://[::1]:82/x", false },
        { "https://api.octopods.io", "http://api.octopods.io/x", false },
        { "https://api.octopods.io", "http://api.octopods.io:443/x", false },
        { "https://api.octopods.io", "https://app.octopods.io/x", false },
        { "https://api.octopods.io", "https://api.octopods.io.evil.example/x", false },
        { "https://api.octopods.io", "https://api.octopods.io:8443/x", false },
        { "https://api.octopods.io", "https://api.octopods.io:/x", false },
        { "https://api.octopods.io", "https://api.octopods.io:443@evil.example/x", false },
        { "https://api.octopods.io", "https://evil.example/https://api.octopods.io/x", false },
        { "https://api.octopods.io", "https://evil.example?@api.octopods.io/x", false },
        { "https://api.octopods.io", "https://api.octopods.io?@evil.example/x", false },
        { "https://api.octopods.io", "https://api.octopods.io\\@evil.example/x", false },
        { "https://api.octopods.io", "https://api.octopods.io\t.evil.example/x", false },
        { "https://api.octopods.io", "https://api.octopods.io./x", false },
        { "https://api.octopods.io", "https://user@api.octopods.io/x", false },
        { "https://api.octopods.io", "https://api%2eoctopods.io/x", false },
        { "https://api.octopods.io", "//api.octopods.io/x", false },
        { "https://api.octopods.io", "/x", false },
        { "https://api.octopods.io", "ftp://api.octopods.io/x", false },
        { "https://api.octopods.io", "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (address_same_server(text_of(cases[i].url), text_of(cases[i].channel)) != cases[i].same)
            fail_msg("%s", cases[i].url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),         cmocka_unit_test(test_headers),
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_random_addresses), cmocka_unit_test(test_same_server),
    };

    return cmocka_run_group_tests_name("lookup", tests, setup, teardown);
}
