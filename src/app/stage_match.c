/* T3: which rule takes an entry, and the run that follows. */

#include "app/engine_state.h"

#include "base/log.h"
#include "core/doc.h"

#include <string.h>

#define DOC_MAX (256u << 10)

static void done(struct entry_row *row, enum entry_state state, const char *reason)
{
    row->state = state;
    row->reason = text_of(reason);
    row->due_at = 0;
}

static void log_entry(const struct source *source, const struct entry_row *row, const struct entry *entry,
                      struct text rule)
{
    log_info("entry", log_num("id", row->id), log_num("notification", row->notification),
             log_str("source", source_name(source)), log_str("kind", entry_kind_name(entry->kind)),
             log_text("rule", rule), log_str("state", entry_state_name(row->state)),
             log_text("reason", row->reason));
}

/* An entry of unknown kind that no rule took may still be one of our buttons: then the default rule answers. */
static bool issued_here(struct engine *engine, struct text channel, const struct entry *entry)
{
    struct chat_row chat;

    return store_find_chat(engine->store, channel, entry->user_id, engine->arena, &chat) &&
           store_is_issued(engine->store, chat.id, entry->data, engine->now);
}

static bool find_rule(struct engine *engine, const struct source *source, const struct entry *entry,
                      struct match *match, bool *is_tap)
{
    const struct ruleset *ruleset = engine->generation->ruleset;
    struct ruleset_question question = { .kind = entry->kind,
                                         .data = entry->data,
                                         .looks_like_tap =
                                             entry->kind == ENTRY_EITHER &&
                                             source_looks_like_tap(source, entry->data, engine->scratch) };

    if (!ruleset_match(ruleset, &question, engine->scratch, match))
        return false;
    *is_tap = match->how == MATCH_TAP ||
              (match->how == MATCH_DEFAULT && (entry->kind == ENTRY_TAP || question.looks_like_tap));
    if (match->how == MATCH_NONE && entry->kind == ENTRY_EITHER && !question.looks_like_tap &&
        issued_here(engine, engine_chat_channel(engine, source), entry)) {
        question.issued = *is_tap = true;
        return ruleset_match(ruleset, &question, engine->scratch, match);
    }
    return true;
}

/* What the run needs to know of the entry, for templates and for people. */
static bool print_run(const struct entry *entry, const struct match *match, struct arena *arena,
                      struct text *doc)
{
    static const char *const hows[] = { "none", "tap", "text", "default" };
    struct json_object *root = json_object_new_object(), *conversation = json_object_new_object();
    struct buf out = BUF(DOC_MAX);
    struct fault fault;
    bool ok;

    ok = root && conversation && doc_add_text(root, "user", entry->user_id) &&
         doc_add_text(root, "data", entry->data) && doc_add_text(root, "how", text_of(hows[match->how])) &&
         doc_add_text(root, "topic", entry->topic) && doc_add_text(conversation, "id", entry->conversation);
    if (ok) {
        json_object_object_add(root, "captures", json_object_get(match->captures));
        json_object_object_add(root, "conversation", json_object_get(conversation));
        if (entry->contact_doc.p)
            json_object_object_add(root, "contact", doc_parse(entry->contact_doc, &fault));
        doc_print(root, &out);
        *doc = arena_text(arena, buf_get(&out));
        ok = !out.failed && doc->p;
    }
    json_object_put(conversation);
    json_object_put(root);
    buf_free(&out);
    return ok;
}

static void make_run(struct engine *engine, const struct source *source, struct entry_row *row,
                     const struct entry *entry, const struct match *match, bool is_tap)
{
    const struct rule *rule = match->rule;
    struct run_row run = { .id = schedule_id(&engine->schedule, engine->now),
                           .entry = row->id,
                           .rule = text_of(rule->name),
                           .ruleset = ruleset_hash(engine->generation->ruleset),
                           .state = RUN_READY,
                           .said_at = row->said_at,
                           .stored_at = row->stored_at,
                           .expires_at = row->stored_at + rule->send_within_ms };

    if (!print_run(entry, match, engine->arena, &run.doc)) {
        done(row, ENTRY_STUCK, "the entry is too large to run a rule on");
        return;
    }
    if (!store_take_seq(engine->store, engine_chat_channel(engine, source), entry->user_id,
                        schedule_id(&engine->schedule, engine->now), &run.chat, &run.seq))
        return;
    if (is_tap && rule->dedup_ms > 0 &&
        !store_tap(engine->store, run.chat, run.rule, entry->data, row->said_at, rule->dedup_ms,
                   engine->now)) {
        done(row, ENTRY_DONE, "the same tap again");
        return;
    }
    if (run.ruleset.p != engine->stored_hash && run.ruleset.p != engine->storing_hash) {
        store_put_ruleset(engine->store, run.ruleset, ruleset_source(engine->generation->ruleset),
                          engine->now);
        engine->storing_hash = run.ruleset.p;
    }
    if (store_add_run(engine->store, &run, engine->now))
        engine->delta.runs[RUN_READY]++;
    done(row, ENTRY_DONE, NULL);
}

void stage_match(struct engine *engine, const struct source *source, struct entry_row *row,
                 struct entry *entry)
{
    struct metrics *metrics = engine->setup.metrics;
    struct match match = { MATCH_NONE };
    struct text rule = TEXT_NONE;
    bool is_tap = false;

    metrics_add(metrics, METRIC_ENTRIES, source_name(source), entry_kind_name(entry->kind), 1);
    if (!find_rule(engine, source, entry, &match, &is_tap)) {
        done(row, ENTRY_STUCK, "out of memory");
    } else if (match.how == MATCH_NONE) {
        done(row, ENTRY_DONE, "no rule takes it");
        metrics_add(metrics, METRIC_UNMATCHED, source_name(source), NULL, 1);
    } else if (!entry->user_id.p) {
        done(row, ENTRY_UNADDRESSED, "no Telegram user id was found (source key user_id)");
        metrics_add(metrics, METRIC_ENTRIES, source_name(source), "unaddressed", 1);
        engine->delta.entries_unaddressed++;
    } else {
        rule = text_of(match.rule->name);
        make_run(engine, source, row, entry, &match, is_tap);
        metrics_add(metrics, METRIC_RULE_MATCHES, match.rule->name, NULL, 1);
    }
    if (match.limited)
        metrics_add(metrics, METRIC_MATCH_LIMITS, NULL, NULL, 1);
    log_entry(source, row, entry, rule);
    json_object_put(match.captures);
}
