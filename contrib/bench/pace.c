/* Notifications at a pace, and how long the follow-up of each takes: generator and Octopods in one program, so that one clock sees
   both ends, and so that both together cost a fraction of what they measure. */

#include "config.h" /* first: it asks for what is no standard */

#include "serve.h"
#include "ways.h"

#include "base/now.h"

#include <errno.h>
#include <event2/buffer.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: pace [options] BOUND-FILE FILE LENGTH\n"
    "Posts the records of FILE (see `notes`; LENGTH bytes each, a customer of its own in each) over 64 "
    "connections, and takes the\n"
    "follow-ups. Writes HOST:PORT of its Octopods to BOUND-FILE, begins when it reads HOST:PORT of the "
    "server on standard input,\n"
    "and prints what came of it, times in ms. Those of follow-ups (p50, p99, most) count from when a "
    "webhook was due, those of answers\n"
    "from when it was sent: `good` are answered 200, `refused` 503, `strange` anything else. `held` had to "
    "wait for a connection;\n"
    "`late_p99` is how late this program itself sent the others. It ends, too, when no answer has come for "
    "ten seconds.\n"
    "  --rate N     webhooks a second; 0, the default: as fast as they are answered\n"
    "  --count N    how many, 1000\n"
    "  --seconds N  ends earlier, after so much time; 0, the default: does not\n"
    "  --warm N     seconds in the beginning whose webhooks do not count in times: what is compiled as it "
    "runs has to warm up; 0\n"
    "  --patience N seconds to wait for more follow-ups since the last one, 5; 0: for none\n";

#define CONNECTIONS 64
#define LOOK_US 10000            /* how often it is looked whether all is over */
#define ANSWER_US (10 * 1000000) /* without any answer: none will come */

/* How long each took, us. */
struct times {
    int64_t *us, n;
};

struct pace {
    int64_t rate, count, seconds, warm, patience;
    const char *bound_file, *path;
    int64_t length;

    struct event_base *base;
    struct event *tick, *words;
    struct ways *ways;
    FILE *file;
    char *record;
    int64_t customer; /* of the first record; the others follow */
    int64_t begun, ended;
    int64_t quiet; /* since when no answer has come */
    int64_t heard; /* when the last follow-up came */
    int64_t sent, held, strange, broken, arrived, twice;
    struct times good, refused;
    int64_t *due, *late, *took; /* of each record, us; late is -1 if it was held, took while there is none */
    struct fault fault;
};

/* The digits behind "name":" in the text. */
static CHECKED bool number_of(struct text text, const char *name, int64_t *number)
{
    char key[64];
    int n = snprintf(key, sizeof(key), "\"%s\":\"", name);
    const char *found = memmem(text.p, text.n, key, (size_t)n);
    struct text rest, digits;

    if (!found)
        return false;
    rest = text_make(found + n, text.n - (size_t)(found + n - text.p));
    return text_cut(rest, '"', &digits, &rest) && text_i64(digits, number);
}

/* ---- webhooks */

static int64_t due_of(const struct pace *pace, int64_t i, int64_t now)
{
    return pace->rate ? pace->begun + i * 1000000 / pace->rate : now;
}

static bool all_sent(const struct pace *pace, int64_t now)
{
    return pace->sent == pace->count ||
           (pace->seconds && due_of(pace, pace->sent, now) >= pace->begun + pace->seconds * 1000000);
}

static int64_t unanswered(const struct pace *pace)
{
    return pace->sent - pace->good.n - pace->refused.n - pace->strange - pace->broken;
}

static CHECKED bool send_next(struct pace *pace, int64_t now, bool held)
{
    struct text record = text_make(pace->record, (size_t)pace->length);
    int64_t i = pace->sent;

    if (fread(pace->record, record.n, 1, pace->file) != 1)
        return fault_set(&pace->fault, "%s has no record %" PRId64, pace->path, i);
    if (i == 0 && pace->patience && !number_of(record, "external_id", &pace->customer))
        return fault_set(&pace->fault, "%s: no external_id in its first record", pace->path);
    pace->due[i] = due_of(pace, i, now);
    pace->late[i] = held ? -1 : now - pace->due[i];
    pace->held += held;
    if (!unanswered(pace))
        pace->quiet = now;
    pace->took[i] = -1;
    pace->sent++;
    if (!ways_send(pace->ways, record))
        return fault_set(&pace->fault, "no connection can be made");
    return true;
}

