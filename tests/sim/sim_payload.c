#include "sim_payload.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 4096
#define DATA_MAX 64
#define ROW_MAX \
    12 /* buttons of a row and of a message that Telegram does not cut off silently (telegram.md 3.4) */
#define ALL_MAX 300
#define STRICT_MAX 6
#define LABEL_MAX 4096
#define HINT_MAX 64

struct check {
    enum sim_dialect dialect;
    bool strict;
    int code;
    struct fault *fault;
};

enum need { OPTIONAL, REQUIRED };

struct member {
    const char *name;
    enum json_type type;
    enum need need;
};

#define REFUSE(check, number, ...) ((check)->code = (number), fault_set((check)->fault, __VA_ARGS__))

static struct text text_at(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);

    if (!value)
        return TEXT_NONE;
    return text_make(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

static const struct member *member_find(const struct member *members, const char *name)
{
    for (; members->name; members++)
        if (!strcmp(members->name, name))
            return members;
    return NULL;
}

/* Every member is known and of its type, every required one is there. */
static CHECKED bool check_members(struct check *check, struct json_object *object,
                                  const struct member *members, const char *where)
{
    char shown[65];

    json_object_object_foreach(object, name, value)
    {
        const struct member *member = member_find(members, name);

        text_printable(text_of(name), shown, sizeof(shown) - 1);
        if (!member)
            return REFUSE(check, PAYLOAD_TYPE, "%s: unknown parameter %s", where, shown);
        if (!json_object_is_type(value, member->type))
            return REFUSE(check, PAYLOAD_TYPE, "%s must be of type %s.", shown,
                          json_type_to_name(member->type));
    }
    for (const struct member *m = members; m->name; m++)
        if (m->need == REQUIRED && !json_object_object_get_ex(object, m->name, NULL))
            return REFUSE(check, PAYLOAD_MISSING, "You must supply %s in your request payload.", m->name);
    return true;
}

/* ---- text and labels */

static CHECKED bool check_text(struct check *check, struct text text)
{
    int64_t points = text_utf8_count(text);

    if (!text.n)
        return REFUSE(check, PAYLOAD_EMPTY, "Bad Request: message text is empty");
    if (!text_trim(text).n)
        return REFUSE(check, PAYLOAD_EMPTY, "Bad Request: text must be non-empty");
    if (points < 0)
        return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: strings must be encoded in UTF-8");
    if (points > TEXT_MAX)
        return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: message is too long");
    return true;
}

static CHECKED bool check_label(struct check *check, struct text label)
{
    if (!text_trim(label).n)
        return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: inline keyboard button text must be non-empty");
    if (text_utf8_count(label) > LABEL_MAX)
        return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: reply markup is too long");
    return true;
}

/* ---- URLs of buttons: telegram.md 3.3 */

static CHECKED bool refuse_url(struct check *check, struct text url, const char *why)
{
    char shown[257];

    text_printable(url, shown, sizeof(shown) - 1);
    return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: inline keyboard button URL '%s' is invalid: %s",
                  shown, why);
}

static bool has_blank(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
            return true;
    return false;
}

static struct text url_host(struct text rest)
{
    struct text host, tail = rest;

    host = text_make(rest.p, 0);
    while (host.n < rest.n && !strchr("/?#", rest.p[host.n]))
        host.n++;
    if (text_cut(host, '@', &rest, &tail))
        host = tail;
    if (host.n && host.p[0] == '[')
        return host;
    return text_cut(host, ':', &rest, &tail) ? rest : host;
}

static bool tg_host_ok(struct text host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!isalnum((unsigned char)host.p[i]) && host.p[i] != '-' && host.p[i] != '_')
            return false;
    return host.n > 0;
}

static CHECKED bool check_url(struct check *check, struct text url)
{
    static const char *const schemes[] = { "http", "https", "tg" };
    struct text scheme, rest, host;
    size_t i = 0;

    if (has_blank(url) || !text_cut(url, ':', &scheme, &rest))
        return refuse_url(check, url, "Wrong HTTP URL");
    while (i < 3 && !text_is_nocase(scheme, schemes[i]))
        i++;
    if (i == 3 || !text_starts(rest, "//"))
        return refuse_url(check, url, "Unsupported URL protocol");
    host = url_host(text_make(rest.p + 2, rest.n - 2));
    if (!host.n)
        return refuse_url(check, url, "URL host is empty");
    if (i == 2)
        return tg_host_ok(host) || refuse_url(check, url, "Wrong tg URL");
    if (host.p[0] != '[' && (!memchr(host.p, '.', host.n) || host.p[0] == '.' || text_ends(host, ".")))
        return refuse_url(check, url, "Wrong HTTP URL");
    return true;
}

/* ---- inline buttons */

