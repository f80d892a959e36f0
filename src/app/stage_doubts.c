/* What is done about a commit of which nobody knows whether it happened, because the store's server went away meanwhile.

   It need not be known. Notifications are answered 503 and come again, where their keys make them one; results are kept and settled again,
   where their attempt does. But requests that were decided on have not been handed over: if the commit did happen, the store says that
   they are under way. */

#include "app/stage_run.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>

void doubts_keep(struct engine *engine)
{
    const size_t more = engine->n_under_way; /* those of this transaction are among them */
    struct job *grown = realloc(engine->doubts, (engine->n_doubts + more + 1) * sizeof(*grown));

    if (!grown) {
        memory_failed();
        log_error("no memory for what is in doubt: it stays as it is until the next start",
                  log_num("requests", (int64_t)more));
        return;
    }
    engine->doubts = grown;
    for (const struct mail *mail = engine->outbox.head; mail; mail = mail->next)
        if (mail->kind == MAIL_REQUEST)
            grown[engine->n_doubts++] = ((const struct request_mail *)mail)->job;
}

/* Else the claim was not stored, and another node may have the chat, and be at the very same attempt. */
static bool is_ours(struct engine *engine, int64_t id)
{
    struct chat_row chat;

    return store_get_chat(engine->store, id, engine->arena, &chat) && chat.owner == engine->owner;
}

/* Its attempt is that of the request, or somebody else has dealt with it. */
static bool undo_send(struct engine *engine, const struct job *job)
{
    struct send_row row = run_send_of(job);

    if (!is_ours(engine, job->chat))
        return false;
    row.state = SEND_READY;
    row.due_at = engine->now;
    if (!store_settle_send(engine->store, &row))
        return false;
    log_warn("a request that was stored did not leave, and is made now", log_num("run", job->run),
             log_num("attempt", job->attempt));
    return true;
}

static void undo_fetch(struct engine *engine, const struct job *job)
{
    struct entry_row row;

    if (!store_get_entry(engine->store, job->entry, engine->arena, &row) || row.state != ENTRY_FETCH)
        return;
    row.due_at = engine->now;
    store_update_entry(engine->store, &row);
    engine->look_for_fetches = true;
}

/* A poll may be there twice: each of two transactions made it. */
static bool went_on(const struct engine *engine, const bool *undone, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (undone[k] && engine->doubts[k].chat == engine->doubts[i].chat)
            return true;
    return false;
}

static void prefetch(struct engine *engine)
{
    int64_t *chats = arena_array(engine->arena, engine->n_doubts + 1, sizeof(*chats));
    size_t n = 0;

    for (size_t i = 0; chats && i < engine->n_doubts; i++)
        if (engine->doubts[i].kind != JOB_FETCH)
            chats[n++] = engine->doubts[i].chat;
    if (n)
        store_prefetch_chats(engine->store, chats, n);
}

/* No chat goes on before all is undone: of two transactions that are in doubt one after the other the second may have made the very
   attempt that would be made now. */
void stage_doubts(struct engine *engine)
{
    const size_t n = engine->n_doubts;
    bool *undone;

    if (n == 0)
        return;
    undone = arena_array(engine->arena, n, sizeof(*undone));
    if (!undone) {
        store_give_up(engine->store, "no memory for what is in doubt");
        return;
    }
    prefetch(engine);
    for (size_t i = 0; i < n && !store_failed(engine->store); i++) {
        const struct job *job = &engine->doubts[i];

        if (job->kind == JOB_FETCH)
            undo_fetch(engine, job);
        else /* of a poll nothing is stored but whose the chat is */
            undone[i] = job->kind == JOB_POLL || undo_send(engine, job);
    }
    for (size_t i = 0; i < n && !store_failed(engine->store); i++)
        if (undone[i] && !went_on(engine, undone, i))
            settle_go_on(engine, engine->doubts[i].chat);
}

void doubts_end(struct engine *engine)
{
    free(engine->doubts);
    engine->doubts = NULL;
    engine->n_doubts = 0;
}
