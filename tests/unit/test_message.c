#include "core/message.h"

#include "core/doc.h"
#include "core/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a reply, written as in a rule file, becomes: the request bodies, a line each, or "fault: ...". */
struct row {
    const char *reply, *data, *flat, *markup;
};

#define WHOLE(message) \
    "{\"destination_user_id\":\"123456789\",\"telegram_interactive_message\":{" message "}}"

static const struct row rows[] = {
    /* the three examples of the article, word for word */
    { "{ text: \"Here's your order summary. What would you like to do next?\", buttons: [ [ { text: View "
      "receipt, "
      "url: 'https://example.com/receipt/${id}' } ], [ { text: Track shipment, callback_data: 'track:${id}' "
      "}, "
      "{ text: Contact support, callback_data: 'support:${id}' } ] ] }",
      "track:ORD-9876",
      WHOLE(
          "\"type\":\"reply_buttons\",\"text\":\"Here's your order summary. What would you like to do "
          "next?\","
          "\"buttons\":[[{\"text\":\"View receipt\",\"url\":\"https://example.com/receipt/ORD-9876\"}],"
          "[{\"text\":\"Track shipment\",\"callback_data\":\"track:ORD-9876\"},{\"text\":\"Contact support\","
          "\"callback_data\":\"support:ORD-9876\"}]]"),
      WHOLE("\"type\":\"reply_buttons\",\"text\":\"Here's your order summary. What would you like to do "
            "next?\","
            "\"reply_markup\":{\"inline_keyboard\":[[{\"text\":\"View receipt\",\"url\":"
            "\"https://example.com/receipt/ORD-9876\"}],[{\"text\":\"Track shipment\",\"callback_data\":"
            "\"track:ORD-9876\"},{\"text\":\"Contact support\",\"callback_data\":\"support:ORD-9876\"}]]}") },
    { "{ text: Pick a topic to continue., keyboard: [ [ Orders, Returns ], [ Account, Other ] ], "
      "resize_keyboard: true, one_time_keyboard: true }",
      "track:ORD-9876",
      WHOLE("\"type\":\"reply_keyboard\",\"text\":\"Pick a topic to continue.\",\"keyboard\":[[\"Orders\","
            "\"Returns\"],[\"Account\",\"Other\"]],\"resize_keyboard\":true,\"one_time_keyboard\":true"),
      WHOLE(
          "\"type\":\"reply_keyboard\",\"text\":\"Pick a topic to continue.\",\"reply_markup\":{\"keyboard\":"
          "[[{\"text\":\"Orders\"},{\"text\":\"Returns\"}],[{\"text\":\"Account\"},{\"text\":\"Other\"}]],"
          "\"resize_keyboard\":true,\"one_time_keyboard\":true}") },
    { "{ text: \"Thanks, we've got what we need.\" }", "track:ORD-9876",
      WHOLE("\"type\":\"remove_reply_keyboard\",\"text\":\"Thanks, we've got what we need.\""),
      WHOLE("\"type\":\"remove_reply_keyboard\",\"text\":\"Thanks, we've got what we need.\","
            "\"reply_markup\":{\"remove_keyboard\":true}") },
    /* every other field */
    { "{ type: highlight_reply, text: 'Your number?', input_field_placeholder: 'like ${id}', "
      "intercom_teammate_id: 814, open_intercom_conversation: false }",
      "track:ORD-9876",
      "{\"destination_user_id\":\"123456789\",\"telegram_interactive_message\":{\"type\":\"highlight_reply\","
      "\"text\":\"Your number?\"},\"intercom_teammate_id\":\"814\","
      "\"open_intercom_conversation\":false}",
      "{\"destination_user_id\":\"123456789\",\"telegram_interactive_message\":{\"type\":\"highlight_reply\","
      "\"text\":\"Your number?\",\"reply_markup\":{\"force_reply\":true,\"input_field_placeholder\":"
      "\"like ORD-9876\"}},\"intercom_teammate_id\":\"814\",\"open_intercom_conversation\":false}" },
    { "{ text: a, keyboard: [ [ { text: 'K ${id}' } ] ], is_persistent: false, input_field_placeholder: p, "
      "channel: shop, open_intercom_conversation: true }",
      "track:ORD-1",
      "{\"destination_user_id\":\"123456789\",\"telegram_interactive_message\":{\"type\":\"reply_keyboard\","
      "\"text\":"
      "\"a\",\"keyboard\":[[\"K ORD-1\"]]},"
      "\"open_intercom_conversation\":true}",
      NULL },
    { "[ { text: one }, { text: two } ]", "track:x",
      WHOLE("\"type\":\"remove_reply_keyboard\",\"text\":\"one\"") "\n" WHOLE(
          "\"type\":\"remove_reply_keyboard\",\"text\":\"two\""),
      NULL },
    { "{ text: a, buttons: [ top, { row: [ { text: b, callback_data: b } ] } ] }", "track:x",
      WHOLE("\"type\":\"reply_buttons\",\"text\":\"a\",\"buttons\":[[{\"text\":\"Top\",\"callback_data\":"
            "\"top:x\"}],[{\"text\":\"b\",\"callback_data\":\"b\"}]]"),
      NULL },
    /* what customers send stays data */
    { "{ text: 'You said ${id}' }", "track:\"},\\ \n\x01\t<b>",
      WHOLE("\"type\":\"remove_reply_keyboard\",\"text\":\"You said \\\"},\\\\ \\n\\u0001\\u0009<b>\""),
      NULL },
    /* limits of what was rendered */
    { "{ text: a, buttons: [ [ { text: b, callback_data: 'again:${id}' } ] ] }",
      "track:12345678901234567890123456789012345678901234567890123456789",
      "fault: callback_data of button 'b' is 65 bytes; Telegram takes 64 and refuses the whole message",
      NULL },
    { "{ text: '${id}' }", "track: ", "fault: text is empty; Telegram refuses the message", NULL },
    { "{ text: a, buttons: [ [ { text: '${id}', callback_data: x } ] ] }",
      "track:", "fault: the label of a button is empty; Telegram shows no button without a label", NULL },
    { "{ text: a, buttons: [ [ { text: x, callback_data: '${id}' } ] ] }",
      "track:", "fault: callback_data of button 'x' is empty; Telegram refuses the whole message", NULL },
    { "{ text: a, keyboard: [ [ '${id}', b ] ] }", "track: b",
      "fault: label 'b' stands twice in the keyboard", NULL },
    { "{ type: highlight_reply, text: a, input_field_placeholder: '${id}' }",
      "track:", "fault: input_field_placeholder has 0 characters; Telegram takes 1 to 64", NULL },
    { "{ text: a, intercom_teammate_id: '${id}' }",
      "track:", "fault: intercom_teammate_id is empty or not UTF-8", NULL },
    { "{ text: '${contact.name}' }", "track:x",
      "fault: text: ${contact.name} is missing: it has no value here and no default", NULL },
    { "{ text: a, buttons: [ [ { text: b, url: 'https://example.com/${id}/x' } ] ] }", "track:..",
      "fault: url: a value would make the path of the url lead elsewhere ('..')", NULL },
};

