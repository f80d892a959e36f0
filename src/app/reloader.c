#include "app/reloader.h"

#include "app/generation.h"
#include "app/mail.h"
#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct reloader {
    const char *config_path;
    struct mailbox *to_engine;
    pthread_t thread;
    struct reload_mail *mail; /* the thread's, until it is posted */
    bool busy, once_more;
};

struct reloader *reloader_new(const char *config_path, struct mailbox *to_engine)
{
    struct reloader *reloader = calloc(1, sizeof(*reloader));

    if (!reloader)
        return NULL;
    reloader->config_path = config_path;
    reloader->to_engine = to_engine;
    return reloader;
}

static void *load(void *arg)
{
    struct reloader *reloader = arg;
    struct reload_mail *mail = reloader->mail;

    mail->generation = generation_load(reloader->config_path, SECRETS_NEEDED, mail->findings);
    mailbox_post_reserved(reloader->to_engine, &mail->mail);
    return NULL;
}

/* Signals stay the loop's. */
static int start_thread(struct reloader *reloader)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&reloader->thread, NULL, load, reloader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static bool cannot(struct reloader *reloader, const char *cause)
{
    if (reloader->mail)
        mail_free(&reloader->mail->mail);
    reloader->mail = NULL;
    log_error("reload refused", log_str("error", cause), log_str("hint", "reload again when there is room"));
    return false;
}

bool reloader_start(struct reloader *reloader)
{
    int rc;

    if (reloader->busy) {
        reloader->once_more = true;
        return true;
    }
    reloader->mail = mail_new(MAIL_RELOAD, sizeof(*reloader->mail));
    if (reloader->mail)
        reloader->mail->findings = findings_new();
    if (!reloader->mail || !reloader->mail->findings)
        return cannot(reloader, "out of memory");
    rc = start_thread(reloader);
    if (rc != 0)
        return cannot(reloader, strerror(rc));
    reloader->busy = true;
    return true;
}

static void wait_for_it(struct reloader *reloader)
{
    if (reloader->busy)
        pthread_join(reloader->thread, NULL);
    reloader->busy = false;
    reloader->mail = NULL;
}

bool reloader_done(struct reloader *reloader)
{
    bool again = reloader->once_more;

    wait_for_it(reloader);
    reloader->once_more = false;
    return again && reloader_start(reloader);
}

void reloader_free(struct reloader *reloader)
{
    if (!reloader)
        return;
    wait_for_it(reloader);
    free(reloader);
}
