#pragma once

/* Time zones: the TZif files of the IANA database (RFC 8536), read from bytes that are handed in, daylight saving included. */

#include "base/arena.h"
#include "base/fault.h"

#define ZONE_FILE_MAX 65536

struct zone; /* immutable; lives in the arena */

struct civil {
    int64_t year;
    int month, day; /* from 1 */
    int hour, minute, second;
    int weekday; /* 0: Monday */
};

/* zone_name_fits: "Europe/Berlin": may it be looked for below the folder of zones? */
bool zone_name_fits(struct text name);
/* zone_parse: NULL with a fault that ends the sentence "the zone ...". */
struct zone *zone_parse(struct arena *arena, struct text bytes, struct fault *fault) CHECKED;
/* zone_civil: date and time of day there at a Unix time in seconds. Zone NULL: UTC. */
void zone_civil(const struct zone *zone, int64_t unix_s, struct civil *out);
/* civil_fits: is there such a day? */
bool civil_fits(int64_t year, int month, int day);