static void print_replies(const struct match *match, enum dialect dialect, struct buf *out)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    const struct step *step = match->rule->steps;

    for (size_t i = 0; i < step->count; i++) {
        struct arena *arena = arena_new(1 << 20);
        struct rendered rendered;
        struct fault fault;

        if (out->len)
            buf_char(out, '\n');
        if (!message_render(step->messages[i], match->captures, scratch, arena, &rendered, &fault))
            buf_printf(out, "fault: %s", fault.text);
        else
            assert_true(dialect_print(dialect, &rendered, text_of("123456789"), out));
        arena_free(arena);
    }
    pattern_scratch_free(scratch);
}

static void check_dialect(const struct match *match, enum dialect dialect, const char *expected)
{
    struct buf out = BUF(100000);

    if (!expected)
        return;
    print_replies(match, dialect, &out);
    if (strcmp(out.data, expected) != 0)
        fail_msg("\n%s\ninstead of\n%s", out.data, expected);
    if (out.data[0] == '{' && !strchr(out.data, '\n')) {
        struct fault fault;
        struct json_object *doc = doc_parse(buf_get(&out), &fault);

        assert_non_null(doc);
        json_object_put(doc);
    }
    buf_free(&out);
}

static void test_golden(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct ruleset_question question = { ENTRY_TAP, text_of(rows[i].data), false, false };
        struct findings *findings = findings_new();
        struct buf file = BUF(10000);
        struct ruleset_file files[1] = { { "r.yaml", TEXT_NONE } };
        struct ruleset *ruleset;
        struct match match;

        buf_printf(&file,
                   "rows:\n  top: [ { text: Top, callback_data: 'top:${id:-x}' } ]\nrules:\n  - name: r\n"
                   "    tap: '(?:track:)(?<id>.*)'\n    reply: %s\n",
                   rows[i].reply);
        files[0].text = buf_get(&file);
        ruleset = ruleset_build(files, 1, NULL, 0, findings);
        if (!ruleset)
            fail_msg("%s: %s", rows[i].reply, findings_get(findings, 0)->text);
        assert_true(ruleset_match(ruleset, &question, scratch, &match));
        assert_int_equal(match.how, MATCH_TAP);
        check_dialect(&match, DIALECT_FLAT, rows[i].flat);
        check_dialect(&match, DIALECT_MARKUP, rows[i].markup);
        json_object_put(match.captures);
        ruleset_free(ruleset);
        findings_free(findings);
        buf_free(&file);
    }
    pattern_scratch_free(scratch);
}

