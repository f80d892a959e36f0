#include "base/file.h"
#include "base/now.h"
#include "sim_fault.h"
#include "sim_http.h"
#include "sim_late.h"
#include "sim_record.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "callbackd-sim: plays Octopods, HubSpot, Intercom and a small shop on one address.\n"
    "  --listen HOST:PORT       127.0.0.1:0, which takes any free port\n"
    "  --bound-file FILE        gets HOST:PORT once the port is open\n"
    "  --key KEY[:KIND]         an Octopods key; may be repeated. KIND flat (default) or markup is the "
    "payload dialect\n"
    "                           that it takes; deprecated and closed refuse. Without --key: sim-key\n"
    "  --markup-strict          of markup: 1 to 6 buttons and no callback_data\n"
    "  --id-type string|number  form of message and request ids\n"
    "  --hubspot-token TOKEN    sim-hubspot-token\n"
    "  --intercom-token TOKEN   sim-intercom-token\n"
    "  --shop-token TOKEN       none: the shop asks for no token\n"
    "  --record FILE            appends each request as a JSON line\n"
    "  --keep N                 requests kept in memory, 1000000\n"
    "  --quiet                  only counts requests\n";

enum {
    OPT_LISTEN = 256,
    OPT_BOUND,
    OPT_KEY,
    OPT_STRICT,
    OPT_IDS,
    OPT_HUBSPOT,
    OPT_INTERCOM,
    OPT_SHOP,
    OPT_RECORD,
    OPT_KEEP,
    OPT_QUIET,
    OPT_HELP
};

static const struct option long_options[] = {
    { "listen", required_argument, NULL, OPT_LISTEN },
    { "bound-file", required_argument, NULL, OPT_BOUND },
    { "key", required_argument, NULL, OPT_KEY },
    { "markup-strict", no_argument, NULL, OPT_STRICT },
    { "id-type", required_argument, NULL, OPT_IDS },
    { "hubspot-token", required_argument, NULL, OPT_HUBSPOT },
    { "intercom-token", required_argument, NULL, OPT_INTERCOM },
    { "shop-token", required_argument, NULL, OPT_SHOP },
    { "record", required_argument, NULL, OPT_RECORD },
    { "keep", required_argument, NULL, OPT_KEEP },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static bool set_kind(struct sim_key *key, const char *kind)
{
    static const char *const kinds[] = { "flat", "markup", "deprecated", "closed" };

    for (int i = 0; i < 4; i++) {
        if (strcmp(kind, kinds[i]))
            continue;
        key->dialect = (enum sim_dialect)i;
        return true;
    }
    return false;
}

/* Cuts the argument at its last colon. */
static CHECKED bool add_key(struct sim_options *options, char *argument)
{
    char *colon = strrchr(argument, ':');
    struct sim_key *key = &options->keys[options->n_keys];

    if (options->n_keys == SIM_KEYS)
        return false;
    *key = (struct sim_key){ argument, SIM_FLAT };
    options->n_keys++;
    if (!colon)
        return true;
    *colon = '\0';
    return set_kind(key, colon + 1);
}

static CHECKED bool set_option(struct sim_options *options, int option, char *argument)
{
    switch (option) {
    case OPT_LISTEN:
        options->listen = argument;
        return true;
    case OPT_BOUND:
        options->bound_file = argument;
        return true;
    case OPT_KEY:
        return add_key(options, argument);
    case OPT_STRICT:
        return options->markup_strict = true;
    case OPT_IDS:
        options->number_ids = !strcmp(argument, "number");
        return options->number_ids || !strcmp(argument, "string");
    case OPT_HUBSPOT:
        options->hubspot_token = argument;
        return true;
    case OPT_INTERCOM:
        options->intercom_token = argument;
        return true;
    case OPT_SHOP:
        options->shop_token = argument;
        return true;
    case OPT_RECORD:
        options->record = argument;
        return true;
    case OPT_KEEP:
        return text_i64(text_of(argument), &options->keep);
    case OPT_QUIET:
        return options->quiet = true;
    default:
        return false;
    }
}

static CHECKED bool read_options(struct sim_options *options, int argc, char **argv)
{
    int option;

    *options = (struct sim_options){ .listen = "127.0.0.1:0",
                                     .hubspot_token = "sim-hubspot-token",
                                     .intercom_token = "sim-intercom-token",
                                     .keep = 1000000 };
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if (!set_option(options, option, optarg))
            return false;
    if (!options->n_keys)
        options->keys[options->n_keys++] = (struct sim_key){ "sim-key", SIM_FLAT };
    return optind == argc;
}

static void on_signal(evutil_socket_t number, short what, void *base)
{
    (void)number, (void)what;
    event_base_loopbreak(base);
}

static CHECKED bool sim_open(struct sim *sim, struct fault *fault)
{
    const struct sim_options *options = &sim->options;

    /* Below 2^53, and higher in every later process. */
    sim->first_id = sim->next_id = now_wall_ms() * 1000;
    sim->base = event_base_new();
    sim->shelf = json_object_new_object();
    sim->tokener = json_tokener_new_ex(64);
    sim->faults = faults_new();
    sim->late = sim->base ? late_new(sim->base) : NULL;
    if (!sim->shelf || !sim->tokener || !sim->faults || !sim->late)
        return fault_set(fault, "no memory");
    json_tokener_set_flags(sim->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    sim->record = record_new(options->record, options->keep, options->quiet, fault);
    return sim->record && http_start(sim, fault);
}

static void sim_close(struct sim *sim)
{
    http_stop(sim);
    record_free(sim->record);
    faults_free(sim->faults);
    if (sim->tokener)
        json_tokener_free(sim->tokener);
    json_object_put(sim->shelf);
    if (sim->base)
        event_base_free(sim->base);
    libevent_global_shutdown();
}

static CHECKED bool tell_address(const struct sim *sim, struct fault *fault)
{
    struct buf line = BUF(256);
    bool ok = true;

    buf_printf(&line, "%s\n", sim->address);
    if (sim->options.bound_file)
        ok = file_write(sim->options.bound_file, buf_get(&line), fault);
    else
        fprintf(stderr, "callbackd-sim: listening on %s", line.data);
    buf_free(&line);
    return ok;
}

static CHECKED bool run(struct sim *sim, struct fault *fault)
{
    struct event *term = evsignal_new(sim->base, SIGTERM, on_signal, sim->base);
    struct event *stop = evsignal_new(sim->base, SIGINT, on_signal, sim->base);
    bool ok = term && stop && !event_add(term, NULL) && !event_add(stop, NULL);

    if (!ok)
        fault_set(fault, "cannot catch signals");
    ok = ok && tell_address(sim, fault);
    if (ok)
        event_base_dispatch(sim->base);
    if (term)
        event_free(term);
    if (stop)
        event_free(stop);
    return ok;
}

int main(int argc, char **argv)
{
    struct sim sim = { 0 };
    struct fault fault = { "" };
    bool ok;

    if (!read_options(&sim.options, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    ok = sim_open(&sim, &fault) && run(&sim, &fault);
    sim_close(&sim);
    if (!ok)
        fprintf(stderr, "callbackd-sim: %s\n", fault.text);
    return ok ? 0 : 4;
}
