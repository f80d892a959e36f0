#include "core/doc.h"
#include "core/limits.h"
#include "core/names.h"
#include "core/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const all_names[] = { "1", "2", "id", "size", "empty", NULL };
static const char *const maybe_names[] = { "size", NULL };
static const struct names_inner inner = { "o", NULL };
static const struct names known = {
    .rule = "track", .all = all_names, .maybe = maybe_names, .inner = &inner
};

static const char *const hours_names[] = { "shop", NULL };
static const struct hours hours = { .name = "shop" };
static const struct settings settings = { .hours = &hours, .n_hours = 1, .hours_names = hours_names };

/* A template out of a node, as a rule's leaf. */
static struct template *compile(struct arena *arena, const struct node *node, enum template_leaf leaf,
                                const struct names *names, struct findings *findings)
{
    struct maker maker = { .arena = arena, .findings = findings, .settings = &settings, .names = names };

    return template_compile(&maker, node, leaf);
}

/* A scalar as a reader makes it: the text stands in the first line of a document, from column 1 on. */
struct leaf {
    struct document document;
    struct node node;
};

static void make_leaf(struct leaf *leaf, const char *text)
{
    *leaf = (struct leaf){ .document = { .path = "t.yaml", .source = text_of(text) } };
    leaf->node = (struct node){
        .kind = NODE_SCALAR, .at = { &leaf->document, 1, 1, 1 }, .text = text_of(text), .plain = true
    };
}

struct row {
    const char *text;
    const char *out; /* NULL: rendering fails */
    const char *fault;
};

static const struct row rows[] = {
    { "plain", "plain", NULL },
    { "", "", NULL },
    { "Order ${id}.", "Order ORD-1.", NULL },
    { "${id}${id}", "ORD-1ORD-1", NULL },
    { "$1-${2}", "ORD-1-XL", NULL },
    { "$$ $ $0.50 5$", "$ $ $0.50 5$", NULL },
    { "$${id}", "${id}", NULL },
    { "{\"a\": 1}", "{\"a\": 1}", NULL },
    { "${size:-none}", "none", NULL },
    { "${size:-}", "", NULL },
    { "${size:-a:-b $1}", "a:-b $1", NULL },
    { "[${empty:-x}]", "[]", NULL },
    { "${size}", NULL, "${size} is missing" },
    { "${contact.name}", "Anna", NULL },
    { "${contact.shop_id}", "77", NULL },
    { "${contact.custom_attributes.vip}", "true", NULL },
    { "${contact.score}", "1.50", NULL },
    { "${contact.hs}", "h", NULL },
    { "${contact.nothing}", NULL, "${contact.nothing} is missing" },
    { "${contact.nothing:-friend}", "friend", NULL },
    { "${contact.tags}", NULL, "${contact.tags} is missing" },
    { "${contact.custom_attributes}", NULL, "is missing" },
    { "${contact.gone:-x}", "x", NULL },
    { "${conversation.id}", "c1", NULL },
    { "\xD0\xB9 ${id}", "\xD0\xB9 ORD-1", NULL },
    { "${source}, ${lang}, ${hours.shop}", "shop, de, open", NULL },
    { "${channel}", NULL, "${channel} is missing" },
    /* paths */
    { "${o.list.0.id}", "12345678901234567", NULL },
    { "${o.list.count}", "2", NULL },
    { "${o.list.1}", "x", NULL },
    { "${o.list.2:-none}", "none", NULL },
    { "${o.list.01:-none}", "x", NULL },
    { "${o.list.-1:-none}", "none", NULL },
    { "${o.list.x:-none}", "none", NULL },
    { "${o.list:-none}", "none", NULL },
    { "${o:-none}", "none", NULL },
    { "${o.count}", "7", NULL },
    { "${o.total.count:-none}", "none", NULL },
    { "${contact.tags.count}", "1", NULL },
    /* filters, from left to right, then the default */
    { "${o.w|upper}|${o.w|lower}",
      " \xC3\xA4"
      "BC | \xC3\xA4"
      "bc ",
      NULL },
    { "[${o.w|trim|upper}]",
      "[\xC3\xA4"
      "BC]",
      NULL },
    { "${o.w|trim|truncate(2)}",
      "\xC3\xA4"
      "b",
      NULL },
    { "${o.w|trim|truncate(20)}",
      "\xC3\xA4"
      "bC",
      NULL },
    { "${o.w|trim|url}", "%C3%A4bC", NULL },
    { "${o.total|cents}, ${o.total|cents(,)}, ${o.list.0.id|cents}", "49.90, 49,90, 123456789012345.67",
      NULL },
    { "${o.eur|money}, ${o.eur|money(,)}, ${o.total|money}", "49.90, 49,90, 4990.00", NULL },
    { "${o.eur|cents}", NULL, "${o.eur} is missing: '49.9' is no whole number of cents" },
    { "${o.eur|cents:-?}", "?", NULL },
    { "${o.w|money:-free}", "free", NULL },
    { "${o.gone|upper:-none}", "none", NULL },
    { "${o.list.0.on|date(%d.%m.%Y)}", "01.12.2026", NULL },
    { "${o.at|date(%Y-%m-%d %H:%M:%S)}", "2026-08-04 08:00:00", NULL },
    { "${o.iso|date(%e.%m.%y %H:%M%%)}", "4.08.26 08:00%", NULL },
    { "${o.w|date(%d)}", NULL, "is no date" },
};

