#include "app/daemon.h"

#include "app/adminpages.h"
#include "app/configfile.h"
#include "app/confine.h"
#include "app/engine.h"
#include "app/frontdoor.h"
#include "app/mail.h"
#include "app/notify.h"
#include "app/outbound.h"
#include "app/reloader.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_STORE_OR_NET 4
#define TO_LOOP_MAX ((size_t)1 << 30)
#define MAILS_AT_ONCE 4096
#define FAREWELL_MS 10
#define FAREWELLS 50

struct daemon {
    const char *config_path;
    struct generation *generation;
    struct reloader *reloader;
    struct loop *loop;
    struct xfer *xfer;
    struct mailbox *to_engine, *to_loop;
    struct metrics *metrics;
    struct health *health;
    struct engine *engine;
    struct frontdoor *door;
    struct adminpages *pages;
    struct loop_watch *mail, *term, *interrupt, *hangup;
    struct loop_timer *deadline, *farewell;
    int farewells;
    bool stopping, failed;
};

/* --- stop and reload ---------------------------------------------------------------------------------------------------- */

static void deadline_passed(void *arg)
{
    struct daemon *daemon = arg;

    log_warn("the time to finish is over: what is under way becomes unknown",
             log_num("requests", (int64_t)xfer_running(daemon->xfer)));
    xfer_abort_all(daemon->xfer);
}

static void post_word(struct daemon *daemon, enum mail_kind kind)
{
    struct mail *mail = mail_new(kind, sizeof(*mail));

    if (mail)
        mailbox_post_reserved(daemon->to_engine, mail);
}

static void stop(void *arg)
{
    struct daemon *daemon = arg;

    if (daemon->stopping) {
        deadline_passed(daemon);
        return;
    }
    daemon->stopping = true;
    log_info("stopping", log_num("requests", (int64_t)xfer_running(daemon->xfer)));
    notify_send("STOPPING=1");
    health_set(daemon->health, HEALTH_STOP, "stopping");
    frontdoor_close(daemon->door);
    post_word(daemon, MAIL_STOP);
    loop_timer_start(daemon->deadline, daemon->generation->config->drain_ms);
}

static void reload(void *arg)
{
    struct daemon *daemon = arg;

    if (daemon->stopping)
        return;
    notify_reloading();
    if (!reloader_start(daemon->reloader))
        notify_send("READY=1");
}

static void reloaded(struct daemon *daemon)
{
    if (!reloader_done(daemon->reloader))
        notify_send("READY=1");
}

/* As many as the engine may have under way: else one would wait in libcurl for another's connection, and its time would run. */
static int connections_for(const struct config *config)
{
    const struct config_limits *limits = &config->limits;

    return limits->sends + limits->lookups + limits->fetches * (int)config->n_sources;
}

static void adopt(struct daemon *daemon, struct generation *generation)
{
    const struct config_limits *limits = &generation->config->limits;

    generation_unref(daemon->generation);
    daemon->generation = generation_ref(generation);
    mailbox_set_bounds(daemon->to_engine, limits->queue_items, limits->queue_bytes);
    xfer_set_limits(daemon->xfer, connections_for(generation->config), connections_for(generation->config));
    log_setup((enum log_level)generation->config->log_level, generation->config->log_json);
    frontdoor_adopt(daemon->door, generation);
    if (daemon->pages)
        adminpages_adopt(daemon->pages, generation);
}

/* What was answered last may still be on its way out; who has not even finished a request is not waited for. */
static void leave(void *arg)
{
    struct daemon *daemon = arg;

    if (daemon->farewells++ < FAREWELLS && !frontdoor_is_quiet(daemon->door))
        loop_timer_start(daemon->farewell, FAREWELL_MS);
    else
        loop_stop(daemon->loop);
}

static void ended(struct daemon *daemon, const struct ended_mail *mail)
{
    daemon->failed = !mail->stored;
    leave(daemon);
}

