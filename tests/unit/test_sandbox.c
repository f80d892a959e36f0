/* The sandbox: what entries lead to, and how its time moves. */

#include "enginekit.h"

#include "app/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START 1784000000000
#define USER "700000001"

static const char slow_config[] =
    "listen: 127.0.0.1:0\n"
    "rules: [ rules.yaml ]\n"
    "sources:\n"
    "  - { name: one, kind: intercom, path: /1, secrets: [ env:NONE_SUCH ], channel: shop, token: "
    "env:NONE_SUCH, admin_id: '7' }\n"
    "  - { name: two, kind: intercom, path: /2, secrets: [ env:NONE_SUCH ], channel: plain }\n"
    "channels:\n"
    "  shop: { url: http://127.0.0.1:9, key: env:NONE_SUCH, chat_rate: { rate: 1/s, burst: 1 } }\n"
    "  plain: { url: http://127.0.0.1:9, key: env:NONE_SUCH, dialect: markup, rate: off, chat_rate: off }\n";

static const char rules[] =
    "rules:\n"
    "  - name: track\n"
    "    tap: 'track:(?<id>[A-Z0-9-]+)'\n"
    "    reply:\n"
    "      text: 'Order ${id} is on its way.'\n"
    "      buttons: [ [ { text: Refresh, callback_data: 'track:${id}' } ] ]\n"
    "  - { name: two, text: two, reply: [ { text: first }, { text: second }, { text: third } ] }\n"
    "  - { name: who, text: who, reply: { text: 'You are ${contact.name}.' } }\n"
    "  - { name: old, default: true, reply: { text: 'That is too old.' } }\n"
    "  - { name: shop, tap: 'shop:(?<id>.*)', dedup: 0s, lookup: order, reply: { text: '${order.status}' },\n"
    "      not_found: { reply: { text: nothing } }, on_error: { reply: { text: down } } }\n"
    "  - { name: human, tap: human, set: { topic: '${contact.name:-none}' }, quiet: 1h,\n"
    "      inbox: { note: 'Asks ${chat.topic}.', assign_team: 814, snooze: 1h, close: true }, reply: { text: "
    "Soon. } }\n"
    "  - { name: once, tap: once, single_use: true, reply: { text: Done. }, on_refused: { reply: { text: No. "
    "} } }\n"
    "  - { name: kept, tap: 'kept:(?<id>.*)', dedup: 0s, lookup: kept, reply: { text: '${kept.status}' } }\n"
    "lookups:\n"
    "  kept: { url: 'https://shop.example/orders/${id}', cache: 1h, sample: { status: packed } }\n"
    "  order: { url: 'https://shop.example/orders/${id}', sample: { status: packed } }\n";

struct box {
    struct kit kit;
    struct generation *generation;
    struct sandbox *sandbox;
};

static void open_box(struct box *box, const char *source, const char *channel)
{
    struct findings *findings = findings_new();
    struct sandbox_setup setup = { .source = source, .channel = channel, .start_at = START };
    struct fault fault = { "" };
    char path[128];

    kit_open(&box->kit, false, rules);
    kit_write(&box->kit, "slow.yaml", slow_config);
    snprintf(path, sizeof(path), "%s/slow.yaml", box->kit.folder);
    box->generation = generation_load(path, SECRETS_NONE, findings);
    assert_non_null(box->generation);
    findings_free(findings);
    setup.generation = box->generation;
    box->sandbox = sandbox_new(&setup, &fault);
    if (!box->sandbox)
        fail_msg("sandbox_new: %s", fault.text);
}

static void close_box(struct box *box)
{
    sandbox_free(box->sandbox);
    generation_unref(box->generation);
    kit_close(&box->kit);
}

static struct sandbox_outcome enter(struct box *box, enum entry_kind kind, const char *data,
                                    const char *contact)
{
    const struct sandbox_entry entry = {
        .kind = kind,
        .data = text_of(data),
        .user_id = text_of(USER),
        .contact = contact ? text_of(contact) : TEXT_NONE,
    };
    struct sandbox_outcome outcome;
    struct fault fault = { "" };

    if (!sandbox_enter(box->sandbox, &entry, &outcome, &fault))
        fail_msg("sandbox_enter: %s", fault.text);
    return outcome;
}

