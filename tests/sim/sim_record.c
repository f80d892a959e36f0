#include "sim_record.h"

#include "base/now.h"
#include "sim_http.h"
#include "sim_late.h"
#include "sim_shelf.h"

#include <errno.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (64u << 10)    /* of a body that is no JSON */
#define BYTES_MAX (1024u << 20) /* of all lines in memory */
#define PATHS_MAX 200000

struct line {
    int64_t seq;
    size_t path; /* length of the path, which stands in front of the JSON text */
    char *text;
};

struct tally {
    int64_t all, accepted;
};

struct sim_record {
    FILE *file;
    bool quiet;
    int64_t seq;
    struct line *ring;
    size_t first, n, cap, keep, bytes;
    struct json_object *tallies; /* path: struct tally, as user data of its value */
};

struct sim_record *record_new(const char *path, int64_t keep, bool quiet, struct fault *fault)
{
    struct sim_record *record = calloc(1, sizeof(*record));

    if (!record || !(record->tallies = json_object_new_object())) {
        free(record);
        fault_set(fault, "no memory");
        return NULL;
    }
    record->keep = keep > 0 ? (size_t)keep : 0;
    record->quiet = quiet;
    if (!path)
        return record;
    record->file = fopen(path, "ae");
    if (!record->file) {
        fault_set(fault, "%s: %s", path, strerror(errno));
        record_free(record);
        return NULL;
    }
    setvbuf(record->file, NULL, _IOLBF, 1 << 16);
    return record;
}

static void drop_first(struct sim_record *record)
{
    struct line *line = &record->ring[record->first];

    record->bytes -= line->path + strlen(line->text + line->path);
    free(line->text);
    record->first = (record->first + 1) % record->cap;
    record->n--;
}

void record_clear(struct sim_record *record)
{
    while (record->n)
        drop_first(record);
    json_object_put(record->tallies);
    record->tallies = json_object_new_object();
}

void record_free(struct sim_record *record)
{
    if (!record)
        return;
    record_clear(record);
    json_object_put(record->tallies);
    if (record->file)
        fclose(record->file);
    free(record->ring);
    free(record);
}

static void free_tally(struct json_object *object, void *tally)
{
    (void)object;
    free(tally);
}

static struct tally *tally_of(struct sim_record *record, const char *path)
{
    struct json_object *found = json_object_object_get(record->tallies, path);
    struct tally *tally;

    if (found)
        return json_object_get_userdata(found);
    if (json_object_object_length(record->tallies) >= PATHS_MAX)
        return NULL;
    tally = calloc(1, sizeof(*tally));
    found = json_object_new_boolean(1);
    if (!tally || !found || json_object_object_add(record->tallies, path, found) < 0) {
        json_object_put(found);
        free(tally);
        return NULL;
    }
    json_object_set_userdata(found, tally, free_tally);
    return tally;
}

/* ---- a line */

static struct json_object *headers_of(const struct sim_call *call)
{
    static const char *const names[] = { "Host",
                                         "Content-Type",
                                         "Content-Length",
                                         "Accept",
                                         "User-Agent",
                                         "Idempotency-Key",
                                         "Intercom-Version",
                                         "Expect",
                                         "Content-Encoding",
                                         "Transfer-Encoding" };
    struct json_object *headers = json_object_new_object();

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = http_header(call, names[i]);
        char shown[513];

        if (!value)
            continue;
        text_printable(text_of(value), shown, sizeof(shown) - 1);
        json_object_object_add(headers, names[i], json_object_new_string(shown));
    }
    return headers;
}

static struct json_object *body_of(const struct sim_call *call)
{
    struct text body = text_make(call->body.p, call->body.n < BODY_MAX ? call->body.n : BODY_MAX);
    struct json_object *shown;
    char *clean;

    if (call->json)
        return json_object_get(call->json);
    if (!body.n)
        return NULL;
    if (text_utf8_count(body) >= 0)
        return shelf_text(body);
    clean = malloc(BODY_MAX + 1);
    if (!clean)
        return NULL;
    text_printable(body, clean, BODY_MAX);
    shown = json_object_new_string(clean);
    free(clean);
    return shown;
}

