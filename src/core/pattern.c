#include "core/pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define SOURCE_MAX 16384
#define GROUPS_MAX 255
#define MATCH_LIMIT 100000
#define HEAP_LIMIT \
    16384 /* KiB; for the interpreter: a frame for each character of the longest subject fits */
#define JIT_STACK_MIN (32 * 1024)
#define JIT_STACK_MAX (1024 * 1024)

struct pattern {
    pcre2_code *code;
    char *source;
    char *prefix;
    size_t source_len, prefix_len;
    const char *names;
    uint32_t n_names, name_size, n_groups;
};

struct pattern_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct text subject;
    int groups; /* that the last match set, the whole included */
};

/* --- a look at the source ----------------------------------------------------------------------------------------- */

/* What the scan of a pattern's source finds. It knows just enough syntax not to be fooled by escapes and classes. */
struct scan {
    const char *p;
    size_t n, at;
    int depth;
    bool alternation; /* a | outside all groups */
    bool extended;    /* (?x): what follows may be a comment, so depth is not certain */
    const char *refused;
    size_t offset;
};

static void refuse(struct scan *scan, size_t offset, const char *why)
{
    if (scan->refused)
        return;
    scan->refused = why;
    scan->offset = offset;
}

static char peek(const struct scan *scan, size_t ahead)
{
    return scan->at + ahead < scan->n ? scan->p[scan->at + ahead] : '\0';
}

static void skip_past(struct scan *scan, char end)
{
    while (scan->at < scan->n && scan->p[scan->at] != end)
        scan->at++;
    if (scan->at < scan->n)
        scan->at++;
}

static void skip_quote(struct scan *scan)
{
    while (scan->at < scan->n && !(peek(scan, 0) == '\\' && peek(scan, 1) == 'E'))
        scan->at++;
    scan->at = scan->at + 2 < scan->n ? scan->at + 2 : scan->n;
}

static void scan_escape(struct scan *scan)
{
    char what = peek(scan, 1);

    scan->at = scan->at + 2 < scan->n ? scan->at + 2 : scan->n;
    if (what == 'Q')
        skip_quote(scan);
    else if (what && strchr("xopPNgk", what) && peek(scan, 0) == '{')
        skip_past(scan, '}');
}

static void scan_class(struct scan *scan)
{
    scan->at++;
    if (peek(scan, 0) == '^')
        scan->at++;
    if (peek(scan, 0) == ']')
        scan->at++;
    while (scan->at < scan->n && scan->p[scan->at] != ']') {
        char posix = peek(scan, 1);

        if (scan->p[scan->at] == '\\') {
            scan_escape(scan);
        } else if (scan->p[scan->at] == '[' && (posix == ':' || posix == '.' || posix == '=')) {
            const char *end = memchr(scan->p + scan->at + 2, ']', scan->n - scan->at - 2);

            scan->at += end && end[-1] == posix ? (size_t)(end - scan->p) - scan->at + 1 : 1;
        } else {
            scan->at++;
        }
    }
    scan->at++;
}

static void scan_options(struct scan *scan)
{
    size_t start = scan->at;
    bool twice = false;

    for (size_t i = start + 2; i < scan->n && strchr("imsxnJ^-", scan->p[i]); i++) {
        twice |= scan->p[i] == 'J';
        scan->extended |= scan->p[i] == 'x';
    }
    if (twice)
        refuse(scan, start, "(?J) is not supported: a group's name stands once in a pattern");
}

static void scan_open(struct scan *scan)
{
    if (peek(scan, 1) == '?' && peek(scan, 2) == '#') {
        skip_past(scan, ')');
        return;
    }
    if (peek(scan, 1) == '?')
        scan_options(scan);
    scan->depth++;
    scan->at++;
}

static size_t skip_digits(const struct scan *scan, size_t i, bool digits)
{
    while (i < scan->n && (digits ? scan->p[i] >= '0' && scan->p[i] <= '9' : scan->p[i] == ' '))
        i++;
    return i;
}

/* {,n} and { n} are quantifiers from PCRE2 10.43 on and plain text before: a rule may not depend on the library. */
static void scan_brace(struct scan *scan)
{
    size_t start = scan->at, from = skip_digits(scan, start + 1, false), low, comma, end;

    scan->at++;
    low = skip_digits(scan, from, true);
    comma = skip_digits(scan, low, false);
    end = comma;
    if (comma < scan->n && scan->p[comma] == ',') {
        size_t digits = skip_digits(scan, comma + 1, false), high = skip_digits(scan, digits, true);

        if (low == from && high == digits)
            return;
        end = skip_digits(scan, high, false);
    } else if (low == from) {
        return;
    }
    if (end >= scan->n || scan->p[end] != '}')
        return;
    if (low == from)
        refuse(scan, start, "{,n} is not supported: write {0,n}");
    else if (memchr(scan->p + start, ' ', end - start))
        refuse(scan, start, "no spaces inside {...}");
}

