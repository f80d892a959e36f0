#pragma once

/* Opening hours: { open: [ 'Mon-Fri 09:00-18:00', 'Sat 10:00-14:00' ], closed: [ '2026-12-25' ] }. */

#include "core/zone.h"

struct hours_span {
    unsigned days; /* bit 0: Monday */
    int from, to;  /* minutes; to <= from: until the next day */
};

struct hours_day {
    int year, month, day;
};

struct hours {
    const char *name;
    struct hours_span *spans;
    size_t n_spans;
    struct hours_day *closed;
    size_t n_closed;
};

/* hours_read_span: "Mon-Fri 09:00-18:00", "Mon,Wed 22:00-02:00"; false with a fault that is a whole error. */
bool hours_read_span(struct text text, struct hours_span *out, struct fault *fault) CHECKED;
/* hours_read_day: "2026-12-25". */
bool hours_read_day(struct text text, struct hours_day *out, struct fault *fault) CHECKED;
/* hours_open: at this time of the zone? A closed day is closed from midnight to midnight. */
bool hours_open(const struct hours *hours, const struct civil *now);
