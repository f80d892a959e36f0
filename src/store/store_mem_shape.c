#include "store/store_mem_table.h"

#include <stddef.h>
#include <string.h>

/* The tables of the memory backend: their texts and the orders of their indexes. */

static int ints(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Bytes, then length, as SQLite has it. */
static int texts(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : ints((int64_t)a.n, (int64_t)b.n);
}

#define OR(order, next) ((order) ? (order) : (next))

/* ORDER(name, type, ...): a comparison of two rows x and y of the type. HOLDS: a condition on row x. */
#define ORDER(name, type, order)                  \
    static int name(const void *a, const void *b) \
    {                                             \
        const struct type *x = a, *y = b;         \
                                                  \
        return order;                             \
    }
#define HOLDS(name, type, condition) \
    static bool name(const void *a)  \
    {                                \
        const struct type *x = a;    \
                                     \
        return condition;            \
    }

ORDER(notification_key, notification_row, ints(x->id, y->id))
ORDER(notification_stored, notification_row,
      OR(texts(x->source, y->source), OR(ints(x->stored_at, y->stored_at), ints(x->id, y->id))))
HOLDS(notification_new, notification_row, x->state == NOTIFICATION_NEW)
HOLDS(notification_done, notification_row, x->state == NOTIFICATION_DONE)

ORDER(seen_key, mem_seen, texts(x->key, y->key))

ORDER(entry_key, mem_entry, ints(x->row.id, y->row.id))
ORDER(entry_place, mem_entry, OR(ints(x->row.notification, y->row.notification), ints(x->row.n, y->row.n)))
ORDER(entry_newest, mem_entry, OR(texts(x->row.source, y->row.source), ints(y->row.id, x->row.id)))
ORDER(entry_stored, mem_entry, OR(ints(x->row.stored_at, y->row.stored_at), ints(x->row.id, y->row.id)))
HOLDS(entry_waits, mem_entry, x->row.state == ENTRY_FETCH && !x->owner)

ORDER(chat_key, chat_row, ints(x->id, y->id))
ORDER(chat_user, chat_row, OR(texts(x->channel, y->channel), texts(x->user_id, y->user_id)))
ORDER(chat_due, chat_row,
      OR(texts(x->channel, y->channel), OR(ints(x->due_at, y->due_at), ints(x->id, y->id))))
HOLDS(chat_waits, chat_row, x->due_at && !x->owner && !x->held.p)

ORDER(run_key, run_row, ints(x->id, y->id))
ORDER(run_entry, run_row, OR(ints(x->entry, y->entry), texts(x->rule, y->rule)))
ORDER(run_head, run_row,
      OR(ints(x->chat, y->chat),
         OR(ints(y->begun, x->begun),
            OR(ints(x->said_at, y->said_at), OR(ints(x->seq, y->seq), ints(x->id, y->id))))))
ORDER(run_expires, run_row, OR(ints(x->expires_at, y->expires_at), ints(x->id, y->id)))
ORDER(run_ended, run_row,
      OR(ints(x->ended_at, y->ended_at), OR(ints(x->expires_at, y->expires_at), ints(x->id, y->id))))
HOLDS(run_ready, run_row, x->state == RUN_READY)
HOLDS(run_may_expire, run_row, x->state<RUN_DONE && x->expires_at> 0)
HOLDS(run_has_ended, run_row, x->state >= RUN_DONE)

ORDER(send_key, send_row, OR(ints(x->run, y->run), OR(ints(x->step, y->step), ints(x->n, y->n))))
HOLDS(send_sending, send_row, x->state == SEND_SENDING)

ORDER(tap_key, mem_tap,
      OR(ints(x->chat, y->chat),
         OR(texts(x->rule, y->rule), OR(texts(x->data, y->data), ints(x->said_at, y->said_at)))))

ORDER(issued_key, issued_row,
      OR(ints(x->chat, y->chat), OR(texts(x->token, y->token),
                                    OR(ints(x->run, y->run), OR(ints(x->step, y->step), ints(x->n, y->n))))))

ORDER(variable_key, mem_variable, OR(ints(x->chat, y->chat), texts(x->row.name, y->row.name)))
ORDER(variable_until, mem_variable, OR(ints(x->row.until, y->row.until), variable_key(x, y)))

ORDER(asked_key, mem_asked, OR(texts(x->channel, y->channel), texts(x->user_id, y->user_id)))

ORDER(long_key, mem_long, ints(x->chat, y->chat))

ORDER(ruleset_key, mem_ruleset, texts(x->hash, y->hash))
ORDER(channel_key, channel_row, texts(x->name, y->name))

#define AT(type, field) offsetof(struct type, field)
#define TEXTS(...)                            \
    .texts = (const size_t[]){ __VA_ARGS__ }, \
    .n_texts = sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t)