static CHECKED bool check_data(struct check *check, struct text data)
{
    if (check->strict)
        return REFUSE(check, PAYLOAD_TYPE,
                      "callback_data is not allowed: a button has url or "
                      "switch_inline_query_current_chat");
    if (!data.n)
        return REFUSE(
            check, PAYLOAD_PROVIDER,
            "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline "
            "keyboard");
    if (data.n > DATA_MAX)
        return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: BUTTON_DATA_INVALID");
    return true;
}

static CHECKED bool check_button(struct check *check, struct json_object *button)
{
    static const struct member flat[] = { { "text", json_type_string, REQUIRED },
                                          { "url", json_type_string },
                                          { "callback_data", json_type_string },
                                          { NULL } };
    static const struct member markup[] = { { "text", json_type_string, REQUIRED },
                                            { "url", json_type_string },
                                            { "callback_data", json_type_string },
                                            { "switch_inline_query_current_chat", json_type_string },
                                            { NULL } };
    const struct member *members = check->dialect == SIM_MARKUP ? markup : flat;
    int actions = 0;

    if (!json_object_is_type(button, json_type_object))
        return REFUSE(check, PAYLOAD_TYPE, "Bad Request: InlineKeyboardButton must be an Object");
    if (!check_members(check, button, members, "button") || !check_label(check, text_at(button, "text")))
        return false;
    for (const struct member *m = members + 1; m->name; m++)
        actions += json_object_object_get_ex(button, m->name, NULL);
    if (actions != 1)
        return REFUSE(check, PAYLOAD_PROVIDER, "A button must have exactly one of url and callback_data.");
    if (json_object_object_get_ex(button, "url", NULL))
        return check_url(check, text_at(button, "url"));
    if (json_object_object_get_ex(button, "callback_data", NULL))
        return check_data(check, text_at(button, "callback_data"));
    return true;
}

/* ---- keys of a reply keyboard */

static CHECKED bool check_key(struct check *check, struct json_object *key)
{
    static const struct member members[] = { { "text", json_type_string, REQUIRED }, { NULL } };

    if (json_object_is_type(key, json_type_string))
        return check_label(check,
                           text_make(json_object_get_string(key), (size_t)json_object_get_string_len(key)));
    if (check->dialect == SIM_FLAT)
        return REFUSE(check, PAYLOAD_TYPE, "keyboard: a key must be a String");
    if (!json_object_is_type(key, json_type_object))
        return REFUSE(
            check, PAYLOAD_TYPE,
            "Bad Request: can't parse keyboard button: KeyboardButton must be a String or an Object");
    return check_members(check, key, members, "keyboard") && check_label(check, text_at(key, "text"));
}

/* ---- rows of either */

static CHECKED bool check_rows(struct check *check, struct json_object *rows, const char *name,
                               bool (*check_one)(struct check *check, struct json_object *one))
{
    size_t n = json_object_array_length(rows), all = 0;

    if (!n)
        return REFUSE(check, PAYLOAD_MISSING, "%s must not be empty.", name);
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        size_t in_row = json_object_is_type(row, json_type_array) ? json_object_array_length(row) : 0;

        if (!json_object_is_type(row, json_type_array))
            return REFUSE(check, PAYLOAD_TYPE, "Bad Request: field \"%s\" must be an Array of Arrays", name);
        if (!in_row)
            return REFUSE(check, PAYLOAD_TYPE, "%s: row %zu is empty.", name, i + 1);
        for (size_t k = 0; k < in_row; k++)
            if (!check_one(check, json_object_array_get_idx(row, k)))
                return false;
        all += in_row;
        if (in_row > ROW_MAX || all > ALL_MAX)
            return REFUSE(check, PAYLOAD_PROVIDER, "Bad Request: reply markup is too long");
    }
    if (check->strict && check_one == check_button && all > STRICT_MAX)
        return REFUSE(check, PAYLOAD_TYPE, "%s: 1 to 6 buttons are allowed.", name);
    return true;
}

static CHECKED bool check_hint(struct check *check, struct json_object *object)
{
    struct text hint = text_at(object, "input_field_placeholder");

    if (!json_object_object_get_ex(object, "input_field_placeholder", NULL))
        return true;
    if (!hint.n || text_utf8_count(hint) > HINT_MAX)
        return REFUSE(check, PAYLOAD_PROVIDER, "input_field_placeholder: 1 to 64 characters");
    return true;
}

/* ---- the four types, in both dialects: octopods.md 4.2 */

#define TYPE_AND_TEXT                       \
    { "type", json_type_string, REQUIRED }, \
    {                                       \
        "text", json_type_string, REQUIRED  \
    }

static const struct member flat_buttons[] = { TYPE_AND_TEXT,
                                              { "buttons", json_type_array, REQUIRED },
                                              { NULL } };
static const struct member flat_keyboard[] = { TYPE_AND_TEXT,
                                               { "keyboard", json_type_array, REQUIRED },
                                               { "resize_keyboard", json_type_boolean },
                                               { "one_time_keyboard", json_type_boolean },
                                               { NULL } };
