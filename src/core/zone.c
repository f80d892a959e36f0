#include "core/zone.h"

#include <string.h>

#define HEADER 44
#define DAY_S 86400

struct zone_type {
    int32_t offset; /* seconds east of UTC */
};

/* A day of the year at which daylight saving begins or ends (POSIX, TZ). */
struct switch_day {
    enum { DAY_JULIAN, DAY_OF_YEAR, DAY_OF_MONTH } kind;
    int month, week, day; /* DAY_JULIAN, DAY_OF_YEAR: day alone */
    int64_t time;         /* seconds behind the day's begin, local time */
};

/* What holds behind the last transition. */
struct zone_rule {
    bool given, saves;
    int64_t standard, saving; /* offsets */
    struct switch_day begin, end;
};

struct zone {
    const int64_t *times;
    const unsigned char *which; /* types[which[i]] holds from times[i] on */
    size_t n_times;
    const struct zone_type *types;
    struct zone_rule rule;
};

bool zone_name_fits(struct text name)
{
    char before = '/';

    if (name.n == 0 || name.n > 64)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';

        if (!letter && (before == '/' || !strchr("/+-", c)))
            return false;
        before = c;
    }
    return before != '/';
}

/* --- days --------------------------------------------------------------------------------------------------------- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

bool civil_fits(int64_t year, int month, int day)
{
    return year >= 0 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= month_days(year, month);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year, era = floor_div(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, struct civil *out)
{
    int64_t z = days + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;

    out->day = (int)(of_year - (153 * m + 2) / 5 + 1);
    out->month = (int)(m < 10 ? m + 3 : m - 9);
    out->year = year + era * 400 + (out->month <= 2);
    out->weekday = (int)(days + 3 - floor_div(days + 3, 7) * 7);
}

static void civil_of(int64_t seconds, struct civil *out)
{
    int64_t days = floor_div(seconds, DAY_S), rest = seconds - days * DAY_S;

    date_of(days, out);
    out->hour = (int)(rest / 3600);
    out->minute = (int)(rest / 60 % 60);
    out->second = (int)(rest % 60);
}

/* --- the rule for the time to come ---------------------------------------------------------------------------------- */

struct cursor {
    const char *p, *end;
    bool good;
};

static bool at(const struct cursor *cursor, char c)
{
    return cursor->p < cursor->end && *cursor->p == c;
}

static bool eat(struct cursor *cursor, char c)
{
    if (!at(cursor, c))
        return false;
    cursor->p++;
    return true;
}

static int read_number(struct cursor *cursor, int most)
{
    int value = 0;
    const char *from = cursor->p;

    while (cursor->p < cursor->end && *cursor->p >= '0' && *cursor->p <= '9' && value <= most)
        value = value * 10 + (*cursor->p++ - '0');
    cursor->good = cursor->good && cursor->p > from && value <= most;
    return value;
}

/* [+-]hh[:mm[:ss]] */
static int64_t read_time(struct cursor *cursor)
{
    int64_t sign = eat(cursor, '-') ? -1 : 1, seconds;

    if (sign > 0)
        (void)eat(cursor, '+');
    seconds = (int64_t)read_number(cursor, 167) * 3600;
    if (eat(cursor, ':'))
        seconds += (int64_t)read_number(cursor, 59) * 60;
    if (eat(cursor, ':'))
        seconds += read_number(cursor, 59);
    return sign * seconds;
}

static void skip_name(struct cursor *cursor)
{
    const char *from = cursor->p;
    bool quoted = eat(cursor, '<');

    while (cursor->p < cursor->end &&
           (quoted ? *cursor->p != '>' : !strchr("+-,0123456789", *cursor->p) && *cursor->p))
        cursor->p++;
    cursor->good = cursor->good && cursor->p > from && (!quoted || eat(cursor, '>'));
}

static struct switch_day read_day(struct cursor *cursor)
{
    struct switch_day out = { .time = 7200 };

    if (eat(cursor, 'M')) {
        out.kind = DAY_OF_MONTH;
        out.month = read_number(cursor, 12);
        cursor->good = eat(cursor, '.') && cursor->good;
        out.week = read_number(cursor, 5);
        cursor->good = eat(cursor, '.') && cursor->good && out.month > 0 && out.week > 0;
        out.day = read_number(cursor, 6);
    } else {
        out.kind = eat(cursor, 'J') ? DAY_JULIAN : DAY_OF_YEAR;
        out.day = read_number(cursor, 365);
    }
    if (eat(cursor, '/'))
        out.time = read_time(cursor);
    return out;
}

static bool read_rule(struct text text, struct zone_rule *rule)
{
    struct cursor cursor = { text.p, text.p + text.n, true };

    *rule = (struct zone_rule){ .given = text.n > 0 };
    if (!rule->given)
        return true;
    skip_name(&cursor);
    rule->standard = -read_time(&cursor);
    rule->saving = rule->standard + 3600;
    if (cursor.p == cursor.end)
        return cursor.good;
    rule->saves = true;
    skip_name(&cursor);
    if (!at(&cursor, ','))
        rule->saving = -read_time(&cursor);
    cursor.good = eat(&cursor, ',') && cursor.good;
    rule->begin = read_day(&cursor);
    cursor.good = eat(&cursor, ',') && cursor.good;
    rule->end = read_day(&cursor);
    return cursor.good && cursor.p == cursor.end;
}

