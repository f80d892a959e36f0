#include "net/intake_check.h"

#include <string.h>

enum state { METHOD, TARGET, VERSION, LINE_LF, NAME_START, NAME, VALUE, VALUE_LF, HEAD_LF, BODY, DONE };
enum kind { OTHER, LENGTH, CODING, EXPECT, HOST };

/* Classes of bytes. */
enum { TOKEN = 1, VISIBLE = 2, FIELD = 4 };

/* clang-format off */
static const uint8_t classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, /* 00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 10 */
    4, 7, 6, 7, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6, /* 20 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, /* 30 */
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* 40 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7, /* 50 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* 60 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0, /* 70 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 80 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 90 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* a0 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* b0 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* c0 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* d0 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* e0 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* f0 */
};
/* clang-format on */

static bool is(unsigned char c, int class)
{
    return classes[c] & class;
}

static void word_add(struct intake_check *check, unsigned char c)
{
    if (check->word_n < INTAKE_CHECK_WORD - 1)
        check->word[check->word_n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    else
        check->long_word = true;
}

static void word_start(struct intake_check *check)
{
    check->word_n = 0;
    check->long_word = false;
}

static bool word_is(const struct intake_check *check, const char *string)
{
    return !check->long_word && strlen(string) == check->word_n &&
           !memcmp(check->word, string, check->word_n);
}

/* 0 or the refusal. evhttp reads no body behind HEAD and TRACE, so they may not have one. CONNECT is for proxies. */
static int method_end(struct intake_check *check)
{
    static const char *const with_body[] = { "post", "get", "put", "delete", "options", "patch", NULL };
    for (const char *const *method = with_body; *method; method++)
        if (word_is(check, *method))
            return 0;
    check->bodiless = word_is(check, "head") || word_is(check, "trace");
    return check->bodiless ? 0 : 501;
}

static int version_end(struct intake_check *check)
{
    const char *word = check->word;
    if (check->word_n != 8 || memcmp(word, "http/", 5) != 0 || word[6] != '.' || word[5] < '0' ||
        word[5] > '9' || word[7] < '0' || word[7] > '9')
        return 400;
    if (word[5] != '1')
        return 505;
    check->http10 = word[7] == '0';
    return word[7] <= '1' ? 0 : 505;
}

static int method_byte(struct intake_check *check, unsigned char c)
{
    if (is(c, TOKEN)) {
        /* Methods are case-sensitive. */
        if (c >= 'a' && c <= 'z')
            check->long_word = true;
        word_add(check, c);
        return 0;
    }
    if (c != ' ' || !check->word_n)
        return 400;
    int refusal = method_end(check);
    check->state = TARGET;
    word_start(check);
    return refusal;
}

/* Origin form only: an absolute URI, or what may be taken for one, names its host twice. */
static int target_byte(struct intake_check *check, unsigned char c)
{
    if (check->word_n == 0 && c != '/')
        return 400;
    if (check->word_n == 1 && c == '/')
        return 400;
    if (is(c, VISIBLE)) {
        if (check->word_n < 2)
            check->word_n++;
        return 0;
    }
    if (c != ' ')
        return 400;
    check->state = VERSION;
    word_start(check);
    return 0;
}

static int version_byte(struct intake_check *check, unsigned char c)
{
    if (c == '\r') {
        check->state = LINE_LF;
        return version_end(check);
    }
    /* "HTTP" is case-sensitive, too. */
    if (!is(c, VISIBLE) || check->word_n == 8 || (c >= 'a' && c <= 'z'))
        return 400;
    word_add(check, c);
    return 0;
}

static int name_end(struct intake_check *check)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = {
        { "content-length", LENGTH }, { "transfer-encoding", CODING }, { "expect", EXPECT }, { "host", HOST }
    };
    check->kind = OTHER;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (word_is(check, names[i].name))
            check->kind = (uint8_t)names[i].kind;
    bool again = (check->kind == LENGTH && check->has_length) || (check->kind == HOST && check->has_host);
    check->has_length |= check->kind == LENGTH;
    check->has_coding |= check->kind == CODING;
    check->has_host |= check->kind == HOST;
    check->has_expect |= check->kind == EXPECT;
    check->state = VALUE;
    word_start(check);
    return again ? 400 : 0;
}

static int name_byte(struct intake_check *check, unsigned char c)
{
    if (is(c, TOKEN)) {
        word_add(check, c);
        return 0;
    }
    return c == ':' ? name_end(check) : 400;
}

