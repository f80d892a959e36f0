/* Bytes at random, and payloads changed at random, all the way through: nothing may crash, and what comes out keeps its
   promises. Seeds are fixed. */

#include "source_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 5000
#define BODY_MAX 8192

static const char *const yamls[] = {
    "name: i\nkind: intercom\npath: /i\nsecrets: [ env:S ]\nchannel: c\ntoken: env:T\n"
    "topics: [ conversation.user.created, conversation.user.replied, conversation.deleted, ping, x ]\n"
    "user_id: [ 'part:/author/id', { at: external_id, pattern: '.*?(?<id>-?[0-9]+)' }, contact.x, /id, "
    "'body:' ]\n",
    "name: h\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\nchannel: c\ntoken: env:T\n"
    "user_id: [ contact.x, sender, /id ]\ncallback_data: [ /text, json, text ]\n",
    "name: g\nkind: generic\npath: /g\nsecrets: [ env:S ]\nchannel: c\nsignature: { header: X }\n"
    "entries: /data\nid: /item/id\ntext: /item/source/body\ndelivery_id: ''\n",
};

static const char *const names[] = {
    "intercom-ping", "intercom-user-created", "intercom-user-replied", "intercom-deleted", "intercom-error",
    "hubspot-one",   "hubspot-batch",         "hubspot-message",       "hubspot-thread",   "hubspot-limit",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static size_t below(uint64_t *seed, size_t n)
{
    return n ? (size_t)(next_random(seed) % n) : 0;
}

static size_t random_bytes(uint64_t *seed, char *out)
{
    static const char likely[] = "{}[]\",:0123456789.-+eE\\u0<>&;#/ptrfalsn\n ";
    size_t n = below(seed, 300);

    for (size_t i = 0; i < n; i++)
        out[i] = below(seed, 3) ? likely[below(seed, sizeof(likely) - 1)] : (char)next_random(seed);
    return n;
}

/* Replaces a piece of out by `piece`. */
static size_t splice(uint64_t *seed, char *out, size_t n, const char *piece, size_t size)
{
    size_t at = below(seed, n + 1), cut = below(seed, 12);

    cut = cut > n - at ? n - at : cut;
    if (n - cut + size > BODY_MAX)
        return n;
    memmove(out + at + size, out + at + cut, n - at - cut);
    memcpy(out + at, piece, size);
    return n - cut + size;
}

/* Replaces a value: behind a colon, up to what ends it. */
static size_t replace_value(uint64_t *seed, char *out, size_t n, const char *piece)
{
    size_t start = below(seed, n), end, size = strlen(piece);

    while (start < n && !(out[start] == ':' && out[start - (start > 0)] == '"'))
        start++;
    if (start + 1 >= n || n + size >= BODY_MAX)
        return n;
    for (end = ++start; end < n && !strchr(",}]\n", out[end]);)
        end++;
    memmove(out + start + size, out + end, n - end);
    memcpy(out + start, piece, size);
    return n - end + start + size;
}

static size_t mutated(uint64_t *seed, char *const *payloads, char *out)
{
    static const char *const pieces[] = {
        "null",
        "{}",
        "[]",
        "\"\"",
        "-1",
        "99999999999999999999",
        "1e999",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"<p>&#x0;&amp;</p>\"",
        "\"callback_data: x\"",
        "\"{\\\"callback_data\\\":\\\"y\\\"}\"",
        "true",
        ",",
        "\"",
        "[[[[[[[[[[[[",
        "\xFF",
        "\"..\"",
        "0.5",
    };
    const char *from = payloads[below(seed, COUNT(names))];
    size_t n = strlen(from), changes = below(seed, 4);

    memcpy(out, from, n);
    for (size_t i = 0; i < changes; i++) {
        const char *piece = pieces[below(seed, COUNT(pieces))];

        switch (below(seed, 8)) {
        default:
            n = replace_value(seed, out, n, piece);
            break;
        case 0:
            n = splice(seed, out, n, piece, strlen(piece));
            break;
        case 1:
            if (n)
                out[below(seed, n)] = (char)next_random(seed);
            break;
        }
    }
    return n;
}

static void check_entry(struct fixture *f, const struct entry *e)
{
    assert_true(e->message.n > 0 && e->message.n <= 255);
    assert_true(e->said_at > 0);
    assert_true(text_utf8_count(e->body) >= 0);
    assert_false(e->body.n && memchr(e->body.p, '\0', e->body.n));
    assert_false(e->kind == ENTRY_TAP && (e->data.n == 0 || e->data.n > 64));
    assert_true(e->user_id.n <= 20);
    fixture_stored(f, e);
}

static void walk(struct fixture *f, const struct entry *from, char *const *payloads, uint64_t *seed)
{
    static const int statuses[] = { 200, 200, 200, 200, 404, 429, 401, 0, 400, 302, 599, -1 };
    struct entry entry = fixture_stored(f, from);
    struct fault fault;
    struct fetch fetch;
    char answer[BODY_MAX];

    for (int i = 0; i < 8; i++) {
        struct text body;

        source_next_fetch(f->source, &entry, below(seed, 2), f->arena, &fetch);
        if (fetch.kind == FETCH_NONE)
            break;
        assert_non_null(fetch.url);
        body = text_make(answer, mutated(seed, payloads, answer));
        if (source_apply_fetch(f->source, &entry, fetch.kind, statuses[below(seed, COUNT(statuses))], body,
                               (int64_t)below(seed, 60000), f->arena, &fault) == FETCH_IGNORE)
            break;
        entry = fixture_stored(f, &entry);
    }
    source_finish(f->source, &entry, f->scratch, f->arena);
    check_entry(f, &entry);
}

static void test_random(void **state)
{
    char *payloads[COUNT(names)], body[BODY_MAX];
    size_t entries = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        payloads[i] = payload(names[i]);
    for (size_t kind = 0; kind < COUNT(yamls); kind++) {
        uint64_t seed = 0x9E3779B97F4A7C15u + kind;
        struct fixture f;
        struct arena *round = arena_new((size_t)64 << 20), *own;

        fixture_open(&f, yamls[kind], PUBLIC_URL);
        own = f.arena;
        f.arena = round;
        for (int i = 0; i < ROUNDS; i++) {
            struct extraction out;
            size_t n = i % 4 ? mutated(&seed, payloads, body) : random_bytes(&seed, body);

            source_extract(f.source, text_make(body, n), STORED_AT, f.scratch, f.arena, &out);
            assert_true((out.reason != NULL) == (out.count == 0));
            for (size_t k = 0; k < out.count; k++)
                walk(&f, &out.entries[k], payloads, &seed);
            entries += out.count;
            arena_reset(round);
        }
        f.arena = own;
        arena_free(round);
        fixture_close(&f);
    }
    assert_true(entries > 500); /* else the changes break everything and nothing is tried */
    for (size_t i = 0; i < COUNT(names); i++)
        free(payloads[i]);
}

/* Memory that is out at any point gives a reason or a refusal, not a crash. */
static void test_small_arenas(void **state)
{
    char *body = payload("intercom-user-replied");
    struct fixture f;

    (void)state;
    fixture_open(&f, yamls[0], PUBLIC_URL);
    for (size_t max = 0; max <= (size_t)1 << 17; max += 65536) {
        struct arena *arena = arena_new(max);
        struct extraction out;

        source_extract(f.source, text_of(body), STORED_AT, f.scratch, arena, &out);
        assert_true((out.reason != NULL) == (out.count == 0));
        arena_free(arena);
    }
    fixture_close(&f);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_small_arenas),
    };

    return cmocka_run_group_tests_name("source_random", tests, NULL, NULL);
}
