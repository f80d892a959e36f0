#include "base/log.h"

#include "base/buf.h"
#include "base/now.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 512
#define LINE_MAX_BYTES 8192

static atomic_int least_level = LOG_INFO;
static atomic_bool as_json;

void log_setup(enum log_level least, bool json)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&as_json, json);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load(&least_level);
}

static void quoted(struct buf *line, const char *value)
{
    buf_char(line, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_char(line, '\\');
        buf_char(line, *value);
    }
    buf_char(line, '"');
}

static bool needs_quotes(const char *value)
{
    return !*value || strpbrk(value, " =\"\\") != NULL;
}

static void add_pair(struct buf *line, bool json, const char *key, struct text text)
{
    char value[VALUE_MAX + 1];

    text_printable(text, value, VALUE_MAX);
    if (json)
        buf_printf(line, "%s\"%s\":", line->len ? "," : "{", key);
    else
        buf_printf(line, "%s%s=", line->len ? " " : "", key);
    if (json || needs_quotes(value))
        quoted(line, value);
    else
        buf_str(line, value);
}

static void add_number(struct buf *line, bool json, const char *key, int64_t number)
{
    buf_printf(line, json ? ",\"%s\":%" PRId64 : " %s=%" PRId64, key, number);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    struct buf line = BUF(LINE_MAX_BYTES);
    bool json = atomic_load(&as_json);
    char when[32];
    ssize_t ignored;

    if (!log_enabled(level))
        return;
    now_format(now_wall_ms(), when, sizeof(when));
    add_pair(&line, json, "time", text_of(when));
    add_pair(&line, json, "level", text_of(names[level]));
    add_pair(&line, json, "msg", text_of(message));
    for (; fields->key; fields++) {
        if (fields->text.p)
            add_pair(&line, json, fields->key, fields->text);
        else
            add_number(&line, json, fields->key, fields->number);
    }
    buf_str(&line, json ? "}\n" : "\n");
    if (!line.failed)
        ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
    buf_free(&line);
}