/* The client's port tells its connection: no other open one has it. */
static int64_t connection_of(const struct sim_call *call)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(call->http);
    ev_uint16_t port = 0;
    char *host;

    if (connection)
        evhttp_connection_get_peer(connection, &host, &port);
    return port;
}

static struct json_object *line_of(int64_t seq, const struct sim_call *call, int status)
{
    static const char *const auth[] = { "none", "ok", "bad" };
    struct json_object *line = json_object_new_object();
    char uri[2049];

    text_printable(text_of(call->uri), uri, sizeof(uri) - 1);
    json_object_object_add(line, "seq", json_object_new_int64(seq));
    json_object_object_add(line, "time", json_object_new_int64(now_wall_ms()));
    json_object_object_add(line, "conn", json_object_new_int64(connection_of(call)));
    json_object_object_add(line, "waiting", json_object_new_int64(late_count(call->sim->late)));
    json_object_object_add(line, "method", json_object_new_string(call->method));
    json_object_object_add(line, "uri", json_object_new_string(uri));
    json_object_object_add(line, "headers", headers_of(call));
    json_object_object_add(line, "auth", json_object_new_string(auth[call->auth]));
    json_object_object_add(line, "key", call->key < 0 ? NULL : json_object_new_int(call->key));
    json_object_object_add(line, "body", body_of(call));
    json_object_object_add(line, "status", json_object_new_int(status));
    json_object_object_add(line, "fault", call->fault ? json_object_new_string(call->fault) : NULL);
    json_object_object_add(line, "accepted", json_object_new_boolean(call->accepted));
    return line;
}

static CHECKED bool grow(struct sim_record *record)
{
    size_t cap = record->cap ? record->cap * 2 : 1024;
    struct line *ring;

    if (record->n < record->cap)
        return true;
    ring = calloc(cap, sizeof(*ring));
    if (!ring)
        return false;
    for (size_t i = 0; i < record->n; i++)
        ring[i] = record->ring[(record->first + i) % record->cap];
    free(record->ring);
    record->ring = ring;
    record->cap = cap;
    record->first = 0;
    return true;
}

static void keep_line(struct sim_record *record, const char *path, const char *json)
{
    struct buf text = BUF(BYTES_MAX);
    struct line line = { record->seq, strlen(path), NULL };

    while (record->n && (record->n >= record->keep || record->bytes > BYTES_MAX))
        drop_first(record);
    if (!record->keep || !grow(record))
        return;
    buf_str(&text, path);
    buf_str(&text, json);
    line.text = buf_take(&text);
    if (!line.text)
        return;
    record->bytes += line.path + strlen(json);
    record->ring[(record->first + record->n++) % record->cap] = line;
}

void record_add(struct sim_record *record, const struct sim_call *call, int status)
{
    struct tally *tally = tally_of(record, call->path);
    struct json_object *line;
    const char *json;

    record->seq++;
    if (tally) {
        tally->all++;
        tally->accepted += call->accepted;
    }
    if (record->quiet)
        return;
    line = line_of(record->seq, call, status);
    json = json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (json && record->file)
        fprintf(record->file, "%s\n", json);
    if (json)
        keep_line(record, call->path, json);
    json_object_put(line);
}

/* ---- asking */

int64_t record_count(const struct sim_record *record, const char *prefix, bool accepted)
{
    int64_t n = 0;

    json_object_object_foreach(record->tallies, path, value)
    {
        const struct tally *tally = json_object_get_userdata(value);

        if (tally && !strncmp(path, prefix, strlen(prefix)))
            n += accepted ? tally->accepted : tally->all;
    }
    return n;
}

void record_list(const struct sim_record *record, int64_t since, const char *prefix, struct buf *out)
{
    const char *before = "[";

    for (size_t i = 0; i < record->n; i++) {
        const struct line *line = &record->ring[(record->first + i) % record->cap];

        if (line->seq <= since || !text_starts(text_make(line->text, line->path), prefix))
            continue;
        buf_str(out, before);
        buf_str(out, line->text + line->path);
        before = ",\n";
    }
    buf_str(out, *before == '[' ? "[]" : "]");
}
