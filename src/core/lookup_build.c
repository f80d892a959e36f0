#include "core/address.h"
#include "core/config_forms.h"
#include "core/lookup_parts.h"
#include "core/node_json.h"
#include "core/pattern_pool.h"

#include <string.h>

#define TIMEOUT_MS 5000
#define TIMEOUT_MAX 30000
#define CACHE_MAX ((int64_t)24 * 3600 * 1000)
#define HEADERS_MAX 20
#define HOSTS_MAX 50
#define FIELDS_MAX 100
#define WITH_MAX 20
#define SHOWN_MAX 60

/* --- schema ------------------------------------------------------------------------------------------------------- */

static const char *const method_words[] = { "GET", "POST", NULL };

static const struct schema any_text = { .kind = SCHEMA_TEXT };
static const struct schema any_value;
static const struct schema any_list = { .kind = SCHEMA_LIST, .what = "a list", .item = &any_value };
static const struct schema any_map = { .kind = SCHEMA_DICT, .what = "a map", .item = &any_value };
static const struct schema *const any_options[] = { &any_text, &any_list, &any_map, NULL };
static const struct schema any_value = { .kind = SCHEMA_ANY_OF, .what = "a value", .options = any_options };
static const struct schema *const whole_options[] = { &any_list, &any_map, NULL };
static const struct schema whole_value = { .kind = SCHEMA_ANY_OF,
                                           .what = "a map or a list",
                                           .options = whole_options };

static const struct schema url_schema = {
    .kind = SCHEMA_TEXT, .what = "an address", .least = 1, .most = 2000
};
static const struct schema method_schema = { .kind = SCHEMA_WORD, .words = method_words };
static const struct schema value_schema = { .kind = SCHEMA_TEXT, .what = "a value" };
static const struct schema values_schema = { .kind = SCHEMA_DICT,
                                             .what = "a map of values",
                                             .item = &value_schema };
static const struct schema timeout_schema = { .kind = SCHEMA_DURATION, .least = 100, .most = TIMEOUT_MAX };
static const struct schema cache_schema = { .kind = SCHEMA_DURATION, .least = 0, .most = CACHE_MAX };
static const struct schema pattern_schema = { .kind = SCHEMA_TEXT, .what = "a pattern" };
static const struct schema fields_schema = { .kind = SCHEMA_DICT,
                                             .what = "a map of paths and patterns",
                                             .item = &pattern_schema };
static const struct schema host_schema = { .kind = SCHEMA_CUSTOM,
                                           .what = "a host such as www.example.com or *.example.com",
                                           .check = address_host_check };
static const struct schema hosts_schema = {
    .kind = SCHEMA_LIST, .what = "a list of hosts", .item = &host_schema, .least = 1, .most = HOSTS_MAX
};

static const struct schema_key form_keys[] = {
    { "url", &url_schema, .required = true, .help = "http or https; ${...} may stand behind the host's '/'" },
    { "method", &method_schema,
      .help = "GET, or POST, which is never cached and carries an Idempotency-Key" },
    { "headers", &values_schema, .help = "header lines; only here may ${secret.NAME} stand" },
    { "body", &whole_value, .help = "of a POST: JSON, with ${...} in its texts" },
    { "timeout", &timeout_schema, .help = "how long the answer may take; 5s, 30s at most" },
    { "cache", &cache_schema, .help = "how long an answer is used again for the same request; 0s" },
    { "fields", &fields_schema,
      .help = "paths of the answer and the patterns that they keep; *: each element" },
    { "hosts", &hosts_schema, .help = "hosts to which an address of the answer may lead as a button" },
    { "sample", &whole_value, .required = true, .help = "an answer: every path that is used occurs in it" },
    { NULL },
};
const struct schema lookup_schema = { .kind = SCHEMA_MAP, .what = "a lookup", .keys = form_keys };

static const struct schema name_schema = { .kind = SCHEMA_TEXT, .what = "the name of a lookup" };
static const struct schema as_schema = { .kind = SCHEMA_TEXT, .what = "a name" };
static const struct schema_key use_keys[] = {
    { "name", &name_schema, .required = true, .help = "the lookup" },
    { "as", &as_schema, .help = "the name of the answer; that of the lookup" },
    { "with", &values_schema, .help = "values for names that the lookup uses" },
    { NULL },
};
static const struct schema use_map = { .kind = SCHEMA_MAP, .what = "{ name, as, with }", .keys = use_keys };
static const struct schema *const use_options[] = { &name_schema, &use_map, NULL };
const struct schema lookup_step_schema = { .kind = SCHEMA_ANY_OF,
                                           .what = "the name of a lookup or { name, as, with }",
                                           .options = use_options };

