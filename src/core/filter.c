#include "core/filter.h"

#include "base/now.h"

#include <string.h>

#define TRUNCATE_MAX 4096
#define SHOWN_MAX 40

static const char *const names[] = {
    [FILTER_UPPER] = "upper",       [FILTER_LOWER] = "lower", [FILTER_TRIM] = "trim",
    [FILTER_TRUNCATE] = "truncate", [FILTER_URL] = "url",     [FILTER_DATE] = "date",
    [FILTER_CENTS] = "cents",       [FILTER_MONEY] = "money", NULL,
};

/* --- parsing ------------------------------------------------------------------------------------------------------ */

static bool parse_truncate(struct text argument, struct filter *out, struct fault *fault)
{
    int64_t n = 0;

    if (!text_i64(argument, &n) || n < 1 || n > TRUNCATE_MAX)
        return fault_set(fault, "truncate wants a number from 1 to %d: truncate(20)", TRUNCATE_MAX);
    out->n = (size_t)n;
    return true;
}

static bool parse_date(struct text argument, struct filter *out, struct fault *fault)
{
    static const char letters[] = "demYyHMS%";

    if (argument.n == 0)
        return fault_set(fault, "date wants a form: date(%%d.%%m.%%Y)");
    for (size_t i = 0; i < argument.n; i++)
        if (argument.p[i] == '%' && (++i == argument.n || !argument.p[i] || !strchr(letters, argument.p[i])))
            return fault_set(fault, "date knows %%d %%e %%m %%Y %%y %%H %%M %%S and %%%%");
    out->format = argument;
    return true;
}

static bool parse_amount(struct text argument, struct filter *out, struct fault *fault)
{
    if (argument.n != 1 || (argument.p[0] != ',' && argument.p[0] != '.'))
        return fault_set(fault, "%s takes a point or a comma: %s(,)", names[out->kind], names[out->kind]);
    out->point = argument.p[0];
    return true;
}

static bool parse_argument(struct text argument, bool given, struct filter *out, struct fault *fault)
{
    switch (out->kind) {
    case FILTER_TRUNCATE:
        return parse_truncate(argument, out, fault);
    case FILTER_DATE:
        return parse_date(argument, out, fault);
    case FILTER_CENTS:
    case FILTER_MONEY:
        return !given || parse_amount(argument, out, fault);
    default:
        return !given || fault_set(fault, "%s takes nothing in brackets", names[out->kind]);
    }
}

bool filter_parse(struct text word, const struct zone *zone, struct filter *out, const char **near,
                  struct fault *fault)
{
    struct text name = word, argument = TEXT_NONE;
    bool given = text_cut(word, '(', &name, &argument);

    *out = (struct filter){ .point = '.', .zone = zone };
    *near = NULL;
    if (given && !text_ends(argument, ")"))
        return fault_set(fault, "the filter '%.*s' has no ')' at its end", TEXT_ARG(word));
    if (given)
        argument.n--;
    else
        name = word;
    for (size_t i = 0; names[i]; i++) {
        out->kind = (enum filter_kind)i;
        if (text_is(name, names[i]))
            return parse_argument(argument, given, out, fault);
    }
    *near = text_closest(name, names);
    return fault_set(fault, "no filter is called '%.*s'", (int)(name.n < SHOWN_MAX ? name.n : SHOWN_MAX),
                     name.p);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static void change_case(struct text value, char first, char last, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        buf_char(out, c >= first && c <= last ? (char)(c ^ 0x20) : c);
    }
}

static void truncate_text(struct text value, size_t n, struct buf *out)
{
    size_t i = 0;

    for (; i < value.n; i++) {
        bool begins = ((unsigned char)value.p[i] & 0xC0) != 0x80;

        if (begins && n-- == 0)
            break;
    }
    buf_text(out, text_make(value.p, i));
}