static const struct row urls[] = {
    { "https://example.com/r/${id}", "https://example.com/r/ORD-1", NULL },
    { "https://example.com/r/${evil}", "https://example.com/r/..%2F%3Fa%3Db%26c%23%25%20%C3%A4", NULL },
    { "https://example.com?q=${evil}", "https://example.com?q=..%2F%3Fa%3Db%26c%23%25%20%C3%A4", NULL },
    { "https://example.com/${dots}/x", NULL, "elsewhere" },
    { "https://example.com/${dots}", NULL, "elsewhere" },
    { "https://example.com/.${dot}?x", NULL, "elsewhere" },
    { "https://example.com/${dot}${dot}#x", NULL, "elsewhere" },
    { "https://example.com/a${dots}", "https://example.com/a..", NULL },
    { "https://example.com/?x=${dots}", "https://example.com/?x=..", NULL },
    { "https://example.com/v1.0/${id}", "https://example.com/v1.0/ORD-1", NULL },
    { "tg://resolve?domain=${id}", "tg://resolve?domain=ORD-1", NULL },
    { "https://example.com/a/../b", "https://example.com/a/../b", NULL },
    { "https://example.com/?t=${o.w|trim|lower}", "https://example.com/?t=%C3%A4bc", NULL },
};

static struct json_object *parse(const char *text)
{
    struct fault fault;
    struct json_object *doc = doc_parse(text_of(text), &fault);

    if (!doc)
        fail_msg("%s: %s", text, fault.text);
    return doc;
}

static void check_rows(const struct row *table, size_t n, enum template_leaf leaf_kind,
                       const struct names *names_known)
{
    struct json_object *scope = parse(
        "{\"1\":\"ORD-1\",\"2\":\"XL\",\"id\":\"ORD-1\",\"empty\":\"\",\"dot\":\".\",\"dots\":\"..\","
        "\"evil\":\"../?a=b&c#% \xC3\xA4\",\"contact\":{\"name\":\"Anna\",\"score\":1.50,\"gone\":null,"
        "\"tags\":[1],\"custom_attributes\":{\"shop_id\":77,\"vip\":true},\"properties\":{\"hs\":\"h\"}},"
        "\"conversation\":{\"id\":\"c1\"},\"source\":\"shop\",\"lang\":\"de\",\"hours\":{\"shop\":\"open\"},"
        "\"o\":{\"list\":[{\"id\":12345678901234567,\"on\":\"2026-12-01\"},\"x\"],\"total\":4990,\"eur\":49."
        "9,"
        "\"at\":1785830400,\"iso\":\"2026-08-04T10:00:00+02:00\",\"w\":\" \u00e4bC \",\"count\":7}}");

    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_new(1 << 20);
        struct findings *findings = findings_new();
        struct fault fault = { "" };
        struct text out = TEXT_NONE;
        struct template *template;
        struct leaf leaf;

        make_leaf(&leaf, table[i].text);
        template = compile(arena, &leaf.node, leaf_kind, names_known, findings);
        if (!template)
            fail_msg("%s: %s", table[i].text, findings_get(findings, 0)->text);
        if (template_render(template, scope, 1000, arena, &out, &fault) != (table[i].out != NULL))
            fail_msg("%s: '%.*s' %s", table[i].text, TEXT_ARG(out), fault.text);
        if (table[i].out && !text_is(out, table[i].out))
            fail_msg("%s: '%.*s'", table[i].text, TEXT_ARG(out));
        if (table[i].fault && !strstr(fault.text, table[i].fault))
            fail_msg("%s: %s", table[i].text, fault.text);
        findings_free(findings);
        arena_free(arena);
    }
    json_object_put(scope);
}