static void is(struct text text, const char *wanted)
{
    char real[2000];

    text_printable(text, real, sizeof(real) - 1);
    assert_string_equal(real, wanted);
}

static void test_tap(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    out = enter(&box, ENTRY_TAP, "track:ORD-1", NULL);
    is(out.rule, "track");
    is(out.how, "tap");
    is(out.captures, "{\"1\":\"ORD-1\",\"id\":\"ORD-1\"}");
    assert_int_equal(out.run_state, RUN_DONE);
    assert_null(out.reason.p);
    assert_int_equal(out.n_sent, 1);
    is(out.sent[0].channel, "shop");
    is(out.sent[0].rule, "track");
    is(out.sent[0].body, "{\"destination_user_id\":\"" USER "\",\"telegram_interactive_message\":{\"type\":"
                         "\"reply_buttons\",\"text\":\"Order ORD-1 is on its way.\",\"buttons\":[[{\"text\":"
                         "\"Refresh\",\"callback_data\":\"track:ORD-1\"}]]}}");
    close_box(&box);
}

static void test_unmatched(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    out = enter(&box, ENTRY_TEXT, "track:ORD-1", NULL);
    assert_null(out.rule.p);
    is(out.reason, "no rule takes it");
    assert_int_equal(out.n_sent, 0);
    is(enter(&box, ENTRY_TAP, "something", NULL).how, "default");
    close_box(&box);
}

static void test_contact(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    out = enter(&box, ENTRY_TEXT, "who", NULL);
    is(out.rule, "who");
    assert_int_equal(out.run_state, RUN_FAILED);
    assert_non_null(out.reason.p);
    assert_int_equal(out.n_sent, 0);
    out = enter(&box, ENTRY_TEXT, "who", "{\"name\":\"Anna\"}");
    assert_int_equal(out.run_state, RUN_DONE);
    assert_non_null(strstr(out.sent[0].body.p, "You are Anna."));
    close_box(&box);
}

static void test_time(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    assert_int_equal(sandbox_now(box.sandbox), START);
    out = enter(&box, ENTRY_TEXT, "two", NULL);
    assert_int_equal(out.n_sent, 3);
    assert_int_equal(out.sent[2].n, 2);
    assert_int_equal(sandbox_now(box.sandbox), START + 2000); /* chat_rate: the first goes at once */
    sandbox_advance(box.sandbox, 60000);
    assert_int_equal(sandbox_now(box.sandbox), START + 62000);
    sandbox_advance(box.sandbox, INT64_MAX);
    assert_true(sandbox_now(box.sandbox) < (int64_t)1 << 41);
    is(enter(&box, ENTRY_TEXT, "two", NULL).rule, "two");
    sandbox_advance(box.sandbox, INT64_MAX);
    assert_true(sandbox_now(box.sandbox) < (int64_t)1 << 41);
    close_box(&box);
}

static void test_tap_window(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, "two", NULL);
    is(enter(&box, ENTRY_TAP, "track:A", NULL).rule, "track");
    sandbox_advance(box.sandbox, 1000);
    out = enter(&box, ENTRY_TAP, "track:A", NULL);
    assert_null(out.rule.p);
    is(out.reason, "the same tap again");
    sandbox_advance(box.sandbox, 5000);
    is(enter(&box, ENTRY_TAP, "track:A", NULL).rule, "track");
    close_box(&box);
}

static void test_channels(void **state)
{
    struct box box;
    struct sandbox_outcome out;
    struct sandbox_setup setup = { .source = "three", .start_at = START };
    struct fault fault;

    (void)state;
    open_box(&box, "one", "plain");
    out = enter(&box, ENTRY_TAP, "track:A", NULL);
    is(out.sent[0].channel, "plain");
    assert_non_null(strstr(out.sent[0].body.p, "inline_keyboard"));
    setup.generation = box.generation;
    assert_null(sandbox_new(&setup, &fault));
    assert_string_equal(fault.text, "there is no source 'three' in the configuration");
    setup = (struct sandbox_setup){ .generation = box.generation, .channel = "x", .start_at = START };
    assert_null(sandbox_new(&setup, &fault));
    assert_string_equal(fault.text, "there is no channel 'x' in the configuration");
    close_box(&box);
}

/* --- what is asked and done outside -------------------------------------------------------------------------------------- */