static void take_mail(void *arg)
{
    struct daemon *daemon = arg;
    struct mail *mail = mailbox_take(daemon->to_loop, MAILS_AT_ONCE, TO_LOOP_MAX, 0);

    while (mail) {
        struct mail *next = mail->next;

        mail->next = NULL;
        if (mail->kind == MAIL_REQUEST) {
            outbound_start(daemon->xfer, daemon->to_engine, (struct request_mail *)mail);
            mail = next;
            continue;
        }
        if (mail->kind == MAIL_ACKS)
            frontdoor_answer(daemon->door, (struct acks_mail *)mail);
        else if (mail->kind == MAIL_GENERATION)
            adopt(daemon, ((struct generation_mail *)mail)->generation);
        else if (mail->kind == MAIL_RELOADED)
            reloaded(daemon);
        else if (mail->kind == MAIL_ENDED)
            ended(daemon, (struct ended_mail *)mail);
        mail_free(mail);
        mail = next;
    }
}

/* --- start ------------------------------------------------------------------------------------------------------------------ */

static bool make_engine(struct daemon *daemon, struct fault *fault)
{
    char *url = configfile_store(daemon->generation->config, fault);
    struct engine_setup setup = { .store_url = url,
                                  .generation = daemon->generation,
                                  .in = daemon->to_engine,
                                  .out = daemon->to_loop,
                                  .metrics = daemon->metrics,
                                  .health = daemon->health };

    if (url)
        daemon->engine = engine_new(&setup, fault);
    configfile_free_store(url);
    return daemon->engine != NULL;
}

static bool make_boxes(struct daemon *daemon)
{
    const struct config_limits *limits = &daemon->generation->config->limits;

    daemon->to_engine = mailbox_new(limits->queue_items, limits->queue_bytes);
    daemon->to_loop = mailbox_new(TO_LOOP_MAX, TO_LOOP_MAX);
    daemon->metrics = metrics_new();
    daemon->health = health_new();
    if (daemon->to_engine)
        daemon->reloader = reloader_new(daemon->config_path, daemon->to_engine);
    return daemon->reloader && daemon->to_loop && daemon->metrics && daemon->health;
}

static bool make_watches(struct daemon *daemon)
{
    daemon->mail = loop_watch_fd(daemon->loop, mailbox_fd(daemon->to_loop), take_mail, daemon);
    daemon->term = loop_watch_signal(daemon->loop, SIGTERM, stop, daemon);
    daemon->interrupt = loop_watch_signal(daemon->loop, SIGINT, stop, daemon);
    daemon->hangup = loop_watch_signal(daemon->loop, SIGHUP, reload, daemon);
    daemon->deadline = loop_timer_new(daemon->loop, deadline_passed, daemon);
    daemon->farewell = loop_timer_new(daemon->loop, leave, daemon);
    return daemon->mail && daemon->term && daemon->interrupt && daemon->hangup && daemon->deadline &&
           daemon->farewell;
}

static bool open_doors(struct daemon *daemon, struct fault *fault)
{
    struct adminpages_setup pages = { .generation = daemon->generation,
                                      .metrics = daemon->metrics,
                                      .health = daemon->health,
                                      .reload = reload,
                                      .arg = daemon };

    daemon->door = frontdoor_new(daemon->loop, daemon->generation, daemon->to_engine, daemon->metrics);
    if (!daemon->door || !frontdoor_listen(daemon->door, fault))
        return fault_wrap(fault, "listen");
    if (!daemon->generation->config->admin)
        return true;
    daemon->pages = adminpages_new(daemon->loop, &pages, fault);
    return daemon->pages || fault_wrap(fault, "admin");
}

