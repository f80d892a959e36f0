#pragma once

/* The clocks, and the only place that reads them. */

#include <stddef.h>
#include <stdint.h>

/* now_wall_ms: Unix time in milliseconds. For signatures and display. */
int64_t now_wall_ms(void);
/* now_boot_ms: CLOCK_BOOTTIME in milliseconds: runs on during suspend, never jumps. For scheduling. */
int64_t now_boot_ms(void);
/* now_mono_us: CLOCK_MONOTONIC in microseconds. For measuring. */
int64_t now_mono_us(void);
/* now_format: RFC 3339 in UTC with milliseconds, into out (at least 25 bytes). */
void now_format(int64_t wall_ms, char *out, size_t size);
/* now_parse: RFC 3339 ("2026-07-14T06:58:20.480Z", "+02:00" too) to Unix milliseconds. False if it is none. */
_Bool now_parse(const char *text, int64_t *wall_ms);