static void test_render(void **state)
{
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(*rows), LEAF_TEXT, &known);
}

static void test_urls(void **state)
{
    static const struct names url_names = { .inner = &inner }; /* the others come later */

    (void)state;
    check_rows(urls, sizeof(urls) / sizeof(*urls), LEAF_URL, &url_names);
}

static const struct {
    const char *text;
    enum template_leaf leaf;
    int column, width; /* of the finding; 0: not looked at */
    const char *words, *hint;
} mistakes[] = {
    { "Order ${ib}.", LEAF_TEXT, 7, 5, "nothing gives ${ib} a value in rule 'track'", "did you mean ${id}?" },
    { "\xD0\xB9\xD0\xB9 ${ib}", LEAF_TEXT, 4, 5, "nothing gives", NULL },
    { "for ${price}", LEAF_TEXT, 5, 8, "nothing gives ${price}", "(?<price>...)" },
    { "only $10.00", LEAF_TEXT, 6, 3, "nothing gives ${10}", "a dollar is written $$" },
    { "a ${id", LEAF_TEXT, 3, 4, "no '}'", NULL },
    { "a ${}", LEAF_TEXT, 3, 3, "names nothing", NULL },
    { "${ id }", LEAF_TEXT, 1, 7, "' id ' is no name", NULL },
    { "${Id}", LEAF_TEXT, 1, 5, "'Id' is no name", NULL },
    { "${id|uper}", LEAF_TEXT, 1, 10, "no filter is called 'uper'", "did you mean 'upper'?" },
    { "${id|}", LEAF_TEXT, 1, 6, "no filter is called ''", NULL },
    { "${id|truncate}", LEAF_TEXT, 1, 14, "truncate wants a number", NULL },
    { "${id|truncate(0)}", LEAF_TEXT, 1, 17, "truncate wants a number", NULL },
    { "${id|truncate(3}", LEAF_TEXT, 1, 16, "has no ')'", NULL },
    { "${id|upper()}", LEAF_TEXT, 1, 13, "upper takes nothing in brackets", NULL },
    { "${id|cents(;)}", LEAF_TEXT, 1, 14, "cents takes a point or a comma", NULL },
    { "${id|date}", LEAF_TEXT, 1, 10, "date wants a form", NULL },
    { "${id|date(%A)}", LEAF_TEXT, 1, 14, "date knows %d", NULL },
    { "${id|date(%)}", LEAF_TEXT, 1, 13, "date knows %d", NULL },
    { "${id.x}", LEAF_TEXT, 1, 7, "'id' is a text that a group took", NULL },
    { "${hours.shp}", LEAF_TEXT, 1, 12, "no hours are called 'shp'", "did you mean hours.shop?" },
    { "${pages.now}", LEAF_TEXT, 1, 12, "nothing here has pages", "'page'" },
    { "${pages.last}", LEAF_TEXT, 1, 13, "pages have no 'last'", NULL },
    { "${topic.x}", LEAF_TEXT, 1, 10, "nothing is inside it", NULL },
    { "${order.status}", LEAF_TEXT, 1, 15, "nothing gives ${order.status} a value", "lookup: order" },
    { "${chat}", LEAF_TEXT, 1, 7, "${chat} is not one value; write ${chat.NAME}", NULL },
    { "${secret.KEY}", LEAF_TEXT, 1, 13, "secrets stand only in the headers of lookups", NULL },
    { "${attachment.ulr}", LEAF_TEXT, 1, 17, "an attachment has no 'ulr'", "did you mean attachment.url?" },
    { "${attachment}", LEAF_TEXT, 1, 13, "${attachment} is not one value", NULL },
    { "${contact}", LEAF_TEXT, 1, 10, "${contact} is not one value", NULL },
    { "${conversation}", LEAF_TEXT, 1, 15, "${conversation} is not one value", NULL },
    { "${id}://example.com/", LEAF_URL, 1, 0, "must be written out", NULL },
    { "https://${id}/x", LEAF_URL, 1, 0, "must be written out", NULL },
    { "https://example.com${id}", LEAF_URL, 1, 0, "must be written out", NULL },
    { "https://example.com:${id}/", LEAF_URL, 1, 0, "must be written out", NULL },
    { "javascript:x/${id}", LEAF_URL, 1, 0, "must begin with https://", NULL },
    { "https://localhost/${id}", LEAF_URL, 1, 0, "a dot inside", NULL },
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct findings *findings = findings_new();
        const struct finding *finding;
        struct leaf leaf;

        make_leaf(&leaf, mistakes[i].text);
        assert_null(compile(arena, &leaf.node, mistakes[i].leaf, &known, findings));
        finding = findings_get(findings, 0);
        assert_non_null(finding);
        if (!strstr(finding->text, mistakes[i].words) || finding->at.column != mistakes[i].column ||
            (mistakes[i].width && finding->at.width != mistakes[i].width))
            fail_msg("%s: %d+%d %s", mistakes[i].text, finding->at.column, finding->at.width, finding->text);
        if (mistakes[i].hint && (!finding->hint || !strstr(finding->hint, mistakes[i].hint)))
            fail_msg("%s: hint %s", mistakes[i].text, finding->hint ? finding->hint : "-");
        findings_free(findings);
        arena_free(arena);
    }
}

