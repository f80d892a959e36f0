#include "core/yaml_words.h"

#include "core/tree.h"

#include <string.h>

#define TABS_SHOWN 20
#define WRITE_MAX 200 /* bytes of a text that a hint repeats */

static void error_at(const struct document *document, size_t offset, struct findings *findings,
                     const char *text)
{
    finding_error(findings, document_place(document, offset, 1), "%s", text);
}

/* --- bytes ------------------------------------------------------------------------------------------------------ */

/* Bytes before the first that is no UTF-8. */
static size_t good_utf8(struct text text)
{
    for (size_t i = 0, step; i < text.n; i += step) {
        unsigned char c = (unsigned char)text.p[i];

        step = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (i + step > text.n || text_utf8_count(text_make(text.p + i, step)) != 1)
            return i;
    }
    return text.n;
}

bool yaml_check_utf8(const struct document *document, struct findings *findings)
{
    if (text_utf8_count(document->source) >= 0)
        return true;
    error_at(document, good_utf8(document->source), findings, "this is not UTF-8");
    finding_hint(findings, "save the file as UTF-8");
    return false;
}

/* What must not stand anywhere, NULL if the byte may. */
static const char *refused(struct text source, size_t i)
{
    const unsigned char *p = (const unsigned char *)source.p + i;

    if (*p == '\t')
        return "a tab";
    if ((*p < 0x20 && *p != '\n' && *p != '\r') || *p == 0x7F)
        return "a control character";
    if (*p == 0xC2 && i + 1 < source.n && p[1] < 0xA0)
        return "a control character";
    if (*p == 0xE2 && i + 2 < source.n && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9))
        return "an invisible line separator";
    return NULL;
}

bool yaml_check_bytes(const struct document *document, struct findings *findings)
{
    struct text source = document->source;
    int shown = 0;

    if (!yaml_check_utf8(document, findings))
        return false;
    for (size_t i = 0; i < source.n && shown < TABS_SHOWN; i++) {
        const char *what = refused(source, i), *end;

        if (!what)
            continue;
        error_at(document, i, findings, what);
        finding_hint(findings, "%s",
                     source.p[i] == '\t' ? "use spaces; inside a text, write \"\\t\" in double quotes"
                                         : "take it out");
        shown++;
        /* one per line is enough */
        end = memchr(source.p + i, '\n', source.n - i);
        i = end ? (size_t)(end - source.p) : source.n;
    }
    return shown == 0;
}

/* --- values as they were meant ---------------------------------------------------------------------------------- */

/* An unquoted value and its key, as their writer saw them. */
struct meant {
    struct text key, value;
};

static bool is_end(struct text source, size_t i)
{
    return i >= source.n || source.p[i] == '\n' || source.p[i] == '\r';
}

/* Where the value that holds byte `at` begins in its line. */
static size_t value_start(struct text source, size_t at, bool flow)
{
    size_t i = at;

    for (; i > 0 && source.p[i - 1] != '\n' && source.p[i - 1] != '\r'; i--) {
        char c = source.p[i - 1];

        if (flow && (c == ',' || c == '[' || c == '{'))
            break;
        if (c == ' ' && i >= 2 && source.p[i - 2] == ':')
            break;
        if (c == ' ' && i >= 2 && source.p[i - 2] == '-' && (i == 2 || strchr(" \n\r", source.p[i - 3])))
            break;
    }
    while (i < at && source.p[i] == ' ')
        i++;
    return i;
}