static const struct member flat_plain[] = { TYPE_AND_TEXT, { NULL } };
static const struct member markup_any[] = { TYPE_AND_TEXT,
                                            { "reply_markup", json_type_object, REQUIRED },
                                            { NULL } };

static const struct member markup_buttons[] = { { "inline_keyboard", json_type_array, REQUIRED }, { NULL } };
static const struct member markup_keyboard[] = { { "keyboard", json_type_array, REQUIRED },
                                                 { "resize_keyboard", json_type_boolean },
                                                 { "one_time_keyboard", json_type_boolean },
                                                 { "is_persistent", json_type_boolean },
                                                 { "input_field_placeholder", json_type_string },
                                                 { "selective", json_type_boolean },
                                                 { NULL } };
static const struct member markup_remove[] = { { "remove_keyboard", json_type_boolean, REQUIRED },
                                               { "selective", json_type_boolean },
                                               { NULL } };
static const struct member markup_force[] = { { "force_reply", json_type_boolean, REQUIRED },
                                              { "input_field_placeholder", json_type_string },
                                              { "selective", json_type_boolean },
                                              { NULL } };

static const struct type {
    const char *name;
    const struct member *flat, *markup;
    const char *flat_rows, *markup_rows, *must_be_true;
    bool (*check_one)(struct check *check, struct json_object *one);
} types[] = {
    { "reply_buttons", flat_buttons, markup_buttons, "buttons", "inline_keyboard", NULL, check_button },
    { "reply_keyboard", flat_keyboard, markup_keyboard, "keyboard", "keyboard", NULL, check_key },
    { "remove_reply_keyboard", flat_plain, markup_remove, NULL, NULL, "remove_keyboard", NULL },
    { "highlight_reply", flat_plain, markup_force, NULL, NULL, "force_reply", NULL },
};

static const struct type *type_find(struct text name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (text_is(name, types[i].name))
            return &types[i];
    return NULL;
}

static CHECKED bool check_flat(struct check *check, struct json_object *message, const struct type *type)
{
    if (!check_members(check, message, type->flat, type->name) ||
        !check_text(check, text_at(message, "text")))
        return false;
    return !type->flat_rows || check_rows(check, json_object_object_get(message, type->flat_rows),
                                          type->flat_rows, type->check_one);
}

static CHECKED bool check_markup(struct check *check, struct json_object *message, const struct type *type)
{
    struct json_object *markup = json_object_object_get(message, "reply_markup");

    if (!check_members(check, message, markup_any, type->name) ||
        !check_text(check, text_at(message, "text")) ||
        !check_members(check, markup, type->markup, "reply_markup") || !check_hint(check, markup))
        return false;
    if (type->must_be_true && !json_object_get_boolean(json_object_object_get(markup, type->must_be_true)))
        return REFUSE(check, PAYLOAD_TYPE, "%s must be true.", type->must_be_true);
    return !type->markup_rows || check_rows(check, json_object_object_get(markup, type->markup_rows),
                                            type->markup_rows, type->check_one);
}

static CHECKED bool check_message(struct check *check, struct json_object *message)
{
    struct json_object *name = json_object_object_get(message, "type");
    const struct type *type;

    if (!name)
        return REFUSE(check, PAYLOAD_MISSING, "You must supply type in your request payload.");
    type = json_object_is_type(name, json_type_string) ? type_find(text_at(message, "type")) : NULL;
    if (!type)
        return REFUSE(check, PAYLOAD_TYPE,
                      "type must be one of reply_buttons, reply_keyboard, "
                      "remove_reply_keyboard, highlight_reply.");
    return check->dialect == SIM_MARKUP ? check_markup(check, message, type)
                                        : check_flat(check, message, type);
}

/* A decimal number that fits Telegram's 52 bits with room to spare, without leading zeros. */
static CHECKED bool check_user(struct check *check, struct text user)
{
    struct text digits = text_starts(user, "-") ? text_make(user.p + 1, user.n - 1) : user;
    bool ok = digits.n > 0 && digits.n <= 18 && digits.p[0] != '0';

    for (size_t i = 0; ok && i < digits.n; i++)
        ok = digits.p[i] >= '0' && digits.p[i] <= '9';
    return ok || REFUSE(check, PAYLOAD_TYPE, "destination_user_id must be a Telegram user ID.");
}

int payload_check(struct json_object *body, enum sim_dialect dialect, bool strict, struct fault *fault)
{
    static const struct member envelope[] = { { "destination_user_id", json_type_string, REQUIRED },
                                              { "telegram_interactive_message", json_type_object, REQUIRED },
                                              { "open_intercom_conversation", json_type_boolean },
                                              { "intercom_teammate_id", json_type_string },
                                              { NULL } };
    struct check check = { dialect, strict, 0, fault };
    bool ok = check_members(&check, body, envelope, "body") &&
              check_user(&check, text_at(body, "destination_user_id")) &&
              check_message(&check, json_object_object_get(body, "telegram_interactive_message"));

    return ok ? 0 : check.code;
}
