#include "core/hours.h"

#include <string.h>

#define DAY_MINUTES 1440

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int day_of(struct text text)
{
    for (int i = 0; i < 7; i++)
        if (text_is_nocase(text, day_names[i]))
            return i;
    return -1;
}

/* "Mon", "Mon-Fri", "Sat-Mon" */
static bool read_days(struct text text, unsigned *days)
{
    struct text first = text, last = text;
    int from, to;

    if (text_cut(text, '-', &first, &last))
        first = text_trim(first);
    from = day_of(first);
    to = day_of(text_trim(last));
    if (from < 0 || to < 0)
        return false;
    for (int i = from;; i = (i + 1) % 7) {
        *days |= 1u << i;
        if (i == to)
            return true;
    }
}

static bool read_day_list(struct text text, unsigned *days)
{
    struct text head, tail = text;

    while (text_cut(tail, ',', &head, &tail))
        if (!read_days(text_trim(head), days))
            return false;
    return read_days(text_trim(tail), days);
}

static bool read_two(struct text text, size_t at, int most, int *out)
{
    int64_t value = 0;

    if (text.p[at] < '0' || text.p[at] > '9' || !text_i64(text_make(text.p + at, 2), &value) || value > most)
        return false;
    *out = (int)value;
    return true;
}

/* "09:00", "24:00" */
static bool read_minutes(struct text text, int *out)
{
    int hour = 0, minute = 0;

    if (text.n != 5 || text.p[2] != ':' || !read_two(text, 0, 24, &hour) || !read_two(text, 3, 59, &minute))
        return false;
    *out = hour * 60 + minute;
    return *out <= DAY_MINUTES;
}

bool hours_read_span(struct text text, struct hours_span *out, struct fault *fault)
{
    struct text whole = text_trim(text), days, times, from, to;
    size_t space = whole.n;

    *out = (struct hours_span){ 0 };
    while (space > 0 && whole.p[space - 1] != ' ')
        space--;
    days = text_trim(text_make(whole.p, space));
    times = text_make(whole.p + space, whole.n - space);
    if (space > 0 && read_day_list(days, &out->days) && text_cut(times, '-', &from, &to) &&
        read_minutes(from, &out->from) && read_minutes(to, &out->to) && out->from < DAY_MINUTES)
        return true;
    return fault_set(fault, "these are no opening hours; write them so: 'Mon-Fri 09:00-18:00'");
}

bool hours_read_day(struct text text, struct hours_day *out, struct fault *fault)
{
    int century = 0, year = 0;

    *out = (struct hours_day){ 0 };
    if (text.n == 10 && text.p[4] == '-' && text.p[7] == '-' && read_two(text, 0, 99, &century) &&
        read_two(text, 2, 99, &year) && read_two(text, 5, 12, &out->month) &&
        read_two(text, 8, 31, &out->day)) {
        out->year = century * 100 + year;
        if (civil_fits(out->year, out->month, out->day))
            return true;
    }
    return fault_set(fault, "this is no day; write it so: '2026-12-25'");
}

/* --- use ---------------------------------------------------------------------------------------------------------- */

static bool is_closed(const struct hours *hours, const struct civil *now)
{
    for (size_t i = 0; i < hours->n_closed; i++)
        if (hours->closed[i].year == now->year && hours->closed[i].month == now->month &&
            hours->closed[i].day == now->day)
            return true;
    return false;
}

static bool in_span(const struct hours_span *span, int weekday, int minute)
{
    bool today = span->days & 1u << weekday, yesterday = span->days & 1u << (weekday + 6) % 7;

    if (span->from < span->to)
        return today && minute >= span->from && minute < span->to;
    return (today && minute >= span->from) || (yesterday && minute < span->to);
}

bool hours_open(const struct hours *hours, const struct civil *now)
{
    if (is_closed(hours, now))
        return false;
    for (size_t i = 0; i < hours->n_spans; i++)
        if (in_span(&hours->spans[i], now->weekday, now->hour * 60 + now->minute))
            return true;
    return false;
}