static bool write_bound_file(const struct daemon *daemon, struct fault *fault)
{
    const struct config *config = daemon->generation->config;
    struct buf content = BUF(4096);
    char *path;
    bool ok;

    if (!config->bound_file)
        return true;
    path = configfile_path(config, config->bound_file);
    buf_printf(&content, "intake %s\n", frontdoor_address(daemon->door));
    if (daemon->pages)
        buf_printf(&content, "admin %s\n", adminpages_address(daemon->pages));
    ok = path && !content.failed ? file_write(path, buf_get(&content), fault)
                                 : fault_set(fault, "out of memory");
    free(path);
    buf_free(&content);
    return ok || fault_wrap(fault, "bound_file");
}

static bool start(struct daemon *daemon, struct fault *fault)
{
    int connections = connections_for(daemon->generation->config);

    fault_set(fault, "out of memory");
    daemon->loop = loop_new();
    if (!daemon->loop || !make_boxes(daemon) || !make_engine(daemon, fault))
        return false;
    daemon->xfer = xfer_new(daemon->loop, connections, connections, fault);
    if (!daemon->xfer || !open_doors(daemon, fault))
        return false;
    if (!make_watches(daemon))
        return fault_set(fault, "out of memory or descriptors");
    return confine_seal(fault) && write_bound_file(daemon, fault) && engine_start(daemon->engine, fault);
}

static void log_start(const struct daemon *daemon)
{
    struct fault fault;

    metrics_set(daemon->metrics, METRIC_BUILD_INFO, PACKAGE_VERSION, NULL, 1);
    log_info("callbackd serves", log_str("version", PACKAGE_VERSION),
             log_str("intake", frontdoor_address(daemon->door)),
             log_str("admin", daemon->pages ? adminpages_address(daemon->pages) : "none"),
             log_num("rules", (int64_t)ruleset_count(daemon->generation->ruleset)));
    if (confine_is_root())
        log_warn("CALLBACKD RUNS AS ROOT: name a user in the configuration, or start it as one",
                 log_str("hint", "user: callbackd"));
    if (!xfer_knows_authorities(&fault))
        log_error("NO CERTIFICATE CAN BE CHECKED: every https request will fail",
                  log_str("cause", fault.text),
                  log_str("hint", "on Debian: apt-get install ca-certificates"));
    notify_send("READY=1");
}

/* The other threads go first; only then nobody posts any more. */
static void end(struct daemon *daemon)
{
    engine_free(daemon->engine);
    reloader_free(daemon->reloader);
    xfer_free(daemon->xfer);
    adminpages_free(daemon->pages);
    frontdoor_free(daemon->door);
    loop_timer_free(daemon->deadline);
    loop_timer_free(daemon->farewell);
    loop_watch_free(daemon->mail);
    loop_watch_free(daemon->term);
    loop_watch_free(daemon->interrupt);
    loop_watch_free(daemon->hangup);
    loop_free(daemon->loop);
    if (daemon->to_engine)
        mail_free_all(mailbox_take(daemon->to_engine, SIZE_MAX, SIZE_MAX, 0));
    if (daemon->to_loop)
        mail_free_all(mailbox_take(daemon->to_loop, SIZE_MAX, SIZE_MAX, 0));
    mailbox_free(daemon->to_engine);
    mailbox_free(daemon->to_loop);
    metrics_free(daemon->metrics);
    health_free(daemon->health);
    generation_unref(daemon->generation);
}

int daemon_run(const char *config_path, struct generation *generation)
{
    struct daemon daemon = { .config_path = config_path, .generation = generation };
    struct fault fault;
    bool ok;

    log_setup((enum log_level)generation->config->log_level, generation->config->log_json);
    /* A store that may not grow (ulimit -f) is a full disk, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    memory_hold_pages();
    ok = start(&daemon, &fault);
    if (ok) {
        log_start(&daemon);
        loop_run(daemon.loop);
        log_info("stopped", log_str("store", daemon.failed ? "failed" : "ok"));
    } else {
        fprintf(stderr, "callbackd: %s\n", fault.text);
    }
    end(&daemon);
    return ok && !daemon.failed ? 0 : EXIT_STORE_OR_NET;
}
