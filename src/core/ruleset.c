#include "core/ruleset.h"

#include "core/doc.h"
#include "core/rule_build.h"
#include "core/ruleset_index.h"
#include "core/sign.h"
#include "core/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)1 << 30)
#define SOURCE_MAX ((size_t)64 << 20)
#define FILES_MAX 1000
#define HEADER "callbackd rules 1\n"

struct ruleset {
    struct arena *arena;
    struct rule *rules;
    size_t count;
    const struct rule **by_name; /* sorted */
    const struct ruleset_index *taps, *texts;
    char *source;
    size_t source_len;
    unsigned char hash[SIGN_MAX];
    bool wants_contact;
    int64_t longest;
};

/* What is only needed while a ruleset is made. */
struct loading {
    struct ruleset *ruleset;
    struct findings *findings, *scratch;
    struct document **documents; /* NULL: could not be read */
    bool *fit;                   /* the schema took the whole document */
    size_t n;
    struct named_list replies, rows;
    struct rule_context context;
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void out_of_memory(struct loading *loading)
{
    finding_error(loading->findings, (struct place){ NULL }, "out of memory");
}

static bool read_files(struct loading *loading, const struct ruleset_file *files)
{
    struct arena *arena = loading->ruleset->arena;

    loading->documents = arena_array(arena, loading->n, sizeof(struct document *));
    loading->fit = arena_array(arena, loading->n, sizeof(bool));
    if (!loading->documents || !loading->fit)
        return false;
    for (size_t i = 0; i < loading->n; i++) {
        bool json = text_ends(text_of(files[i].path), ".json");
        struct document *document = json ? json_read(arena, files[i].path, files[i].text, loading->findings)
                                         : yaml_read(arena, files[i].path, files[i].text, loading->findings);

        loading->documents[i] = document;
        if (document && document->root)
            loading->fit[i] = schema_check(&rules_schema, document->root, loading->findings);
    }
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
        !collect_named(loading, &loading->replies, "replies", "reply", &message_schema))
        return false;
    for (size_t i = 0; i < loading->replies.count; i++) {
        struct named *reply = &loading->replies.items[i];

        reply->good = reply->good && rule_check_reply(reply->value, &loading->context);
    }
    return true;
}

static bool build_rules(struct loading *loading)
{
    struct ruleset *ruleset = loading->ruleset;
    size_t total = 0;

    for (size_t i = 0; i < loading->n; i++) {
        const struct node *list = part(loading, i, "rules", NODE_LIST);

        total += list ? list->count : 0;
    }
    ruleset->rules = arena_array(ruleset->arena, total, sizeof(*ruleset->rules));
    if (!ruleset->rules)
        return false;
    for (size_t i = 0; i < loading->n; i++) {
        const struct node *list = part(loading, i, "rules", NODE_LIST);

        for (size_t k = 0; list && k < list->count; k++) {
            struct rule *rule = &ruleset->rules[ruleset->count];

            if (!loading->fit[i] && !schema_check(&rule_schema, list->items[k], loading->scratch))
                continue;
            ruleset->count++;
            /* its errors are counted; the next rules are built all the same, to report theirs */
            if (!rule_build(list->items[k], &loading->context, rule) && !rule->name)
                return false;
        }
    }
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
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* "callbackd rules 1", then for each file "PATH-LENGTH TEXT-LENGTH", the path and the text. */
static bool print_source(struct ruleset *ruleset, const struct ruleset_file *files, size_t n)
{
    struct buf out = BUF(SOURCE_MAX);
    struct text text;

    buf_str(&out, HEADER);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&out, "%zu %zu\n", strlen(files[i].path), files[i].text.n);
        buf_str(&out, files[i].path);
        buf_text(&out, files[i].text);
    }
    ruleset->source_len = out.len;
    ruleset->source = buf_take(&out);
    if (!ruleset->source)
        return false;
    text = text_make(ruleset->source, ruleset->source_len);
    return sign_digest(SIGN_SHA256, &text, 1, ruleset->hash);
}

static bool load(struct loading *loading, const struct ruleset_file *files)
{
    struct ruleset *ruleset = loading->ruleset;

    loading->context.replies = &loading->replies;
    loading->context.rows = &loading->rows;
    if (!read_files(loading, files) || !collect_names(loading) || !build_rules(loading) ||
        !sort_names(loading) || !print_source(ruleset, files, loading->n))
        return false;
    ruleset->taps = ruleset_index_new(ruleset->rules, ruleset->count, INDEX_TAP, ruleset->arena);
    ruleset->texts = ruleset_index_new(ruleset->rules, ruleset->count, INDEX_TEXT, ruleset->arena);
    ruleset->wants_contact = loading->context.wants_contact;
    for (size_t i = 0; i < ruleset->count; i++)
        if (ruleset->rules[i].send_within_ms > ruleset->longest)
            ruleset->longest = ruleset->rules[i].send_within_ms;
    return ruleset->taps && ruleset->texts;
}

static struct ruleset *ruleset_new(void)
{
    struct ruleset *ruleset = calloc(1, sizeof(*ruleset));

