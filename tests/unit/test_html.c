#include "core/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_detect(void **state)
{
    static const struct {
        const char *text;
        bool html;
    } table[] = {
        { "<p>menu</p>", true },
        { " \n<P class=\"no-margin\">x</P>", true },
        { "<div><p>x</p></div>", true },
        { "<h1>x</h1>", true },
        { "<h6>x</h6>", true },
        { "<ul><li>x</li></ul>", true },
        { "<ol\n>", true },
        { "<pre>x</pre>", true },
        { "<blockquote>x</blockquote>", true },
        { "<img src='x'>", true },
        { "<a href=\"x\">x</a>", true },
        { "<b>x</b>", true },
        { "<i>x</i>", true },
        { "<br/>", true },
        { "<br>x", true },
        { "", false },
        { "   ", false },
        { "menu:orders", false },
        { "x<p>y</p>", false },
        { "<h7>x</h7>", false },
        { "<px>x</px>", false },
        { "<3 you", false },
        { "<b", false },
        { "<bx", false },
        { "<b:x>", false },
        { "</p>", false },
        { "<", false },
        { "<script>x</script>", false },
        { "a<b", false },
        { "&lt;p&gt;", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (html_detect(text_of(table[i].text)) != table[i].html)
            fail_msg("%s", table[i].text);
}

static void test_reduce(void **state)
{
    static const struct {
        const char *html, *text;
    } table[] = {
        { "<p>menu:orders</p>", "menu:orders\n" },
        { "<p class=\"no-margin\">a</p>\n<p>b</p>", "a\nb\n" },
        { "<p>a</p>\r\n\r\n<p>b</p>", "a\nb\n" },
        { "<p>a<br>b<br/>c<br />d</p>", "a\nb\nc\nd\n" },
        { "<p>a\nb</p>", "a\nb\n" },
        { "<ul><li>a</li><li>b</li></ul>", "a\nb\n\n" },
        { "<div><b>x</b><i>y</i></div>", "xy\n" },
        { "<p>x&amp;y=1</p>", "x&y=1\n" },
        { "<p>a&lt;b</p>", "a<b\n" },
        { "<p>a<b</p>", "a<b\n" },
        { "<p>a < b > c</p>", "a < b > c\n" },
        { "<p>&amp;lt;</p>", "&lt;\n" },
        { "<p>&amp;amp;amp;</p>", "&amp;amp;\n" },
        { "<p>&lt;b&gt;x&lt;/b&gt;</p>", "<b>x</b>\n" },
        { "<p>&quot;&#39;&#x27;&apos;&nbsp;</p>", "\"''' \n" },
        { "<p>&#1055;&#x1F600;</p>", "П😀\n" },
        { "<p>&#0;&#xD800;</p>", "\xEF\xBF\xBD\xEF\xBF\xBD\n" },
        { "<p>&#x110000;&#;&#x;&#12</p>", "&#x110000;&#;&#x;&#12\n" },
        { "<p>&#99999999999999999999;</p>", "&#99999999999999999999;\n" },
        { "<p>&copy; &unknown; & &amp</p>", "&copy; &unknown; & &amp\n" },
        { "<p><a href=\"https://x.example/?a=1>2\" target='_blank'>label</a></p>", "label\n" },
        { "<p>see <img src=\"x\" alt=\"a > b\"> it</p>", "see  it\n" },
        { "<p>I'd say ’hi’</p>", "I'd say ’hi’\n" },
        { "<!-- c --><p>x</p><!doctype y>", "x\n" },
        { "<p>a <unclosed", "a <unclosed" },
        { "<p>&am<b>p;</b></p>", "&\n" },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf out = BUF(1000);

        html_reduce(text_of(table[i].html), &out);
        assert_false(out.failed);
        assert_string_equal(buf_get(&out).p, table[i].text);
        buf_free(&out);
    }
}

static void test_reduce_keeps_the_maximum(void **state)
{
    struct buf out = BUF(3);

    (void)state;
    html_reduce(text_of("<p>abcd</p>"), &out);
    assert_true(out.failed);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_reduce_keeps_the_maximum),
    };

    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
