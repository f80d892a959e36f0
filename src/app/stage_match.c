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
static bool issued_here(struct engine *engine, struct text channel, const struct entry *entry,
                        const struct ruleset_question *question)
{
    struct issued_row issued;
    struct chat_row chat;

    return store_find_chat(engine->store, channel, entry->user_id, engine->arena, &chat) &&
           store_find_issued(engine->store, chat.id, question->data, engine->now, engine->arena, &issued);
}

/* Only as much as some rule looks at: the run keeps it. */
static struct json_object *conversation_of(const struct engine *engine, const struct entry *entry)
{
    struct json_object *conversation = NULL;
    struct fault fault;

    if (entry->conversation_doc.p && ruleset_wants(engine->generation->ruleset)->conversation)
        conversation = doc_parse(entry->conversation_doc, &fault);
    return conversation ? conversation : json_object_new_object();
}

static bool add_attachment(struct json_object *scope, const struct attachment *file)
{
    struct json_object *object = json_object_new_object();

    return doc_add(scope, "attachment", object) && doc_add_text(object, "type", file->type) &&
           doc_add_text(object, "url", file->url) && doc_add_text(object, "name", file->name);
}

/* What the rules see of the entry, but for what hangs on the time. NULL when memory is out. */
static struct json_object *open_scope(struct engine *engine, const struct source *source,
                                      const struct entry *entry)
{
    struct json_object *scope = json_object_new_object(), *conversation = conversation_of(engine, entry);
    struct fault fault;
    bool ok;

    ok = scope && conversation && doc_add_text(conversation, "id", entry->conversation) &&
         doc_add_text(scope, "source", text_of(source_name(source))) &&
         doc_add_text(scope, "channel", engine_chat_channel(engine, source)) &&
         doc_add_text(scope, "topic", entry->topic) &&
         (!entry->attachment.type.p || add_attachment(scope, &entry->attachment));
    if (ok) {
        ok = doc_add(scope, "conversation", json_object_get(conversation));
        if (entry->contact_doc.p)
            (void)doc_add(scope, "contact", doc_parse(entry->contact_doc, &fault));
    }
    json_object_put(conversation);
    if (ok)
        return scope;
    json_object_put(scope);
    return NULL;
}

static bool find_rule(struct engine *engine, const struct source *source, const struct entry *entry,
                      struct ruleset_question *question, struct match *match)
{
    const struct ruleset *ruleset = engine->generation->ruleset;

    question->looks_like_tap =
        question->kind == ENTRY_EITHER && source_looks_like_tap(source, question->data, engine->scratch);
    if (!ruleset_match(ruleset, question, engine->scratch, match))
        return false;
    if (match->how == MATCH_NONE && question->kind == ENTRY_EITHER && !question->looks_like_tap &&
        !question->quiet && issued_here(engine, engine_chat_channel(engine, source), entry, question)) {
        question->issued = true;
        return ruleset_match(ruleset, question, engine->scratch, match);
    }
    return true;
}

/* What changes with time is set anew whenever the run goes on. */
static bool add_scope(struct json_object *root, struct json_object *scope)
{
    struct json_object *kept = json_object_new_object();

    if (!doc_add(root, "scope", kept))
        return false;
    json_object_object_foreach(scope, key, value)
    {
        if (strcmp(key, "hours") != 0 && strcmp(key, "lang") != 0 && strcmp(key, "chat") != 0)
            json_object_object_add(kept, key, json_object_get(value));
    }
    return true;
}

/* What the run needs to know of the entry, for templates and for people. */
static struct json_object *make_doc(const struct entry *entry, const struct ruleset_question *question,
                                    const struct match *match, enum refusal refusal)
{
    static const char *const hows[] = { "none", "tap", "text", "default" };
    struct json_object *root = json_object_new_object();
    bool ok;

    ok = root && doc_add_text(root, "user", entry->user_id) && doc_add_text(root, "data", question->data) &&
         doc_add_text(root, "how", text_of(hows[match->how])) && add_scope(root, question->scope) &&
         (!refusal || doc_add_text(root, "refused", text_of(refusal_name(refusal))));
    if (ok && doc_add(root, "captures", json_object_get(match->captures)))
        return root;
    json_object_put(root);
    return NULL;
}

/* The default rule answers taps too. */
static bool is_tap(const struct match *match, const struct ruleset_question *question)
{
    return match->how == MATCH_TAP ||
           (match->how == MATCH_DEFAULT &&
            (question->kind == ENTRY_TAP || question->looks_like_tap || question->issued));
}

