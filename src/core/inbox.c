#include "core/inbox.h"

#include "core/doc.h"
#include "core/source_internal.h"

#include <string.h>

#define TEXT_MAX 10000
#define BODY_MAX ((size_t)64 << 10)
#define SNOOZE_MAX ((int64_t)365 * 86400 * 1000)

/* --- schema ------------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
    [INBOX_NOTE] = "note", [INBOX_ASSIGN_TEAM] = "assign_team", [INBOX_ASSIGN_TEAMMATE] = "assign_teammate",
    [INBOX_TAG] = "tag",   [INBOX_SNOOZE] = "snooze",           [INBOX_CLOSE] = "close",
};

static const struct schema text_schema = { .kind = SCHEMA_TEXT, .least = 1, .most = TEXT_MAX };
static const struct schema close_schema = { .kind = SCHEMA_BOOL };
static const struct schema snooze_schema = { .kind = SCHEMA_DURATION, .least = 60000, .most = SNOOZE_MAX };

static const struct schema_key inbox_keys[] = {
    { "note", &text_schema, .help = "a note that only teammates see" },
    { "assign_team", &text_schema, .help = "the id of a team (Intercom)" },
    { "assign_teammate", &text_schema,
      .help = "the id of a teammate: Intercom's admin, HubSpot's actor A-..." },
    { "tag", &text_schema, .help = "the name of a tag (Intercom)" },
    { "snooze", &snooze_schema, .help = "how long the conversation sleeps (Intercom)" },
    { "close", &close_schema, .help = "true: the conversation is closed" },
    { NULL },
};
const struct schema inbox_schema = { .kind = SCHEMA_MAP, .what = "inbox actions", .keys = inbox_keys };

const char *inbox_kind_name(enum inbox_kind kind)
{
    return names[kind];
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static bool build_one(struct maker *maker, const struct node *node, enum inbox_kind kind,
                      struct inbox_action *out)
{
    *out = (struct inbox_action){ .kind = kind, .at = node->at };
    if (kind == INBOX_SNOOZE)
        return text_duration(node->text, &out->snooze_ms);
    if (kind == INBOX_CLOSE)
        return true;
    out->text = template_compile(maker, node, LEAF_TEXT);
    return out->text != NULL;
}

bool inbox_build(struct maker *maker, const struct node *map, const struct inbox_action **actions, size_t *n)
{
    struct inbox_action *list = arena_array(maker->arena, INBOX_KINDS, sizeof(*list));
    bool good = true;

    *actions = list;
    *n = 0;
    if (!list) {
        finding_error(maker->findings, map->at, "out of memory");
        return false;
    }
    for (int kind = 0; kind < INBOX_KINDS; kind++) {
        const struct node *node = node_get(map, names[kind]);

        if (!node || (kind == INBOX_CLOSE && !schema_bool(map, names[kind], false)))
            continue;
        good = build_one(maker, node, (enum inbox_kind)kind, &list[(*n)++]) && good;
    }
    return good;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

struct asking {
    const struct source *source;
    const struct inbox_action *action;
    const char *conversation;
    struct text text, before;
    int64_t now_ms;
    struct arena *arena;
    struct inbox_request *out;
    struct json_object *body;
};

static bool add(const struct asking *asking, const char *key, struct text value)
{
    return value.p && doc_add_text(asking->body, key, value);
}

static bool add_admin(const struct asking *asking)
{
    return add(asking, "admin_id", text_of(asking->source->admin_id));
}

static void to(const struct asking *asking, const char *method, const char *lead, const char *rest)
{
    asking->out->method = method;
    asking->out->url =
        text_of(source_url(asking->arena, asking->source->api, lead, asking->conversation, rest, NULL));
}

/* Intercom takes a note for HTML. */
static struct text escaped(const struct asking *asking)
{
    struct buf out = BUF(6 * TEXT_MAX);
    struct text text = TEXT_NONE;

    for (size_t i = 0; i < asking->text.n; i++) {
        char c = asking->text.p[i];

        buf_str(&out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : (char[2]){ c, '\0' });
    }
    if (!out.failed)
        text = arena_text(asking->arena, buf_get(&out));
    buf_free(&out);
    return text;
}

static bool intercom_assign(const struct asking *asking, const char *type)
{
    return add(asking, "message_type", text_of("assignment")) && add(asking, "type", text_of(type)) &&
           add(asking, "assignee_id", asking->text);
}

static bool intercom_snooze(const struct asking *asking)
{
    int64_t until = (asking->now_ms + asking->action->snooze_ms + 999) / 1000;

    return doc_add(asking->body, "snoozed_until", json_object_new_int64(until)) &&
           add(asking, "message_type", text_of("snoozed"));
}

static bool intercom_tag(const struct asking *asking, size_t i)
{
    if (i > 0) {
        to(asking, "POST", "/conversations/", "/tags");
        return add(asking, "id", asking->before) && add_admin(asking);
    }
    asking->out->method = "POST";
    asking->out->url = text_of(source_url(asking->arena, asking->source->api, "/tags", NULL));
    return add(asking, "name", asking->text);
}

