/* Messages drawn with box characters. */

#include "core/columns.h"
#include "core/draw.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static void draw(const char *body, const struct draw_numbers *numbers, struct buf *out)
{
    struct shown shown;
    struct fault fault;

    assert_true(shown_read(text_of(body), arena, &shown, &fault));
    assert_true(draw_message(&shown, numbers, arena, out));
}

static size_t first(const void *arg, const struct shown_button *button)
{
    (void)arg;
    return text_is(button->label, "A") ? 1 : 0;
}

static void test_drawings(void **state)
{
    static const struct {
        const char *message, *drawing;
    } cases[] = {
        { "\"type\":\"remove_reply_keyboard\",\"text\":\"Hi\"", "╭──────────────────────╮\n"
                                                                "│ Hi                   │\n"
                                                                "╰──────────────────────╯\n" },
        { "\"type\":\"highlight_reply\",\"text\":\"日本\\nx\\ty\"", "╭──────────────────────────╮\n"
                                                                    "│ ▎ reply to this message  │\n"
                                                                    "│ 日本                     │\n"
                                                                    "│ x y                      │\n"
                                                                    "╰──────────────────────────╯\n" },
        { "\"type\":\"reply_buttons\",\"text\":\"\",\"buttons\":[[{\"text\":\"A\",\"callback_data\":\"a\"},{"
          "\"text\":\"Longer\",\"url\":\"https://a.example/\"}]]",
          "╭───────────────────────╮\n"
          "│                       │\n"
          "╰───────────────────────╯\n"
          "┌──────────┐ ┌──────────┐\n"
          "│  [1] A   │ │ Longer ↗ │\n"
          "└──────────┘ └──────────┘\n" },
        { "\"type\":\"reply_keyboard\",\"text\":\"?\",\"keyboard\":[[\"Yes\"]],\"is_persistent\":true",
          "╭──────────────────────╮\n"
          "│ ?                    │\n"
          "╰──────────────────────╯\n"
          "┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄\n"
          "┏━━━━━━━━━━━━━━━━━━━━━━┓\n"
          "┃         Yes          ┃\n"
          "┗━━━━━━━━━━━━━━━━━━━━━━┛\n"
          "  keyboard: is persistent\n" },
    };
    const struct draw_numbers numbers = { first, NULL };

    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf body = BUF(4096), out = BUF(1 << 16);

        buf_printf(&body, "{\"telegram_interactive_message\":{%s}}", cases[i].message);
        draw(buf_get(&body).p, &numbers, &out);
        assert_string_equal(buf_get(&out).p, cases[i].drawing);
        buf_free(&body);
        buf_free(&out);
    }
}

/* Whatever stands in it, no line is wider than 60 columns, and none is lost. */
static void test_width(void **state)
{
    struct buf body = BUF(1 << 16), out = BUF(1 << 20);
    struct text line, rest;
    size_t lines = 0;

    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    buf_str(&body, "{\"telegram_interactive_message\":{\"type\":\"reply_buttons\",\"text\":\"");
    for (int i = 0; i < 60; i++)
        buf_str(&body,
                i % 7 ? "wörd " : "averylongwordthatgoesonandonandonandonandonandonandonandonandon日本 ");
    buf_str(&body, "\",\"buttons\":[[");
    for (int i = 0; i < 8; i++)
        buf_printf(&body, "%s{\"text\":\"button number %d 📦\",\"callback_data\":\"a\"}", i ? "," : "", i);
    buf_str(&body, "]]}}");
    draw(buf_get(&body).p, NULL, &out);
    rest = buf_get(&out);
    while (text_cut(rest, '\n', &line, &rest)) {
        lines++;
        if (columns_of(line) > 60)
            fail_msg("%d columns: %.*s", columns_of(line), TEXT_ARG(line));
    }
    assert_true(lines > 20);
    buf_free(&body);
    buf_free(&out);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 24);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_drawings), cmocka_unit_test(test_width) };

    return cmocka_run_group_tests_name("draw", tests, setup, teardown);
}
