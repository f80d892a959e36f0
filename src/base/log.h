#pragma once

/* One line per happening on standard error: `key=value` by default, JSON when asked. Safe from both threads: a line is
   one write(2). Values are made printable; a secret never comes here. */

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    struct text text; /* used if text.p is set, else number */
    int64_t number;
};

/* log_str: a string, NULL shown as "-". log_text: borrowed bytes, the same. log_num: a number. */
static inline struct log_field log_str(const char *key, const char *string)
{
    return (struct log_field){ key, text_of(string ? string : "-"), 0 };
}

static inline struct log_field log_text(const char *key, struct text text)
{
    return (struct log_field){ key, text.p ? text : text_of("-"), 0 };
}

static inline struct log_field log_num(const char *key, int64_t number)
{
    return (struct log_field){ key, TEXT_NONE, number };
}

/* log_setup: level and form for the whole process; call before threads start, or at reload from any thread. */
void log_setup(enum log_level least, bool json);
bool log_enabled(enum log_level level);
/* log_write: `fields` end with a key of NULL. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* log_info("sent", log_num("run", id), log_str("outcome", "ok")): one field at least. */
#define LOG_WRITE_(level, message, ...)                                                   \
    do {                                                                                  \
        if (log_enabled(level))                                                           \
            log_write((level), (message), (struct log_field[]){ __VA_ARGS__, { NULL } }); \
    } while (0)
#define log_debug(message, ...) LOG_WRITE_(LOG_DEBUG, message, __VA_ARGS__)
#define log_info(message, ...) LOG_WRITE_(LOG_INFO, message, __VA_ARGS__)
#define log_warn(message, ...) LOG_WRITE_(LOG_WARN, message, __VA_ARGS__)
#define log_error(message, ...) LOG_WRITE_(LOG_ERROR, message, __VA_ARGS__)
