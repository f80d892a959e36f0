/* Chats that another program has for longer than is waited for: a customer is forgotten, psql has a transaction open. What is to be done
   there is left for later, and all else goes on.

   A transaction waits for a lock, but not for long: mostly another node has it, and is about to let go of it. Where that did not help, it
   is done again without waiting (passed.on): chats that others have are passed over. What is left of them is a result that is kept, a
   notification that stays new, an entry that stays to be fetched, a run that expires later; all of it comes again when the round is over.
   Until then a chat that was passed over is left alone, free or not: so nothing overtakes what was left first. */

#include "app/engine_state.h"

#include "base/log.h"

#define ROUND_MS 5 /* the first; each is twice as long as the one before, up to ENGINE_LOOK_MS */

static void begin_round(struct passed *passed, int64_t now, int64_t chat)
{
    const bool long_since = passed->round_ms == ENGINE_LOOK_MS;

    passed->round_ms = passed->round_ms ? 2 * passed->round_ms : ROUND_MS;
    if (passed->round_ms > ENGINE_LOOK_MS)
        passed->round_ms = ENGINE_LOOK_MS;
    passed->until = now + passed->round_ms;
    if (!long_since && passed->round_ms == ENGINE_LOOK_MS)
        log_warn(
            "another program has a chat locked for long: what is to be done there waits, all else goes on",
            log_num("chat", chat), log_str("hint", "pg_stat_activity shows whose transaction is open"));
}

/* Where there is no room to note more of them all are left alone. */
static bool is_noted(const struct passed *passed, int64_t chat)
{
    for (size_t i = 0; i < passed->n; i++)
        if (passed->chats[i] == chat)
            return true;
    return passed->n == PASSED_MOST;
}

bool passed_over(struct engine *engine, int64_t chat)
{
    struct passed *passed = &engine->passed;

    if (!passed->on)
        return false;
    if (is_noted(passed, chat))
        return true;
    store_prefetch_chats(engine->store, &chat, 1);
    if (!store_passed_over(engine->store, chat))
        return false;
    if (passed->n == 0)
        begin_round(passed, engine->now, chat);
    passed->chats[passed->n++] = chat;
    return true;
}

bool passed_over_customer(struct engine *engine, struct text channel, struct text user_id)
{
    struct chat_row chat;

    return engine->passed.on && user_id.p &&
           store_find_chat(engine->store, channel, user_id, engine->arena, &chat) &&
           passed_over(engine, chat.id);
}

void passed_notification(struct engine *engine, int64_t id)
{
    if (id > engine->passed.after)
        engine->passed.after = id;
}

void passed_all(struct engine *engine)
{
    if (engine->passed.n == 0)
        engine->passed.after = 0;
}

void passed_look_again(struct engine *engine)
{
    struct passed *passed = &engine->passed;

    if (passed->n == 0 || passed->until > engine->now)
        return;
    passed->n = 0;
    passed->after = 0;
    engine->look_for_new = true;
}

void passed_begin(struct engine *engine)
{
    if (engine->passed.on)
        store_pass_over(engine->store);
}

void passed_end(struct engine *engine, bool stored)
{
    struct passed *passed = &engine->passed;

    if (!stored)
        passed->after = 0;
    else if (passed->n)
        engine_wake(engine, passed->until);
    else if (passed->on)
        *passed = (struct passed){ .after = passed->after };
}