/* An entry on its way to its runs. */
struct matching {
    struct engine *engine;
    const struct source *source;
    struct entry_row *row;
    const struct entry *entry;
    struct ruleset_question *question;
    struct known known;
    struct match *match;
    struct made_run *made; /* NULL: the runs wait for their turn */
};

static bool is_twice(struct matching *m, int64_t chat)
{
    const struct rule *rule = m->match->rule;

    return is_tap(m->match, m->question) && rule->dedup_ms > 0 &&
           !store_tap(m->engine->store, chat, text_of(rule->name), m->question->data, m->row->said_at,
                      rule->dedup_ms, m->engine->now);
}

static void keep_ruleset(struct engine *engine, struct text hash)
{
    if (hash.p == engine->stored_hash || hash.p == engine->storing_hash)
        return;
    store_put_ruleset(engine->store, hash, ruleset_source(engine->generation->ruleset), engine->now);
    engine->storing_hash = hash.p;
}

/* A press that the guards of its rule refuse begins at the steps for that; without them the default rule takes it. *row: the button.
   False: nobody takes it. */
static bool pass_guards(struct matching *m, enum refusal *refusal, struct issued_row *row)
{
    struct match *match = m->match;
    struct match other;

    *refusal = match->rule->require_issued ? guard_check(m->engine, match->rule, &m->known, m->question, row)
                                           : REFUSED_NOT;
    if (!*refusal || match->rule->on_refused != RULE_NO_STEP)
        return true;
    log_info("press refused", log_num("entry", m->row->id), log_str("rule", match->rule->name),
             log_str("reason", refusal_name(*refusal)));
    if (!ruleset_default(m->engine->generation->ruleset, m->question, m->engine->scratch, &other))
        return false;
    json_object_put(match->captures);
    *match = other;
    return match->rule;
}

static bool may_take_chat(const struct matching *m, const struct chat_place *place, struct text channel)
{
    return m->made && place->idle && stage_send_at_once(m->engine, channel);
}

/* The chat is ours with it; it comes after the entry. */
static void keep_made(struct matching *m, const struct run_row *run, struct text channel,
                      const struct chat_place *place, struct json_object *doc)
{
    *m->made = (struct made_run){ .run = *run,
                                  .chat = { .id = place->chat,
                                            .channel = channel,
                                            .user_id = m->entry->user_id,
                                            .next_seq = place->seq + 1,
                                            .owner = m->engine->owner,
                                            .not_before = place->not_before },
                                  .doc = json_object_get(doc),
                                  .scope = json_object_get(m->question->scope),
                                  .captures = json_object_get(m->match->captures) };
}

/* False: the entry's own fault, or the store's. */
static bool store_run(struct matching *m, struct run_row *run, struct text channel,
                      const struct chat_place *place, enum refusal refusal)
{
    struct engine *engine = m->engine;
    struct json_object *doc = make_doc(m->entry, m->question, m->match, refusal);

    run->begun = may_take_chat(m, place, channel);
    run->doc = doc ? doc_printed(doc, DOC_MAX, engine->arena) : TEXT_NONE;
    if (run->doc.p && store_add_run(engine->store, run, run->begun ? engine->owner : 0, engine->now)) {
        engine->delta.runs[RUN_READY]++;
        engine->runs_made++;
        if (run->begun)
            keep_made(m, run, channel, place, doc);
    }
    json_object_put(doc);
    return run->doc.p;
}

/* False: no run; row->state and reason say why, if it is not the store. */
static bool make_run(struct matching *m)
{
    struct engine *engine = m->engine;
    struct entry_row *row = m->row;
    struct run_row run = { .id = schedule_id(&engine->schedule, engine->now),
                           .entry = row->id,
                           .ruleset = ruleset_hash(engine->generation->ruleset),
                           .state = RUN_READY,
                           .said_at = row->said_at,
                           .stored_at = row->stored_at };
    struct issued_row button = { 0 };
    const struct text channel = engine_chat_channel(engine, m->source);
    struct chat_place place;
    enum refusal refusal;

    if (!store_next_seq(engine->store, channel, m->entry->user_id,
                        schedule_id(&engine->schedule, engine->now), &place))
        return false;
    run.chat = place.chat;
    run.seq = place.seq;
    if (is_twice(m, run.chat)) {
        done(row, ENTRY_DONE, "the same tap again");
        return false;
    }
    if (!pass_guards(m, &refusal, &button)) {
        done(row, ENTRY_DONE, guard_reason(refusal));
        return false;
    }
    run.rule = text_of(m->match->rule->name);
    run.expires_at = row->stored_at + m->match->rule->send_within_ms;
    if (refusal && m->match->rule->on_refused != RULE_NO_STEP)
        run.step = (int)m->match->rule->on_refused;
    keep_ruleset(engine, run.ruleset);
    if (!store_run(m, &run, channel, &place, refusal)) {
        done(row, ENTRY_STUCK, "the entry is too large to run a rule on");
        return false;
    }
    if (!refusal && m->match->rule->single_use && !store_spend(engine->store, &button, run.id))
        store_give_up(engine->store, "a button was spent meanwhile");
    done(row, ENTRY_DONE, NULL);
    return true;
}

