/* T1: what the front door verified is stored; acknowledged only when this is committed. */

#include "app/engine_state.h"

#include "base/log.h"

#include <string.h>

static void fill(struct engine *engine, const struct accept_mail *accept, struct notification_row *row)
{
    *row = (struct notification_row){ .id = schedule_id(&engine->schedule, engine->now),
                                      .source = text_of(accept->source),
                                      .state = NOTIFICATION_NEW,
                                      .stored_at = engine->now,
                                      .headers = text_of(accept->headers),
                                      .body = text_make(accept->body, accept->body_size) };
}

void stage_accept(struct engine *engine, const struct batch *batch)
{
    struct notification_row *rows = arena_array(engine->arena, batch->n_accepts + 1, sizeof(*rows));
    const bool at_once = batch->at_once && !engine->stopping;

    if (!rows) {
        store_give_up(engine->store, "no memory for the batch");
        return;
    }
    for (size_t i = 0; i < batch->n_accepts; i++) {
        fill(engine, batch->accepts[i], &rows[i]);
        if (at_once)
            rows[i].state = NOTIFICATION_DONE;
    }
    if (at_once)
        extract_notifications(engine, rows, batch->n_accepts);
    store_add_notifications(engine->store, rows, batch->n_accepts);
    for (size_t i = 0; i < batch->n_accepts; i++)
        engine->delta.notifications_new += rows[i].state == NOTIFICATION_NEW;
    if (batch->n_accepts && !at_once)
        engine->look_for_new = true;
}
