/* The table of keys of a source. The checks stand first: the tables have short names. */

#include "core/schema.h"
#include "core/secret.h"
#include "core/source_internal.h"

#include <string.h>

static bool is_printable(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    return text.n > 0;
}

static bool check_path(struct text text, struct fault *fault)
{
    if (is_printable(text) && text.p[0] == '/' && !memchr(text.p, '?', text.n) &&
        !memchr(text.p, '#', text.n))
        return true;
    return fault_set(fault, "a path such as /webhooks/intercom is expected here");
}

static bool check_url(struct text text, struct fault *fault)
{
    bool scheme = text_starts(text, "https://") || text_starts(text, "http://");

    if (scheme && is_printable(text) && text.n > 8 && !memchr(text.p, '?', text.n) &&
        !memchr(text.p, '#', text.n) && !memchr(text.p, '@', text.n))
        return true;
    return fault_set(fault, "a base URL such as https://api.intercom.io is expected here");
}

static bool check_header(struct text text, struct fault *fault)
{
    bool good = is_printable(text);

    for (size_t i = 0; good && i < text.n; i++)
        good = !strchr("()<>@,;:\\\"/[]?={}", text.p[i]);
    return good || fault_set(fault, "a header's name is expected here");
}

static bool is_pointer(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!text.p[i] ||
            (text.p[i] == '~' && (i + 1 == text.n || (text.p[i + 1] != '0' && text.p[i + 1] != '1'))))
            return false;
    return text.n == 0 || text.p[0] == '/';
}

bool source_pointer(struct text text, enum spot_root *root, struct text *pointer)
{
    *root = text_starts(text, "body:") ? ROOT_BODY : text_starts(text, "part:") ? ROOT_PART : ROOT_MAIN;
    *pointer = *root == ROOT_MAIN ? text : text_make(text.p + 5, text.n - 5);
    return is_pointer(*pointer) && (pointer->n || *root != ROOT_MAIN);
}

static bool check_pointer(struct text text, struct fault *fault)
{
    enum spot_root root;
    struct text pointer;

    if (!text.n || source_pointer(text, &root, &pointer))
        return true;
    return fault_set(fault,
                     "a JSON pointer such as /message/id, or body:/id into the whole body, is expected here");
}

static bool check_user_id(struct text text, struct fault *fault)
{
    enum spot_root root;
    struct text pointer;

    if (text_is(text, "sender") || text_is(text, "external_id") || source_pointer(text, &root, &pointer) ||
        (text_starts(text, "contact.") && text.n > 8))
        return true;
    return fault_set(
        fault, "a place of the user id is expected here: a JSON pointer (/a/b), contact.NAME, sender or "
               "external_id");
}

static bool check_data(struct text text, struct fault *fault)
{
    enum spot_root root;
    struct text pointer;

    if (text_is(text, "json") || text_is(text, "text") || source_pointer(text, &root, &pointer))
        return true;
    return fault_set(fault, "a place of callback data is expected here: a JSON pointer (/a/b), json, text or "
                            "{ pattern: '...(?<data>...)' }");
}

static bool is_digits(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n > 0 && text.n <= 20;
}

static bool check_admin(struct text text, struct fault *fault)
{
    return is_digits(text) ||
           fault_set(fault, "the id of a teammate, a number such as 7654321, is expected here");
}

static bool check_actor(struct text text, struct fault *fault)
{
    if (text_starts(text, "A-") && is_digits(text_make(text.p + 2, text.n - 2)))
        return true;
    return fault_set(fault, "the id of an agent, such as A-52530071, is expected here");
}

static const char *const kind_words[] = { "intercom", "hubspot", "generic", NULL };
static const char *const version_words[] = { "v1", "v2", "v3", NULL };
static const char *const direction_words[] = { "INCOMING", "OUTGOING", NULL };
static const char *const type_words[] = { "MESSAGE", "COMMENT", "WELCOME_MESSAGE", NULL };
static const char *const hash_words[] = { "sha1", "sha256", NULL };
static const char *const encoding_words[] = { "hex", "base64", NULL };

static const struct schema name = { SCHEMA_NAME, .what = "a name" };
static const struct schema kind = { SCHEMA_WORD, .what = "a kind of source", .words = kind_words };
static const struct schema path = { SCHEMA_CUSTOM, .check = check_path };
static const struct schema url = { SCHEMA_CUSTOM, .check = check_url };
static const struct schema reference = { SCHEMA_CUSTOM, .what = "a reference of a secret",
                                         .check = secret_check };
static const struct schema references = { SCHEMA_LIST, .item = &reference, .least = 1, .most = 8 };
static const struct schema word = { SCHEMA_TEXT, .least = 1, .most = 255 };
static const struct schema words = { SCHEMA_LIST, .item = &word, .least = 1, .most = 1000 };
static const struct schema pattern = { SCHEMA_TEXT, .what = "a pattern", .least = 1, .most = 16384 };
static const struct schema pointer = { SCHEMA_CUSTOM, .what = "a JSON pointer", .check = check_pointer };
static const struct schema user_id_scalar = { SCHEMA_CUSTOM, .what = "a place", .check = check_user_id };
static const struct schema data_scalar = { SCHEMA_CUSTOM, .what = "a place", .check = check_data };

static const struct schema_key user_id_keys[] = {
    { "at", &user_id_scalar, true, .help = "where the user id is" },
    { "pattern", &pattern, .help = "for the whole value; its group `id` is the user id" },
    { NULL },
};
static const struct schema user_id_map = { SCHEMA_MAP, .what = "{ at, pattern }", .keys = user_id_keys };
static const struct schema *const user_id_options[] = { &user_id_scalar, &user_id_map, NULL };
static const struct schema user_id = { SCHEMA_ANY_OF, .options = user_id_options };
static const struct schema user_ids = { SCHEMA_LIST, .item = &user_id, .least = 1, .most = 16 };