/* Where it ends: at the end of the line; between { } or [ ] at ',' or a bracket that is not its own. */
static size_t value_end(struct text source, size_t at, bool flow)
{
    int open = 0;

    for (; !is_end(source, at); at++) {
        char c = source.p[at];

        if (!flow)
            continue;
        if (open == 0 && (c == ',' || c == ']' || c == '}'))
            break;
        open += c == '{' ? 1 : c == '}' ? -1 : 0;
    }
    while (at > 0 && source.p[at - 1] == ' ')
        at--;
    return at;
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static struct meant find_meant(struct text source, size_t at, bool flow)
{
    size_t start = value_start(source, at, flow), end = value_end(source, at, flow), i = start;
    struct meant meant = { TEXT_NONE, text_make(source.p + start, end > start ? end - start : 0) };

    while (i > 0 && source.p[i - 1] == ' ')
        i--;
    if (i == 0 || source.p[i - 1] != ':')
        return meant;
    end = --i;
    while (i > 0 && is_key_char(source.p[i - 1]))
        i--;
    meant.key = text_make(source.p + i, end - i);
    return meant;
}

/* "write: KEY: 'VALUE'", if it is short. */
static void hint_quotes(const struct document *document, size_t at, bool flow, struct findings *findings)
{
    struct meant meant = find_meant(document->source, at, flow);
    struct buf quoted = BUF(WRITE_MAX);

    for (size_t i = 0; i < meant.value.n; i++) {
        buf_char(&quoted, meant.value.p[i]);
        if (meant.value.p[i] == '\'')
            buf_char(&quoted, '\'');
    }
    if (quoted.failed || !quoted.len || meant.key.n > 64 || tree_is_secret(meant.key))
        finding_hint(findings, "put the whole text into single quotes");
    else
        finding_hint(findings, "write: %.*s%s'%s'", TEXT_ARG(meant.key), meant.key.n ? ": " : "",
                     quoted.data);
    buf_free(&quoted);
}

static void report_cut(const struct document *document, size_t hash, bool flow, struct findings *findings)
{
    error_at(document, hash, findings, "the text ends before '#'; YAML takes the rest for a comment");
    hint_quotes(document, hash, flow, findings);
}

/* A '#' at byte i that is glued to what follows: "#5", not "# comment" nor "####". */
static bool is_glued(struct text source, size_t i)
{
    if (i >= source.n || source.p[i] != '#')
        return false;
    while (i < source.n && source.p[i] == '#')
        i++;
    return !is_end(source, i) && source.p[i] != ' ';
}

bool yaml_find_cut(const struct document *document, size_t end, bool flow, struct findings *findings)
{
    struct text source = document->source;
    size_t i = end;

    while (i < source.n && source.p[i] == ' ')
        i++;
    if (i == end || !is_glued(source, i))
        return false;
    report_cut(document, i, flow, findings);
    return true;
}

/* --- syntax errors ---------------------------------------------------------------------------------------------- */

static void report_braces(const struct document *document, size_t brace, struct findings *findings)
{
    error_at(document, brace, findings, "a text with ${...} inside { } or [ ] needs quotes");
    finding_mark(findings, "YAML starts a map here");
    hint_quotes(document, brace - 1, true, findings);
}

static size_t line_end(struct text source, size_t i)
{
    while (!is_end(source, i))
        i++;
    return i;
}

/* libyaml reads ahead, so the cause may stand in the line before the place of its error: an unquoted ${ between brackets,
   or a '#' glued behind a word there. */
static bool find_cause(const struct document *document, const struct yaml_trouble *trouble,
                       struct findings *findings)
{
    struct text source = document->source;
    size_t i = trouble->from;
    int open = trouble->flow;
    char quote = 0;

    for (; i < source.n && i <= trouble->offset; i++) {
        char c = source.p[i], before = i ? source.p[i - 1] : '\n';

        if (quote || ((c == '\'' || c == '"') && strchr(" [{,\n", before))) {
            quote = !quote ? c : c == quote ? 0 : quote;
            continue;
        }
        if (c == '{' && before == '$' && open > 0) {
            report_braces(document, i, findings);
            return true;
        }
        if (c == '#' && before == ' ' && is_glued(source, i) && open > 0) {
            report_cut(document, i, true, findings);
            return true;
        }
        if (c == '#' && strchr(" \n", before))
            i = line_end(source, i);
        open += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    }
    return false;
}

struct words {
    const char *problem; /* how libyaml's words begin */
    bool opened;         /* the place is where it began */
    bool write;          /* the hint is how to write the value in quotes */
    const char *text, *hint;
};

static const struct words dictionary[] = {
    { "found character that cannot start any token", false, true, "a text cannot begin like this", NULL },
    { "mapping values are not allowed", false, false, "a key cannot stand here",
      "a text with ': ' in it needs single quotes; else check the indentation, and the ':' of the line "
      "before" },
    { "block sequence entries are not allowed", false, false, "a list cannot begin here",
      "begin it in a line of its own below its key; a text that begins with '- ' needs single quotes" },
    { "mapping keys are not allowed", false, false, "a key cannot stand here",
      "a text that begins with '?' needs single quotes" },
    { "could not find expected ':'", true, false, "a ':' is missing behind this key",
      "write key: value; a text of several lines needs single quotes" },
    { "found unexpected end of stream", true, false, "the quote that begins here is never closed",
      "close it; a quote inside single quotes is written twice: ''" },
    { "found unexpected document indicator", true, false, "the quote that begins here is never closed",
      "close it; a quote inside single quotes is written twice: ''" },
    { "found unknown escape character", false, false, "this '\\' means nothing in double quotes",
      "use single quotes: there a '\\' stands for itself" },
    { "did not find expected hexdecimal number", false, false, "this '\\' needs hexadecimal digits behind it",
      "use single quotes: there a '\\' stands for itself" },
    { "found invalid Unicode character escape", false, false, "no character has this number", NULL },
    { "did not find expected ',' or ']'", false, false, "a ',' or ']' is missing before this",
      "a list in [ ] is written [ one, two ]; texts with , [ ] { } in them need single quotes" },
    { "did not find expected ',' or '}'", false, false, "a ',' or '}' is missing before this",
      "a map in { } is written { key: value, key: value }; texts with , [ ] { } in them need single quotes" },
    { "did not find expected '-' indicator", false, false,
      "a '-' is expected here, as before the other elements",
      "check the indentation: elements of one list stand in the same column" },
    { "did not find expected key", false, false, "a key is expected here",
      "check the indentation: keys of one map stand in the same column" },
    { "did not find expected node content", false, false, "a value is missing before this", NULL },
    { "did not find expected <document start>", false, false,
      "nothing can stand behind the end of the file's value",
      "check the indentation: keys of one map stand in the same column" },
    { "did not find expected alphabetic or numeric character", false, true,
      "'*' and '&' begin the name of an alias or anchor", NULL },
    { "did not find expected comment or line break", false, true,
      "behind '|' and '>' the text begins in the next line", NULL },
    { "found undefined tag handle", false, true, "tags (words that begin with '!') are not supported", NULL },
    { "found unknown directive", false, false, "directives (lines that begin with '%') are not supported",
      NULL },
    { "found a tab character", false, false, "a tab", "use spaces" },
    { "control characters are not allowed", false, false, "a control character", "take it out" },
    { "exceeded maximum depth", false, false, "lists and maps stand too many levels deep", NULL },
};

static const struct words *look_up(const char *problem)
{
    static const struct words unknown = { "", false, false, "this is no YAML", NULL };

    for (size_t i = 0; i < sizeof(dictionary) / sizeof(*dictionary); i++)
        if (text_starts(text_of(problem), dictionary[i].problem))
            return &dictionary[i];
    return &unknown;
}

/* "text: Hello: world": the second ": " is the trouble. */
static bool is_second_colon(struct text source, size_t at)
{
    size_t start = value_start(source, at, false);

    return at < source.n && source.p[at] == ':' && start >= 2 && source.p[start - 2] == ':';
}

/* Something stands behind a value that has ended already, as in: text: [x](y) */
static bool hint_leftover(const struct document *document, size_t at, struct findings *findings)
{
    struct text source = document->source;
    size_t start = value_start(source, at, false);

    if (at >= source.n || start == at)
        return false;
    if (source.p[at - 1] == '\'' && source.p[at] != ' ')
        finding_hint(findings, "a quote inside single quotes is written twice: ''");
    else if (source.p[at] == ']' || source.p[at] == '}')
        finding_hint(findings, "this bracket closes nothing");
    else
        hint_quotes(document, at, false, findings);
    return true;
}

/* A bracket that was opened in an earlier line, or is open at the end of the file. */
static bool hint_open(const struct document *document, const struct yaml_trouble *trouble,
                      struct findings *findings)
{
    struct place opened = document_place(document, trouble->opened, 1);

    if (trouble->opened >= document->source.n || !strchr("[{", document->source.p[trouble->opened]) ||
        (opened.line >= document_place(document, trouble->offset, 1).line &&
         trouble->offset < document->source.n))
        return false;
    finding_hint(findings, "the '%c' of line %d is still open", document->source.p[trouble->opened],
                 opened.line);
    return true;
}

static void hint(const struct document *document, const struct yaml_trouble *trouble,
                 const struct words *words, struct findings *findings)
{
    size_t at = trouble->offset;

    if (text_starts(text_of(trouble->problem), "did not find expected key") &&
        hint_leftover(document, at, findings))
        return;
    if (text_starts(text_of(trouble->problem), "did not find expected ','") &&
        hint_open(document, trouble, findings))
        return;
    if (words->write || is_second_colon(document->source, at))
        hint_quotes(document, at, trouble->flow, findings);
    else if (words->hint)
        finding_hint(findings, "%s", words->hint);
}

/* What is missing at the end of the file is missing behind its last words: behind the end of their line there is no line. */
static size_t behind_words(struct text source, size_t at)
{
    while (at >= source.n && source.n && strchr(" \r\n", source.p[source.n - 1]))
        at = --source.n;
    return at;
}

void yaml_explain(const struct document *document, const struct yaml_trouble *trouble,
                  struct findings *findings)
{
    const struct words *words = look_up(trouble->problem);

    if (find_cause(document, trouble, findings))
        return;
    error_at(document, words->opened ? trouble->opened : behind_words(document->source, trouble->offset),
             findings, words->text);
    hint(document, trouble, words, findings);
}
