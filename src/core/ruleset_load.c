#include "core/ruleset_load.h"

#include "core/lookup_build.h"
#include "core/rule_build.h"
#include "core/rule_goto.h"
#include "core/settings_build.h"
#include "core/step_build.h"
#include "core/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)1 << 30)
#define SOURCE_MAX ((size_t)64 << 20)
#define FILES_MAX 1000 /* a time zone's among them */
/* Bytes of all files: loaded and checked they take some seventy times as many. */
#define RULES_MAX ((size_t)6 << 20)
#define HEADER "callbackd rules 1\n"
#define ZONE_FILE "zoneinfo:" /* a file of the source that is a time zone's */

/* What is only needed while a ruleset is made. */
struct loading {
    struct ruleset *ruleset;
    struct findings *findings, *scratch;
    struct document **documents; /* NULL: could not be read */
    bool *fit;                   /* the schema took the whole document */
    bool unread;                 /* a document could not be read */
    size_t n;
    const struct ruleset_file *files;
    struct ruleset_file zone; /* path NULL: UTC */
    bool (*read_zone)(const char *name, struct buf *out);
    struct named_list replies, rows, hours, lookups;
    struct maker maker;
    struct rule_context context;
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void out_of_memory(struct loading *loading)
{
    finding_error(loading->findings, (struct place){ NULL }, "out of memory");
}

static void read_document(struct loading *loading, size_t i)
{
    const struct ruleset_file *file = &loading->files[i];
    struct arena *arena = loading->ruleset->arena;
    bool json = text_ends(text_of(file->path), ".json");
    struct document *document;

    if (text_starts(text_of(file->path), ZONE_FILE))
        return;
    document = json ? json_read(arena, file->path, file->text, loading->findings)
                    : yaml_read(arena, file->path, file->text, loading->findings);
    loading->documents[i] = document;
    loading->unread |= !document;
    if (document && document->root)
        loading->fit[i] = schema_check(&rules_schema, document->root, loading->findings);
}

static bool read_files(struct loading *loading)
{
    struct arena *arena = loading->ruleset->arena;

    loading->documents = arena_array(arena, loading->n, sizeof(struct document *));
    loading->fit = arena_array(arena, loading->n, sizeof(bool));
    if (!loading->documents || !loading->fit)
        return false;
    for (size_t i = 0; i < loading->n; i++)
        read_document(loading, i);
    return true;
}

/* Is this part good, though something in its file may not be? */
static bool part_fits(struct loading *loading, const struct node *node, const struct schema *schema)
{
    for (size_t i = 0; i < loading->n; i++)
        if (loading->documents[i] == node->at.document && loading->fit[i])
            return true;
    return schema_check(schema, node, loading->scratch);
}

static const struct node *part(const struct loading *loading, size_t i, const char *key, enum node_kind kind)
{
    const struct document *document = loading->documents[i];
    const struct node *node = document ? node_get(document->root, key) : NULL;

    return node && node->kind == kind ? node : NULL;
}

static bool collect_named(struct loading *loading, struct named_list *list, const char *key, const char *what,
                          const struct schema *schema)
{
    struct arena *arena = loading->ruleset->arena;
    const struct node **maps = arena_array(arena, loading->n, sizeof(*maps));

    if (!maps)
        return false;
    for (size_t i = 0; i < loading->n; i++)
        maps[i] = part(loading, i, key, NODE_MAP);
    if (!named_collect(list, what, maps, loading->n, arena, loading->findings))
        return false;
    for (size_t i = 0; i < list->count; i++)
        list->items[i].good = part_fits(loading, list->items[i].value, schema);
    return true;
}

static bool collect_names(struct loading *loading)
{
    if (!collect_named(loading, &loading->rows, "rows", "row", &row_schema) ||
        !collect_named(loading, &loading->replies, "replies", "reply", &message_schema) ||
        !collect_named(loading, &loading->lookups, "lookups", "lookup", &lookup_schema))
        return false;
    loading->context.forms = lookup_forms(&loading->maker, &loading->lookups);
    if (!loading->context.forms)
        return false;
    for (size_t i = 0; i < loading->replies.count; i++) {
        struct named *reply = &loading->replies.items[i];

        reply->good = reply->good && rule_check_reply(reply->value, &loading->context);
    }
    return true;
}

/* --- settings ----------------------------------------------------------------------------------------------------- */

static bool find_once(struct loading *loading, const char *key, enum node_kind kind,
                      const struct schema *schema, const struct node **out)
{
    const struct node **nodes = arena_array(loading->ruleset->arena, loading->n, sizeof(*nodes));

    if (!nodes)
        return false;
    for (size_t i = 0; i < loading->n; i++)
        nodes[i] = part(loading, i, key, kind);
    *out = settings_once(nodes, loading->n, key, loading->findings);
    if (*out && !part_fits(loading, *out, schema))
        *out = NULL;
    return true;
}

/* The zone's file: one that came with the others (a ruleset out of the store), else from outside. */
static bool find_zone_file(struct loading *loading, const char *name)
{
    struct arena *arena = loading->ruleset->arena;
    struct buf path = BUF(200), bytes = BUF(ZONE_FILE_MAX);
    bool found = false;

    buf_printf(&path, "%s%s", ZONE_FILE, name);
    loading->zone.path = arena_str(arena, buf_get(&path));
    buf_free(&path);
    for (size_t i = 0; loading->zone.path && i < loading->n; i++)
        if (strcmp(loading->files[i].path, loading->zone.path) == 0) {
            loading->zone.text = loading->files[i].text;
            return true;
        }
    if (loading->zone.path && loading->read_zone && loading->read_zone(name, &bytes) && !bytes.failed) {
        loading->zone.text = arena_text(arena, buf_get(&bytes));
        found = loading->zone.text.p;
    }
    buf_free(&bytes);
    return found;
}

static void build_zone(struct loading *loading, const struct node *node)
{
    struct arena *arena = loading->ruleset->arena;
    struct fault fault = { "is not in the IANA database of this machine" };
    const char *name;

    if (!node || node_is(node, "UTC"))
        return;
    name = arena_str(arena, node->text);
    if (name && find_zone_file(loading, name))
        loading->ruleset->settings.zone = zone_parse(arena, loading->zone.text, &fault);
    if (loading->ruleset->settings.zone)
        return;
    finding_error(loading->findings, node->at, "the time zone '%.*s' %s", TEXT_ARG(node->text), fault.text);
    finding_hint(loading->findings, "zones are called as in /usr/share/zoneinfo: Europe/Berlin");
}

/* What is wrong here is counted; the rules are built all the same, to report their errors. */
static bool build_settings(struct loading *loading)
{
    const struct node *zone, *languages, *session;

    if (!find_once(loading, "session", NODE_SCALAR, &settings_session, &session) ||
        !find_once(loading, "zone", NODE_SCALAR, &settings_zone, &zone) ||
        !find_once(loading, "languages", NODE_LIST, &settings_languages, &languages) ||
        !collect_named(loading, &loading->hours, "hours", "hours", &settings_hours_item))
        return false;
    build_zone(loading, zone);
    loading->ruleset->settings.session_ms = SETTINGS_SESSION_MS;
    if (session && !text_duration(session->text, &loading->ruleset->settings.session_ms))
        return false;
    (void)!settings_build(&loading->maker, &loading->hours, languages, &loading->ruleset->settings);
    loading->maker.wants.contact = languages;
    return true;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

/* Errors of a rule are counted; the next ones are made all the same, to report theirs. */
static bool begin_rules(struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;
    size_t total = 0;

    for (size_t i = 0; i < loading->n; i++) {
        const struct node *list = part(loading, i, "rules", NODE_LIST);

        total += list ? list->count : 0;
    }
    ruleset->rules = arena_array(ruleset->arena, total, sizeof(*ruleset->rules));
    loading->context.lost = arena_array(ruleset->arena, total, sizeof(*loading->context.lost));
    if (!ruleset->rules || !loading->context.lost)
        return false;
    for (size_t i = 0; i < loading->n; i++) {
        const struct node *list = part(loading, i, "rules", NODE_LIST);

        for (size_t k = 0; list && k < list->count; k++) {
            struct rule *rule = &ruleset->rules[ruleset->count];

            if (!loading->fit[i] && !schema_check(&rule_schema, list->items[k], loading->scratch)) {
                loading->context.lost[loading->context.n_lost++] = list->items[k];
                continue;
            }
            ruleset->count++;
            if (!rule_begin(list->items[k], &loading->context, rule) && !rule->name)
                return false;
        }
    }
    return true;
}

/* The variables that the rules know: what some `set` gives. */
struct variables {
    struct arena *arena;
    const char **names;
    size_t n;
    bool failed;
};

static void note_variable(struct variables *variables, struct text name)
{
    for (size_t i = 0; i < variables->n; i++)
        if (text_is(name, variables->names[i]))
            return;
    if ((variables->n & (variables->n + 1)) == 0) { /* room for n and the NULL behind them */
        const char **more = arena_array(variables->arena, 2 * variables->n + 2, sizeof(*more));

        if (more && variables->n)
            memcpy(more, variables->names, variables->n * sizeof(*more));
        variables->names = more ? more : variables->names;
        variables->failed |= !more;
    }
    if (variables->failed)
        return;
    variables->names[variables->n] = arena_str(variables->arena, name);
    variables->failed |= !variables->names[variables->n++];
}

static void note_set(void *context, const struct node *map)
{
    const struct node *set = node_get(map, "set");

    for (size_t i = 0; set && set->kind == NODE_MAP && i < set->count; i++)
        note_variable(context, set->keys[i]->text);
}

static bool find_variables(struct loading *loading)
{
    struct variables variables = { .arena = loading->ruleset->arena };

    variables.names = arena_array(variables.arena, 1, sizeof(*variables.names));
    if (!variables.names)
        return false;
    for (size_t i = 0; i < loading->ruleset->count; i++)
        step_visit(loading->ruleset->rules[i].node, note_set, &variables);
    for (size_t i = 0; i < loading->context.n_lost; i++)
        step_visit(loading->context.lost[i], note_set, &variables);
    loading->maker.variables = variables.names;
    return !variables.failed;
}

static bool build_rules(struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;

    loading->context.rules = ruleset->rules;
    loading->context.by_name = ruleset->by_name;
    loading->context.n_rules = ruleset->count;
    if (!rule_goto_origins(&loading->context) || !find_variables(loading))
        return false;
    for (size_t i = 0; i < ruleset->count; i++)
        (void)!rule_build(&loading->context, &ruleset->rules[i]);
    rule_goto_circles(&loading->context);
    return true;
}

/* --- checks over all rules ---------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const struct rule *left = *(const struct rule *const *)a, *right = *(const struct rule *const *)b;
    int order = strcmp(left->name, right->name);

    return order ? order : (left > right) - (left < right);
}

static bool sort_names(struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;

    ruleset->by_name = arena_array(ruleset->arena, ruleset->count, sizeof(*ruleset->by_name));
    if (!ruleset->by_name)
        return false;
    for (size_t i = 0; i < ruleset->count; i++)
        ruleset->by_name[i] = &ruleset->rules[i];
    if (ruleset->count)
        qsort(ruleset->by_name, ruleset->count, sizeof(*ruleset->by_name), compare_names);
    for (size_t i = 1; i < ruleset->count; i++) {
        const struct rule *first = ruleset->by_name[i - 1], *twin = ruleset->by_name[i];

        if (strcmp(first->name, twin->name) != 0)
            continue;
        finding_error(loading->findings, twin->at, "two rules are called '%s'", twin->name);
        finding_hint(loading->findings, "the other is in %s, line %d", first->at.document->path,
                     first->at.line);
    }
    return true;
}

static void warn(struct loading *loading)
{
    const struct ruleset *ruleset = loading->ruleset;
    bool has_default = false;

    for (size_t i = 0; i < ruleset->count; i++)
        has_default |= ruleset->rules[i].otherwise != DEFAULT_NO;
    if (ruleset->count == 0)
        finding_add(loading->findings, FINDING_WARNING, (struct place){ NULL }, "there are no rules");
    else if (!has_default)
        finding_add(loading->findings, FINDING_WARNING, (struct place){ NULL },
                    "no rule has 'default': a tap that no rule takes is only counted");
    named_warn_unused(&loading->replies, loading->findings);
    named_warn_unused(&loading->rows, loading->findings);
    named_warn_unused(&loading->lookups, loading->findings);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* "callbackd rules 1", then for each file "PATH-LENGTH TEXT-LENGTH", the path and the text. */
static void print_file(const struct ruleset_file *file, struct buf *out)
{
    buf_printf(out, "%zu %zu\n", strlen(file->path), file->text.n);
    buf_str(out, file->path);
    buf_text(out, file->text);
}

static bool print_source(const struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;
    struct buf out = BUF(SOURCE_MAX);
    struct text text;

    buf_str(&out, HEADER);
    for (size_t i = 0; i < loading->n; i++)
        if (!text_starts(text_of(loading->files[i].path), ZONE_FILE))
            print_file(&loading->files[i], &out);
    if (loading->ruleset->settings.zone)
        print_file(&loading->zone, &out);
    ruleset->source_len = out.len;
    ruleset->source = buf_take(&out);
    if (!ruleset->source)
        return false;
    text = text_make(ruleset->source, ruleset->source_len);
    return sign_digest(SIGN_SHA256, &text, 1, ruleset->hash);
}

static bool load(struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;

    if (!read_files(loading))
        return false;
    if (loading->unread) /* what the others use of it would be missing, and bury its error */
        return true;
    if (!build_settings(loading) || !begin_rules(loading) || !sort_names(loading) ||
        !collect_names(loading) || !build_rules(loading) || !print_source(loading))
        return false;
    ruleset->taps = ruleset_index_new(ruleset->rules, ruleset->count, INDEX_TAP, ruleset->arena);
    ruleset->texts = ruleset_index_new(ruleset->rules, ruleset->count, INDEX_TEXT, ruleset->arena);
    ruleset->wants = loading->maker.wants;
    ruleset->secrets = loading->maker.secrets;
    for (size_t i = 0; i < ruleset->count; i++) {
        const struct rule *rule = &ruleset->rules[i];

        ruleset->longest = rule->send_within_ms > ruleset->longest ? rule->send_within_ms : ruleset->longest;
        ruleset->window = rule->dedup_ms > ruleset->window ? rule->dedup_ms : ruleset->window;
    }
    return ruleset->taps && ruleset->texts;
}

static struct ruleset *ruleset_new(void)
{
    struct ruleset *ruleset = calloc(1, sizeof(*ruleset));

    if (!ruleset)
        return NULL;
    ruleset->arena = arena_new(ARENA_MAX);
    if (ruleset->arena)
        ruleset->pool = pattern_pool_new(ruleset->arena);
    if (ruleset->pool)
        return ruleset;
    arena_free(ruleset->arena);
    free(ruleset);
    return NULL;
}

static void prepare(struct loading *loading, const struct ruleset_channel *channels, size_t n_channels)
{
    loading->maker = (struct maker){
        .arena = loading->ruleset->arena,
        .findings = loading->findings,
        .pool = loading->ruleset->pool,
        .settings = &loading->ruleset->settings,
    };
    loading->context = (struct rule_context){
        .maker = &loading->maker,
        .replies = &loading->replies,
        .rows = &loading->rows,
        .lookups = &loading->lookups,
        .channels = channels,
        .n_channels = n_channels,
    };
}

static bool fits(const struct ruleset_file *files, size_t n, struct findings *findings)
{
    size_t bytes = 0;

    if (n > FILES_MAX) {
        finding_error(findings, (struct place){ NULL }, "more than %d rule files", FILES_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        bytes += files[i].text.n;
    if (bytes <= RULES_MAX)
        return true;
    finding_error(findings, (struct place){ NULL }, "the rules have %zu kB in all, more than %zu kB",
                  bytes >> 10, RULES_MAX >> 10);
    finding_hint(findings, "divide them among several callbackds, each with its own sources");
    return false;
}

struct ruleset *ruleset_build_zoned(const struct ruleset_file *files, size_t n_files,
                                    const struct ruleset_channel *channels, size_t n_channels,
                                    bool (*read_zone)(const char *name, struct buf *out),
                                    struct findings *findings)
{
    struct loading loading = { .findings = findings, .files = files, .n = n_files, .read_zone = read_zone };
    const size_t errors = findings_count(findings, FINDING_ERROR);

    if (!fits(files, n_files, findings))
        return NULL;
    loading.ruleset = ruleset_new();
    loading.scratch = findings_new();
    if (loading.ruleset)
        prepare(&loading, channels, n_channels);
    if (!loading.ruleset || !loading.scratch || !load(&loading))
        out_of_memory(&loading);
    else if (findings_count(findings, FINDING_ERROR) == errors)
        warn(&loading);
    findings_free(loading.scratch);
    if (findings_count(findings, FINDING_ERROR) == errors)
        return loading.ruleset;
    ruleset_free(loading.ruleset);
    return NULL;
}

struct ruleset *ruleset_build(const struct ruleset_file *files, size_t n_files,
                              const struct ruleset_channel *channels, size_t n_channels,
                              struct findings *findings)
{
    return ruleset_build_zoned(files, n_files, channels, n_channels, NULL, findings);
}

/* --- stored rulesets ---------------------------------------------------------------------------------------------- */

static bool read_length(struct text *rest, char end, size_t *out)
{
    struct text digits, tail;
    int64_t value;

    if (!text_cut(*rest, end, &digits, &tail) || !text_i64(digits, &value) || value < 0 ||
        (uint64_t)value > tail.n)
        return false;
    *out = (size_t)value;
    *rest = tail;
    return true;
}

static bool read_file(struct text *rest, struct ruleset_file *out)
{
    size_t path, text;

    if (!read_length(rest, ' ', &path) || !read_length(rest, '\n', &text) || path > rest->n ||
        text > rest->n - path)
        return false;
    out->path = text_dup(text_make(rest->p, path));
    out->text = text_make(rest->p + path, text);
    *rest = text_make(rest->p + path + text, rest->n - path - text);
    return out->path != NULL;
}

static struct ruleset *read_framed(struct text source, struct ruleset_file *files, size_t *n,
                                   struct findings *findings)
{
    struct text rest = text_make(source.p + strlen(HEADER), source.n - strlen(HEADER));

    while (rest.n) {
        if (*n == FILES_MAX || !read_file(&rest, &files[*n])) {
            finding_error(findings, (struct place){ NULL }, "the stored rules are damaged");
            return NULL;
        }
        (*n)++;
    }
    return ruleset_build(files, *n, NULL, 0, findings);
}

struct ruleset *ruleset_read(struct text source, struct fault *fault)
{
    struct ruleset_file *files = calloc(FILES_MAX, sizeof(*files));
    struct findings *findings = findings_new();
    struct ruleset *ruleset = NULL;
    size_t n = 0;

    if (!files || !findings) {
        fault_set(fault, "out of memory");
    } else if (!text_starts(source, HEADER)) {
        fault_set(fault, "the stored rules are of another version or damaged");
    } else {
        ruleset = read_framed(source, files, &n, findings);
        if (!ruleset)
            fault_set(fault, "%s", findings_get(findings, 0) ? findings_get(findings, 0)->text : "?");
    }
    for (size_t i = 0; i < n; i++)
        free((char *)files[i].path);
    free(files);
    findings_free(findings);
    return ruleset;
}