static const struct schema_key data_keys[] = {
    { "pattern", &pattern, true, .help = "searched in the text; its group `data` is the callback data" },
    { NULL },
};
static const struct schema data_map = { SCHEMA_MAP, .what = "{ pattern }", .keys = data_keys };
static const struct schema *const data_options[] = { &data_scalar, &data_map, NULL };
static const struct schema data = { SCHEMA_ANY_OF, .options = data_options };
static const struct schema datas = { SCHEMA_LIST, .item = &data, .least = 1, .most = 16 };

static const struct schema version = { SCHEMA_WORD, .what = "a version", .words = version_words };
static const struct schema versions = { SCHEMA_LIST, .item = &version, .least = 1, .most = 3 };
static const struct schema direction = { SCHEMA_WORD, .what = "a direction", .words = direction_words };
static const struct schema directions = { SCHEMA_LIST, .item = &direction, .least = 1, .most = 2 };
static const struct schema type = { SCHEMA_WORD, .what = "a type of message", .words = type_words };
static const struct schema types = { SCHEMA_LIST, .item = &type, .least = 1, .most = 3 };

static const struct schema duration = { SCHEMA_DURATION, .least = 0, .most = (int64_t)30 * 86400 * 1000 };
static const struct schema source_retention = { SCHEMA_DURATION, .least = (int64_t)3600 * 1000,
                                                .most = (int64_t)3650 * 86400 * 1000 };
static const struct schema admin = { SCHEMA_CUSTOM, .what = "a teammate's id", .check = check_admin };
static const struct schema actor = { SCHEMA_CUSTOM, .what = "an actor's id", .check = check_actor };

static const struct schema header = { SCHEMA_CUSTOM, .what = "a header's name", .check = check_header };
static const struct schema hash = { SCHEMA_WORD, .what = "a hash", .words = hash_words };
static const struct schema encoding = { SCHEMA_WORD, .what = "an encoding", .words = encoding_words };
static const struct schema text = { SCHEMA_TEXT };
static const struct schema_key signature_keys[] = {
    { "header", &header, true, .help = "which carries the signature" },
    { "hash", &hash, .help = "of the HMAC over the raw body; sha256 by default" },
    { "encoding", &encoding, .help = "hex by default" },
    { "prefix", &text, .help = "in front of the signature, such as sha256=" },
    { NULL },
};
static const struct schema signature = { SCHEMA_MAP, .keys = signature_keys };
static const struct schema_key token_keys[] = {
    { "header", &header, true, .help = "which carries the token" },
    { "prefix", &text, .help = "in front of the token, such as 'Bearer '" },
    { "token", &reference, .help = "the token, beside those in `secrets`" },
    { NULL },
};
static const struct schema static_token = { SCHEMA_MAP, .keys = token_keys };

static const struct schema_key source_keys[] = {
    { "name", &name, true, .help = "of the source, in logs, metrics and rules" },
    { "kind", &kind, true, .help = "intercom, hubspot or generic" },
    { "path", &path, true, .help = "where the webhook is posted to" },
    { "secrets", &references, .help = "that requests are signed with; several for rotation" },
    { "channel", &name, true, .help = "the Octopods channel of its customers" },
    { "user_id", &user_ids, .help = "places of the Telegram user id, in order" },
    { "callback_data", &datas, .help = "places of the callback data, in order" },
    { "looks_like_tap", &pattern, .help = "what of a text may be callback data that no rule knows" },
    { "api", &url, .help = "base URL of the helpdesk's REST API" },
    { "token", &reference, .help = "of the REST API" },
    { "apps", &words, .help = "ids of the apps whose notifications count; all by default" },
    { "portals", &words, .help = "ids of the portals whose events count; all by default" },
    { "topics", &words,
      .help = "that count; conversation.user.created and .replied, conversation.admin.replied and .closed by "
              "default" },
    { "takeover", &duration,
      .help = "how long no text is answered after a teammate wrote; 30m by default, 0s: never" },
    { "retention", &source_retention,
      .help = "how long its done things are kept; as long as the configuration's retention by default" },
    { "admin_id", &admin, .help = "id of the teammate in whose name inbox actions are done" },
    { "actor_id", &actor, .help = "the actor (A-...) in whose name inbox actions are done" },
    { "authors", &words, .help = "types of authors that are customers" },
    { "signatures", &versions, .help = "versions that are accepted; v3 by default" },
    { "message_types", &types, .help = "that count; MESSAGE by default" },
    { "directions", &directions, .help = "that count; INCOMING by default" },
    { "contact_properties", &words, .help = "that rules use as contact.NAME" },
    { "signature", &signature, .help = "how requests are signed" },
    { "static_token", &static_token, .help = "a token instead of a signature" },
    { "entries", &pointer, .help = "the list of entries in the body; the body itself by default" },
    { "id", &pointer, .help = "of an entry; /id by default" },
    { "conversation", &pointer, .help = "an entry's conversation; /conversation_id by default" },
    { "data", &pointer, .help = "an entry's callback data" },
    { "text", &pointer, .help = "an entry's text; /text by default" },
    { "said_at", &pointer, .help = "an entry's time; /created_at by default" },
    { "attachment", &pointer,
      .help = "an entry's file: an object with type, url, name, or its URL; /attachment by default" },
    { "delivery_id", &pointer, .help = "of the request, in the whole body" },
    { NULL },
};

const struct schema source_schema = { SCHEMA_MAP, .what = "a source", .keys = source_keys };
