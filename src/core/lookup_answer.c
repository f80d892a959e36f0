#include "core/doc.h"
#include "core/lookup_parts.h"

#include <string.h>

#define DIGITS_EXACT 18 /* so many always fit into int64 */

/* --- fields --------------------------------------------------------------------------------------------------------------- */

static bool word_fits(const char *field, const char *word)
{
    return strcmp(field, word) == 0 ||
           (strcmp(field, "*") == 0 &&
            (strcmp(word, "*") == 0 || strspn(word, "0123456789") == strlen(word)));
}

const struct pattern *lookup_form_field(const struct lookup_form *form, const char *const *words, size_t n)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct lookup_field *field = &form->fields[i];
        size_t k = 0;

        while (k < n && field->n == n && word_fits(field->words[k], words[k]))
            k++;
        if (k == n && field->n == n)
            return field->pattern;
    }
    return NULL;
}

const struct pattern *lookup_field(const struct lookup *lookup, struct text path)
{
    char copy[256];
    const char *words[PATH_WORDS_MAX];
    size_t n = 0;

    if (path.n >= sizeof(copy) || path.n == 0)
        return NULL;
    memcpy(copy, path.p, path.n);
    copy[path.n] = '\0';
    for (char *at = copy; at && n < PATH_WORDS_MAX;) {
        char *dot = strchr(at, '.');

        words[n++] = at;
        if (dot)
            *dot++ = '\0';
        at = dot;
        if (at && n == PATH_WORDS_MAX)
            return NULL;
    }
    return lookup_form_field(lookup->form, words, n);
}

/* --- answers -------------------------------------------------------------------------------------------------------------- */

bool lookup_field_keeps(const struct lookup_field *field, struct json_object *value,
                        struct pattern_scratch *scratch)
{
    struct text text = doc_text(value);

    if (!value)
        return true;
    if (json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
        return false;
    if (!text.p)
        text = text_of(json_object_get_string(value));
    return pattern_match(field->pattern, scratch, text) == PATTERN_YES;
}

static bool keeps(const struct lookup_field *field, size_t i, struct json_object *value,
                  struct pattern_scratch *scratch)
{
    const char *word = i < field->n ? field->words[i] : NULL;
    int64_t at;

    if (!word || !value)
        return lookup_field_keeps(field, value, scratch);
    if (!json_object_is_type(value, json_type_array))
        return keeps(field, i + 1, doc_key(value, word), scratch);
    if (strcmp(word, "*") != 0)
        return !text_i64(text_of(word), &at) || at < 0 || (uint64_t)at >= json_object_array_length(value) ||
               keeps(field, i + 1, json_object_array_get_idx(value, (size_t)at), scratch);
    for (size_t k = 0; k < json_object_array_length(value); k++)
        if (!keeps(field, i + 1, json_object_array_get_idx(value, k), scratch))
            return false;
    return true;
}

/* A whole number in JSON's form that may not fit into what the library keeps. */
static bool is_long_number(struct text number)
{
    size_t sign = number.p[0] == '-';

    if (number.n - sign <= DIGITS_EXACT || number.p[sign] == '0')
        return false;
    for (size_t i = sign; i < number.n; i++)
        if (number.p[i] < '0' || number.p[i] > '9')
            return false;
    return true;
}

static size_t number_end(struct text body, size_t from)
{
    size_t end = from + 1;

    while (end < body.n && body.p[end] && strchr("0123456789.eE+-", body.p[end]))
        end++;
    return end;
}

/* Numbers that are too long for the library become texts, which keep their digits. */
static void keep_digits(struct text body, struct buf *out)
{
    bool quoted = false;
    size_t to;

    for (size_t i = 0; i < body.n; i = to) {
        const char c = body.p[i];
        const bool number = !quoted && (c == '-' || (c >= '0' && c <= '9'));
        bool digits;

        to = number ? number_end(body, i) : quoted && c == '\\' && i + 1 < body.n ? i + 2 : i + 1;
        digits = number && is_long_number(text_make(body.p + i, to - i));
        quoted ^= c == '"';
        if (digits)
            buf_char(out, '"');
        buf_add(out, body.p + i, to - i);
        if (digits)
            buf_char(out, '"');
    }
}

static struct json_object *parse(struct text body, struct fault *fault)
{
    struct buf exact = BUF(2 * LOOKUP_ANSWER_MAX);
    struct json_object *value = NULL;

    keep_digits(body, &exact);
    if (exact.failed)
        fault_set(fault, "out of memory");
    else
        value = doc_parse(buf_get(&exact), fault);
    buf_free(&exact);
    return value;
}

enum lookup_verdict lookup_read(const struct lookup *lookup, int status, bool whole, struct text body,
                                struct pattern_scratch *scratch, struct json_object **value,
                                struct fault *fault)
{
    const struct lookup_form *form = lookup->form;

    *value = NULL;
    if (status == 404)
        return LOOKUP_NOT_FOUND;
    if (status < 200 || status > 299) {
        fault_set(fault, "status %d", status);
        return LOOKUP_FAILED;
    }
    if (!whole || body.n > LOOKUP_ANSWER_MAX) {
        fault_set(fault, "an answer that is not whole, or larger than %zu KiB", LOOKUP_ANSWER_MAX >> 10);
        return LOOKUP_FAILED;
    }
    *value = parse(body, fault);
    if (!*value)
        return LOOKUP_FAILED;
    if (!json_object_is_type(*value, json_type_object) && !json_object_is_type(*value, json_type_array)) {
        fault_set(fault, "JSON, but neither an object nor a list");
        goto failed;
    }
    for (size_t i = 0; i < form->n_fields; i++)
        if (!keeps(&form->fields[i], 0, *value, scratch)) {
            fault_set(fault, "the answer breaks 'fields': %.*s is not what its pattern takes",
                      TEXT_ARG(form->fields[i].text));
            goto failed;
        }
    return LOOKUP_FOUND;

failed:
    json_object_put(*value);
    *value = NULL;
    return LOOKUP_FAILED;
}