static bool intercom(const struct asking *asking, size_t i)
{
    to(asking, "POST", "/conversations/", asking->action->kind == INBOX_NOTE ? "/reply" : "/parts");
    switch (asking->action->kind) {
    case INBOX_NOTE:
        return add(asking, "message_type", text_of("note")) && add(asking, "type", text_of("admin")) &&
               add(asking, "body", escaped(asking)) && add_admin(asking);
    case INBOX_ASSIGN_TEAM:
        return intercom_assign(asking, "team") && add_admin(asking);
    case INBOX_ASSIGN_TEAMMATE:
        return intercom_assign(asking, "admin") && add_admin(asking);
    case INBOX_TAG:
        return intercom_tag(asking, i);
    case INBOX_SNOOZE:
        return intercom_snooze(asking) && add_admin(asking);
    default:
        return add(asking, "message_type", text_of("close")) && add(asking, "type", text_of("admin")) &&
               add_admin(asking);
    }
}

/* The guide and the specification disagree about assigning; this is the specification's way. */
static bool hubspot(const struct asking *asking)
{
    switch (asking->action->kind) {
    case INBOX_NOTE:
        to(asking, "POST", "/conversations/v3/conversations/threads/", "/messages");
        return doc_add(asking->body, "attachments", json_object_new_array()) &&
               add(asking, "type", text_of("COMMENT")) && add(asking, "text", asking->text);
    case INBOX_ASSIGN_TEAMMATE:
        to(asking, "PUT", "/conversations/conversations/v3/threads/", "/assignee");
        return add(asking, "actorId", asking->text);
    default:
        to(asking, "PATCH", "/conversations/v3/conversations/threads/", "");
        return add(asking, "status", text_of("CLOSED"));
    }
}

size_t inbox_requests(const struct source *source, const struct inbox_action *action)
{
    if (source->ops == &source_intercom)
        return action->kind == INBOX_TAG ? 2 : 1;
    if (source->ops == &source_hubspot)
        return action->kind == INBOX_NOTE || action->kind == INBOX_ASSIGN_TEAMMATE ||
               action->kind == INBOX_CLOSE;
    return 0;
}

static bool print(const struct asking *asking, struct fault *fault)
{
    asking->out->body = doc_printed(asking->body, BODY_MAX, asking->arena);
    return (asking->out->body.p && asking->out->url.n) || fault_set(fault, "the request is too large");
}

bool inbox_request(const struct source *source, const struct inbox_action *action, size_t i,
                   struct json_object *scope, struct text before, int64_t now_ms, struct arena *arena,
                   struct inbox_request *out, struct fault *fault)
{
    struct asking asking = { .source = source,
                             .action = action,
                             .conversation = doc_str(doc_key(scope, "conversation"), "id").p,
                             .before = before,
                             .now_ms = now_ms,
                             .arena = arena,
                             .out = out };
    bool is_intercom = source->ops == &source_intercom, good;

    if (!asking.conversation)
        return fault_set(fault, "the conversation is not known");
    if (is_intercom && !source->admin_id)
        return fault_set(fault, "source '%s' needs admin_id: the teammate who does it", source->name);
    if (is_intercom && action->kind == INBOX_TAG && i > 0 && !before.p)
        return fault_set(fault, "tag: the inbox did not say its id");
    if (action->text && !template_render(action->text, scope, TEXT_MAX, arena, &asking.text, fault))
        return fault_wrap(fault, "%s", names[action->kind]);
    out->value = asking.text;
    asking.body = json_object_new_object();
    good = asking.body && (is_intercom ? intercom(&asking, i) : hubspot(&asking));
    good = good ? print(&asking, fault) : fault_set(fault, "%s: out of memory", names[action->kind]);
    json_object_put(asking.body);
    return good;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* Intercom: { errors: [ { code, message } ] }, HubSpot: { message }. */
static struct text said(struct json_object *answer)
{
    struct text text = doc_text(doc_at(answer, "/errors/0/message"));

    return text.p ? text : doc_str(answer, "message");
}

static struct text describe(int status, struct json_object *answer, struct arena *arena)
{
    char shown[161], line[200];
    struct buf out = BUF(sizeof(line));
    struct text kept;

    text_printable(said(answer), shown, sizeof(shown) - 1);
    if (status)
        buf_printf(&out, "HTTP %d%s%s", status, shown[0] ? ": " : "", shown);
    else
        buf_str(&out, "no answer");
    kept = arena_text(arena, buf_get(&out));
    buf_free(&out);
    return kept;
}

enum outcome inbox_classify(int status, struct text body, struct arena *arena, struct text *id,
                            struct text *reason)
{
    struct fault fault;
    struct json_object *answer = body.n ? doc_parse(body, &fault) : NULL;
    char text[256];

    *id = doc_id(doc_key(answer, "id"), text) ? arena_text(arena, text_of(text)) : TEXT_NONE;
    *reason = describe(status, answer, arena);
    json_object_put(answer);
    if (status >= 200 && status < 300)
        return OUTCOME_OK;
    if (status == 401 || status == 403)
        return OUTCOME_PAUSED;
    return status == 0 || status == 408 || status == 429 || status >= 500 ? OUTCOME_RETRY : OUTCOME_FAILED;
}
