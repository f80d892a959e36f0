#include "core/inbox.h"

#include "core/doc.h"
#include "core/ruleset.h"
#include "source_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1784016000001 /* Unix ms */
#define INTERCOM "name: inbox\nkind: intercom\npath: /i\nsecrets: [ env:S ]\ntoken: env:T\nchannel: shop\n"
#define HUBSPOT "name: inbox\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\ntoken: env:T\nchannel: shop\n"
#define GENERIC                                                                                         \
    "name: inbox\nkind: generic\npath: /g\nchannel: shop\nsecrets: [ env:S ]\nstatic_token: { header: " \
    "X-Token }\ntext: /text\nuser_id: [ /user ]\n"
#define ADMIN INTERCOM "admin_id: '814860'\n"
#define SCOPE "{\"conversation\":{\"id\":\"21/5\"},\"x\":\"a<b> & \\\"c\\\"\"}"
#define API "https://api.intercom.io"
#define HUB "https://api.hubapi.com"

static struct ruleset *rules_with(const char *actions)
{
    struct findings *findings = findings_new();
    struct ruleset_file file = { .path = "r.yaml" };
    struct ruleset *ruleset;
    char text[1000];

    snprintf(text, sizeof(text),
             "rules: [ { name: r, tap: 'a(?<x>.*)(?<y>z)?', inbox: { %s }, reply: { text: a } } ]\n",
             actions);
    file.text = text_of(text);
    ruleset = ruleset_build(&file, 1, NULL, 0, findings);
    if (!ruleset)
        fail_msg("%s: %s", actions, findings_get(findings, 0)->text);
    findings_free(findings);
    return ruleset;
}

/* All requests of the step, a line each; each one after the first knows what the one before was answered with. A fault is the
   last line. */
static void put_requests(const struct source *source, const struct step *step, struct json_object *scope,
                         const char *before, struct arena *arena, struct buf *out)
{
    for (size_t k = 0; k < step->n_actions; k++) {
        const struct inbox_action *action = &step->actions[k];

        for (size_t i = 0; i < inbox_requests(source, action); i++) {
            struct inbox_request request;
            struct fault fault;

            if (!inbox_request(source, action, i, scope, i ? text_of(before) : TEXT_NONE, NOW, arena,
                               &request, &fault)) {
                buf_printf(out, "%s\n", fault.text);
                return;
            }
            buf_printf(out, "%s %.*s %.*s\n", request.method, TEXT_ARG(request.url), TEXT_ARG(request.body));
        }
    }
}

static void expect(const char *yaml, const char *actions, const char *scope, const char *before,
                   const char *expected)
{
    struct ruleset *ruleset = rules_with(actions);
    const struct step *step = &ruleset_rule(ruleset, 0)->steps[0];
    struct buf out = BUF(100000);
    struct json_object *root;
    struct fixture f;
    struct fault fault;

    assert_int_equal(step->kind, STEP_INBOX);
    fixture_open(&f, yaml, PUBLIC_URL);
    root = doc_parse(text_of(scope), &fault);
    assert_non_null(root);
    put_requests(f.source, step, root, before, f.arena, &out);
    if (!text_is(buf_get(&out), expected))
        fail_msg("%s:\n%sinstead of\n%s", actions, buf_get(&out).p, expected);
    json_object_put(root);
    buf_free(&out);
    fixture_close(&f);
    ruleset_free(ruleset);
}

#define PARTS "POST " API "/conversations/21%2F5/parts "

/* The order is that of the kinds, not that of the file. */
static void test_intercom(void **state)
{
    (void)state;
    expect(ADMIN, "close: true, note: 'N ${x}'", SCOPE, "",
           "POST " API "/conversations/21%2F5/reply {\"message_type\":\"note\",\"type\":\"admin\","
           "\"body\":\"N a&lt;b&gt; &amp; \\\"c\\\"\",\"admin_id\":\"814860\"}\n" PARTS
           "{\"message_type\":\"close\",\"type\":\"admin\",\"admin_id\":\"814860\"}\n");
    expect(ADMIN, "close: false, assign_teammate: 7, assign_team: 'T${x}'", SCOPE, "",
           PARTS "{\"message_type\":\"assignment\",\"type\":\"team\",\"assignee_id\":\"Ta<b> & \\\"c\\\"\","
                 "\"admin_id\":\"814860\"}\n" PARTS
                 "{\"message_type\":\"assignment\",\"type\":\"admin\",\"assignee_id\":\"7\",\"admin_id\":"
                 "\"814860\"}\n");
    /* to the next full second */
    expect(ADMIN, "snooze: 1m", SCOPE, "",
           PARTS "{\"snoozed_until\":1784016061,\"message_type\":\"snoozed\",\"admin_id\":\"814860\"}\n");
    expect(ADMIN, "tag: vip", SCOPE, "77",
           "POST " API "/tags {\"name\":\"vip\"}\nPOST " API
           "/conversations/21%2F5/tags {\"id\":\"77\",\"admin_id\":\"814860\"}\n");
}