static void test_warnings(void **state)
{
    static const struct {
        const char *text, *words;
    } table[] = {
        { "${size}", "not every match of rule 'track' gives ${size}" },
        { "${size:-x}", NULL },
        { "${contact.name}", "${contact.name} may be missing" },
        { "${contact.name|upper:-you}", NULL },
        { "${conversation.title}", "${conversation.title} may be missing" },
        { "${conversation.id}", NULL },
        { "${attachment.url}", "${attachment.url} may be missing" },
        { "${lang}", "${lang} may be missing" },
        { "${o.id} ${hours.shop} ${source}", NULL },
        { "Order {id}", "as it stands here" },
        { "Order {{id}}", "as it stands here" },
        { "Order {{ id }}", "as it stands here" },
        { "Order $id", "as it stands here" },
        { "Order { id }", "as it stands here" },
        { "Order {id it", "as it stands here" },
        { "Order {it}", "as it stands here" },
        { "Order { it }", NULL },
        { "Order {it it", NULL },
        { "Order {{it}}", "as it stands here" },
        { "Order {{ it | upper }}", "as it stands here" },
        { "Order {{it|upper}}", "as it stands here" },
        { "Hello {{contact.name}}", "'{{contact.name'" },
        { "Hello {contact.name}", "'{contact.name'" },
        { "Hello $contact.name.", "'$contact.name'" },
        { "Order $it", "as it stands here" },
        { "$$it, $ it, US$, {}, {1}, {It}, {\"it\":1}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct findings *findings = findings_new();
        struct leaf leaf;

        make_leaf(&leaf, table[i].text);
        assert_non_null(compile(arena, &leaf.node, LEAF_TEXT, &known, findings));
        if (findings_count(findings, FINDING_WARNING) != (table[i].words ? 1 : 0))
            fail_msg("%s: %zu warnings", table[i].text, findings_count(findings, FINDING_WARNING));
        if (table[i].words)
            assert_non_null(strstr(findings_get(findings, 0)->text, table[i].words));
        findings_free(findings);
        arena_free(arena);
    }
}

static void test_static_and_bounds(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct findings *findings = findings_new();
    struct fault fault;
    struct template *template;
    struct text text;
    struct leaf leaf;

    (void)state;
    make_leaf(&leaf, "5 $$");
    template = compile(arena, &leaf.node, LEAF_TEXT, NULL, findings);
    assert_true(template_static(template, &text) && text_is(text, "5 $"));
    assert_false(template_uses(template, "contact"));
    assert_false(template_render(template, NULL, 2, arena, &text, &fault));
    make_leaf(&leaf, "${contact.name:-you}");
    template = compile(arena, &leaf.node, LEAF_TEXT, NULL, findings);
    assert_false(template_static(template, &text));
    assert_true(template_uses(template, "contact"));
    assert_true(template_render(template, NULL, 20, arena, &text, &fault) && text_is(text, "you"));
    arena_free(arena);
    arena = arena_new(0);
    assert_null(compile(arena, &leaf.node, LEAF_TEXT, NULL, findings));
    arena_free(arena);
    findings_free(findings);
}

static void test_parts(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct findings *findings = findings_new();
    struct template_part part;
    struct template *template;
    struct leaf leaf;

    (void)state;
    make_leaf(&leaf, "a$$:${id:-0}${contact.name}");
    template = compile(arena, &leaf.node, LEAF_TEXT, NULL, findings);
    assert_int_equal(template_count(template), 3);
    assert_true(template_part(template, 0, &part));
    assert_true(part.kind == TEMPLATE_LITERAL && text_is(part.text, "a$:"));
    assert_true(template_part(template, 1, &part));
    assert_true(part.kind == TEMPLATE_CAPTURE && text_is(part.text, "id") && text_is(part.otherwise, "0"));
    assert_true(template_part(template, 2, &part));
    assert_true(part.kind == TEMPLATE_OTHER && text_is(part.text, "contact.name") && !part.otherwise.p);
    assert_false(template_part(template, 3, &part));
    arena_free(arena);
    findings_free(findings);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static char long_text[40000];

static struct text repeat(const char *unit, int count)
{
    size_t n = strlen(unit), used = 0;

    while (count-- > 0) {
        memcpy(long_text + used, unit, n);
        used += n;
    }
    return text_make(long_text, used);
}

static void test_limits(void **state)
{
    struct fault fault;

    (void)state;
    assert_true(limits_text(repeat("a", 4096), &fault));
    assert_false(limits_text(repeat("a", 4097), &fault));
    assert_string_equal(fault.text, "has 4097 characters; Telegram takes 4096 and refuses the whole message");
    assert_true(limits_text(repeat("\xF0\x9F\x98\x80", 4096), &fault));
    assert_false(limits_text(repeat("\xF0\x9F\x98\x80", 4097), &fault));
    /* what Telegram removes or cuts does not count */
    assert_true(limits_text(repeat("a\r", 4096), &fault));
    assert_true(limits_text(repeat("a\xE2\x80\xAE", 4096), &fault));
    assert_false(limits_text(repeat("a\xE2\x80\xAE\xE2\x80\xAE\xE2\x80\xAE", 3900), &fault));
    long_text[0] = 'x';
    memset(long_text + 1, ' ', 5000);
    assert_true(limits_text(text_make(long_text, 5001), &fault));
    assert_false(limits_text(text_of(""), &fault));
    assert_false(limits_text(text_of(" \n\t\r"), &fault));
    assert_false(limits_text(text_of("\xFF"), &fault));
    assert_true(limits_data(repeat("a", 64), &fault));
    assert_false(limits_data(repeat("a", 65), &fault));
    assert_true(limits_data(repeat("\xD0\xB9", 32), &fault));
    assert_false(limits_data(repeat("\xD0\xB9", 33), &fault));
    assert_string_equal(fault.text, "is 66 bytes; Telegram takes 64 and refuses the whole message");
    assert_false(limits_data(text_of(""), &fault));
    assert_false(limits_data(text_of("\x80"), &fault));
    assert_true(limits_placeholder(repeat("\xD0\xB9", 64), &fault));
    assert_false(limits_placeholder(repeat("a", 65), &fault));
    assert_false(limits_placeholder(text_of(""), &fault));
    assert_true(limits_label(text_of("x"), &fault));
    assert_false(limits_label(text_of(" "), &fault));
    assert_false(limits_label(text_of("\xE2\x80\xAE"), &fault));
}

static void test_addresses(void **state)
{
    static const struct {
        const char *url;
        bool good;
    } table[] = {
        { "https://example.com", true },
        { "HTTP://example.com/", true },
        { "https://a.b:8443/x?y#z", true },
        { "https://[::1]/x", true },
        { "tg://resolve?domain=x", true },
        { "tg:resolve?domain=x", true },
        { "tg://user?id=5", true },
        { "https://user@example.com/", true },
        { "https://localhost/", false },
        { "https://", false },
        { "https:///x.y", false },
        { "example.com", false },
        { "ftp://example.com", false },
        { "mailto:a@b.com", false },
        { "javascript:alert(1)", false },
        { "tel:+1", false },
        { "https://exa mple.com", false },
        { "https://example.com/\n", false },
        { "https://example.com\\@x", false },
        { "", false },
        { "tg://", false },
        { "tg://a.b/", false },
        { "https://a@localhost/x.y", false },
        { "https://.com/", false },
        { "https://localhost:80/a.b", false },
        { "https://a.b:c/", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct fault fault = { "" };

        if (limits_url(text_of(table[i].url), &fault) != table[i].good)
            fail_msg("%s: %s", table[i].url, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_static_and_bounds),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
