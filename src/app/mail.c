#include "app/mail.h"

#include "app/generation.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void *mail_new(enum mail_kind kind, size_t size)
{
    struct mail *mail = calloc(1, size);

    if (!mail) {
        memory_failed();
        return NULL;
    }
    mail->kind = kind;
    return mail;
}

struct request_mail *mail_request(const struct job *job)
{
    struct request_mail *request = mail_new(MAIL_REQUEST, sizeof(*request));
    struct result_mail *result = mail_new(MAIL_RESULT, sizeof(*result));

    if (!request || !result) {
        free(request);
        free(result);
        return NULL;
    }
    request->job = result->job = *job;
    request->result = result;
    return request;
}

static void free_accept(struct accept_mail *mail)
{
    free(mail->source);
    free(mail->headers);
    free(mail->body);
}

static void free_request(struct request_mail *mail)
{
    if (mail->result)
        mail_free(&mail->result->mail);
    free(mail->url);
    free(mail->body);
    for (int i = 0; i < REQUEST_HEADERS; i++) {
        if (mail->headers[i])
            explicit_bzero(mail->headers[i], strlen(mail->headers[i]));
        free(mail->headers[i]);
    }
}

void mail_free(struct mail *mail)
{
    if (!mail)
        return;
    switch ((enum mail_kind)mail->kind) {
    case MAIL_ACCEPT:
        free_accept((struct accept_mail *)mail);
        break;
    case MAIL_REQUEST:
        free_request((struct request_mail *)mail);
        break;
    case MAIL_RESULT:
        free(((struct result_mail *)mail)->body);
        free(((struct result_mail *)mail)->error);
        generation_unref(((struct result_mail *)mail)->asked_with);
        break;
    case MAIL_GENERATION:
        generation_unref(((struct generation_mail *)mail)->generation);
        break;
    case MAIL_RELOAD:
        generation_unref(((struct reload_mail *)mail)->generation);
        findings_free(((struct reload_mail *)mail)->findings);
        break;
    case MAIL_STOP:
    case MAIL_ACKS:
    case MAIL_RELOADED:
    case MAIL_ENDED:
        break;
    }
    free(mail);
}

void mail_free_all(struct mail *mail)
{
    while (mail) {
        struct mail *next = mail->next;

        mail_free(mail);
        mail = next;
    }
}
