#include "app/show.h"

#include "app/cmdline.h"
#include "base/now.h"
#include "core/doc.h"

#include <inttypes.h>
#include <stdio.h>

#define VALUE_SHOWN 2000

static const char *const kinds[] = { "notification", "entry", "run" };

static bool add_string(struct json_object *object, const char *key, struct text value)
{
    char shown[VALUE_SHOWN + 1];

    text_printable(value, shown, VALUE_SHOWN);
    return !value.p || doc_add_text(object, key, text_of(shown));
}

static void item_json(const struct store_item *item)
{
    struct json_object *object = json_object_new_object();
    struct buf out = BUF(65536);
    char id[24];

    if (!object)
        return;
    /* As a string: ids go beyond the 53 bits that JavaScript and jq keep of a number. */
    snprintf(id, sizeof(id), "%" PRId64, item->id);
    json_object_object_add(object, "id", json_object_new_string(id));
    json_object_object_add(object, "stored_at", json_object_new_int64(item->stored_at));
    if (add_string(object, "kind", text_of(kinds[item->kind])) &&
        add_string(object, "state", text_of(item->state)) && add_string(object, "source", item->source) &&
        add_string(object, "channel", item->channel) && add_string(object, "chat", item->user_id) &&
        add_string(object, "rule", item->rule) && add_string(object, "reason", item->reason))
        doc_print(object, &out);
    printf("%s\n", buf_get(&out).p);
    buf_free(&out);
    json_object_put(object);
}

static void item_row(const struct store_item *item)
{
    char age[24], reason[101], rule[33], where[41], chat[25];

    cmdline_age(item->stored_at, age, sizeof(age));
    text_printable(item->reason, reason, sizeof(reason) - 1);
    text_printable(item->rule.p ? item->rule : text_of("-"), rule, sizeof(rule) - 1);
    text_printable(item->channel.p ? item->channel : item->source, where, sizeof(where) - 1);
    text_printable(item->user_id.p ? item->user_id : text_of("-"), chat, sizeof(chat) - 1);
    printf("%-19" PRId64 " %-12s %-11s %5s  %-12s %-14s %-16s %s\n", item->id, kinds[item->kind], item->state,
           age, where, chat, rule, reason);
}

void show_items(const struct store_item *items, size_t n, bool json)
{
    if (!json && n)
        printf("%-19s %-12s %-11s %5s  %-12s %-14s %-16s %s\n", "ID", "KIND", "STATE", "AGE", "WHERE", "CHAT",
               "RULE", "REASON");
    for (size_t i = 0; i < n; i++) {
        if (json)
            item_json(&items[i]);
        else
            item_row(&items[i]);
    }
    if (!json && !n)
        printf("nothing waits, nothing failed (--all shows what is done)\n");
}

void show_field(int indent, const char *name, struct text value)
{
    char shown[VALUE_SHOWN + 1];

    if (!value.p || !value.n)
        return;
    text_printable(value, shown, VALUE_SHOWN);
    printf("%*s%-13s %s\n", indent, "", name, shown);
}

static void show_time(int indent, const char *name, int64_t ms)
{
    char when[32];

    if (!ms)
        return;
    now_format(ms, when, sizeof(when));
    show_field(indent, name, text_of(when));
}

static void show_send(const struct send_row *send, int indent)
{
    printf("%*ssend %d.%d  %s, attempts: %d\n", indent, "", send->step, send->n, send_state_name(send->state),
           send->attempt);
    show_field(indent + 2, "channel", send->channel);
    show_time(indent + 2, "sent", send->sent_at);
    show_time(indent + 2, "due", send->due_at);
    show_field(indent + 2, "reason", send->reason);
    show_field(indent + 2, "message id", send->reply_id);
    show_field(indent + 2, "status url", send->status_url);
    show_field(indent + 2, "body", send->body);
}

void show_run(struct store *store, struct arena *arena, const struct run_row *run, int indent)
{
    struct send_row *sends;
    size_t n = store_run_sends(store, run->id, arena, &sends);

    printf("%*srun %" PRId64 "  %s\n", indent, "", run->id, run_state_name(run->state));
    show_field(indent + 2, "rule", run->rule);
    show_field(indent + 2, "reason", run->reason);
    show_time(indent + 2, "stored", run->stored_at);
    show_time(indent + 2, "send by", run->expires_at);
    show_time(indent + 2, "ended", run->ended_at);
    show_field(indent + 2, "document", run->doc);
    for (size_t i = 0; i < n; i++) {
        if (run->ended_at) /* nothing more becomes of it */
            sends[i].due_at = 0;
        show_send(&sends[i], indent + 2);
    }
}

void show_entry(struct store *store, struct arena *arena, const struct entry_row *entry, int indent)
{
    struct run_row *runs;
    size_t n = store_entry_runs(store, entry->id, arena, &runs);

    printf("%*sentry %" PRId64 "  %s\n", indent, "", entry->id, entry_state_name(entry->state));
    show_field(indent + 2, "reason", entry->reason);
    show_field(indent + 2, "conversation", entry->conversation);
    show_field(indent + 2, "message", entry->message);
    show_time(indent + 2, "said", entry->said_at);
    show_time(indent + 2, "due", entry->due_at);
    show_field(indent + 2, "document", entry->doc);
    for (size_t i = 0; i < n; i++)
        show_run(store, arena, &runs[i], indent + 2);
}

void show_notification(struct store *store, struct arena *arena, const struct notification_row *notification)
{
    struct entry_row *entries;
    size_t n = store_notification_entries(store, notification->id, arena, &entries);

    printf("notification %" PRId64 "  %s\n", notification->id, notification_state_name(notification->state));
    show_field(2, "source", notification->source);
    show_time(2, "stored", notification->stored_at);
    show_field(2, "reason", notification->reason);
    show_field(2, "headers", notification->headers);
    show_field(2, "body", notification->body);
    for (size_t i = 0; i < n; i++)
        show_entry(store, arena, &entries[i], 2);
}
