#include "core/doc.h"

#include "base/kept.h"
#include "base/memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_MAX 255 /* bytes of one step of a pointer */
#define ID_MAX 255
#define KEEP_TOKENER_MAX (64u << 10) /* it keeps room for the longest string that it read */

/* Outside of strings and numbers: single quotes, comments, NaN, Infinity, ".5". */
static bool is_foreign(unsigned char c)
{
    return c == '\'' || c == '/' || c == 'N' || c == 'I' || c == '.' || c == '+';
}

#define EACH_BYTE(c) (0x0101010101010101u * (c))
#define ANY_BELOW(word, c) (((word)-EACH_BYTE(c)) & ~(word)&EACH_BYTE(0x80)) /* c up to 0x80 */

/* How many of the bytes from i on stand for themselves in a string, in words of eight: most of them do. */
static size_t plain_words(struct text text, size_t i)
{
    size_t run = 0;
    uint64_t w;

    for (; text.n - i - run >= sizeof(w); run += sizeof(w)) {
        memcpy(&w, text.p + i + run, sizeof(w));
        if (ANY_BELOW(w, 0x20) | ANY_BELOW(w ^ EACH_BYTE('"'), 1) | ANY_BELOW(w ^ EACH_BYTE('\\'), 1))
            break;
    }
    return run;
}

/* Where the string ends that begins at i: the place behind its quote, n without one, 0 if it has a raw control character. */
static size_t string_end(struct text text, size_t i)
{
    for (i += plain_words(text, i); i < text.n;) {
        unsigned char c = (unsigned char)text.p[i++];

        if (c == '"')
            return i;
        if (c < 0x20)
            return 0;
        i += c == '\\';
    }
    return text.n;
}

static size_t digits_end(struct text text, size_t i)
{
    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return i;
}

/* Where the number ends that begins at i; 0 if it is none, such as "00.1", "-.5" or "1.". */
static size_t number_end(struct text text, size_t i)
{
    size_t from = i + (text.p[i] == '-');

    i = digits_end(text, from);
    if (i == from || (text.p[from] == '0' && i > from + 1))
        return 0;
    if (i < text.n && text.p[i] == '.') {
        from = i + 1;
        i = digits_end(text, from);
        if (i == from)
            return 0;
    }
    if (i < text.n && (text.p[i] == 'e' || text.p[i] == 'E')) {
        from = i + 1;
        from += from < text.n && (text.p[from] == '+' || text.p[from] == '-');
        i = digits_end(text, from);
        if (i == from)
            return 0;
    }
    return i < text.n && text.p[i] && strchr(".eE+-", text.p[i]) ? 0 : i;
}

/* json-c takes foreign things, such numbers, and raw control characters, even when it is strict. */
static bool is_plain_json(struct text text)
{
    for (size_t i = 0; i < text.n;) {
        unsigned char c = (unsigned char)text.p[i++];

        if (c == '"')
            i = string_end(text, i);
        else if (c == '-' || (c >= '0' && c <= '9'))
            i = number_end(text, i - 1);
        else if (is_foreign(c))
            return false;
        if (i == 0)
            return false;
    }
    return true;
}

/* A number at the top level ends only where something follows it. */
static struct json_object *parse(struct json_tokener *tokener, struct text text)
{
    struct json_object *value = json_tokener_parse_ex(tokener, text.p, (int)text.n);

    if (!value && json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1);
    return value;
}

static void free_tokener(void *tokener)
{
    json_tokener_free(tokener);
}

/* A tokener costs as much as a small text. */
static struct kept kept_tokener = KEPT(free_tokener);

static struct json_tokener *ready_tokener(void)
{
    struct json_tokener *tokener = kept_get(&kept_tokener);

    if (tokener)
        return tokener;
    tokener = json_tokener_new_ex(DOC_DEPTH);
    if (!tokener)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    if (kept_set(&kept_tokener, tokener))
        return tokener;
    json_tokener_free(tokener);
    return NULL;
}

static void done_with(struct json_tokener *tokener, size_t n)
{
    if (n > KEEP_TOKENER_MAX && kept_set(&kept_tokener, NULL))
        json_tokener_free(tokener);
    else
        json_tokener_reset(tokener); /* what was half read is gone at once */
}

struct json_object *doc_parse(struct text text, struct fault *fault)
{
    const unsigned long failures = memory_failures();
    struct json_tokener *tokener;
    struct json_object *value;
    enum json_tokener_error error;