static void scan_source(struct scan *scan)
{
    if (scan->n >= 2 && memcmp(scan->p, "(*", 2) == 0)
        refuse(scan, 0, "(*...) is not supported at the start of a pattern");
    while (scan->at < scan->n) {
        switch (scan->p[scan->at]) {
        case '\\':
            scan_escape(scan);
            break;
        case '[':
            scan_class(scan);
            break;
        case '(':
            scan_open(scan);
            break;
        case '{':
            scan_brace(scan);
            break;
        case ')':
            scan->depth--;
            scan->at++;
            break;
        case '|':
            scan->alternation |= scan->depth == 0;
            scan->at++;
            break;
        default:
            scan->at++;
        }
    }
}

static size_t last_character(const char *p, size_t n)
{
    size_t i = n;

    while (i > 0 && ((unsigned char)p[i - 1] & 0xC0) == 0x80)
        i--;
    return i ? i - 1 : 0;
}

/* Can what stands at p make the character before it go away? \E, \Q\E and comments do not separate a quantifier from it. */
static bool may_undo(const char *p, size_t n)
{
    if (n == 0)
        return false;
    if (strchr("?*{", *p))
        return true;
    if (n > 1 && p[0] == '\\')
        return p[1] == 'E' || p[1] == 'Q';
    return n > 2 && memcmp(p, "(?#", 3) == 0;
}

/* The plain characters that the source begins with; the last one goes if it may be repeated no times. */
static size_t find_prefix(struct text source, char *out)
{
    size_t n = 0, i = source.n && source.p[0] == '^' ? 1 : 0;

    for (; i < source.n; i++) {
        char c = source.p[i];

        if (c == '\\' && i + 1 < source.n && source.p[i + 1] > ' ' &&
            strchr("!\"#%&',-./:;<=>@_`~*+?()[]{}|^$\\", source.p[i + 1]))
            c = source.p[++i];
        else if (strchr("\\^$.[|()?*+{", c))
            break;
        out[n++] = c;
    }
    return may_undo(source.p + i, source.n - i) ? last_character(out, n) : n;
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static bool compile_code(struct pattern *pattern, struct text source, enum pattern_use use, size_t *offset,
                         struct fault *fault)
{
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_POSSESS |
                       PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR text[256];
    int error = 0;

    if (!context)
        return fault_set(fault, "out of memory");
    if (use == PATTERN_WHOLE)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pattern->code = pcre2_compile((PCRE2_SPTR)source.p, source.n, options, &error, offset, context);
    pcre2_compile_context_free(context);
    if (pattern->code)
        return true;
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
        return fault_set(fault, "PCRE2 error %d", error);
    return fault_set(fault, "%s", (const char *)text);
}

static bool read_info(struct pattern *pattern, struct fault *fault)
{
    PCRE2_SPTR table = NULL;

    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &pattern->n_names);
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &pattern->name_size);
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &pattern->n_groups);
    pattern->names = (const char *)table;
    if (pattern->n_groups > GROUPS_MAX)
        return fault_set(fault, "more than %d groups", GROUPS_MAX);
    return true;
}

static bool keep_source(struct pattern *pattern, struct text source, const struct scan *scan)
{
    pattern->source = text_dup(source);
    pattern->prefix = malloc(source.n + 1);
    if (!pattern->source || !pattern->prefix)
        return false;
    pattern->source_len = source.n;
    pattern->prefix_len = scan->alternation || scan->extended ? 0 : find_prefix(source, pattern->prefix);
    pattern->prefix[pattern->prefix_len] = '\0';
    return true;
}

struct pattern *pattern_compile(struct text source, enum pattern_use use, size_t *offset, struct fault *fault)
{
    struct scan scan = { .p = source.p ? source.p : "", .n = source.n };
    struct pattern *pattern;