#define SIZE(type) .size = sizeof(struct type), .lent = sizeof(struct type)

const struct mem_shape mem_shapes[MEM_KINDS] = {
    [MEM_NOTIFICATION] = {
        SIZE(notification_row),
        TEXTS(AT(notification_row, source), AT(notification_row, reason), AT(notification_row, headers),
              AT(notification_row, body)),
        1, 3, { { notification_key, NULL }, { notification_key, notification_new }, { notification_stored, notification_done } },
    },
    [MEM_SEEN] = { SIZE(mem_seen), TEXTS(AT(mem_seen, key)), 1, 1, { { seen_key, NULL } } },
    [MEM_ENTRY] = {
        .size = sizeof(struct mem_entry), .lent = sizeof(struct entry_row),
        TEXTS(AT(entry_row, reason), AT(entry_row, source), AT(entry_row, conversation), AT(entry_row, message),
              AT(entry_row, doc)),
        2, 4,
        { { entry_key, NULL }, { entry_place, NULL }, { entry_newest, entry_waits }, { entry_stored, entry_waits } },
    },
    [MEM_CHAT] = {
        SIZE(chat_row), TEXTS(AT(chat_row, channel), AT(chat_row, user_id), AT(chat_row, held)),
        2, 3, { { chat_key, NULL }, { chat_user, NULL }, { chat_due, chat_waits } },
    },
    [MEM_RUN] = {
        SIZE(run_row), TEXTS(AT(run_row, rule), AT(run_row, ruleset), AT(run_row, reason), AT(run_row, doc)),
        2, 5,
        { { run_key, NULL }, { run_entry, NULL }, { run_head, run_ready }, { run_expires, run_may_expire },
          { run_ended, run_has_ended } },
    },
    [MEM_SEND] = {
        SIZE(send_row),
        TEXTS(AT(send_row, channel), AT(send_row, body), AT(send_row, reply_id), AT(send_row, status_url),
              AT(send_row, reason)),
        1, 2, { { send_key, NULL }, { send_key, send_sending } },
    },
    [MEM_TAP] = {
        SIZE(mem_tap), TEXTS(AT(mem_tap, rule), AT(mem_tap, data)), 1, 1, { { tap_key, NULL } },
    },
    [MEM_ISSUED] = {
        SIZE(issued_row), TEXTS(AT(issued_row, token), AT(issued_row, data)),
        1, 1, { { issued_key, NULL } },
    },
    [MEM_VARIABLE] = {
        .size = sizeof(struct mem_variable), .lent = sizeof(struct variable_row),
        TEXTS(AT(variable_row, name), AT(variable_row, value)),
        1, 2, { { variable_key, NULL }, { variable_until, NULL } },
    },
    [MEM_RULESET] = {
        SIZE(mem_ruleset), TEXTS(AT(mem_ruleset, hash), AT(mem_ruleset, source)), 1, 1, { { ruleset_key, NULL } },
    },
    [MEM_CHANNEL] = {
        SIZE(channel_row), TEXTS(AT(channel_row, name), AT(channel_row, paused)), 1, 1, { { channel_key, NULL } },
    },
    [MEM_ASKED] = {
        SIZE(mem_asked), TEXTS(AT(mem_asked, channel), AT(mem_asked, user_id)), 1, 1, { { asked_key, NULL } },
    },
    [MEM_LONG] = { SIZE(mem_long), .n_unique = 1, .n_indexes = 1, .indexes = { { long_key, NULL } } },
};
