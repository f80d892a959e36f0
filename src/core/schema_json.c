#include "core/schema.h"

#include "core/doc.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define DEFINITIONS 256 /* lists, maps and choices of one table */

/* Tables may contain themselves, so everything that is no scalar becomes a definition and is referred to. */
struct definitions {
    const struct schema *schemas[DEFINITIONS];
    size_t count;
    bool full;
};

static bool add_string(struct json_object *object, const char *key, const char *string)
{
    return doc_add(object, key, json_object_new_string(string));
}

static bool append(struct json_object *array, struct json_object *value)
{
    if (array && value && json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool add_pattern(struct json_object *out, const char *pattern)
{
    return add_string(out, "type", "string") && add_string(out, "pattern", pattern);
}

static bool add_range(const struct schema *schema, struct json_object *out, const char *least,
                      const char *most)
{
    return schema->most <= 0 || (doc_add(out, least, json_object_new_int64(schema->least)) &&
                                 doc_add(out, most, json_object_new_int64(schema->most)));
}

/* Texts may be written as numbers, booleans, null: editors need not underline them. */
static bool put_text(struct json_object *out)
{
    static const char *const types[] = { "string", "number", "boolean", "null" };
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (!append(list, json_object_new_string(types[i]))) {
            json_object_put(list);
            return false;
        }
    return doc_add(out, "type", list);
}

/* To editors a word such as true is none, but a value of its own. */
static bool put_words(const struct schema *schema, struct json_object *out)
{
    struct json_object *list = json_object_new_array();
    bool good = true;

    for (size_t i = 0; schema->words[i] && good; i++) {
        good = append(list, json_object_new_string(schema->words[i]));
        if (strcmp(schema->words[i], "true") == 0)
            good = good && append(list, json_object_new_boolean(true));
    }
    if (good)
        return doc_add(out, "enum", list);
    json_object_put(list);
    return false;
}

static bool put_scalar(const struct schema *schema, struct json_object *out)
{
    switch (schema->kind) {
    case SCHEMA_NAME:
        return add_pattern(out, "^[a-z0-9-]{1,64}$");
    case SCHEMA_BOOL:
        return add_string(out, "type", "boolean");
    case SCHEMA_INT:
        return add_string(out, "type", "integer") && add_range(schema, out, "minimum", "maximum");
    case SCHEMA_DURATION:
        return add_pattern(out, "^[0-9]+(ms|s|m|h|d)$");
    case SCHEMA_SIZE:
        return doc_add(out, "pattern", json_object_new_string("^[0-9]+(KiB|MiB|GiB)?$"));
    case SCHEMA_WORD:
        return put_words(schema, out);
    default:
        return put_text(out);
    }
}

static bool is_scalar(const struct schema *schema)
{
    return schema->kind != SCHEMA_LIST && schema->kind != SCHEMA_DICT && schema->kind != SCHEMA_MAP &&
           schema->kind != SCHEMA_ANY_OF;
}

static size_t define(struct definitions *definitions, const struct schema *schema)
{
    size_t i = 0;

    while (i < definitions->count && definitions->schemas[i] != schema)
        i++;
    if (i == DEFINITIONS)
        definitions->full = true;
    else if (i == definitions->count)
        definitions->schemas[definitions->count++] = schema;
    return i;
}

/* The schema of a value: written here, or a reference to its definition. NULL when memory is out. */
static struct json_object *refer(struct definitions *definitions, const struct schema *schema,
                                 const char *help)
{
    struct json_object *out = json_object_new_object();
    char name[32];
    bool good = out;

    if (schema && is_scalar(schema)) {
        good = good && put_scalar(schema, out);
    } else if (schema) {
        snprintf(name, sizeof(name), "#/$defs/%zu", define(definitions, schema));
        good = good && add_string(out, "$ref", name);
    }
    if (help || (schema && schema->what))
        good = good && add_string(out, "description", help ? help : schema->what);
    if (good)
        return out;
    json_object_put(out);
    return NULL;
}

static bool put_map(struct definitions *definitions, const struct schema *schema, struct json_object *out)
{
    struct json_object *properties = json_object_new_object(), *required = json_object_new_array();
    bool good = properties && required;

    for (const struct schema_key *key = schema->keys; good && key->name; key++) {
        if (key->later)
            continue;
        good = doc_add(properties, key->name, refer(definitions, key->schema, key->help));
        if (good && key->required)
            good = append(required, json_object_new_string(key->name));
    }
    if (!good) {
        json_object_put(properties);
        json_object_put(required);
        return false;
    }
    good = doc_add(out, "properties", properties);
    return doc_add(out, "required", required) && good && add_string(out, "type", "object") &&
           doc_add(out, "additionalProperties", json_object_new_boolean(false));
}

static bool put_options(struct definitions *definitions, const struct schema *schema, struct json_object *out)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; schema->options[i]; i++)
        if (!append(list, refer(definitions, schema->options[i], NULL))) {
            json_object_put(list);
            return false;
        }
    return doc_add(out, "anyOf", list);
}

static bool put_definition(struct definitions *definitions, const struct schema *schema,
                           struct json_object *out)
{
    switch (schema->kind) {
    case SCHEMA_LIST:
        return add_string(out, "type", "array") && add_range(schema, out, "minItems", "maxItems") &&
               doc_add(out, "items", refer(definitions, schema->item, NULL));
    case SCHEMA_DICT:
        return add_string(out, "type", "object") &&
               doc_add(out, "additionalProperties", refer(definitions, schema->item, NULL));
    case SCHEMA_MAP:
        return put_map(definitions, schema, out);
    default:
        return put_options(definitions, schema, out);
    }
}

static bool put_all(struct definitions *definitions, const struct schema *schema, struct json_object *out)
{
    struct json_object *defs = json_object_new_object();
    bool good = add_string(out, "$schema", "https://json-schema.org/draft/2020-12/schema") &&
                doc_add(out, "allOf", json_object_new_array()) &&
                append(json_object_object_get(out, "allOf"), refer(definitions, schema, NULL));

    /* grows while it is written */
    for (size_t i = 0; good && i < definitions->count; i++) {
        struct json_object *one = json_object_new_object();
        char name[32];

        snprintf(name, sizeof(name), "%zu", i);
        good = doc_add(defs, name, one) && put_definition(definitions, definitions->schemas[i], one);
    }
    return doc_add(out, "$defs", defs) && good && !definitions->full;
}

bool schema_json(const struct schema *schema, struct buf *out)
{
    struct definitions definitions = { .count = 0 };
    struct json_object *root = json_object_new_object();
    bool good = root && put_all(&definitions, schema, root);
    const char *json = NULL;

    if (good)
        json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (json)
        buf_str(out, json);
    json_object_put(root);
    return json && !out->failed;
}