static void test_hubspot(void **state)
{
    (void)state;
    expect(HUBSPOT, "note: 'N ${x}', assign_teammate: A-7, close: true", SCOPE, "",
           "POST " HUB "/conversations/v3/conversations/threads/21%2F5/messages "
           "{\"attachments\":[],\"type\":\"COMMENT\",\"text\":\"N a<b> & \\\"c\\\"\"}\n"
           "PUT " HUB "/conversations/conversations/v3/threads/21%2F5/assignee {\"actorId\":\"A-7\"}\n"
           "PATCH " HUB "/conversations/v3/conversations/threads/21%2F5 {\"status\":\"CLOSED\"}\n");
}

static void test_what_a_source_cannot_do(void **state)
{
    (void)state;
    expect(HUBSPOT, "assign_team: 1, tag: vip, snooze: 1h", SCOPE, "", "");
    expect(GENERIC, "note: a, assign_team: 1, assign_teammate: 1, tag: a, snooze: 1h, close: true", SCOPE, "",
           "");
}

static void test_what_is_lacking(void **state)
{
    (void)state;
    expect(ADMIN, "close: true", "{\"x\":\"a\"}", "", "the conversation is not known\n");
    expect(INTERCOM, "close: true", SCOPE, "", "source 'inbox' needs admin_id: the teammate who does it\n");
    expect(ADMIN, "tag: '${y}'", SCOPE, "", "tag: ${y} is missing: it has no value here and no default\n");
    expect(ADMIN, "tag: vip", SCOPE, NULL,
           "POST " API "/tags {\"name\":\"vip\"}\ntag: the inbox did not say its id\n");
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void test_classify(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum outcome outcome;
        const char *id, *reason;
    } rows[] = {
        { 200, "{\"type\":\"tag\",\"id\":\"77\"}", OUTCOME_OK, "77", "HTTP 200" },
        { 200, "{\"id\":77}", OUTCOME_OK, "77", "HTTP 200" },
        { 204, "", OUTCOME_OK, NULL, "HTTP 204" },
        { 299, "{\"id\":null}", OUTCOME_OK, NULL, "HTTP 299" },
        { 200, "<html>", OUTCOME_OK, NULL, "HTTP 200" },
        { 0, "", OUTCOME_RETRY, NULL, "no answer" },
        { 408, "", OUTCOME_RETRY, NULL, "HTTP 408" },
        { 429, "{\"message\":\"slow down\\nplease\"}", OUTCOME_RETRY, NULL, "HTTP 429: slow down?please" },
        { 500, "[]", OUTCOME_RETRY, NULL, "HTTP 500" },
        { 599, "", OUTCOME_RETRY, NULL, "HTTP 599" },
        { 401, "{\"errors\":[{\"code\":\"unauthorized\",\"message\":\"Access Token Invalid\"}]}",
          OUTCOME_PAUSED, NULL, "HTTP 401: Access Token Invalid" },
        { 403, "", OUTCOME_PAUSED, NULL, "HTTP 403" },
        { 301, "", OUTCOME_FAILED, NULL, "HTTP 301" },
        { 400, "{\"errors\":[]}", OUTCOME_FAILED, NULL, "HTTP 400" },
        { 404, "{\"errors\":[{\"message\":\"not there\"}],\"message\":\"other\"}", OUTCOME_FAILED, NULL,
          "HTTP 404: not there" },
        { 409, "{\"message\":5}", OUTCOME_FAILED, NULL, "HTTP 409" },
        { 422, "", OUTCOME_FAILED, NULL, "HTTP 422" },
    };
    struct arena *arena = arena_new(100000);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct text id, reason;
        enum outcome outcome = inbox_classify(rows[i].status, text_of(rows[i].body), arena, &id, &reason);

        if (outcome != rows[i].outcome || !text_is(reason, rows[i].reason) || !id.p != !rows[i].id ||
            (id.p && !text_is(id, rows[i].id)))
            fail_msg("%d %s: %s, id %.*s, %.*s", rows[i].status, rows[i].body, outcome_name(outcome),
                     TEXT_ARG(id), TEXT_ARG(reason));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intercom),
        cmocka_unit_test(test_hubspot),
        cmocka_unit_test(test_what_a_source_cannot_do),
        cmocka_unit_test(test_what_is_lacking),
        cmocka_unit_test(test_classify),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
