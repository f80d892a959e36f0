#include "base/now.h"

#include "base/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id, int64_t per_second)
{
    struct timespec ts = { 0 };

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * per_second + ts.tv_nsec / (1000000000 / per_second);
}

int64_t now_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

int64_t now_boot_ms(void)
{
    return read_clock(CLOCK_BOOTTIME, 1000);
}

int64_t now_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

void now_format(int64_t wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char day[32];

    if (wall_ms < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 8099) {
        snprintf(out, size, "-");
        return;
    }
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, size, "%s.%03dZ", day, (int)(wall_ms % 1000));
}

/* A number of exactly `digits` digits at *at, which moves on; -1 if it is none. */
static int number(const char **at, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool zone(const char *at, int *minutes)
{
    int sign = *at == '-' ? -1 : 1, hours, rest;

    *minutes = 0;
    if (*at == 'Z' || *at == 'z')
        return at[1] == '\0';
    if (*at != '+' && *at != '-')
        return false;
    at++;
    if ((hours = number(&at, 2)) < 0 || *at++ != ':' || (rest = number(&at, 2)) < 0 || *at)
        return false;
    *minutes = sign * (hours * 60 + rest);
    return true;
}

static int fraction_ms(const char **at)
{
    int ms = 0, scale = 100;

    if (**at != '.')
        return 0;
    for ((*at)++; isdigit((unsigned char)**at); (*at)++, scale /= 10)
        ms += scale * (**at - '0');
    return ms;
}

bool now_parse(const char *text, int64_t *wall_ms)
{
    struct tm tm = { 0 };
    const char *at = text;
    int ms, minutes;

    if ((tm.tm_year = number(&at, 4)) < 1970 || *at++ != '-' || (tm.tm_mon = number(&at, 2)) < 1 ||
        tm.tm_mon > 12 || *at++ != '-' || (tm.tm_mday = number(&at, 2)) < 1 || tm.tm_mday > 31)
        return false;
    if ((*at != 'T' && *at != 't' && *at != ' ') || (at++, tm.tm_hour = number(&at, 2)) < 0 || *at++ != ':' ||
        (tm.tm_min = number(&at, 2)) < 0 || *at++ != ':' || (tm.tm_sec = number(&at, 2)) < 0)
        return false;
    ms = fraction_ms(&at);
    if (!zone(at, &minutes))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *wall_ms = ((int64_t)timegm(&tm) - minutes * 60) * 1000 + ms;
    return true;
}