/* --- forms -------------------------------------------------------------------------------------------------------- */

struct building {
    struct maker *maker;
    struct lookup *lookup;
    const struct node *node; /* of the form */
    bool good;
};

#define wrong(building, at, ...)                                       \
    do {                                                               \
        finding_error((building)->maker->findings, (at), __VA_ARGS__); \
        (building)->good = false;                                      \
    } while (0)
#define hint(building, ...) finding_hint((building)->maker->findings, __VA_ARGS__)

static void *room(struct building *building, size_t n, size_t size)
{
    void *list = arena_array(building->maker->arena, n ? n : 1, size);

    if (!list)
        wrong(building, building->node->at, "out of memory");
    return list;
}

static const char *keep(struct building *building, struct text text)
{
    const char *copy = arena_str(building->maker->arena, text);

    if (!copy)
        wrong(building, building->node->at, "out of memory");
    return copy;
}

static const struct node *key_of(const struct node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (text_is(map->keys[i]->text, key))
            return map->keys[i];
    return map;
}

static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!name.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", name.p[i]))
            return false;
    return name.n > 0 && name.n <= 64 && name.p[0] >= 'a' && name.p[0] <= 'z';
}

static void check_name(struct building *building, const struct node *name, const char *what)
{
    char shown[SHOWN_MAX + 1];

    text_printable(name->text, shown, SHOWN_MAX);
    if (!is_name(name->text)) {
        wrong(building, name->at, "'%s' is no name for %s", shown, what);
        hint(building, "small letters, digits and '_', a letter first: ${order.id} must be able to name it");
    } else if (names_reserved(name->text)) {
        wrong(building, name->at, "'%s' has a meaning of its own in templates", shown);
        hint(building, "give it another name");
    }
}

/* Where the words of a field lead in the sample; an element stands for all. */
static bool in_sample(const struct node *node, const char *const *words, size_t n)
{
    int64_t at;

    if (n == 0)
        return true;
    if (node->kind != NODE_LIST) {
        const struct node *inside = node_get(node, words[0]);

        return inside && in_sample(inside, words + 1, n - 1);
    }
    if (strcmp(words[0], "*") != 0)
        return text_i64(text_of(words[0]), &at) && at >= 0 && (uint64_t)at < node->count &&
               in_sample(node->items[at], words + 1, n - 1);
    for (size_t i = 0; i < node->count; i++)
        if (in_sample(node->items[i], words + 1, n - 1))
            return true;
    return false;
}

static bool split_field(struct building *building, struct text text, struct lookup_field *field)
{
    const char **words = room(building, PATH_WORDS_MAX, sizeof(*words));
    struct text head, tail = text;
    bool more = true;

    field->words = words;
    while (words && more && field->n < PATH_WORDS_MAX) {
        more = text_cut(tail, '.', &head, &tail);
        if (!more)
            head = tail;
        if (head.n == 0)
            return false;
        words[field->n] = keep(building, head);
        if (!words[field->n++])
            return false;
    }
    return !more;
}

static void build_field(struct building *building, const struct node *key, const struct node *value,
                        const struct node *sample, struct lookup_field *field)
{
    struct fault fault;
    size_t offset = 0;

    field->text = key->text;
    if (!split_field(building, key->text, field)) {
        wrong(building, key->at, "'%.*s' is no path", (int)(key->text.n < 60 ? key->text.n : 60),
              key->text.p);
        hint(building, "the path inside the answer: list.*.id");
    } else if (sample && !in_sample(sample, field->words, field->n)) {
        wrong(building, key->at, "nothing in the sample is at '%.*s'", TEXT_ARG(key->text));
        hint(building,
             "'fields' say what the values of an answer are; add it to 'sample', or correct the path");
    }
    field->pattern = pattern_pool_get(building->maker->pool, value->text, &offset, &fault);
    if (field->pattern)
        return;
    if (offset >= value->text.n && value->text.n)
        offset = value->text.n - 1;
    wrong(building, node_part(value, offset, 1), "%s", fault.text);
}