    if (!ruleset)
        return NULL;
    ruleset->arena = arena_new(ARENA_MAX);
    if (ruleset->arena)
        return ruleset;
    free(ruleset);
    return NULL;
}

struct ruleset *ruleset_build(const struct ruleset_file *files, size_t n_files,
                              const struct ruleset_channel *channels, size_t n_channels,
                              struct findings *findings)
{
    struct loading loading = { .findings = findings, .n = n_files };
    const size_t errors = findings_count(findings, FINDING_ERROR);

    if (n_files > FILES_MAX) {
        finding_error(findings, (struct place){ NULL }, "more than %d rule files", FILES_MAX);
        return NULL;
    }
    loading.ruleset = ruleset_new();
    loading.scratch = findings_new();
    if (loading.ruleset)
        loading.context = (struct rule_context){
            .arena = loading.ruleset->arena,
            .findings = findings,
            .channels = channels,
            .n_channels = n_channels,
        };
    if (!loading.ruleset || !loading.scratch || !load(&loading, files))
        out_of_memory(&loading);
    else if (findings_count(findings, FINDING_ERROR) == errors)
        warn(&loading);
    findings_free(loading.scratch);
    if (findings_count(findings, FINDING_ERROR) == errors)
        return loading.ruleset;
    ruleset_free(loading.ruleset);
    return NULL;
}

void ruleset_free(struct ruleset *ruleset)
{
    if (!ruleset)
        return;
    for (size_t i = 0; i < ruleset->count; i++)
        rule_clear(&ruleset->rules[i]);
    arena_free(ruleset->arena);
    free(ruleset->source);
    free(ruleset);
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

struct text ruleset_source(const struct ruleset *ruleset)
{
    return text_make(ruleset->source, ruleset->source_len);
}

struct text ruleset_hash(const struct ruleset *ruleset)
{
    return text_make((const char *)ruleset->hash, sign_hash_size(SIGN_SHA256));
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

size_t ruleset_count(const struct ruleset *ruleset)
{
    return ruleset->count;
}

const struct rule *ruleset_rule(const struct ruleset *ruleset, size_t i)
{
    return i < ruleset->count ? &ruleset->rules[i] : NULL;
}

const struct rule *ruleset_find(const struct ruleset *ruleset, struct text name)
{
    size_t low = 0, high = ruleset->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *found = ruleset->by_name[middle]->name;
        size_t n = strlen(found);
        int order = memcmp(found, name.p ? name.p : "", n < name.n ? n : name.n);

        if (order == 0)
            order = (n > name.n) - (n < name.n);
        if (order == 0)
            return ruleset->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool ruleset_wants_contact(const struct ruleset *ruleset)
{
    return ruleset->wants_contact;
}

int64_t ruleset_longest(const struct ruleset *ruleset)
{
    return ruleset->longest;
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool add_capture(struct json_object *captures, const char *key, struct text value)
{
    return !value.p || doc_add_text(captures, key, value);
}

static bool take_captures(const struct pattern *pattern, const struct pattern_scratch *scratch,
                          struct json_object *captures)
{
    for (int i = 1; i <= pattern_groups(pattern); i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        if (!add_capture(captures, key, pattern_group(scratch, i)))
            return false;
    }
    for (size_t i = 0; i < pattern_names(pattern); i++) {
        int group = 0;
        const char *name = pattern_name(pattern, i, &group);

        if (!add_capture(captures, name, pattern_group(scratch, group)))
            return false;
    }
    return true;
}

static const struct rule *find_default(const struct ruleset *ruleset, bool tap)
{
    for (size_t i = 0; i < ruleset->count; i++)
        if (ruleset->rules[i].otherwise == DEFAULT_ANY || (tap && ruleset->rules[i].otherwise == DEFAULT_TAP))
            return &ruleset->rules[i];
    return NULL;
}

static bool counts_as_tap(const struct ruleset_question *question)
{
    return question->kind == ENTRY_TAP ||
           (question->kind == ENTRY_EITHER && (question->issued || question->looks_like_tap));
}

bool ruleset_match(const struct ruleset *ruleset, const struct ruleset_question *question,
                   struct pattern_scratch *scratch, struct match *match)
{
    const struct pattern *pattern = NULL;

    *match = (struct match){ .captures = json_object_new_object() };
    if (!match->captures)
        return false;
    if (question->kind != ENTRY_TEXT) {
        match->how = MATCH_TAP;
        match->rule = ruleset_index_find(ruleset->taps, question->data, scratch, &match->limited);
        pattern = match->rule ? match->rule->tap : NULL;
    }
    if (question->kind != ENTRY_TAP && !match->rule) {
        match->how = MATCH_TEXT;
        match->rule = ruleset_index_find(ruleset->texts, text_trim(question->data), scratch, &match->limited);
        pattern = match->rule ? match->rule->text : NULL;
    }
    if (!match->rule) {
        match->how = MATCH_DEFAULT;
        match->rule = find_default(ruleset, counts_as_tap(question));
    }
    if (!match->rule)
        match->how = MATCH_NONE;
    if (!pattern || take_captures(pattern, scratch, match->captures))
        return true;
    json_object_put(match->captures);
    match->captures = NULL;
    return false;
}