static bool is_over(struct pace *pace, int64_t now)
{
    bool mute = unanswered(pace) && now - pace->quiet >= ANSWER_US;

    if (!mute && (!all_sent(pace, now) || unanswered(pace)))
        return false;
    if (!pace->ended)
        pace->ended = pace->heard = mute ? pace->quiet : now;
    return mute || pace->arrived >= pace->good.n || now - pace->heard >= pace->patience * 1000000;
}

/* Sends what is due and comes back when more will be. What has to wait for a connection goes when one is answered: `held`. */
static void go_on(struct pace *pace, bool held)
{
    int64_t now = now_mono_us(), wait = LOOK_US;
    bool ok = true;

    while (ok && !all_sent(pace, now) && ways_idle(pace->ways) && due_of(pace, pace->sent, now) <= now) {
        ok = send_next(pace, now, held && pace->rate);
        now = now_mono_us();
    }
    if (!ok || is_over(pace, now)) {
        event_base_loopbreak(pace->base);
        return;
    }
    if (!all_sent(pace, now) && ways_idle(pace->ways) && due_of(pace, pace->sent, now) - now < wait)
        wait = due_of(pace, pace->sent, now) - now;
    event_add(pace->tick, &(struct timeval){ .tv_usec = wait > 0 ? wait : 0 });
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    go_on(arg, false);
}

static void on_answer(void *arg, int status, int64_t us)
{
    struct pace *pace = arg;

    pace->quiet = now_mono_us();
    if (status == 200)
        pace->good.us[pace->good.n++] = us;
    else if (status == 503)
        pace->refused.us[pace->refused.n++] = us;
    else
        *(status ? &pace->strange : &pace->broken) += 1;
    go_on(pace, ways_idle(pace->ways) == 1);
}

static void on_words(evutil_socket_t fd, short what, void *arg)
{
    struct pace *pace = arg;
    char line[128] = "";
    ssize_t n = read(fd, line, sizeof(line));
    struct text address = text_trim(text_make(line, n > 0 ? (size_t)n : 0));

    (void)what;
    pace->ways = ways_new(pace->base, address, CONNECTIONS, on_answer, pace, &pace->fault);
    if (!pace->ways) {
        event_base_loopbreak(pace->base);
        return;
    }
    pace->begun = pace->quiet = now_mono_us();
    go_on(pace, false);
}

/* ---- follow-ups */

static void note_arrival(struct pace *pace, struct text body)
{
    int64_t customer, i, now = now_mono_us();

    if (!number_of(body, "destination_user_id", &customer))
        return;
    i = customer - pace->customer;
    if (i < 0 || i >= pace->sent)
        return;
    pace->heard = now;
    if (pace->took[i] >= 0) {
        pace->twice++;
        return;
    }
    pace->arrived++;
    pace->took[i] = now - pace->due[i];
}

static void on_follow_up(struct evhttp_request *request, void *arg)
{
    struct pace *pace = arg;
    struct evbuffer *out = evhttp_request_get_output_buffer(request);

    note_arrival(pace, serve_body(request));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
    evbuffer_add_printf(out, "{\"request_id\":\"req_%" PRId64 "\",\"message_id\":\"msg_%" PRId64 "\"}",
                        pace->arrived, pace->arrived);
    evhttp_send_reply(request, 200, "OK", NULL);
}

/* ---- the result */

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* What is there (no -1) of the records' figures since it was warm; takes their place. */
static struct times gather(const struct pace *pace, int64_t *figures)
{
    struct times times = { .us = figures };

    for (int64_t i = 0; i < pace->sent; i++)
        if (figures[i] >= 0 && pace->due[i] >= pace->begun + pace->warm * 1000000)
            figures[times.n++] = figures[i];
    return times;
}

/* In ms; sorts them. 0 of none. */
static double percentile(struct times times, int64_t percent)
{
    int64_t i = times.n * percent / 100;

    if (!times.n)
        return 0;
    qsort(times.us, (size_t)times.n, sizeof(*times.us), compare);
    return (double)times.us[i < times.n ? i : times.n - 1] / 1000;
}