static void build_fields(struct building *building, struct lookup_form *form)
{
    const struct node *fields = node_get(building->node, "fields");

    if (!fields)
        return;
    if (fields->count > FIELDS_MAX) {
        wrong(building, fields->at, "a lookup has at most %d fields", FIELDS_MAX);
        return;
    }
    form->fields = room(building, fields->count, sizeof(*form->fields));
    for (size_t i = 0; form->fields && i < fields->count; i++)
        build_field(building, fields->keys[i], fields->items[i], form->sample,
                    &form->fields[form->n_fields++]);
}

/* --- the sample and the fields ------------------------------------------------------------------------------------ */

struct sampling {
    struct building *building;
    const struct lookup_field *field;
    struct pattern_scratch *scratch;
};

static void check_value(const struct sampling *sampling, const struct node *node)
{
    struct json_object *value = node_json(node);
    bool keeps = lookup_field_keeps(sampling->field, value, sampling->scratch);

    json_object_put(value);
    if (keeps)
        return;
    wrong(sampling->building, node->at, "the sample breaks 'fields': %.*s is not what its pattern takes",
          TEXT_ARG(sampling->field->text));
    hint(sampling->building, "such an answer of the shop would count as failed; correct one of the two");
}

/* As in_sample; all that the field is about. */
static void check_values(const struct sampling *sampling, const struct node *node, size_t at)
{
    const char *word = at < sampling->field->n ? sampling->field->words[at] : NULL;
    int64_t i;

    if (!node)
        return;
    if (!word || node->kind == NODE_SCALAR) {
        check_value(sampling, node);
        return;
    }
    if (node->kind == NODE_MAP)
        check_values(sampling, node_get(node, word), at + 1);
    else if (strcmp(word, "*") != 0 && text_i64(text_of(word), &i) && i >= 0 && (uint64_t)i < node->count)
        check_values(sampling, node->items[i], at + 1);
    for (size_t k = 0; node->kind == NODE_LIST && strcmp(word, "*") == 0 && k < node->count; k++)
        check_values(sampling, node->items[k], at + 1);
}

/* A sample that the daemon would refuse as an answer would be one in no test, and the customer's error in all. */
static void check_sample(struct building *building, const struct lookup_form *form)
{
    struct sampling sampling = { building, NULL, pattern_scratch_new() };

    if (!sampling.scratch)
        wrong(building, building->node->at, "out of memory");
    for (size_t i = 0; sampling.scratch && form->sample && i < form->n_fields; i++) {
        sampling.field = &form->fields[i];
        if (sampling.field->pattern)
            check_values(&sampling, form->sample, 0);
    }
    pattern_scratch_free(sampling.scratch);
}

static void build_hosts(struct building *building, struct lookup_form *form)
{
    const struct node *hosts = node_get(building->node, "hosts");

    form->hosts = hosts ? room(building, hosts->count, sizeof(*form->hosts)) : NULL;
    for (size_t i = 0; form->hosts && i < hosts->count; i++)
        form->hosts[form->n_hosts++] = hosts->items[i]->text;
}

/* What only makes sense together. */
static void check_form(struct building *building, const struct lookup_form *form)
{
    const struct node *node = building->node;

    if (form->posts && form->cache_ms > 0) {
        wrong(building, key_of(node, "cache")->at, "a POST is never cached");
        hint(building, "leave it out");
    }
    if (!form->posts && node_get(node, "body")) {
        wrong(building, key_of(node, "body")->at, "a GET has no body");
        hint(building, "method: POST beside it, or put the values into the url");
    }
}

static bool check_header_name(struct building *building, const struct node *key)
{
    static const char *const ours[] = { "host", "content-length", "transfer-encoding", "connection",
                                        "idempotency-key" };
    struct text name = key->text;
    bool good = name.n > 0 && name.n <= 100;

    for (size_t i = 0; good && i < name.n; i++)
        good = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
               (name.p[i] >= '0' && name.p[i] <= '9') || (name.p[i] && strchr("-_.", name.p[i]));
    if (!good) {
        wrong(building, key->at, "this is no name of a header");
        return false;
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (text_is_nocase(name, ours[i])) {
            wrong(building, key->at, "the header %.*s is callbackd's own", TEXT_ARG(name));
            hint(building, "leave it out");
            return false;
        }
    return true;
}

static bool check_header_value(struct building *building, const struct node *value)
{
    for (size_t i = 0; i < value->text.n; i++)
        if ((unsigned char)value->text.p[i] < ' ' || value->text.p[i] == 0x7F) {
            wrong(building, value->at, "a line break or another control character cannot stand in a header");
            hint(building, "write the value as one line");
            return false;
        }
    return true;
}

/* --- templates ---------------------------------------------------------------------------------------------------- */

static const struct template *compile(struct building *building, const struct node *node,
                                      enum template_leaf leaf)
{
    const struct template *template = template_compile(building->maker, node, leaf);

    if (!template)
        building->good = false;
    return template;
}

/* A value of the URL that is missing is what `not_found` is for. */
static void build_url(struct building *building)
{
    struct maker *maker = building->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };

    names.handled |= names.not_found;
    maker->names = before ? &names : NULL;
    building->lookup->url = compile(building, node_get(building->node, "url"), LEAF_LOOKUP);
    maker->names = before;
}

