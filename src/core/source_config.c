/* A source out of its checked node. */

#include "core/schema.h"
#include "core/source_internal.h"

#include <string.h>

#define LOOKS_LIKE_TAP "[A-Za-z0-9_-]+:\\S*"
#define DATA_PATTERN "(?i)(?:^|\\n)[ \\t]*callback[_ ]data[ \\t]*[:=][ \\t]*(?<data>[^\\n]+)"

#define TAKEOVER_MS ((int64_t)30 * 60 * 1000)

enum { INTERCOM = 1, HUBSPOT = 2, GENERIC = 4 };

static const struct {
    const struct source_ops *ops;
    unsigned bit;
} kinds[] = { { &source_intercom, INTERCOM }, { &source_hubspot, HUBSPOT }, { &source_generic, GENERIC } };

/* Keys that not every kind has. */
static const struct {
    const char *key;
    unsigned kinds;
} limited[] = {
    { "api", INTERCOM | HUBSPOT },
    { "token", INTERCOM | HUBSPOT },
    { "apps", INTERCOM | HUBSPOT },
    { "portals", HUBSPOT },
    { "topics", INTERCOM },
    { "takeover", INTERCOM | HUBSPOT },
    { "admin_id", INTERCOM },
    { "actor_id", HUBSPOT },
    { "authors", INTERCOM },
    { "signatures", HUBSPOT },
    { "message_types", HUBSPOT },
    { "directions", HUBSPOT },
    { "contact_properties", HUBSPOT },
    { "signature", GENERIC },
    { "static_token", GENERIC },
    { "entries", GENERIC },
    { "id", GENERIC },
    { "conversation", GENERIC },
    { "data", GENERIC },
    { "text", GENERIC },
    { "said_at", GENERIC },
    { "attachment", GENERIC },
    { "delivery_id", GENERIC },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct build {
    const struct node *node;
    struct source *source;
    struct arena *arena;
    struct findings *findings;
    unsigned bit;
    bool good;
};

#define WRONG(build, node, ...) \
    (finding_error((build)->findings, (node)->at, __VA_ARGS__), (void)((build)->good = false))

static void *room(struct build *build, size_t count, size_t size)
{
    void *bytes = arena_array(build->arena, count, size);

    if (!bytes)
        WRONG(build, build->node, "memory is out");
    return bytes;
}

static const char *keep(struct build *build, struct text value)
{
    const char *copy = arena_str(build->arena, value);

    if (!copy)
        WRONG(build, build->node, "memory is out");
    return copy;
}

/* A text of the source, or the default, which may be NULL. */
static const char *text_key(struct build *build, const char *key, const char *otherwise)
{
    struct text value = schema_text(build->node, key, otherwise);

    return node_get(build->node, key) || otherwise ? keep(build, value) : NULL;
}

/* A URL without slashes at its end. */
static const char *url_key(struct build *build, struct text value)
{
    while (text_ends(value, "/"))
        value.n--;
    return keep(build, value);
}

/* The list of a key; `otherwise` (up to NULL, or NULL) where it is absent. */
static void words_key(struct build *build, const char *key, const char *const *otherwise, struct words *out)
{
    const struct node *list = node_get(build->node, key);
    size_t n = list ? list->count : 0;

    if (!list)
        while (otherwise && otherwise[n])
            n++;
    out->items = room(build, n, sizeof(*out->items));
    for (size_t i = 0; out->items && i < n; i++)
        out->items[i] = keep(build, list ? list->items[i]->text : text_of(otherwise[i]));
    out->count = out->items ? n : 0;
}

/* --- patterns and places ------------------------------------------------------------------------------------------ */

static struct pattern *compile(struct build *build, const struct node *node, struct text source,
                               enum pattern_use use)
{
    struct fault fault;
    size_t offset = 0;
    struct pattern *pattern = pattern_compile(source, use, &offset, &fault);

    if (!pattern)
        WRONG(build, node, "%s (at byte %zu of the pattern)", fault.text, offset);
    return pattern;
}

/* The number of the group that the pattern must have. */
static int group_of(struct build *build, const struct node *node, const struct pattern *pattern,
                    const char *name)
{
    int group = 0;

    for (size_t i = 0; i < pattern_names(pattern); i++)
        if (strcmp(pattern_name(pattern, i, &group), name) == 0)
            return group;
    WRONG(build, node, "the pattern has no group '%s'", name);
    finding_hint(build->findings, "write (?<%s>...) around what is to be taken", name);
    return 0;
}

static void spot_pattern(struct build *build, const struct node *node, enum pattern_use use,
                         const char *group, struct spot *out)
{
    if (!node)
        return;
    out->pattern = compile(build, node, node->text, use);
    if (out->pattern)
        out->group = group_of(build, node, out->pattern, group);
}

static void spot_pointer(struct build *build, const struct node *node, struct text at, struct spot *out)
{
    struct text pointer = TEXT_NONE;

    if (at.n && !source_pointer(at, &out->root, &pointer))
        WRONG(build, node, "a JSON pointer is expected here");
    if (out->root == ROOT_PART && build->bit != INTERCOM)
        WRONG(build, node, "'part:' is for intercom sources");
    if (out->root == ROOT_BODY && build->bit == HUBSPOT)
        WRONG(build, node, "'body:' is not for hubspot sources: places are looked up in the fetched message");
    out->kind = SPOT_POINTER;
    out->at = keep(build, at);
    out->pointer = keep(build, pointer);
}

static void user_spot(struct build *build, const struct node *node, struct text at, struct spot *out)
{
    static const struct {
        const char *word;
        enum spot_kind kind;
        unsigned bit;
    } words[] = { { "sender", SPOT_SENDER, HUBSPOT }, { "external_id", SPOT_EXTERNAL_ID, INTERCOM } };

    for (size_t i = 0; i < COUNT(words); i++)
        if (text_is(at, words[i].word)) {
            if (words[i].bit != build->bit)
                WRONG(build, node, "'%s' is not for %s sources", words[i].word, build->source->ops->kind);
            *out = (struct spot){ words[i].kind, ROOT_MAIN, words[i].word, NULL, NULL, 0 };
            return;
        }
    if (!text_starts(at, "contact.")) {
        spot_pointer(build, node, at, out);
        return;
    }
    if (!build->source->ops->contact)
        WRONG(build, node, "%s sources fetch no contacts", build->source->ops->kind);
    out->kind = SPOT_CONTACT;
    out->at = keep(build, at);
    out->pointer = keep(build, text_make(at.p + 8, at.n - 8));
}

static void user_ids(struct build *build)
{
    const char *const *defaults = build->source->ops->user_ids;
    const struct node *list = node_get(build->node, "user_id");
    struct spots *spots = &build->source->user_ids;
    size_t n = list ? list->count : 0;

    if (!list)
        while (defaults[n])
            n++;
    spots->items = room(build, n, sizeof(*spots->items));
    spots->count = spots->items ? n : 0;
    for (size_t i = 0; i < spots->count; i++) {
        const struct node *item = list ? list->items[i] : build->node;
        const struct node *at = list && item->kind == NODE_MAP ? node_get(item, "at") : item;

        user_spot(build, at, list ? at->text : text_of(defaults[i]), &spots->items[i]);
        if (list)
            spot_pattern(build, node_get(item, "pattern"), PATTERN_WHOLE, "id", &spots->items[i]);
    }
}

static void data_spot(struct build *build, const struct node *node, struct spot *out)
{
    if (node->kind == NODE_MAP) {
        *out = (struct spot){ .kind = SPOT_PATTERN, .at = "" };
        spot_pattern(build, node_get(node, "pattern"), PATTERN_SEARCH, "data", out);
    } else if (node_is(node, "json") || node_is(node, "text")) {
        *out = (struct spot){ .kind = node_is(node, "json") ? SPOT_JSON : SPOT_TEXT, .at = "" };
    } else {
        spot_pointer(build, node, node->text, out);
    }
}

/* The generic kind's `data` comes first; then what is listed. Where nothing says where the data is: a JSON object in the
   text, "callback_data: ...", the whole text. */
static void data_spots(struct build *build)
{
    const struct node *list = node_get(build->node, "callback_data"), *data = node_get(build->node, "data");
    struct spots *spots = &build->source->data;

    spots->items = room(build, (list ? list->count : 3) + 1, sizeof(*spots->items));
    if (!spots->items)
        return;
    if (data && data->text.n)
        spot_pointer(build, data, data->text, &spots->items[spots->count++]);
    for (size_t i = 0; list && i < list->count; i++)
        data_spot(build, list->items[i], &spots->items[spots->count++]);
    if (spots->count)
        return;
    spots->items[0] = (struct spot){ .kind = SPOT_JSON, .at = "" };
    spots->items[1] = (struct spot){ .kind = SPOT_PATTERN, .at = "" };
    spots->items[2] = (struct spot){ .kind = SPOT_TEXT, .at = "" };
    spots->count = 3;
    spots->items[1].pattern = compile(build, build->node, text_of(DATA_PATTERN), PATTERN_SEARCH);
    if (spots->items[1].pattern)
        spots->items[1].group = group_of(build, build->node, spots->items[1].pattern, "data");
}

/* --- the kinds ---------------------------------------------------------------------------------------------------- */

static void need(struct build *build, const char *key, const char *why)
{
    if (node_get(build->node, key))
        return;
    WRONG(build, build->node, "'%s' is missing here", key);
    finding_hint(build->findings, "%s", why);
}

static void build_hubspot(struct build *build)
{
    static const char *const types[] = { "MESSAGE", NULL }, *const directions[] = { "INCOMING", NULL };
    static const char *const v3[] = { "v3", NULL };
    struct source *source = build->source;
    struct words versions;

    words_key(build, "message_types", types, &source->message_types);
    words_key(build, "directions", directions, &source->directions);
    words_key(build, "signatures", v3, &versions);
    if (!build->good)
        return;
    source->signatures = (words_have(&versions, "v1") ? HUBSPOT_V1 : 0) |
                         (words_have(&versions, "v2") ? HUBSPOT_V2 : 0) |
                         (words_have(&versions, "v3") ? HUBSPOT_V3 : 0);
    need(build, "token", "HubSpot's webhooks carry no text; it is fetched with the token");
    if (!source->public_url && source->signatures != HUBSPOT_V1) {
        WRONG(build, build->node, "source '%s' needs public_url at the top of the configuration",
              source->name);
        finding_hint(build->findings,
                     "public_url: https://hooks.example.com; HubSpot signs the URL that it calls");
    }
}

static bool wants_any_contact(const struct source *source)
{
    for (size_t i = 0; i < source->user_ids.count; i++)
        if (source->user_ids.items[i].kind == SPOT_CONTACT)
            return true;
    return false;
}

static void build_intercom(struct build *build)
{
    if (wants_any_contact(build->source))
        need(build, "token", "the contact of `user_id` is fetched with the token");
}

static void pointer_key(struct build *build, const char *key, const char *otherwise, enum spot_root root,
                        struct spot *out)
{
    const struct node *node = node_get(build->node, key);

    spot_pointer(build, node ? node : build->node, schema_text(build->node, key, otherwise), out);
    if (out->root == ROOT_MAIN)
        out->root = root;
}

static void add_secret(struct build *build, struct text reference)
{
    struct words *refs = &build->source->secret_refs;
    const char **items = room(build, refs->count + 1, sizeof(*items));

    if (!items)
        return;
    for (size_t i = 0; i < refs->count; i++)
        items[i] = refs->items[i];
    items[refs->count++] = keep(build, reference);
    refs->items = items;
}

static void build_scheme(struct build *build)
{
    const struct node *signature = node_get(build->node, "signature");
    const struct node *token = node_get(build->node, "static_token");
    const struct node *from = token ? token : signature;
    struct generic_scheme *scheme = &build->source->scheme;

    if (!signature == !token) {
        WRONG(build, build->node, "a generic source has either `signature` or `static_token`");
        return;
    }
    scheme->token = token != NULL;
    scheme->header = keep(build, schema_text(from, "header", ""));
    scheme->prefix = keep(build, schema_text(from, "prefix", ""));
    scheme->hash = text_is(schema_text(from, "hash", "sha256"), "sha1") ? SIGN_SHA1 : SIGN_SHA256;
    scheme->base64 = text_is(schema_text(from, "encoding", "hex"), "base64");
    if (token && node_get(token, "token"))
        add_secret(build, schema_text(token, "token", ""));
}

static void build_generic(struct build *build)
{
    struct generic_pointers *pointers = &build->source->pointers;

    build_scheme(build);
    pointer_key(build, "entries", "", ROOT_BODY, &pointers->entries);
    pointer_key(build, "id", "/id", ROOT_MAIN, &pointers->id);
    pointer_key(build, "conversation", "/conversation_id", ROOT_MAIN, &pointers->conversation);
    pointer_key(build, "text", "/text", ROOT_MAIN, &pointers->text);
    pointer_key(build, "said_at", "/created_at", ROOT_MAIN, &pointers->said_at);
    pointer_key(build, "attachment", "/attachment", ROOT_MAIN, &pointers->attachment);
    if (node_get(build->node, "delivery_id"))
        pointer_key(build, "delivery_id", "", ROOT_BODY, &pointers->delivery);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void find_kind(struct build *build)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (text_is(schema_text(build->node, "kind", ""), kinds[i].ops->kind)) {
            build->source->ops = kinds[i].ops;
            build->bit = kinds[i].bit;
        }
}

static void check_keys(struct build *build)
{
    for (size_t i = 0; i < build->node->count; i++)
        for (size_t k = 0; k < COUNT(limited); k++)
            if (node_is(build->node->keys[i], limited[k].key) && !(limited[k].kinds & build->bit))
                WRONG(build, build->node->keys[i], "'%s' is no key of %s sources", limited[k].key,
                      build->source->ops->kind);
}

static void build_common(struct build *build, const char *public_url)
{
    struct source *source = build->source;
    const struct node *tap = node_get(build->node, "looks_like_tap");

    source->name = text_key(build, "name", "");
    source->path = text_key(build, "path", "");
    source->channel = text_key(build, "channel", "");
    source->token_ref = text_key(build, "token", NULL);
    source->admin_id = text_key(build, build->bit == HUBSPOT ? "actor_id" : "admin_id", NULL);
    source->takeover_ms = build->bit == GENERIC ? 0 : schema_duration(build->node, "takeover", TAKEOVER_MS);
    source->retention_ms = schema_duration(build->node, "retention", 0);
    if (source->ops->api)
        source->api = url_key(build, schema_text(build->node, "api", source->ops->api));
    if (public_url)
        source->public_url = url_key(build, text_of(public_url));
    words_key(build, "secrets", NULL, &source->secret_refs);
    words_key(build, "topics", source->ops->topics, &source->topics);
    words_key(build, "authors", source->ops->authors, &source->authors);
    words_key(build, "apps", NULL, &source->apps);
    words_key(build, "portals", NULL, &source->portals);
    words_key(build, "contact_properties", NULL, &source->contact_properties);
    source->looks_like_tap =
        compile(build, tap ? tap : build->node, schema_text(build->node, "looks_like_tap", LOOKS_LIKE_TAP),
                PATTERN_WHOLE);
    user_ids(build);
    data_spots(build);
}

static void build_kind(struct build *build)
{
    if (build->bit == INTERCOM)
        build_intercom(build);
    else if (build->bit == HUBSPOT)
        build_hubspot(build);
    else
        build_generic(build);
    if (!build->source->secret_refs.count)
        need(build, "secrets", "secrets: [ env:NAME ], what the requests are signed with");
}

struct source *source_build(const struct node *node, const char *public_url, struct arena *arena,
                            struct findings *findings)
{
    struct build build = { node, NULL, arena, findings, 0, true };

    build.source = room(&build, 1, sizeof(*build.source));
    if (!build.source)
        return NULL;
    find_kind(&build);
    if (!build.source->ops) {
        WRONG(&build, node, "the kind of the source is missing");
        return NULL;
    }
    check_keys(&build);
    build_common(&build, public_url);
    build_kind(&build);
    if (build.good)
        return build.source;
    source_free(build.source);
    return NULL;
}

static void free_spots(const struct spots *spots)
{
    for (size_t i = 0; i < spots->count; i++)
        pattern_free(spots->items[i].pattern);
}

void source_free(struct source *source)
{
    if (!source)
        return;
    free_spots(&source->user_ids);
    free_spots(&source->data);
    pattern_free(source->looks_like_tap);
}