static void print_result(struct pace *pace)
{
    struct times late = gather(pace, pace->late), took = gather(pace, pace->took);

    printf("RESULT {\"sent\":%" PRId64 ",\"held\":%" PRId64 ",\"good\":%" PRId64 ",\"refused\":%" PRId64
           ",\"strange\":%" PRId64 ",\"broken\":%" PRId64 ",\"unanswered\":%" PRId64 ",\"arrived\":%" PRId64
           ",\"twice\":%" PRId64 ",\"us\":%" PRId64 ",",
           pace->sent, pace->held, pace->good.n, pace->refused.n, pace->strange, pace->broken,
           unanswered(pace), pace->arrived, pace->twice, pace->ended - pace->begun);
    printf(
        "\"late_p99\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"most\":%.3f,\"good_p99\":%.3f,\"refused_p99\":%.3f}\n",
        percentile(late, 99), percentile(took, 50), percentile(took, 99), percentile(took, 100),
        percentile(pace->good, 99), percentile(pace->refused, 99));
}

/* ---- main */

static CHECKED bool open_pace(struct pace *pace)
{
    struct event_config *config = event_config_new();

    /* Without it a timer may be a millisecond late. */
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
        pace->base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    pace->record = malloc((size_t)pace->length);
    pace->due = calloc((size_t)pace->count, sizeof(*pace->due));
    pace->late = calloc((size_t)pace->count, sizeof(*pace->late));
    pace->took = calloc((size_t)pace->count, sizeof(*pace->took));
    pace->good.us = calloc((size_t)pace->count, sizeof(*pace->good.us));
    pace->refused.us = calloc((size_t)pace->count, sizeof(*pace->refused.us));
    if (!pace->base || !pace->record || !pace->due || !pace->late || !pace->took || !pace->good.us ||
        !pace->refused.us || !(pace->tick = evtimer_new(pace->base, on_tick, pace)) ||
        !(pace->words = event_new(pace->base, STDIN_FILENO, EV_READ, on_words, pace)))
        return fault_set(&pace->fault, "no memory");
    pace->file = fopen(pace->path, "re");
    if (!pace->file)
        return fault_set(&pace->fault, "%s: %s", pace->path, strerror(errno));
    setvbuf(pace->file, NULL, _IOFBF, 1 << 20);
    if (event_add(pace->words, NULL))
        return fault_set(&pace->fault, "standard input is no pipe");
    return true;
}

static void close_pace(struct pace *pace)
{
    ways_free(pace->ways);
    if (pace->tick)
        event_free(pace->tick);
    if (pace->words)
        event_free(pace->words);
    if (pace->base)
        event_base_free(pace->base);
    if (pace->file)
        fclose(pace->file);
    free(pace->record);
    free(pace->due);
    free(pace->late);
    free(pace->took);
    free(pace->good.us);
    free(pace->refused.us);
}

static CHECKED bool read_options(struct pace *pace, int argc, char **argv)
{
    static const struct option options[] = {
        { "rate", required_argument, NULL, 'r' },     { "count", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 's' },  { "warm", required_argument, NULL, 'w' },
        { "patience", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
    };
    int option;
    bool ok = true;

    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int64_t *number = option == 'r'   ? &pace->rate
                          : option == 'n' ? &pace->count
                          : option == 's' ? &pace->seconds
                          : option == 'w' ? &pace->warm
                                          : &pace->patience;

        ok = option != '?' && text_i64(text_of(optarg), number) && *number >= 0;
    }
    if (!ok || optind != argc - 3)
        return false;
    pace->bound_file = argv[optind];
    pace->path = argv[optind + 1];
    return text_i64(text_of(argv[optind + 2]), &pace->length) && pace->length > 0 && pace->count > 0;
}

int main(int argc, char **argv)
{
    struct pace pace = { .count = 1000, .patience = 5 };
    struct evhttp *http;
    bool ok;

    if (!read_options(&pace, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    ok = open_pace(&pace);
    http = ok ? serve_open(pace.base, on_follow_up, &pace, &pace.fault) : NULL;
    ok = http && serve_run(pace.base, http, pace.bound_file, &pace.fault) && !*pace.fault.text;
    if (ok)
        print_result(&pace);
    close_pace(&pace);
    if (!ok)
        fprintf(stderr, "pace: %s\n", pace.fault.text);
    return ok ? 0 : 4;
}
