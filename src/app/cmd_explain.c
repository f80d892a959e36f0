/* `callbackd explain`: what became of a notification, and what the configuration and rules of today make of it. */

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/generation.h"
#include "app/show.h"
#include "base/now.h"
#include "core/doc.h"

#include <inttypes.h>
#include <stdio.h>

#define ARENA_MAX ((size_t)256 << 20)

struct explain {
    struct generation *generation;
    struct store *store;
    struct arena *arena;
    struct pattern_scratch *scratch;
};

/* What rules see of an entry, as far as it is known here: a contact is not read. */
static struct json_object *open_scope(const struct explain *explain, const struct source *source,
                                      const struct entry *entry, int64_t now_ms)
{
    struct json_object *scope = json_object_new_object(), *conversation = json_object_new_object();

    if (scope && conversation && doc_add_text(conversation, "id", entry->conversation) &&
        doc_add_text(scope, "source", text_of(source_name(source))) &&
        doc_add_text(scope, "channel", text_of(source_channel(source))) &&
        doc_add_text(scope, "topic", entry->topic) &&
        json_object_object_add(scope, "conversation", conversation) == 0 &&
        settings_fill(ruleset_settings(explain->generation->ruleset), scope, now_ms))
        return scope;
    json_object_put(scope);
    return NULL;
}

static void show_match(const struct match *match)
{
    static const char *const hows[] = { "no rule takes it", "its tap pattern takes it",
                                        "its text pattern takes it", "as the default" };

    show_field(4, "rule", text_of(match->rule ? match->rule->name : "none"));
    show_field(4, "why", text_of(hows[match->how]));
    if (match->limited)
        show_field(4, "note", text_of("a pattern reached its bound on effort and counted as no match"));
    if (match->captures && json_object_object_length(match->captures))
        show_field(4, "captures", text_of(json_object_to_json_string(match->captures)));
}

static void explain_match(struct explain *explain, const struct source *source, const struct entry *entry)
{
    struct ruleset_question question = { .kind = entry->kind,
                                         .data = entry->data,
                                         .looks_like_tap =
                                             source_looks_like_tap(source, entry->data, explain->scratch),
                                         .scope = open_scope(explain, source, entry, now_wall_ms()) };
    const struct ruleset *ruleset = explain->generation->ruleset;
    struct match match, before;
    bool more = ruleset_match(ruleset, &question, explain->scratch, &match);

    if (more)
        show_match(&match);
    while (more && match.rule && match.rule->further) {
        before = match;
        more = ruleset_match_next(ruleset, &question, &before, explain->scratch, &match);
        if (more && match.rule)
            show_match(&match);
        json_object_put(before.captures);
    }
    json_object_put(match.captures);
    json_object_put(question.scope);
}

static void explain_entry(struct explain *explain, const struct source *source, struct entry *entry, size_t n)
{
    struct fetch fetch;

    printf("  entry %zu\n", n + 1);
    show_field(4, "conversation", entry->conversation);
    show_field(4, "message", entry->message);
    show_field(4, "author", entry->author);
    source_next_fetch(source, entry, ruleset_wants(explain->generation->ruleset)->contact, explain->arena,
                      &fetch);
    if (fetch.kind != FETCH_NONE) {
        show_field(4, "first reads", text_of(fetch.url));
        return;
    }
    source_finish(source, entry, explain->scratch, explain->arena);
    show_field(4, "kind", text_of(entry_kind_name(entry->kind)));
    show_field(4, "data", entry->data);
    show_field(4, "user id",
               entry->user_id.p ? entry->user_id : text_of("none was found (source key user_id)"));
    explain_match(explain, source, entry);
}

static void explain_now(struct explain *explain, const struct notification_row *row)
{
    const struct source *source = config_source(explain->generation->config, row->source);
    struct extraction found;

    printf("with today's configuration and rules:\n");
    if (!source) {
        printf("  its source is not in the configuration any more\n");
        return;
    }
    source_extract(source, row->body, row->stored_at, explain->scratch, explain->arena, &found);
    show_field(2, "delivery id", found.delivery);
    if (found.reason)
        show_field(2, "no entries", text_of(found.reason));
    for (size_t i = 0; i < found.count; i++)
        explain_entry(explain, source, &found.entries[i], i);
}

static int explain_id(struct explain *explain, int64_t id)
{
    struct notification_row row;
    struct fault fault;

    /* Without a transaction: what is printed may go to a pager, and the daemon waits for the same lock. */
    if (!store_get_notification(explain->store, id, explain->arena, &row)) {
        if (store_failed(explain->store) && store_commit(explain->store, &fault) != STORE_OK) {
            fprintf(stderr, "callbackd: the store failed: %s\n", fault.text);
            return EXIT_TROUBLE;
        }
        fprintf(stderr,
                "callbackd: the store has no notification %" PRId64
                "; 'callbackd queue list --all' shows ids\n",
                id);
        return EXIT_FINDINGS;
    }
    show_notification(explain->store, explain->arena, &row);
    explain_now(explain, &row);
    return EXIT_FINE;
}

static int with_store(const char *path, struct explain *explain, int64_t id)
{
    struct config *config;
    int code;

    explain->store = cmdline_store(path, &config, &code);
    if (!explain->store)
        return code;
    explain->arena = arena_new(ARENA_MAX);
    explain->scratch = pattern_scratch_new();
    code = explain->arena && explain->scratch ? explain_id(explain, id) : EXIT_TROUBLE;
    pattern_scratch_free(explain->scratch);
    arena_free(explain->arena);
    store_close(explain->store);
    config_free(config);
    return code;
}

int cmd_explain(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG;
    const struct cmdline_option options[] = { { "c", &path, NULL }, { NULL, NULL, NULL } };
    struct explain explain = { 0 };
    struct findings *findings;
    int64_t id;
    int n, code = EXIT_CONFIG;

    if (!cmdline_parse(argc, argv, options, &n) || n != 1 || !text_i64(text_of(argv[1]), &id)) {
        fprintf(stderr, "usage: callbackd explain -c FILE NOTIFICATION-ID\n");
        return EXIT_USAGE;
    }
    findings = findings_new();
    explain.generation = findings ? generation_load(path, SECRETS_NONE, findings) : NULL;
    if (explain.generation)
        code = with_store(path, &explain, id);
    else if (findings)
        cmdline_findings(findings, false);
    generation_unref(explain.generation);
    findings_free(findings);
    return code;
}