static void build_headers(struct building *building)
{
    const struct node *headers = node_get(building->node, "headers");
    struct lookup_value *list;

    if (!headers)
        return;
    if (headers->count > HEADERS_MAX) {
        wrong(building, headers->at, "a lookup has at most %d headers", HEADERS_MAX);
        return;
    }
    list = room(building, headers->count, sizeof(*list));
    building->lookup->headers = list;
    building->maker->in_header = true;
    for (size_t i = 0; list && i < headers->count; i++) {
        if (!building->maker->names && (!check_header_name(building, headers->keys[i]) ||
                                        !check_header_value(building, headers->items[i])))
            continue;
        list[i].name = keep(building, headers->keys[i]->text);
        list[i].value = compile(building, headers->items[i], LEAF_TEXT);
    }
    building->maker->in_header = false;
    building->lookup->n_headers = headers->count;
}

/* Numbers, true, false and null stay what they are. */
static bool is_text(const struct node *node)
{
    bool flag;
    int64_t number;

    return !node->plain || (!node_is_null(node) && !node_bool(node, &flag) && !node_int(node, &number) &&
                            !(node->text.n && strchr("-0123456789", node->text.p[0]) &&
                              strspn(node->text.p, "-+.0123456789eE") == node->text.n));
}

static void build_body(struct building *building, const struct node *node, struct lookup_body *out)
{
    struct lookup_body *items;

    out->node = node;
    if (node->kind == NODE_SCALAR) {
        out->text = is_text(node) ? compile(building, node, LEAF_TEXT) : NULL;
        return;
    }
    items = room(building, node->count, sizeof(*items));
    out->items = items;
    for (size_t i = 0; items && i < node->count; i++)
        build_body(building, node->items[i], &items[i]);
}

static void build_templates(struct building *building)
{
    const struct node *node = node_get(building->node, "body");
    struct lookup_body *body = node ? room(building, 1, sizeof(*body)) : NULL;

    build_url(building);
    build_headers(building);
    if (body)
        build_body(building, node, body);
    building->lookup->body = body;
}

/* --- forms, whole ------------------------------------------------------------------------------------------------- */

static bool build_form(struct maker *maker, const struct named *named, struct lookup_form *form)
{
    struct lookup lookup = { .form = form };
    struct building building = { maker, &lookup, named->value, true };

    form->name = keep(&building, named->name);
    form->node = named->value;
    form->sample = node_get(named->value, "sample");
    form->posts = node_get(named->value, "method") && node_is(node_get(named->value, "method"), "POST");
    form->timeout_ms = schema_duration(named->value, "timeout", TIMEOUT_MS);
    form->cache_ms = schema_duration(named->value, "cache", 0);
    check_name(&building, named->key, "a lookup");
    check_form(&building, form);
    build_hosts(&building, form);
    build_fields(&building, form);
    if (building.good)
        check_sample(&building, form);
    build_templates(&building);
    return building.good;
}

struct lookup_form **lookup_forms(struct maker *maker, const struct named_list *list)
{
    struct lookup_form **forms = arena_array(maker->arena, list->count + 1, sizeof(*forms));

    for (size_t i = 0; forms && i < list->count; i++) {
        struct named *named = &list->items[i];

        forms[i] = arena_alloc(maker->arena, sizeof(**forms));
        if (!forms[i])
            return NULL;
        named->good = named->good && build_form(maker, named, forms[i]);
    }
    return forms;
}

const struct node *lookup_form_sample(const struct lookup_form *form)
{
    return form->sample;
}

const struct text *lookup_form_hosts(const struct lookup_form *form, size_t *n)
{
    *n = form->n_hosts;
    return form->hosts;
}

/* --- uses --------------------------------------------------------------------------------------------------------- */

static const struct node *name_node(const struct node *node)
{
    return node->kind == NODE_MAP ? node_get(node, "name") : node;
}