static void test_names(void **state)
{
    enum dialect dialect;

    (void)state;
    assert_true(dialect_find(text_of("markup"), &dialect));
    assert_int_equal(dialect, DIALECT_MARKUP);
    assert_true(dialect_find(text_of("flat"), &dialect));
    assert_string_equal(dialect_name(dialect), "flat");
    assert_false(dialect_find(text_of("Flat"), &dialect));
    assert_string_equal(message_type_name(MESSAGE_REMOVE_REPLY_KEYBOARD), "remove_reply_keyboard");
}

/* Messages that no rule file can make, but a later step may. */
static void test_check(void **state)
{
    struct rendered_button button = { text_of("x"), text_of("https://a.b/"), text_of("x") };
    struct rendered_button nine[9];
    struct rendered_row thirteen[13];
    struct rendered_row row = { &button, 1 };
    struct rendered message = {
        .type = MESSAGE_REPLY_BUTTONS, .text = text_of("a"), .rows = &row, .n_rows = 1
    };
    struct fault fault;

    (void)state;
    assert_false(message_check(&message, &fault));
    assert_string_equal(fault.text, "button 'x' needs exactly one of url and callback_data");
    button.url = TEXT_NONE;
    assert_true(message_check(&message, &fault));
    message.type = MESSAGE_REPLY_KEYBOARD; /* a key's data stays here */
    assert_true(message_check(&message, &fault));
    button.url = text_of("https://a.b/");
    assert_false(message_check(&message, &fault));
    button.url = TEXT_NONE;
    message.type = MESSAGE_HIGHLIGHT_REPLY;
    assert_false(message_check(&message, &fault));
    message.type = MESSAGE_REPLY_BUTTONS;
    message.n_rows = 0;
    assert_false(message_check(&message, &fault));
    message.n_rows = 1;
    row.count = 0;
    assert_false(message_check(&message, &fault));
    for (size_t i = 0; i < 9; i++)
        nine[i] = button;
    row = (struct rendered_row){ nine, 9 };
    assert_false(message_check(&message, &fault));
    assert_string_equal(fault.text, "row 1 has 9 buttons; a row takes 1 to 8");
    row.count = 8;
    assert_true(message_check(&message, &fault));
    for (size_t i = 0; i < 13; i++)
        thirteen[i] = row;
    message.rows = thirteen;
    message.n_rows = 12;
    assert_true(message_check(&message, &fault));
    message.n_rows = 13;
    assert_false(message_check(&message, &fault));
    assert_string_equal(fault.text, "the rows up to number 13 have 104 buttons; a message takes 100");
}

static void test_memory(void **state)
{
    struct rendered message = { .type = MESSAGE_REMOVE_REPLY_KEYBOARD, .text = text_of("hello") };
    struct buf out = BUF(20);

    (void)state;
    assert_false(dialect_print(DIALECT_FLAT, &message, text_of("1"), &out));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