void filter_encode(struct text value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-._~", c)))
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static bool unfit(struct text value, const char *what, struct fault *fault)
{
    char shown[SHOWN_MAX + 1];

    text_printable(value, shown, SHOWN_MAX);
    return fault_set(fault, "'%s' is no %s", shown, what);
}

/* --- amounts ------------------------------------------------------------------------------------------------------ */

struct amount {
    bool minus;
    struct text whole, rest; /* digits; `rest` behind the point */
};

static bool digits(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n > 0;
}

static bool read_amount(struct text value, bool point, struct amount *out)
{
    struct text head, tail;

    *out = (struct amount){ .minus = value.n > 0 && value.p[0] == '-' };
    if (out->minus)
        value = text_make(value.p + 1, value.n - 1);
    out->whole = value;
    if (point && text_cut(value, '.', &head, &tail)) {
        out->whole = head;
        out->rest = tail;
        if (!digits(tail))
            return false;
    }
    return digits(out->whole);
}

static void put_amount(const struct amount *amount, char point, struct buf *out)
{
    struct text whole = amount->whole, rest = amount->rest;

    while (whole.n > 1 && whole.p[0] == '0')
        whole = text_make(whole.p + 1, whole.n - 1);
    while (rest.n > 2 && rest.p[rest.n - 1] == '0')
        rest.n--;
    if (amount->minus)
        buf_char(out, '-');
    buf_text(out, whole.n ? whole : text_of("0"));
    buf_char(out, point);
    buf_text(out, rest);
}

/* Only digits are moved: nothing is rounded, and numbers of any length stay exact. */
static bool put_cents(struct text value, char point, struct buf *out, struct fault *fault)
{
    struct amount amount;

    if (!read_amount(value, false, &amount))
        return unfit(value, "whole number of cents", fault);
    if (amount.whole.n == 1) {
        buf_printf(out, "%s0%c0%c", amount.minus ? "-" : "", point, amount.whole.p[0]);
        return true;
    }
    amount.rest = text_make(amount.whole.p + amount.whole.n - 2, 2);
    amount.whole.n -= 2;
    put_amount(&amount, point, out);
    return true;
}

static bool put_money(struct text value, char point, struct buf *out, struct fault *fault)
{
    struct amount amount;

    if (!read_amount(value, true, &amount))
        return unfit(value, "amount of money", fault);
    put_amount(&amount, point, out);
    for (size_t n = amount.rest.n; n < 2; n++)
        buf_char(out, '0');
    return true;
}

/* --- dates -------------------------------------------------------------------------------------------------------- */

static bool read_part(struct text value, size_t from, size_t n, int *out)
{
    int64_t number = 0;

    if (!digits(text_make(value.p + from, n)) || !text_i64(text_make(value.p + from, n), &number))
        return false;
    *out = (int)number;
    return true;
}

/* "2026-12-01": a day is the same in every zone. */
static bool read_day(struct text value, struct civil *out)
{
    int year = 0;

    *out = (struct civil){ 0 };
    if (value.n != 10 || value.p[4] != '-' || value.p[7] != '-' || !read_part(value, 0, 4, &year) ||
        !read_part(value, 5, 2, &out->month) || !read_part(value, 8, 2, &out->day))
        return false;
    out->year = year;
    return civil_fits(year, out->month, out->day);
}

static bool read_date(struct text value, const struct zone *zone, struct civil *out)
{
    char copy[64];
    int64_t ms = 0, seconds = 0;

    if (read_day(value, out))
        return true;
    if (value.n < sizeof(copy) && value.n > 10) {
        text_printable(value, copy, sizeof(copy) - 1);
        if (now_parse(copy, &ms)) {
            zone_civil(zone, ms / 1000 - (ms % 1000 < 0), out);
            return true;
        }
    }
    if (value.n > 12 || !text_i64(value, &seconds))
        return false;
    zone_civil(zone, seconds, out);
    return true;
}

static void put_field(char letter, const struct civil *civil, struct buf *out)
{
    switch (letter) {
    case 'd':
        buf_printf(out, "%02d", civil->day);
        break;
    case 'e':
        buf_printf(out, "%d", civil->day);
        break;
    case 'm':
        buf_printf(out, "%02d", civil->month);
        break;
    case 'Y':
        buf_printf(out, "%04lld", (long long)civil->year);
        break;
    case 'y':
        buf_printf(out, "%02d", (int)((civil->year % 100 + 100) % 100));
        break;
    case 'H':
        buf_printf(out, "%02d", civil->hour);
        break;
    case 'M':
        buf_printf(out, "%02d", civil->minute);
        break;
    case 'S':
        buf_printf(out, "%02d", civil->second);
        break;
    default:
        buf_char(out, letter);
    }
}

static bool put_date(const struct filter *filter, struct text value, struct buf *out, struct fault *fault)
{
    struct civil civil;

    if (!read_date(value, filter->zone, &civil))
        return unfit(value, "date", fault);
    for (size_t i = 0; i < filter->format.n; i++) {
        if (filter->format.p[i] == '%')
            put_field(filter->format.p[++i], &civil, out);
        else
            buf_char(out, filter->format.p[i]);
    }
    return true;
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

bool filter_apply(const struct filter *filter, struct text value, struct buf *out, struct fault *fault)
{
    switch (filter->kind) {
    case FILTER_UPPER:
        change_case(value, 'a', 'z', out);
        return true;
    case FILTER_LOWER:
        change_case(value, 'A', 'Z', out);
        return true;
    case FILTER_TRIM:
        buf_text(out, text_trim(value));
        return true;
    case FILTER_TRUNCATE:
        truncate_text(value, filter->n, out);
        return true;
    case FILTER_URL:
        filter_encode(value, out);
        return true;
    case FILTER_DATE:
        return put_date(filter, value, out, fault);
    case FILTER_CENTS:
        return put_cents(value, filter->point, out, fault);
    case FILTER_MONEY:
        return put_money(value, filter->point, out, fault);
    }
    return false;
}
