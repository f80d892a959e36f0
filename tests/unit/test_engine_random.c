/* The engine, step by step, in random histories: taps and repetitions come, answers of all kinds come in any order or never, time
   passes, the store fails, the program is killed. Whatever happens: a chat has one request under way, a run is not interrupted by
   another of its chat, what was settled is never sent again, and in the end every tap has one run that ended.

   ENGINE_SEEDS in the environment: how many histories. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAPS 60
#define CHATS 9
#define MESSAGES 2 /* of each run */
#define PLACES 5   /* limits.sends */
#define ACTIONS 700
#define STEPS_TO_END 20000

static const char rules[] =
    "rules:\n"
    "  - name: two\n"
    "    tap: 'two:(?<id>[0-9]+)'\n"
    "    dedup: 0s\n"
    "    send_within: 7d\n"
    "    reply:\n"
    "      - { text: 'first ${id}', buttons: [ [ { text: A, callback_data: 'two:1' } ] ] }\n"
    "      - { text: 'second ${id}', buttons: [ [ { text: B, callback_data: 'two:1' } ] ] }\n";

/* What was seen of a run: which of its messages is next, and with which attempt. */
struct seen_run {
    int64_t run, chat;
    int next, attempt;
    bool over;
};

struct history {
    struct kit kit;
    unsigned random;
    uint64_t asked[TAPS]; /* the request that carries the tap just now; 0: none */
    bool taken[TAPS];
    struct request_mail *under_way[PLACES + 1];
    size_t n_under_way;
    struct seen_run runs[TAPS + 1];
    size_t n_runs;
    bool doubted; /* a commit was in doubt that happened */
};

static unsigned pick(struct history *h, unsigned n)
{
    h->random = h->random * 1103515245u + 12345u;
    return (h->random >> 16) % n;
}

/* --- what must hold ------------------------------------------------------------------------------------------------------ */

static struct seen_run *run_of(struct history *h, const struct job *job)
{
    for (size_t i = 0; i < h->n_runs; i++)
        if (h->runs[i].run == job->run)
            return &h->runs[i];
    for (size_t i = 0; i < h->n_runs; i++) /* a new one begins when the chat's last is over */
        assert_true(h->runs[i].chat != job->chat || h->runs[i].over);
    assert_true(h->n_runs < TAPS);
    h->runs[h->n_runs] = (struct seen_run){ .run = job->run, .chat = job->chat };
    return &h->runs[h->n_runs++];
}

static void take_request(struct history *h, struct request_mail *request)
{
    struct seen_run *run = run_of(h, &request->job);
    char words[32];

    assert_int_equal(request->job.kind, JOB_SEND);
    assert_true(h->n_under_way < PLACES);
    for (size_t i = 0; i < h->n_under_way; i++)
        assert_int_not_equal(h->under_way[i]->job.chat, request->job.chat);
    assert_false(run->over);
    assert_int_equal(request->job.n, run->next);
    assert_true(request->job.attempt == run->attempt + 1 ||
                (h->doubted && request->job.attempt > run->attempt));
    snprintf(words, sizeof(words), "%s ", run->next ? "second" : "first");
    assert_non_null(strstr(request->body, words));
    run->attempt = request->job.attempt;
    h->under_way[h->n_under_way++] = request;
}

static void settled(struct seen_run *run, bool ends)
{
    run->attempt = 0;
    run->over = ++run->next == MESSAGES || ends;
}

/* --- what happens ---------------------------------------------------------------------------------------------------------- */

static void take_mail(struct history *h)
{
    struct request_mail *request;

    while ((request = h->kit.first)) {
        h->kit.first = (struct request_mail *)request->mail.next;
        take_request(h, request);
    }
    for (int i = 0; i < TAPS; i++) {
        int status = h->asked[i] ? h->kit.status[h->asked[i]] : 0;

        h->taken[i] = h->taken[i] || status == 200;
        if (status)
            h->asked[i] = 0;
    }
}

static void step(struct history *h)
{
    kit_pump(&h->kit);
    take_mail(h);
}

static void post(struct history *h, int tap)
{
    char body[KIT_BODY], user[24], text[24];

    snprintf(user, sizeof(user), "70000000%d", tap % CHATS);
    snprintf(text, sizeof(text), "two:%d", tap);
    kit_intercom(body, sizeof(body), tap, user, text);
    if (h->kit.request < KIT_REQUESTS - 2)
        h->asked[tap] = kit_post(&h->kit, "intercom", body);
}

static void post_one(struct history *h)
{
    int tap = (int)pick(h, TAPS);

    if (!h->asked[tap] && (!h->taken[tap] || pick(h, 8) == 0))
        post(h, tap);
}

enum end { GOOD, AGAIN, GONE };

