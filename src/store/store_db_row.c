#include "store/store_db.h"

/* Columns to structs, in the order of the column lists in store_db_words.h. */

#define STATES(last) ((last) + 1)

static void read_notification(struct db_cursor *c, void *out)
{
    struct notification_row *row = out;

    row->id = db_next_int(c);
    row->source = db_next_text(c);
    row->state = (enum notification_state)db_next_state(c, STATES(NOTIFICATION_STUCK));
    row->reason = db_next_text(c);
    row->tries = (int)db_next_int(c);
    row->stored_at = db_next_int(c);
    row->headers = db_next_text(c);
    row->body = db_next_text(c);
}

static void read_entry(struct db_cursor *c, void *out)
{
    struct entry_row *row = out;

    row->id = db_next_int(c);
    row->notification = db_next_int(c);
    row->n = (int)db_next_int(c);
    row->state = (enum entry_state)db_next_state(c, STATES(ENTRY_STUCK));
    row->reason = db_next_text(c);
    row->tries = (int)db_next_int(c);
    row->due_at = db_next_int(c);
    row->said_at = db_next_int(c);
    row->stored_at = db_next_int(c);
    row->source = db_next_text(c);
    row->conversation = db_next_text(c);
    row->message = db_next_text(c);
    row->doc = db_next_text(c);
}

static void read_chat(struct db_cursor *c, void *out)
{
    struct chat_row *row = out;

    row->id = db_next_int(c);
    row->channel = db_next_text(c);
    row->user_id = db_next_text(c);
    row->next_seq = db_next_int(c);
    row->due_at = db_next_int(c);
    row->owner = db_next_int(c);
    row->not_before = db_next_int(c);
    row->held = db_next_text(c);
}

static void read_place(struct db_cursor *c, void *out)
{
    struct chat_place *row = out;

    row->chat = db_next_int(c);
    row->seq = db_next_int(c);
    row->not_before = db_next_int(c);
    row->idle = db_next_int(c) != 0;
}

static void read_run(struct db_cursor *c, void *out)
{
    struct run_row *row = out;

    row->id = db_next_int(c);
    row->entry = db_next_int(c);
    row->rule = db_next_text(c);
    row->chat = db_next_int(c);
    row->seq = db_next_int(c);
    row->ruleset = db_next_text(c);
    row->state = (enum run_state)db_next_state(c, RUN_STATES);
    row->reason = db_next_text(c);
    row->step = (int)db_next_int(c);
    row->begun = db_next_int(c) != 0;
    row->doc = db_next_text(c);
    row->said_at = db_next_int(c);
    row->stored_at = db_next_int(c);
    row->expires_at = db_next_int(c);
    row->ended_at = db_next_int(c);
}

static void read_send(struct db_cursor *c, void *out)
{
    struct send_row *row = out;

    row->run = db_next_int(c);
    row->step = (int)db_next_int(c);
    row->n = (int)db_next_int(c);
    row->kind = (enum send_kind)db_next_state(c, STATES(SEND_INBOX));
    row->channel = db_next_text(c);
    row->body = db_next_text(c);
    row->state = (enum send_state)db_next_state(c, SEND_STATES);
    row->attempt = (int)db_next_int(c);
    row->due_at = db_next_int(c);
    row->sent_at = db_next_int(c);
    row->reply_id = db_next_text(c);
    row->status_url = db_next_text(c);
    row->reason = db_next_text(c);
}

static void read_issued(struct db_cursor *c, void *out)
{
    struct issued_row *row = out;

    row->chat = db_next_int(c);
    row->run = db_next_int(c);
    row->step = (int)db_next_int(c);
    row->n = (int)db_next_int(c);
    row->token = db_next_text(c);
    row->data = db_next_text(c);
    if (!row->data.p)
        row->data = row->token;
    row->at = db_next_int(c);
    row->until = db_next_int(c);
    row->spent_by = db_next_int(c);
}

static void read_variable(struct db_cursor *c, void *out)
{
    struct variable_row *row = out;

    row->name = db_next_text(c);
    row->value = db_next_text(c);
    row->until = db_next_int(c);
    row->session = db_next_int(c) != 0;
}

static void read_channel(struct db_cursor *c, void *out)
{
    struct channel_row *row = out;

    row->name = db_next_text(c);
    row->not_before = db_next_int(c);
    row->paused = db_next_text(c);
}

static void read_item(struct db_cursor *c, void *out)
{
    struct store_item *row = out;

    row->kind = (enum store_kind)db_next_state(c, STATES(STORE_RUN));
    row->id = db_next_int(c);
    row->stored_at = db_next_int(c);
    row->state = store_state_name(row->kind, db_next_state(c, RUN_STATES));
    row->reason = db_next_text(c);
    row->source = db_next_text(c);
    row->channel = db_next_text(c);
    row->user_id = db_next_text(c);
    row->rule = db_next_text(c);
    row->expires_at = db_next_int(c);
}

static void read_text(struct db_cursor *c, void *out)
{
    *(struct text *)out = db_next_text(c);
}

static void read_number(struct db_cursor *c, void *out)
{
    ((struct db_pair *)out)->first = db_next_int(c);
}

static void read_pair(struct db_cursor *c, void *out)
{
    struct db_pair *row = out;

    row->first = db_next_int(c);
    row->second = db_next_int(c);
}

static void read_old_send(struct db_cursor *c, void *out)
{
    struct db_old_send *row = out;

    row->run = db_next_int(c);
    row->step = db_next_int(c);
    row->n = db_next_int(c);
    row->chat = db_next_int(c);
    row->buttons = db_next_int(c);
}

#define SHAPE(name, type, reader) const struct db_shape name = { sizeof(type), reader }

SHAPE(db_notification, struct notification_row, read_notification);
SHAPE(db_entry, struct entry_row, read_entry);
SHAPE(db_chat, struct chat_row, read_chat);
SHAPE(db_place, struct chat_place, read_place);
SHAPE(db_run, struct run_row, read_run);
SHAPE(db_send, struct send_row, read_send);
SHAPE(db_issued, struct issued_row, read_issued);
SHAPE(db_variable, struct variable_row, read_variable);
SHAPE(db_channel, struct channel_row, read_channel);
SHAPE(db_item, struct store_item, read_item);
SHAPE(db_text_only, struct text, read_text);
SHAPE(db_two, struct db_pair, read_pair);
SHAPE(db_one_number, struct db_pair, read_number);
SHAPE(db_old_sends, struct db_old_send, read_old_send);

int db_by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}