/* One run for the rule, and one for each later rule while they say `continue`. Gives the first that answers. */
static struct text make_runs(struct matching *m)
{
    const struct rule *first = NULL;
    bool made = false;

    while (m->match->rule && m->row->state != ENTRY_STUCK && !store_failed(m->engine->store)) {
        struct match before = *m->match;

        made = make_run(m) || made;
        first = first ? first : m->match->rule ? m->match->rule : before.rule;
        engine_tally(m->engine, METRIC_RULE_MATCHES, before.rule->name, NULL);
        if (!before.rule->further || m->match->rule != before.rule)
            break;
        before = *m->match;
        if (!ruleset_match_next(m->engine->generation->ruleset, m->question, &before, m->engine->scratch,
                                m->match)) {
            done(m->row, ENTRY_STUCK, "out of memory");
            *m->match = (struct match){ MATCH_NONE };
        }
        m->match->limited = m->match->limited || before.limited;
        json_object_put(before.captures);
    }
    if (made && m->row->state == ENTRY_DONE)
        m->row->reason = TEXT_NONE;
    return first ? text_of(first->name) : TEXT_NONE;
}

/* The chat's language is one of its variables, so it comes last. */
static bool complete_scope(struct matching *m)
{
    return m->question->scope && guard_open(m->engine, m->source, m->entry, m->question, &m->known) &&
           settings_fill(ruleset_settings(m->engine->generation->ruleset), m->question->scope,
                         m->engine->now);
}

static void take_entry(struct matching *m)
{
    const char *source = source_name(m->source);
    struct text rule = TEXT_NONE;

    if (!complete_scope(m) || !find_rule(m->engine, m->source, m->entry, m->question, m->match)) {
        done(m->row, ENTRY_STUCK, "out of memory");
    } else if (m->match->how == MATCH_NONE) {
        done(m->row, ENTRY_DONE,
             m->question->quiet ? "no rule takes it: a person has the chat" : "no rule takes it");
        engine_tally(m->engine, METRIC_UNMATCHED, source, NULL);
    } else if (!m->entry->user_id.p) {
        done(m->row, ENTRY_UNADDRESSED, "no Telegram user id was found (source key user_id)");
        engine_tally(m->engine, METRIC_ENTRIES, source, "unaddressed");
        m->engine->delta.entries_unaddressed++;
    } else {
        rule = make_runs(m);
    }
    log_entry(m->source, m->row, m->entry, rule);
}

void match_asks(struct engine *engine, const struct source *source, const struct entry_row *row,
                const struct entry *entry, struct store_asked_entry *asked)
{
    if (!entry_from_customer(entry->kind) && source_takeover_ms(source) <= 0)
        return;
    asked->said_at = row->said_at;
    asked->channel = engine_chat_channel(engine, source);
    asked->user_id = entry->user_id;
    if (entry->kind == ENTRY_EITHER ||
        (entry->kind == ENTRY_TAP && ruleset_wants(engine->generation->ruleset)->ledger))
        asked->token = entry->data;
}

void stage_match(struct engine *engine, const struct source *source, struct entry_row *row,
                 struct entry *entry, struct made_run *made)
{
    struct ruleset_question question = { .kind = entry->kind, .data = entry->data };
    struct match match = { MATCH_NONE };
    struct matching matching = { engine, source, row, entry, &question, { 0 }, &match, made };

    engine_tally(engine, METRIC_ENTRIES, source_name(source), entry_kind_name(entry->kind));
    if (!entry_from_customer(entry->kind)) {
        done(row, ENTRY_DONE, guard_teammate(engine, source, entry));
        log_entry(source, row, entry, TEXT_NONE);
        return;
    }
    question.scope = open_scope(engine, source, entry);
    take_entry(&matching);
    if (match.limited)
        engine_tally(engine, METRIC_MATCH_LIMITS, NULL, NULL);
    json_object_put(match.captures);
    json_object_put(question.scope);
}