static int name_start_byte(struct intake_check *check, unsigned char c)
{
    if (c == '\r') {
        check->state = HEAD_LF;
        return 0;
    }
    if (!is(c, TOKEN))
        return 400;
    if (++check->lines > INTAKE_CHECK_LINES)
        return 431;
    check->state = NAME;
    word_start(check);
    word_add(check, c);
    return 0;
}

static void word_trim(struct intake_check *check)
{
    while (check->word_n && (check->word[check->word_n - 1] == ' ' || check->word[check->word_n - 1] == '\t'))
        check->word_n--;
}

static int length_end(struct intake_check *check)
{
    if (check->long_word || !check->word_n || check->word_n > 18)
        return 400;
    for (size_t i = 0; i < check->word_n; i++) {
        if (check->word[i] < '0' || check->word[i] > '9')
            return 400;
        check->left = check->left * 10 + (uint64_t)(check->word[i] - '0');
    }
    return 0;
}

static int value_byte(struct intake_check *check, unsigned char c)
{
    if (is(c, FIELD)) {
        bool space = c == ' ' || c == '\t';
        if ((check->kind == LENGTH || check->kind == EXPECT) && (check->word_n || !space))
            word_add(check, c);
        return 0;
    }
    check->state = VALUE_LF;
    return c == '\r' ? 0 : 400;
}

static int value_end(struct intake_check *check)
{
    check->state = NAME_START;
    word_trim(check);
    if (check->kind == LENGTH)
        return length_end(check);
    if (check->kind == EXPECT && !word_is(check, "100-continue"))
        return 417;
    return 0;
}

static int head_end(struct intake_check *check, const struct intake_bounds *bounds)
{
    if (check->has_coding)
        return check->has_length ? 400 : 411;
    if (!check->has_host && !check->http10)
        return 400;
    if (check->bodiless && check->left)
        return 400;
    if (check->left > bounds->body)
        return 413;
    check->state = check->left ? BODY : DONE;
    return 0;
}

static int head_byte(struct intake_check *check, const struct intake_bounds *bounds, unsigned char c)
{
    switch ((enum state)check->state) {
    case METHOD:
        return method_byte(check, c);
    case TARGET:
        return target_byte(check, c);
    case VERSION:
        return version_byte(check, c);
    case NAME_START:
        return name_start_byte(check, c);
    case NAME:
        return name_byte(check, c);
    case VALUE:
        return value_byte(check, c);
    case LINE_LF:
        check->state = NAME_START;
        return c == '\n' ? 0 : 400;
    case VALUE_LF:
        return c == '\n' ? value_end(check) : 400;
    case HEAD_LF:
        return c == '\n' ? head_end(check, bounds) : 400;
    case BODY:
    case DONE:
        break;
    }
    return 0;
}

/* How many bytes from p on change nothing: the inside of a target or of a value that is not looked at. */
static size_t run_length(const struct intake_check *check, const unsigned char *p, size_t n)
{
    int class;
    if (check->state == VALUE && check->kind != LENGTH && check->kind != EXPECT)
        class = FIELD;
    else if (check->state == TARGET && check->word_n >= 2)
        class = VISIBLE;
    else
        return 0;
    size_t i = 0;
    while (i < n && is(p[i], class))
        i++;
    return i;
}

void intake_check_start(struct intake_check *check)
{
    *check = (struct intake_check){ .state = METHOD };
}

int intake_check_feed(struct intake_check *check, const struct intake_bounds *bounds, const char *p, size_t n)
{
    const unsigned char *at = (const unsigned char *)p, *end = at + n;
    while (at < end && check->state < BODY) {
        size_t run = run_length(check, at, (size_t)(end - at));
        check->size += run;
        at += run;
        if (check->size >= bounds->headers)
            return 431;
        if (at == end)
            return 0;
        check->size++;
        int refusal = head_byte(check, bounds, *at++);
        if (refusal)
            return refusal;
    }
    (void)!intake_check_body(check, (size_t)(end - at));
    return 0;
}

bool intake_check_body(struct intake_check *check, size_t n)
{
    if (check->state != BODY)
        return false;
    check->left -= n < check->left ? n : check->left;
    if (!check->left)
        check->state = DONE;
    return true;
}

bool intake_check_done(const struct intake_check *check)
{
    return check->state == DONE;
}
