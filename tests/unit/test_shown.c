/* Messages read back from request bodies, and compared with what a test case says of them. */

#include "core/shown.h"
#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FLAT                                                                                                \
    "{\"destination_user_id\":\"1\",\"telegram_interactive_message\":{\"type\":\"reply_buttons\",\"text\":" \
    "\"Hi\",\"buttons\":[[{\"text\":\"A\",\"url\":\"https://a.example/\"}],[{\"text\":\"B\","               \
    "\"callback_data\":\"b:1\"},{\"text\":\"C\",\"callback_data\":\"c\"}]]},\"intercom_teammate_id\":\"7\"}"
#define MARKUP                                                                                              \
    "{\"destination_user_id\":\"1\",\"telegram_interactive_message\":{\"type\":\"reply_buttons\",\"text\":" \
    "\"Hi\",\"reply_markup\":{\"inline_keyboard\":[[{\"text\":\"A\",\"url\":\"https://a.example/\"}],[{"    \
    "\"text\":\"B\",\"callback_data\":\"b:1\"},{\"text\":\"C\",\"callback_data\":\"c\"}]]}},"               \
    "\"intercom_teammate_id\":\"7\"}"
#define KEYS                                                                                              \
    "{\"telegram_interactive_message\":{\"type\":\"reply_keyboard\",\"text\":\"Pick\",\"reply_markup\":{" \
    "\"keyboard\":[[{\"text\":\"One\"},{\"text\":\"Two\"}]],\"one_time_keyboard\":true}}}"

static void read_one(const char *body, struct arena *arena, struct shown *out)
{
    struct fault fault = { "" };

    if (!shown_read(text_of(body), arena, out, &fault))
        fail_msg("shown_read: %s", fault.text);
}

static void test_read(void **state)
{
    static const char *const bodies[] = { FLAT, MARKUP };
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct shown shown;

        read_one(bodies[i], arena, &shown);
        assert_true(text_is(shown.type, "reply_buttons") && text_is(shown.text, "Hi"));
        assert_false(shown.keyboard);
        assert_int_equal(shown.n_rows, 2);
        assert_true(text_is(shown.rows[0].buttons[0].url, "https://a.example/"));
        assert_null(shown.rows[0].buttons[0].data.p);
        assert_int_equal(shown.rows[1].count, 2);
        assert_true(text_is(shown.rows[1].buttons[0].label, "B"));
        assert_true(text_is(shown.rows[1].buttons[0].data, "b:1"));
    }
    arena_free(arena);
}

static void test_keys(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct shown shown;

    (void)state;
    read_one(KEYS, arena, &shown);
    assert_true(shown.keyboard && shown.one_time_keyboard && !shown.resize_keyboard);
    assert_int_equal(shown.rows[0].count, 2);
    assert_true(text_is(shown.rows[0].buttons[1].label, "Two"));
    assert_null(shown.rows[0].buttons[1].data.p);
    arena_free(arena);
}

static void test_no_message(void **state)
{
    static const char *const bodies[] = { "{}", "[]", "{\"telegram_interactive_message\":[]}", "x", "" };
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct shown shown;
        struct fault fault;

        assert_false(shown_read(text_of(bodies[i]), arena, &shown, &fault));
    }
    arena_free(arena);
}

static void test_fits(void **state)
{
    static const struct {
        const char *body, *wanted, *fault; /* NULL: it fits */
    } cases[] = {
        { FLAT, "{}", NULL },
        { FLAT, "{ type: reply_buttons, text: Hi }", NULL },
        { MARKUP, "{ buttons: [ [ A ], [ B, C ] ] }", NULL },
        { FLAT, "{ buttons: [ [ { url: 'https://a.example/' } ], [ { callback_data: 'b:1' }, C ] ] }", NULL },
        { FLAT, "{ intercom_teammate_id: 7 }", NULL },
        { MARKUP, "{ intercom_teammate_id: '7' }", NULL },
        { KEYS, "{ keyboard: [ [ One, Two ] ], one_time_keyboard: true }", NULL },
        { KEYS, "{ one_time_keyboard: false }", "one_time_keyboard: expected 'false', got 'true'" },
        { KEYS, "{ resize_keyboard: true }", "resize_keyboard: expected 'true', got 'nothing'" },
        { FLAT, "{ text: Ho }", "text: expected 'Ho', got 'Hi'" },
        { FLAT, "{ buttons: [ [ A ] ] }", "buttons: expected 1, got 2" },
        { FLAT, "{ buttons: [ [ A ], [ B, D ] ] }",
          "buttons, 2., 2.: expected 'D', got '{ \"text\": \"C\", "
          "\"callback_data\": \"c\" }'" },
        { FLAT, "{ keyboard: [] }", "keyboard: expected 'a list', got 'nothing'" },
        { FLAT, "{ text: [ Hi ] }", "text: expected 'a list', got 'Hi'" },
    };
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct findings *findings = findings_new();
        struct document *wanted = yaml_read(arena, "w.yaml", text_of(cases[i].wanted), findings);
        struct fault fault = { "" };
        struct shown shown;
        bool fits;

        assert_non_null(wanted);
        read_one(cases[i].body, arena, &shown);
        fits = shown_fits(&shown, wanted->root, &fault);
        assert_string_equal(fits ? "" : fault.text, cases[i].fault ? cases[i].fault : "");
        findings_free(findings);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_keys),
                                        cmocka_unit_test(test_no_message), cmocka_unit_test(test_fits) };

    return cmocka_run_group_tests_name("shown", tests, NULL, NULL);
}