/* The answer of number `how` among the first n. The last, beside a store that fails, would meet two failures at once. */
static void answer(struct history *h, size_t i, unsigned how, size_t n)
{
    static const struct {
        bool left;
        int status;
        const char *body;
        enum end end;
    } answers[] = {
        { true, 200, "{\"message_id\":1}", GOOD },
        { true, 200, "{\"message_id\":2}", GOOD },
        { true, 200, "no json", GOOD },
        { true, 0, "", GOOD },         /* unknown, and counts as sent */
        { true, 502, "<html>", GOOD }, /* the same */
        { false, 0, "", AGAIN },
        { true, 429, "{\"error\":\"Too Many Requests: retry after 3\"}", AGAIN },
        { true, 503, "", AGAIN },
        { true, 401, "", AGAIN },
        { true, 403, "", AGAIN },
        { true, 400, "{\"error\":\"bad\"}", GONE },
        { true, 400, "{\"error\":\"Forbidden: bot was blocked by the user\"}", GONE },
        { true, 200, "{\"message_id\":1,\"message_status_url\":\"https://x/\\u0000\"}",
          GOOD }, /* cannot be stored */
    };
    struct request_mail *request = h->under_way[i];
    struct seen_run *run = run_of(h, &request->job);

    assert_true(n <= sizeof(answers) / sizeof(*answers));
    how %= n;
    if (answers[how].end != AGAIN)
        settled(run, answers[how].end == GONE);
    h->under_way[i] = h->under_way[--h->n_under_way];
    kit_answer(&h->kit, request, answers[how].left, answers[how].status, answers[how].body);
}

/* What is under way may have arrived: it counts as sent (unknown_send: drop). */
static void kill(struct history *h)
{
    step(h);
    while (h->n_under_way > 0) {
        struct request_mail *request = h->under_way[--h->n_under_way];

        settled(run_of(h, &request->job), false);
        mail_free(&request->mail);
    }
    memset(h->asked, 0, sizeof(h->asked));
    kit_kill(&h->kit);
}

static void break_store(struct history *h)
{
    static const enum store_status how[] = { STORE_TEMPFAIL, STORE_BAD_DATA, STORE_AGAIN };
    struct store *store = kit_store(&h->kit);

    if (pick(h, 4) == 0) {
        store_mem_doubt(store, 1 + (int)pick(h, 3), pick(h, 2));
        h->doubted = true;
    } else if (mem_of(store)->fail_in < 0) {
        store_mem_fail(store, (int)pick(h, 60), how[pick(h, 3)]);
    }
}

static void act(struct history *h, bool sqlite)
{
    unsigned what = pick(h, 100);

    if (what < 30)
        post_one(h);
    else if (what < 60 && h->n_under_way)
        answer(h, pick(h, (unsigned)h->n_under_way), pick(h, 1000), sqlite ? 13 : 12);
    else if (what < 85)
        step(h);
    else if (what < 95)
        engine_advance(h->kit.engine, pick(h, 4000));
    else if (what < 97 && sqlite)
        kill(h);
    else if (!sqlite)
        break_store(h);
}

/* --- the end --------------------------------------------------------------------------------------------------------------- */

static bool all_over(struct history *h)
{
    for (int i = 0; i < TAPS; i++)
        if (!h->taken[i])
            return false;
    return h->n_under_way == 0 && !h->kit.engine->recount && kit_runs(&h->kit, "ready") == 0 &&
           h->n_runs == TAPS;
}

static void bring_to_end(struct history *h, bool sqlite)
{
    int i;

    if (!sqlite) {
        store_mem_fail(kit_store(&h->kit), -1, STORE_OK);
        store_mem_doubt(kit_store(&h->kit), 0, false);
    }
    step(h); /* after a kill nothing is counted before */
    for (i = 0; i < STEPS_TO_END && !all_over(h); i++) {
        for (int tap = 0; tap < TAPS; tap++)
            if (!h->taken[tap] && !h->asked[tap])
                post(h, tap);
        while (h->n_under_way)
            answer(h, 0, 0, 1);
        step(h);
    }
    assert_true(all_over(h));
    kit_stop(&h->kit);
    assert_true(h->kit.stored);
    kit_settled(&h->kit);
    assert_int_equal(kit_count(&h->kit, STORE_RUN, NULL), TAPS);
    assert_int_equal(kit_count(&h->kit, STORE_RUN, "held"), 0);
    assert_int_equal(kit_count(&h->kit, STORE_NOTIFICATION, "stuck"), 0);
    if (!sqlite &&
        !h->doubted) /* those who are killed or in doubt forget: what was rolled back is not counted */
        assert_int_equal(metrics_value(h->kit.metrics, METRIC_RULE_MATCHES, "two", NULL), TAPS);
    for (size_t j = 0; j < h->n_runs; j++)
        assert_true(h->runs[j].over);
}

static void histories(bool sqlite)
{
    const char *seeds = getenv("ENGINE_SEEDS");
    unsigned n = seeds ? (unsigned)strtoul(seeds, NULL, 10) : 25;

    for (unsigned seed = 1; seed <= n; seed++) {
        struct history *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        h->random = seed;
        kit_open_with(&h->kit, sqlite, rules, "limits: { sends: 5 }\n");
        h->kit.stepped = true;
        kit_start(&h->kit);
        for (int i = 0; i < ACTIONS; i++)
            act(h, sqlite);
        bring_to_end(h, sqlite);
        kit_close(&h->kit);
        free(h);
    }
}

static void the_store_fails(void **state)
{
    (void)state;
    histories(false);
}

static void the_program_is_killed(void **state)
{
    (void)state;
    histories(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_fails),
        cmocka_unit_test(the_program_is_killed),
    };

    return cmocka_run_group_tests_name("engine_random", tests, NULL, NULL);
}