const struct lookup_form *lookup_find(const struct named_list *list, struct lookup_form *const *forms,
                                      const struct node *node, struct text *as)
{
    const struct node *name = name_node(node), *other = node_get(node, "as");
    const struct named *named = name && name->kind == NODE_SCALAR ? named_find(list, name->text) : NULL;

    *as = other && other->kind == NODE_SCALAR ? other->text : named ? named->name : TEXT_NONE;
    return named && named->good ? forms[named - list->items] : NULL;
}

/* `with`: its values see the names of the rule, the lookup sees both. */
static void build_with(struct building *building, const struct node *with)
{
    struct lookup_value *list;

    if (!with)
        return;
    if (with->count > WITH_MAX) {
        wrong(building, with->at, "'with' gives at most %d values", WITH_MAX);
        return;
    }
    list = room(building, with->count, sizeof(*list));
    for (size_t i = 0; list && i < with->count; i++) {
        check_name(building, with->keys[i], "a value");
        list[i].name = keep(building, with->keys[i]->text);
        list[i].value = compile(building, with->items[i], LEAF_TEXT);
    }
    building->lookup->with = list;
    building->lookup->n_with = with->count;
}

static void build_use(struct building *building)
{
    struct maker *maker = building->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    struct names_inner inner[WITH_MAX];

    for (size_t i = 0; i < building->lookup->n_with; i++) {
        inner[i] = (struct names_inner){ .name = building->lookup->with[i].name, .outer = names.inner };
        names.inner = &inner[i];
    }
    names.again = true;
    maker->names = &names;
    build_templates(building);
    maker->names = before;
}

const struct lookup *lookup_build(struct maker *maker, const struct named_list *list,
                                  struct lookup_form *const *forms, const struct node *node)
{
    struct named *named = named_find(list, name_node(node)->text);
    struct lookup *lookup = arena_alloc(maker->arena, sizeof(*lookup));
    struct building building = { maker, lookup, node, true };
    struct text as;

    if (!named) {
        if (!named_missing(list, name_node(node), maker->findings))
            finding_hint(maker->findings,
                         "lookups stand at the top: lookups: { %.*s: { url: ..., sample: ... } }",
                         TEXT_ARG(name_node(node)->text));
        return NULL;
    }
    named->used = true;
    if (!lookup) {
        finding_error(maker->findings, node->at, "out of memory");
        return NULL;
    }
    lookup->form = lookup_find(list, forms, node, &as);
    if (!lookup->form)
        return NULL;
    lookup->as = keep(&building, as);
    if (node_get(node, "as"))
        check_name(&building, node_get(node, "as"), "an answer");
    build_with(&building, node_get(node, "with"));
    building.node = lookup->form->node;
    if (building.good)
        build_use(&building);
    return building.good ? lookup : NULL;
}

static bool has_group(const struct maker *maker, const char *as)
{
    for (const char *const *one = maker->names ? maker->names->all : NULL; one && *one; one++)
        if (strcmp(*one, as) == 0)
            return true;
    return false;
}

bool lookup_enter(struct maker *maker, const struct named_list *list, struct lookup_form *const *forms,
                  const struct node *node, struct names_lookups *lookups)
{
    const struct place at = (node_get(node, "as") ? node_get(node, "as") : name_node(node))->at;
    struct names_lookup *entry = arena_alloc(maker->arena, sizeof(*entry));
    const char *rule = maker->names ? maker->names->rule : "?";
    const struct names_lookup *twin;
    struct text as;

    if (entry) {
        entry->form = lookup_find(list, forms, node, &as);
        entry->as = arena_str(maker->arena, as.p ? as : name_node(node)->text);
        entry->before = lookups->last;
    }
    if (!entry || !entry->as) {
        finding_error(maker->findings, at, "out of memory");
        return false;
    }
    twin = names_lookup_find(lookups, text_of(entry->as));
    lookups->last = entry;
    if (has_group(maker, entry->as))
        finding_error(maker->findings, at, "'%s' is the name of a group of rule '%s' already", entry->as,
                      rule);
    else if (twin && !(twin->elsewhere && twin->form == entry->form))
        finding_error(maker->findings, at, "rule '%s' has an answer of the name '%s' already", rule,
                      entry->as);
    else
        return true;
    finding_hint(maker->findings, "give this one another name: lookup: { name: %.*s, as: ... }",
                 TEXT_ARG(name_node(node)->text));
    return false;
}