    text = text_trim(text);
    if (text.n == 0 || text.n >= INT_MAX || memchr(text.p, '\0', text.n) || text_utf8_count(text) < 0) {
        fault_set(fault, "%s", text.n == 0 ? "empty instead of JSON" : "not UTF-8, so no JSON");
        return NULL;
    }
    if (!is_plain_json(text)) {
        fault_set(fault, "no JSON: a character where it may not stand");
        return NULL;
    }
    tokener = ready_tokener();
    if (!tokener) {
        fault_set(fault, "memory is out");
        return NULL;
    }
    value = parse(tokener, text);
    error = json_tokener_get_error(tokener);
    if (memory_failures() != failures ||
        (!value && error == json_tokener_success && !text_is(text, "null"))) {
        json_object_put(value); /* it may lack what there was no memory for: json-c does not say so */
        value = NULL;
        memory_failed();
        fault_set(fault, "memory is out");
    } else if (!value && error != json_tokener_success) {
        fault_set(fault, "no JSON: %s at byte %zu", json_tokener_error_desc(error),
                  json_tokener_get_parse_end(tokener));
    } else if (!value) {
        fault_set(fault, "null instead of a JSON value");
    }
    done_with(tokener, text.n);
    return value;
}

/* One step of a pointer without its escapes: "~1" is '/', "~0" is '~'. */
static bool unescape(struct text step, char out[TOKEN_MAX + 1])
{
    size_t used = 0;

    if (step.n > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < step.n; i++) {
        char c = step.p[i];

        if (c == '~' && (i + 1 == step.n || (step.p[i + 1] != '0' && step.p[i + 1] != '1')))
            return false;
        if (c == '~')
            c = step.p[++i] == '0' ? '~' : '/';
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static struct json_object *element(struct json_object *array, const char *step)
{
    int64_t i;

    if (!text_i64(text_of(step), &i) || i < 0 || step[0] == '-' || (step[0] == '0' && step[1]) ||
        (uint64_t)i >= json_object_array_length(array))
        return NULL;
    return json_object_array_get_idx(array, (size_t)i);
}

struct json_object *doc_at(struct json_object *root, const char *pointer)
{
    struct text rest = text_of(pointer), step;
    char name[TOKEN_MAX + 1];

    while (root && rest.n) {
        if (rest.p[0] != '/')
            return NULL;
        rest = text_make(rest.p + 1, rest.n - 1);
        step = rest;
        if (text_cut(step, '/', &step, &rest))
            rest = text_make(rest.p - 1, rest.n + 1);
        else
            rest.n = 0;
        if (!unescape(step, name))
            return NULL;
        root = json_object_is_type(root, json_type_array) ? element(root, name) : doc_key(root, name);
    }
    return root;
}

struct json_object *doc_key(struct json_object *object, const char *key)
{
    struct json_object *value;

    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
        return NULL;
    return value;
}

struct text doc_text(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return TEXT_NONE;
    return text_make(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

struct text doc_str(struct json_object *object, const char *key)
{
    return doc_text(doc_key(object, key));
}

bool doc_id(struct json_object *value, char out[256])
{
    struct text text = doc_text(value);
    int64_t number;

    if (text.p) {
        if (text.n == 0 || text.n > ID_MAX || memchr(text.p, '\0', text.n))
            return false;
        memcpy(out, text.p, text.n);
        out[text.n] = '\0';
        return true;
    }
    if (!json_object_is_type(value, json_type_int))
        return false;
    /* json-c saturates: the ends of the range may stand for any number beyond them */
    number = json_object_get_int64(value);
    if (number == INT64_MAX || number == INT64_MIN)
        return false;
    snprintf(out, ID_MAX + 1, "%" PRId64, number);
    return true;
}

bool doc_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object && value && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool doc_add_text(struct json_object *object, const char *key, struct text text)
{
    return !text.p ||
           (text.n <= INT_MAX && doc_add(object, key, json_object_new_string_len(text.p, (int)text.n)));
}

void doc_print(struct json_object *value, struct buf *out)
{
    const char *json =
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (json)
        buf_str(out, json);
    else
        out->failed = true;
}

static void print_escape(unsigned char c, struct buf *out)
{
    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c == '\n')
        buf_str(out, "\\n");
    else
        buf_printf(out, "\\u%04x", c);
}

void doc_print_text(struct text text, struct buf *out)
{
    size_t begin = 0;

    buf_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, text.p + begin, i - begin);
        print_escape(c, out);
        begin = i + 1;
    }
    buf_text(out, text_make(text.p + begin, text.n - begin));
    buf_char(out, '"');
}

struct text doc_printed(struct json_object *value, size_t most, struct arena *arena)
{
    struct buf out = BUF(most);
    struct text text;

    doc_print(value, &out);
    text = out.failed ? TEXT_NONE : arena_text(arena, buf_get(&out));
    buf_free(&out);
    return text;
}
