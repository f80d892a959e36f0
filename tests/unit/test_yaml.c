#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARENA ((size_t)512 << 20)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct document *reading(struct arena *, const char *, struct text, struct findings *);

/* What is printed about a file; "" if it is fine. For free(3). */
static char *printed(reading *read, const char *path, struct text source)
{
    struct arena *arena = arena_new(ARENA);
    struct findings *findings = findings_new();
    struct buf out = BUF(1000000);
    struct document *document = read(arena, path, source, findings);

    assert_true((document != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
    /* findings must outlive the file */
    arena_free(arena);
    findings_print(findings, &out);
    findings_free(findings);
    return buf_take(&out);
}

/* "LINE:COLUMN TEXT [HINT]" of each finding, one after the other. For free(3). */
static char *listed(reading *read, struct text source)
{
    struct arena *arena = arena_new(ARENA);
    struct findings *findings = findings_new();
    const struct finding *finding;
    struct buf out = BUF(100000);
    struct document *document = read(arena, "f", source, findings);

    assert_true((document != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
    for (size_t i = 0; (finding = findings_get(findings, i)); i++) {
        buf_printf(&out, "%s%d:%d %s", i ? "; " : "", finding->at.line, finding->at.column, finding->text);
        if (finding->hint)
            buf_printf(&out, " [%s]", finding->hint);
    }
    findings_free(findings);
    arena_free(arena);
    return buf_take(&out);
}

struct row {
    const char *source, *expected;
};

static void compare(reading *read, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *text = listed(read, text_of(rows[i].source));

        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s\ngives   %s\ninstead %s", rows[i].source, text, rows[i].expected);
        free(text);
    }
}

/* The examples of the language's description, letter by letter. */
static void test_golden(void **state)
{
    static const char lines[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
    char source[300], *text;

    (void)state;
    snprintf(source, sizeof(source), "%sr:\n    - [ { text: Refresh, callback_data: track:${id} } ]\n",
             lines + 1);
    text = printed(yaml_read, "rules/10.yaml", text_of(source));
    assert_string_equal(text,
                        "rules/10.yaml:22:48: error: a text with ${...} inside { } or [ ] needs quotes\n"
                        "  22 |     - [ { text: Refresh, callback_data: track:${id} } ]\n"
                        "     |                                                ^ YAML starts a map here\n"
                        "     = write: callback_data: 'track:${id}'\n");
    free(text);
    snprintf(source, sizeof(source), "%sr:\n      text: Your order #${id} is on its way\n", lines + 14);
    text = printed(yaml_read, "rules/10.yaml", text_of(source));
    assert_string_equal(
        text, "rules/10.yaml:9:24: error: the text ends before '#'; YAML takes the rest for a comment\n"
              "   9 |       text: Your order #${id} is on its way\n"
              "     |                        ^\n"
              "     = write: text: 'Your order #${id} is on its way'\n");
    free(text);
}

/* The same places by way of nodes, as rules report them. */
static void test_places(void **state)
{
    static const char source[] =
        "a:\n"
        "        - [ { text: Track, callback_data: 'trakc:${id}' } ]\n"
        "        - [ { text: 'Yes', callback_data: 'confirm:${id}' } ]\n"
        "b: &x 'it''s'\nc: \"a\\u00e9\\n€z\"\nd: äöü${x}\ne: |\n  abc\nf: 'two\n  lines'\n"
        "g: ''\n";
    struct arena *arena = arena_new(ARENA);
    struct findings *findings = findings_new();
    struct document *document = yaml_read(arena, "f", text_of(source), findings);
    const struct node *list = node_get(document->root, "a"), *node;
    struct place at;
    struct {
        const char *key;
        size_t offset, n;
        int column, width;
    } rows[] = {
        { "b", 0, 4, 8, 5 },  { "b", 3, 1, 12, 1 }, { "b", 2, 1, 10, 2 }, { "c", 3, 1, 12, 2 },
        { "c", 4, 3, 14, 1 }, { "c", 7, 1, 15, 1 }, { "d", 6, 4, 7, 4 },  { "d", 0, 2, 4, 1 },
        { "e", 1, 1, 4, 1 },  { "f", 5, 2, 5, 3 },  { "f", 0, 3, 5, 3 },  { "g", 0, 0, 5, 1 },
        { "d", 99, 1, 4, 7 },
    };

    (void)state;
    node = node_get(list->items[0]->items[0], "callback_data");
    at = node_part(node, 0, 5);
    assert_int_equal(at.column, 44);
    assert_int_equal(at.width, 5);
    assert_int_equal(node->at.column, 44);
    assert_int_equal(node->at.width, 11);
    node = node_get(list->items[1]->items[0], "callback_data");
    at = node_quoted(node);
    assert_int_equal(at.column, 43);
    assert_int_equal(at.width, 15);
    for (size_t i = 0; i < COUNT(rows); i++) {
        at = node_part(node_get(document->root, rows[i].key), rows[i].offset, rows[i].n);
        if (at.column != rows[i].column || at.width != rows[i].width)
            fail_msg("%s %zu: %d %d", rows[i].key, rows[i].offset, at.column, at.width);
    }
    assert_int_equal(node_quoted(node_get(document->root, "g")).column, 4);
    assert_int_equal(node_quoted(node_get(document->root, "g")).width, 2);
    assert_int_equal(node_quoted(node_get(document->root, "d")).column, 4);
    findings_free(findings);
    arena_free(arena);
}

static void test_yaml(void **state)
{
    static const struct row rows[] = {
        { "a: b\n", "" },
        { "# only\n", "" },
        { "a: b # comment\n", "" },
        { "a: b ## comment\n", "" },
        { "a: b #\n", "" },
        { "a: b#c\n", "" },
        { "a: 'b' #c\n", "" },
        { "text: Hello ${name}\n", "" },
        { "a: { b: $$ }\n", "" },
        { "a: x\nb: y\na: z\n", "3:1 the key 'a' stands twice in this map [it stands in line 1 already]" },
        { "a:\tb\n\tc: d\n", "1:3 a tab [use spaces; inside a text, write \"\\t\" in double quotes]; 2:1 a "
                             "tab [use spaces; inside a text, write \"\\t\" in double quotes]" },
        { "a: \"\xFF\"\n", "1:5 this is not UTF-8 [save the file as UTF-8]" },
        { "a: \"\x01\"\n", "1:5 a control character [take it out]" },
        { "a: b\xE2\x80\xA8"
          "c\n",
          "1:5 an invisible line separator [take it out]" },
        { "text: Hello: world\n", "1:12 a key cannot stand here [write: text: 'Hello: world']" },
        { "text: 'It's here'\n",
          "1:11 a key is expected here [a quote inside single quotes is written twice: '']" },
        { "a: b\ntext: 'open\nc: d\n", "2:7 the quote that begins here is never closed [close it; a quote "
                                       "inside single quotes is written twice: '']" },
        { "text: \"\\d\"\n", "1:8 this '\\' means nothing in double quotes [use single quotes: there a '\\' "
                             "stands for itself]" },
        { "text: \"\\xZZ\"\n", "1:10 this '\\' needs hexadecimal digits behind it [use single quotes: there "
                               "a '\\' stands for itself]" },
        { "text: @x\n", "1:7 a text cannot begin like this [write: text: '@x']" },
        { "text: `x`\n", "1:7 a text cannot begin like this [write: text: '`x`']" },
        { "text: 100%: x\n", "1:11 a key cannot stand here [write: text: '100%: x']" },
        { "text: *bold*\n", "1:12 '*' and '&' begin the name of an alias or anchor [write: text: '*bold*']" },
        { "text: !x\n", "1:7 tags (words that begin with '!') are not supported [a text that begins with '!' "
                        "needs single quotes]" },
        { "text: {{name}}\n",
          "1:8 a key must be a text, not a map [a text that begins with '{' or '[' needs single quotes]" },
        { "text: [x](y)\n", "1:10 a key is expected here [write: text: '[x](y)']" },
        { "a: [ { text: Order #5, c: x } ]\nb: c\n",
          "1:20 the text ends before '#'; YAML takes the rest for a comment [write: text: 'Order #5']" },
        { "a: [ Order #5 ]\n  - x\n",
          "1:12 the text ends before '#'; YAML takes the rest for a comment [write: 'Order #5']" },
        { "- Your order #5\n- It's #1\n",
          "1:14 the text ends before '#'; YAML takes the rest for a comment [write: 'Your order #5']; 2:8 "
          "the text ends before '#'; YAML takes the rest for a comment [write: 'It''s #1']" },
        { "a: [ { text: b${c}, d: x } ]\n",
          "1:16 a text with ${...} inside { } or [ ] needs quotes [write: text: 'b${c}']" },
        { "a: [ ${x}, 'b' ]\n", "1:7 a text with ${...} inside { } or [ ] needs quotes [write: '${x}']" },
        { "a: [ \"${x}\", b${y}z ]\n",
          "1:16 a text with ${...} inside { } or [ ] needs quotes [write: 'b${y}z']" },
        { "a: { ${x}: y }\n", "1:7 a text with ${...} inside { } or [ ] needs quotes [write: '${x}: y']" },
        { "a: [ b, c\nd: e\n", "2:2 a ',' or ']' is missing before this [the '[' of line 1 is still open]" },
        { "a: { b: c\nd: e\n", "2:2 a ',' or '}' is missing before this [the '{' of line 1 is still open]" },
        /* at the end of the file, with and without the end of its line */
        { "a: { b: c\n", "1:10 a ',' or '}' is missing before this [the '{' of line 1 is still open]" },
        { "a: { b: c", "1:10 a ',' or '}' is missing before this [the '{' of line 1 is still open]" },
        { "a: [ b,\r\n\r\n", "1:8 a value is missing before this" },
        { "a: {\n  b: c,\n  d: [ e ] # f\n\n",
          "3:15 a ',' or '}' is missing before this [the '{' of line 1 is still open]" },
        { "a: [ b ]]\n", "1:9 a key is expected here [this bracket closes nothing]" },
        { "- a\nb: c\n", "2:1 a '-' is expected here, as before the other elements [check the indentation: "
                         "elements of one list stand in the same column]" },
        { "a: b\n  c: d\n", "2:4 a key cannot stand here [a text with ': ' in it needs single quotes; else "
                            "check the indentation, and the ':' of the line before]" },
        { "a:\n  b: c\n d: e\n",
          "3:2 a key is expected here [check the indentation: keys of one map stand in the same column]" },
        { "a: - b\n", "1:4 a list cannot begin here [begin it in a line of its own below its key; a text "
                      "that begins with '- ' needs single quotes]" },
        { "a: &x { b: c }\nd: { <<: *x }\n", "2:6 merge keys ('<<') are not supported [write the keys out]" },
        { "%YAML 1.1\n---\na: b\n",
          "1:1 directives (lines that begin with '%') are not supported [take the line out]" },
        { "a: b\n---\nc: d\n", "2:1 a file holds one document; another one begins here [put it into a file "
                               "of its own, without '---']" },
        { "---\na: b\n...\n", "" },
        { "a b\nc: d\n", "2:2 a key cannot stand here [a text with ': ' in it needs single quotes; else "
                         "check the indentation, and the ':' of the line before]" },
        { "a: |x\n  b\n", "1:5 behind '|' and '>' the text begins in the next line [write: a: '|x']" },
        { "a: *y\n", "1:4 nothing before has this name [a text that begins with '*' needs single quotes]" },
        { "a: \"\\0\"\n", "1:5 a text cannot hold the character NUL" },
        { "[ a ]: b\n",
          "1:1 a key must be a text, not a list [a text that begins with '{' or '[' needs single quotes]" },
        { "a: b\r\nb: c\r\na: d\r\n",
          "3:1 the key 'a' stands twice in this map [it stands in line 1 already]" },
        { "a: x #y\nb: z #w\na: 1\n",
          "1:6 the text ends before '#'; YAML takes the rest for a comment [write: a: 'x #y']; 2:6 the text "
          "ends before '#'; YAML takes the rest for a comment [write: b: 'z #w']; 3:1 the key 'a' stands "
          "twice in this map [it stands in line 1 already]" },
        { "\xC3\xA4: \xC3\xB6 #\xC3\xBC\n",
          "1:6 the text ends before '#'; YAML takes the rest for a comment [write: '\xC3\xB6 #\xC3\xBC']" },
        { "a: &b 1\nc: *b\n", "" },
        { "a: \"x\n", "1:4 the quote that begins here is never closed [close it; a quote inside single "
                      "quotes is written twice: '']" },
        { "{ a: b }\n{ c: d }\n", "2:1 nothing can stand behind the end of the file's value [check the "
                                  "indentation: keys of one map stand in the same column]" },
        { "text: \"a\" b\n", "1:11 a key is expected here [write: text: '\"a\" b']" },
        { "a: 'x''y' #z\n", "" },
    };

    (void)state;
    compare(yaml_read, rows, COUNT(rows));
}

static void test_json(void **state)
{
    static const struct row rows[] = {
        { "{}", "" },
        { " [] \n", "" },
        { "12", "" },
        { "\"a\"", "" },
        { "", "" },
        { "{\"a\":1,\"a\":2}", "1:9 the key 'a' stands twice in this map [it stands in line 1 already]" },
        { "{\"a\":1,}", "1:8 a value is missing behind the last ',' [take the ',' out]" },
        { "[1,]", "1:4 a value is missing behind the last ',' [take the ',' out]" },
        { "[1 2]", "1:4 a ',' or ']' is missing before this" },
        { "{\"a\" 1}", "1:6 a ':' is missing before this" },
        { "{a:1}", "1:2 a key in double quotes is expected here" },
        { "{'a':1}", "1:2 a key in double quotes is expected here" },
        { "[tru]",
          "1:2 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "[01]",
          "1:2 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "[1.]",
          "1:2 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "[-]",
          "1:2 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "[1e5,0.5E-3,-0]", "" },
        { "[\"a\nb\"]",
          "1:2 the quote that begins here is not closed in its line [a line break is written \\n]" },
        { "[\"a\tb\"]", "1:4 a tab cannot stand in a text [write \\t]" },
        { "[\"\\x\"]", "1:3 this '\\' means nothing in JSON [a '\\' is written twice: \\\\]" },
        { "[\"\\u12\"]", "1:3 '\\u' needs four hexadecimal digits" },
        { "[\"\\ud800\"]", "1:3 half of a character: its second \\u is missing" },
        { "[\"\\udc00\"]", "1:3 half of a character: its first \\u is missing" },
        { "[\"\\ud800\\u0041\"]", "1:3 half of a character: its second \\u is missing" },
        { "[\"\\u0000\"]", "1:3 a text cannot hold the character NUL" },
        { "[\"a]", "1:2 the quote that begins here is not closed in its line [a line break is written \\n]" },
        { "[1] x", "1:5 something stands behind the end of the value" },
        { "// x\n[]",
          "1:1 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "{\"\xC3\xA4\": [ \"\xC3\xB6\", x ]}",
          "1:14 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "{\"a\":1\n \"b\":2}", "2:2 a ',' or '}' is missing before this" },
        { "{", "1:2 a key in double quotes is expected here" },
        { "[",
          "1:2 JSON expects a value here [texts stand in double quotes; comments are not part of JSON]" },
        { "\"\xFF\"", "1:2 this is not UTF-8 [save the file as UTF-8]" },
    };

    (void)state;
    compare(json_read, rows, COUNT(rows));
}

static void check_tree(reading *read, const char *source)
{
    struct arena *arena = arena_new(ARENA);
    struct findings *findings = findings_new();
    struct document *document = read(arena, "f", text_of(source), findings);
    const struct node *root;
    bool truth = false;
    int64_t number = 0;

    assert_non_null(document);
    root = document->root;
    assert_int_equal(root->kind, NODE_MAP);
    assert_int_equal(root->count, 7);
    assert_true(node_is(node_get(root, "text"), "a \xE2\x82\xAC\xF0\x9F\x98\x80\n\""));
    assert_false(node_get(root, "text")->plain);
    assert_true(node_bool(node_get(root, "yes"), &truth) && truth);
    assert_true(node_int(node_get(root, "n"), &number) && number == -12);
    assert_false(node_int(node_get(root, "quoted"), &number));
    assert_true(node_is_null(node_get(root, "null")));
    assert_false(node_is_null(node_get(root, "quoted")));
    assert_false(node_is_null(NULL));
    assert_null(node_get(root, "none"));
    assert_null(node_get(node_get(root, "n"), "x"));
    assert_int_equal(node_get(root, "list")->count, 2);
    assert_int_equal(node_get(root, "list")->items[1]->kind, NODE_MAP);
    assert_int_equal(node_get(root, "list")->items[1]->count, 0);
    assert_true(node_is(node_get(node_get(root, "map"), "k"), "v"));
    assert_int_equal(node_get(root, "map")->at.line, 4);
    findings_free(findings);
    arena_free(arena);
}

static void test_trees(void **state)
{
    (void)state;
    check_tree(yaml_read,
               "text: \"a \\u20ac\xF0\x9F\x98\x80\\n\\\"\"\nyes: true\nn: -12\nmap: { k: v }\nquoted: '12'\n"
               "null: ~\nlist:\n- x\n- {}\n");
    check_tree(json_read,
               "\xEF\xBB\xBF{\"text\":\"a \\u20AC\\uD83D\\ude00\\n\\\"\",\n\"yes\":true,\r\n\"n\":-12,\r"
               "\"map\":{\"k\":\"v\"},\"quoted\":\"12\",\"null\":null,\"list\":[\"x\",{}]}\n");
}

static void test_no_value(void **state)
{
    static const char *const sources[] = { "", "\n", "# nothing\n", "---\n# nothing\n" };

    (void)state;
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct arena *arena = arena_new(ARENA);
        struct findings *findings = findings_new();
        struct document *document = yaml_read(arena, "f", text_of(sources[i]), findings);

        assert_non_null(document);
        assert_true(!document->root || node_is_null(document->root));
        findings_free(findings);
        arena_free(arena);
    }
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static void test_print(void **state)
{
    static const struct {
        const char *line;
        int column, width;
        const char *expected;
    } rows[] = {
        { "abc", 2, 1, "   1 | abc\n     |  ^\n" },
        { "abc", 2, 9, "   1 | abc\n     |  ^~\n" },
        { "abc", 4, 1, "   1 | abc\n     |    ^\n" },
        { "abc", 40, 1, "   1 | abc\n     |    ^\n" },
        { "a\tb", 3, 1, "   1 | a b\n     |   ^\n" },
        { "\xE4\xBD\xA0\xE5\xA5\xBD x", 2, 1, "   1 | \xE4\xBD\xA0\xE5\xA5\xBD x\n     |   ^~\n" },
        { "\xE4\xBD\xA0\xE5\xA5\xBD x", 4, 1, "   1 | \xE4\xBD\xA0\xE5\xA5\xBD x\n     |      ^\n" },
        { "\xC3\xA4\xC3\xB6 x", 4, 1, "   1 | \xC3\xA4\xC3\xB6 x\n     |    ^\n" },
        { "e\xCC\x81 x", 4, 1, "   1 | e\xCC\x81 x\n     |   ^\n" },
        { "a\x1B[0m\xFF x", 7, 2, "   1 | a?[0m? x\n     |       ^~\n" },
        { "", 1, 1, "   1 | \n     | ^\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings *findings = findings_new();
        struct buf source = BUF(100), out = BUF(1000);
        struct document document = { "f", TEXT_NONE, NULL };
        char head[64];
        int n = snprintf(head, sizeof(head), "f:1:%d: error: x\n", rows[i].column);

        buf_printf(&source, "%s\nnext", rows[i].line);
        document.source = buf_get(&source);
        finding_error(findings, ((struct place){ &document, 1, rows[i].column, rows[i].width }), "x");
        buf_free(&source);
        findings_print(findings, &out);
        assert_string_equal(out.data + n, rows[i].expected);
        buf_free(&out);
        findings_free(findings);
    }
}

/* A line of 300 characters, "0123456789" again and again: only what is around the caret is shown. */
static void test_long_lines(void **state)
{
    static const struct {
        int column, spaces;
        const char *start, *end;
    } rows[] = {
        { 1, 7, "   1 | 0123", "6789…\n" },
        { 81, 87, "   1 | 0123", "6789…\n" },
        { 151, 58, "   1 | …0123", "6789…\n" },
        { 300, 58, "   1 | …9012", "6789\n" },
    };
    char line[301];

    (void)state;
    for (int i = 0; i < 300; i++)
        line[i] = (char)('0' + i % 10);
    line[300] = '\0';
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings *findings = findings_new();
        struct document document = { "f", text_of(line), NULL };
        struct buf out = BUF(1000);
        char *first, *second, *third;

        finding_error(findings, ((struct place){ &document, 1, rows[i].column, 1 }), "x");
        findings_print(findings, &out);
        first = strchr(out.data, '\n') + 1;
        second = strchr(first, '\n') + 1;
        third = strchr(second, '\n') + 1;
        assert_memory_equal(first, rows[i].start, strlen(rows[i].start));
        assert_memory_equal(second - strlen(rows[i].end), rows[i].end, strlen(rows[i].end));
        assert_true(second - first < 120);
        assert_int_equal(third - second, rows[i].spaces + 2);
        buf_free(&out);
        findings_free(findings);
    }
}

static void test_findings(void **state)
{
    struct findings *findings = findings_new();
    struct document a = { "a", text_of("x\ny"), NULL }, b = { "b", text_of("z"), NULL };
    struct buf out = BUF(10000);

    (void)state;
    finding_add(findings, FINDING_NOTE, (struct place){ &b, 1, 1, 1 }, "third\nline");
    finding_add(findings, FINDING_WARNING, (struct place){ &a, 2, 1, 1 }, "second");
    finding_hint(findings, "hint \"%d\"", 5);
    finding_error(findings, ((struct place){ &a, 1, 1, 1 }), "first");
    finding_mark(findings, "mark");
    finding_error(findings, ((struct place){ &a, 1, 1, 1 }), "next");
    finding_error(findings, ((struct place){ NULL, 0, 0, 0 }), "placeless");
    assert_int_equal(findings_count(findings, FINDING_ERROR), 3);
    assert_int_equal(findings_count(findings, FINDING_WARNING), 1);
    assert_int_equal(findings_count(findings, FINDING_NOTE), 1);
    assert_string_equal(findings_get(findings, 1)->text, "first");
    assert_null(findings_get(findings, 5));
    findings_print(findings, &out);
    assert_string_equal(out.data, "error: placeless\n"
                                  "a:1:1: error: first\n   1 | x\n     | ^ mark\n"
                                  "a:1:1: error: next\n   1 | x\n     | ^\n"
                                  "a:2:1: warning: second\n   2 | y\n     | ^\n     = hint \"5\"\n"
                                  "b:1:1: note: third?line\n   1 | z\n     | ^\n");
    buf_cut(&out, 0);
    findings_json(findings, &out);
    assert_string_equal(
        out.data, "[{\"level\":\"error\",\"text\":\"placeless\"},\n"
                  "{\"level\":\"error\",\"path\":\"a\",\"line\":1,\"column\":1,\"text\":\"first\"},\n"
                  "{\"level\":\"error\",\"path\":\"a\",\"line\":1,\"column\":1,\"text\":\"next\"},\n"
                  "{\"level\":\"warning\",\"path\":\"a\",\"line\":2,\"column\":1,\"text\":\"second\","
                  "\"hint\":\"hint \\\"5\\\"\"},\n"
                  "{\"level\":\"note\",\"path\":\"b\",\"line\":1,\"column\":1,\"text\":\"third?line\"}]");
    buf_free(&out);
    findings_free(findings);
}

/* Errors are not lost among notes. */
static void test_full(void **state)
{
    struct findings *findings = findings_new();
    struct document a = { "a", text_of("x"), NULL };

    (void)state;
    for (int i = 0; i < 1200; i++)
        finding_add(findings, i % 2 ? FINDING_WARNING : FINDING_NOTE, ((struct place){ &a, 1, 1, 1 }), "%d",
                    i);
    for (int i = 0; i < 600; i++)
        finding_error(findings, ((struct place){ &a, 1, 2, 1 }), "error %d", i);
    assert_int_equal(findings_count(findings, FINDING_NOTE), 600);
    assert_string_equal(findings_get(findings, 0)->text, "1");
    assert_int_equal(findings_get(findings, 399)->level, FINDING_WARNING);
    assert_string_equal(findings_get(findings, 400)->text, "error 0");
    assert_string_equal(findings_get(findings, 999)->text, "error 599");
    assert_null(findings_get(findings, 1000));
    findings_free(findings);
}

static void test_many_findings(void **state)
{
    struct findings *findings = findings_new();
    struct document a = { "a", text_of("x"), NULL };
    struct buf out = BUF(1000000);

    (void)state;
    for (int i = 0; i < 1200; i++) {
        finding_error(findings, ((struct place){ &a, 1, 1, 1 }), "%d", i);
        finding_hint(findings, "hint %d", i);
    }
    assert_int_equal(findings_count(findings, FINDING_ERROR), 1200);
    assert_string_equal(findings_get(findings, 999)->hint, "hint 999");
    assert_null(findings_get(findings, 1000));
    findings_print(findings, &out);
    assert_non_null(strstr(out.data, "\nand 200 more\n"));
    buf_free(&out);
    findings_free(findings);
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

static void expect_listed(reading *read, const struct buf *source, const char *part)
{
    char *text = listed(read, buf_get(source));

    assert_false(source->failed);
    if (part ? !strstr(text, part) : text[0] != '\0')
        fail_msg("%.200s instead of %s", text, part ? part : "nothing");
    free(text);
}

static void repeat(struct buf *out, int count, const char *format)
{
    for (int i = 0; i < count; i++)
        buf_printf(out, "%s", format);
}

static void test_bounds(void **state)
{
    struct buf source = BUF(100000000);

    (void)state;
    for (int read = 0; read < 2; read++) {
        reading *both = read ? json_read : yaml_read;

        repeat(&source, 64, "[");
        repeat(&source, 64, "]");
        expect_listed(both, &source, NULL);
        buf_cut(&source, 0);
        repeat(&source, 65, "[");
        repeat(&source, 65, "]");
        expect_listed(both, &source, "1:65 lists and maps stand more than 64 levels deep");
        buf_cut(&source, 0);
        repeat(&source, 1000000, "[");
        expect_listed(both, &source, "levels");
        buf_cut(&source, 0);
        repeat(&source, 200000, "{\"a\":");
        expect_listed(both, &source, "levels");
        buf_cut(&source, 0);
    }
    buf_str(&source, "[");
    repeat(&source, 1000001, "1,");
    buf_str(&source, "1]");
    expect_listed(json_read, &source,
                  "the file holds more than 1000000 values [split it into several files]");
    buf_cut(&source, 0);
    buf_str(&source, "a: &a [ x, x, x, x, x, x, x, x, x, x ]\n");
    for (char c = 'b'; c < 'k'; c++)
        buf_printf(&source, "%c: &%c [ *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c ]\n", c, c, c - 1,
                   c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    expect_listed(yaml_read, &source, "aliases make the file too large");
    buf_cut(&source, 0);
    buf_str(&source, "a: &a [ x, y ]\nb: [ *a, *a ]\nc: *a\n");
    expect_listed(yaml_read, &source, NULL);
    buf_cut(&source, 0);
    buf_str(&source, "a: &a [ *a ]\n");
    expect_listed(yaml_read, &source, "1:9 nothing before has this name");
    buf_free(&source);
}

static void test_many_keys(void **state)
{
    struct buf source = BUF(1000000);
    char *text;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_printf(&source, "k%d: v\n", i * 7919 % 5000);
    expect_listed(yaml_read, &source, NULL);
    buf_str(&source, "k0: v\nk4999: v\nk0: v\n");
    text = listed(yaml_read, buf_get(&source));
    assert_non_null(
        strstr(text, "5001:1 the key 'k0' stands twice in this map [it stands in line 1 already]; 5002:1 "));
    assert_non_null(strstr(text, "; 5003:1 the key 'k0'"));
    free(text);
    buf_free(&source);
}

/* Every beginning of a file, and every byte of it changed: findings, never a crash. */
static void damage(reading *read, const char *sample)
{
    static const char put[] = "\0{}[]:#'\"\t\xE2*&!%|-,\n\r \\$";
    size_t n = strlen(sample);
    char *bytes = malloc(n + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i <= n; i++) {
        memcpy(bytes, sample, n + 1);
        free(printed(read, "f", text_make(bytes, i)));
        for (size_t j = 0; i < n && j < sizeof(put) - 1; j++) {
            bytes[i] = put[j];
            free(printed(read, "f", text_make(bytes, n)));
        }
    }
    free(bytes);
}

static void test_damage(void **state)
{
    (void)state;
    damage(yaml_read, "rules: # x\n  - name: &a track\n    tap: 'track:(?<id>ORD-[0-9]{4,12})'\n    reply:\n"
                      "      text: \"Order \\u20ac ${id}\"\n      buttons:\n"
                      "        - [ { text: Ref\xC3\xA4sh, callback_data: 'track:${id}' }, *a ]\n"
                      "  - text: >-\n      folded\n      text\n  - ? long\n    : value\n");
    damage(json_read,
           "{\"rules\": [ { \"name\": \"a\\u20ac\\n\", \"n\": -1.5e+3,\n \"t\": true }, null, [] ]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_yaml),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_trees),     cmocka_unit_test(test_no_value),
        cmocka_unit_test(test_print),     cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_findings),  cmocka_unit_test(test_many_findings),
        cmocka_unit_test(test_full),      cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_damage),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