    *offset = 0;
    if (source.n > SOURCE_MAX) {
        fault_set(fault, "the pattern is longer than %d bytes", SOURCE_MAX);
        return NULL;
    }
    source.p = scan.p;
    scan_source(&scan);
    if (scan.refused) {
        *offset = scan.offset;
        fault_set(fault, "%s", scan.refused);
        return NULL;
    }
    pattern = calloc(1, sizeof(*pattern));
    if (!pattern || !keep_source(pattern, source, &scan)) {
        pattern_free(pattern);
        fault_set(fault, "out of memory");
        return NULL;
    }
    if (!compile_code(pattern, source, use, offset, fault) || !read_info(pattern, fault)) {
        pattern_free(pattern);
        return NULL;
    }
    /* Without JIT (no support, no executable memory) the interpreter matches. */
    (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    free(pattern->source);
    free(pattern->prefix);
    free(pattern);
}

struct text pattern_source(const struct pattern *pattern)
{
    return text_make(pattern->source, pattern->source_len);
}

bool pattern_takes_empty(const struct pattern *pattern)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    bool takes = data && pcre2_match(pattern->code, (PCRE2_SPTR) "", 0, 0, 0, data, NULL) >= 0;

    pcre2_match_data_free(data);
    return takes;
}

struct text pattern_prefix(const struct pattern *pattern)
{
    return text_make(pattern->prefix, pattern->prefix_len);
}

size_t pattern_names(const struct pattern *pattern)
{
    return pattern->n_names;
}

const char *pattern_name(const struct pattern *pattern, size_t i, int *group)
{
    const char *entry;

    if (i >= pattern->n_names)
        return NULL;
    entry = pattern->names + i * pattern->name_size;
    if (group)
        *group = (unsigned char)entry[0] << 8 | (unsigned char)entry[1];
    return entry + 2;
}

int pattern_groups(const struct pattern *pattern)
{
    return (int)pattern->n_groups;
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

struct pattern_scratch *pattern_scratch_new(void)
{
    struct pattern_scratch *scratch = calloc(1, sizeof(*scratch));

    if (!scratch)
        return NULL;
    scratch->data = pcre2_match_data_create(GROUPS_MAX + 1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    if (!scratch->data || !scratch->context) {
        pattern_scratch_free(scratch);
        return NULL;
    }
    pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    pcre2_set_depth_limit(scratch->context, MATCH_LIMIT);
    pcre2_set_heap_limit(scratch->context, HEAP_LIMIT);
    scratch->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (scratch->stack)
        pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return scratch;
}

void pattern_scratch_free(struct pattern_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
}

enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
                                  struct text subject)
{
    PCRE2_SPTR p = (PCRE2_SPTR)(subject.p ? subject.p : "");
    int rc;

    scratch->groups = 0;
    if (subject.n > PATTERN_SUBJECT_MAX)
        return PATTERN_LIMIT;
    rc = pcre2_match(pattern->code, p, subject.n, 0, 0, scratch->data, scratch->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(pattern->code, p, subject.n, 0, PCRE2_NO_JIT, scratch->data, scratch->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    if (rc <= 0)
        return PATTERN_LIMIT;
    scratch->subject = text_make((const char *)p, subject.n);
    scratch->groups = rc;
    return PATTERN_YES;
}

struct text pattern_group(const struct pattern_scratch *scratch, int group)
{
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->data);
    PCRE2_SIZE from, to;

    if (group < 0 || group >= scratch->groups)
        return TEXT_NONE;
    from = offsets[2 * group];
    to = offsets[2 * group + 1];
    if (from == PCRE2_UNSET || to == PCRE2_UNSET || from > to || to > scratch->subject.n)
        return TEXT_NONE;
    return text_make(scratch->subject.p + from, to - from);
}

bool pattern_scan(struct text source, struct text subject, bool (*take)(void *arg, struct text match),
                  void *arg)
{
    struct pattern pattern = { NULL };
    struct fault fault;
    size_t offset = 0, at = 0;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    bool good = data && compile_code(&pattern, source, PATTERN_SEARCH, &offset, &fault);
    int rc = 0;

    if (good)
        (void)pcre2_jit_compile(pattern.code, PCRE2_JIT_COMPLETE);
    while (good && at < subject.n) {
        const PCRE2_SIZE *span;

        rc = pcre2_match(pattern.code, (PCRE2_SPTR)subject.p, subject.n, at, PCRE2_NO_UTF_CHECK, data, NULL);
        if (rc < 0)
            break;
        span = pcre2_get_ovector_pointer(data);
        if (span[1] <= span[0] || span[1] <= at)
            break;
        at = span[1];
        good = take(arg, text_make(subject.p + span[0], span[1] - span[0]));
    }
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        good = false;
    pcre2_code_free(pattern.code);
    pcre2_match_data_free(data);
    return good;
}
