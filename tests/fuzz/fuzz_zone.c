/* Files of time zones. */

#include "fuzz.h"

#include "core/zone.h"

static void check_civil(const struct zone *zone, int64_t unix_s)
{
    struct civil civil;

    zone_civil(zone, unix_s, &civil);
    HOLDS(civil_fits(civil.year, civil.month, civil.day));
    HOLDS(civil.hour >= 0 && civil.hour < 24 && civil.minute >= 0 && civil.minute < 60);
    HOLDS(civil.second >= 0 && civil.second < 60 && civil.weekday >= 0 && civil.weekday < 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = { 0,          -1,          1784016000, 1793494800,
                                     2147483648, -2147483649, 4102444800, 253300000000 };
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    struct fault fault = { "" };
    struct zone *zone = zone_parse(arena, fuzz_text(data, size), &fault);

    HOLDS(zone || (fault.text[0] && fuzz_is_line(text_of(fault.text))));
    for (size_t i = 0; zone && i < sizeof(times) / sizeof(*times); i++)
        check_civil(zone, times[i]);
    arena_free(arena);
    return 0;
}