/* Seconds since 1970 of a switch in a year, local time. */
static int64_t switch_at(const struct switch_day *day, int64_t year)
{
    int64_t days = days_of(year, 1, 1) + day->day;
    int64_t first;

    if (day->kind == DAY_JULIAN) { /* 1 to 365; 29 February does not count */
        days -= 1;
        if (is_leap(year) && day->day >= 60)
            days++;
    } else if (day->kind == DAY_OF_MONTH) { /* day 0 is Sunday; week 5 is the last */
        struct civil civil;

        first = days_of(year, day->month, 1);
        date_of(first, &civil);
        days = first + (day->day + 6 - civil.weekday) % 7 + (day->week - 1) * 7;
        if (days >= first + month_days(year, day->month))
            days -= 7;
    }
    return days * DAY_S + day->time;
}

static int64_t rule_offset(const struct zone_rule *rule, int64_t unix_s)
{
    struct civil civil;
    int64_t begin, end;
    bool saving;

    if (!rule->saves)
        return rule->standard;
    civil_of(unix_s + rule->standard, &civil);
    begin = switch_at(&rule->begin, civil.year) - rule->standard;
    end = switch_at(&rule->end, civil.year) - rule->saving;
    saving = begin < end ? unix_s >= begin && unix_s < end : !(unix_s >= end && unix_s < begin);
    return saving ? rule->saving : rule->standard;
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

struct counts {
    size_t is_ut, is_standard, leaps, times, types, chars;
};

static int64_t big_endian(const char *p, size_t n)
{
    uint64_t value = n == 8 || !((unsigned char)p[0] & 0x80) ? 0 : UINT64_MAX;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | (unsigned char)p[i];
    return (int64_t)value;
}

static bool read_header(struct text bytes, struct counts *out)
{
    size_t *const fields[] = { &out->is_ut, &out->is_standard, &out->leaps,
                               &out->times, &out->types,       &out->chars };

    if (bytes.n < HEADER || memcmp(bytes.p, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        int64_t value = big_endian(bytes.p + 20 + 4 * i, 4);

        if (value < 0 || value > ZONE_FILE_MAX)
            return false;
        *fields[i] = (size_t)value;
    }
    return true;
}

static size_t block_size(const struct counts *counts, size_t width)
{
    return counts->times * (width + 1) + counts->types * 6 + counts->chars + counts->leaps * (width + 4) +
           counts->is_standard + counts->is_ut;
}

static bool read_block(struct arena *arena, const char *p, const struct counts *counts, size_t width,
                       struct zone *zone)
{
    int64_t *times = arena_array(arena, counts->times + 1, sizeof(*times));
    unsigned char *which = arena_array(arena, counts->times + 1, sizeof(*which));
    struct zone_type *types = arena_array(arena, counts->types, sizeof(*types));
    const char *numbers = p + counts->times * width, *infos = numbers + counts->times;

    if (!times || !which || !types)
        return false;
    for (size_t i = 0; i < counts->times; i++) {
        times[i] = big_endian(p + i * width, width);
        which[i] = (unsigned char)numbers[i];
        if (which[i] >= counts->types || (i > 0 && times[i] <= times[i - 1]))
            return false;
    }
    for (size_t i = 0; i < counts->types; i++) {
        types[i].offset = (int32_t)big_endian(infos + i * 6, 4);
        if (types[i].offset < -7 * DAY_S || types[i].offset > 7 * DAY_S)
            return false;
    }
    zone->times = times;
    zone->which = which;
    zone->n_times = counts->times;
    zone->types = types;
    return true;
}

/* The rule stands in a line of its own behind the second block. */
static bool read_footer(struct text rest, struct zone_rule *rule)
{
    struct text line, tail;

    if (rest.n < 2 || rest.p[0] != '\n')
        return false;
    return text_cut(text_make(rest.p + 1, rest.n - 1), '\n', &line, &tail) && read_rule(line, rule);
}

struct zone *zone_parse(struct arena *arena, struct text bytes, struct fault *fault)
{
    struct zone *zone = arena_alloc(arena, sizeof(*zone));
    struct counts counts;
    size_t width = 4, from = HEADER;
    bool good = zone && bytes.n <= ZONE_FILE_MAX && read_header(bytes, &counts);

    if (good && bytes.p[4] >= '2') {
        size_t skip = HEADER + block_size(&counts, 4);

        good = skip < bytes.n && read_header(text_make(bytes.p + skip, bytes.n - skip), &counts);
        from = skip + HEADER;
        width = 8;
    }
    if (good && counts.leaps > 0) {
        fault_set(fault, "counts leap seconds");
        return NULL;
    }
    good = good && counts.types > 0 && from + block_size(&counts, width) <= bytes.n &&
           read_block(arena, bytes.p + from, &counts, width, zone);
    from += good ? block_size(&counts, width) : 0;
    if (good && width == 8)
        good = read_footer(text_make(bytes.p + from, bytes.n - from), &zone->rule);
    if (good)
        return zone;
    fault_set(fault, "has no file that can be read as one of the IANA database");
    return NULL;
}

/* --- use ------------------------------------------------------------------------------------------------------------ */

static int64_t offset_at(const struct zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->n_times;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->times[middle] <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n_times && zone->rule.given)
        return rule_offset(&zone->rule, unix_s);
    return low ? zone->types[zone->which[low - 1]].offset : zone->types[0].offset;
}

void zone_civil(const struct zone *zone, int64_t unix_s, struct civil *out)
{
    civil_of(unix_s + (zone ? offset_at(zone, unix_s) : 0), out);
}