static enum sandbox_by shop(void *context, const struct request_mail *request, struct result_mail *result)
{
    assert_string_equal(request->job.owner, "order");
    assert_string_equal(request->url, "https://shop.example/orders/1");
    result->status = (int)strtol(context, NULL, 10);
    result->body = strdup("{\"status\":\"told\"}");
    result->body_size = strlen(result->body);
    result->error = result->status ? NULL : strdup("no connection");
    return SANDBOX_GIVEN;
}

static struct sandbox_outcome ask(struct box *box, const char *status)
{
    struct sandbox_setup setup = { .start_at = START,
                                   .lookup = status ? shop : NULL,
                                   .context = (void *)status };
    struct fault fault;

    open_box(box, NULL, NULL);
    sandbox_free(box->sandbox);
    setup.generation = box->generation;
    box->sandbox = sandbox_new(&setup, &fault);
    assert_non_null(box->sandbox);
    return enter(box, ENTRY_TAP, "shop:1", NULL);
}

static void test_lookups(void **state)
{
    static const struct {
        const char *status, *text, *missed, *failed; /* status NULL: nobody says anything */
    } rows[] = {
        { "200", "told", "", "" },
        { "404", "nothing", "lookup order finds nothing", "" },
        { "500", "down", "", "lookup order: status 500" },
        { "0", "down", "", "lookup order: no answer: no connection" },
        { NULL, "packed", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct box box;
        struct sandbox_outcome out = ask(&box, rows[i].status);

        assert_int_equal(out.n_sent, 1);
        assert_non_null(strstr(out.sent[0].body.p, rows[i].text));
        assert_int_equal(out.n_asked, 1);
        is(out.asked[0].name, "order");
        is(out.asked[0].url, "https://shop.example/orders/1");
        assert_int_equal(out.asked[0].by, rows[i].status ? SANDBOX_GIVEN : SANDBOX_SAMPLE);
        assert_int_equal(out.asked[0].status, rows[i].status ? strtol(rows[i].status, NULL, 10) : 200);
        is(out.missed, rows[i].missed);
        is(out.failed, rows[i].failed);
        close_box(&box);
    }
}

/* Others would be answered now. */
static void test_forgotten_answers(void **state)
{
    struct box box;

    (void)state;
    open_box(&box, NULL, NULL);
    assert_int_equal(enter(&box, ENTRY_TAP, "kept:1", NULL).n_asked, 1);
    assert_int_equal(enter(&box, ENTRY_TAP, "kept:1", NULL).n_asked, 0);
    sandbox_forget_answers(box.sandbox);
    assert_int_equal(enter(&box, ENTRY_TAP, "kept:1", NULL).n_asked, 1);
    close_box(&box);
}

static void test_inbox(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    out = enter(&box, ENTRY_TAP, "human", "{\"name\":\"Anna\"}");
    assert_int_equal(out.run_state, RUN_DONE);
    assert_int_equal(out.n_actions, 4);
    is(out.actions[0].action, "note");
    is(out.actions[0].value, "Asks Anna.");
    is(out.actions[1].action, "assign_team");
    is(out.actions[1].value, "814");
    is(out.actions[2].action, "snooze");
    is(out.actions[3].action, "close");
    is(out.chat, "{\"topic\":\"Anna\"}"); /* and not that it is quiet */
    out = enter(&box, ENTRY_TEXT, "two", NULL);
    assert_null(out.rule.p);
    assert_int_equal(out.n_actions, 0);
    close_box(&box);
}

static void test_refused(void **state)
{
    struct box box;
    struct sandbox_outcome out;

    (void)state;
    open_box(&box, NULL, NULL);
    out = enter(&box, ENTRY_TAP, "once", NULL);
    is(out.rule, "once");
    is(out.refused, "not_issued");
    assert_non_null(strstr(out.sent[0].body.p, "No."));
    assert_null(enter(&box, ENTRY_TAP, "shop:1", NULL).refused.p);
    close_box(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tap),        cmocka_unit_test(test_unmatched),
        cmocka_unit_test(test_contact),    cmocka_unit_test(test_time),
        cmocka_unit_test(test_tap_window), cmocka_unit_test(test_channels),
        cmocka_unit_test(test_lookups),    cmocka_unit_test(test_forgotten_answers),
        cmocka_unit_test(test_inbox),      cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
