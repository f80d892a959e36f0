#include "core/message.h"

#include "core/doc.h"
#include "core/limits.h"

#include <string.h>

#define RENDER_TEXT_MAX 65536
#define RENDER_VALUE_MAX 8192

const char *message_type_name(enum message_type type)
{
    static const char *const names[] = {
        [MESSAGE_REPLY_BUTTONS] = "reply_buttons",
        [MESSAGE_REPLY_KEYBOARD] = "reply_keyboard",
        [MESSAGE_REMOVE_REPLY_KEYBOARD] = "remove_reply_keyboard",
        [MESSAGE_HIGHLIGHT_REPLY] = "highlight_reply",
    };

    return (unsigned)type < sizeof(names) / sizeof(*names) ? names[type] : "?";
}

/* --- values ------------------------------------------------------------------------------------------------------- */

struct rendering {
    struct json_object *scope;
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct fault *fault;
};

static bool render(const struct rendering *r, const struct template *template, size_t max, const char *what,
                   struct text *out)
{
    if (!template)
        return true;
    if (template_render(template, r->scope, max, r->arena, out, r->fault))
        return true;
    return fault_wrap(r->fault, "%s", what);
}

static bool no_memory(const struct rendering *r)
{
    return fault_set(r->fault, "out of memory");
}

static bool holds(const struct rendering *r, const struct condition *when)
{
    return condition_holds(when, r->scope, r->scratch);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

/* The elements of a `repeat` that its `when` takes, one after another. Without `repeat` it gives one turn. */
struct turns {
    const struct message_repeat *repeat;
    const struct condition *when;
    struct json_object *list;
    size_t next, length, taken;
};

static struct turns begin_turns(const struct rendering *r, const struct message_repeat *repeat,
                                const struct condition *when)
{
    struct turns turns = { .repeat = repeat, .when = when, .length = 1 };

    if (repeat) {
        turns.list = path_find(r->scope, &repeat->path);
        turns.length =
            json_object_is_type(turns.list, json_type_array) ? json_object_array_length(turns.list) : 0;
    }
    return turns;
}

static void end_turns(const struct rendering *r, const struct turns *turns)
{
    if (turns->repeat)
        json_object_object_del(r->scope, turns->repeat->as);
}

/* Binds the next element. False: there is none. */
static bool take_turn(const struct rendering *r, struct turns *turns)
{
    while (turns->next < turns->length) {
        size_t i = turns->next++;

        if (turns->repeat) {
            struct json_object *element = json_object_get(json_object_array_get_idx(turns->list, i));

            if (json_object_object_add(r->scope, turns->repeat->as, element) != 0) {
                json_object_put(element);
                continue;
            }
        }
        if (!holds(r, turns->when))
            continue;
        turns->taken++;
        return true;
    }
    end_turns(r, turns);
    return false;
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static const struct message_row *paged_row(const struct message *message)
{
    for (size_t i = 0; i < message->n_rows; i++)
        if (message->rows[i].page)
            return &message->rows[i];
    return NULL;
}

static bool add_page(struct json_object *pages, const char *key, int64_t page)
{
    return doc_add(pages, key, json_object_new_int64(page));
}

/* Binds pages.now, .count, .next and .prev. Whatever is no page shows the first or last one. */
static bool bind_pages(const struct rendering *r, const struct message *message, int64_t *now)
{
    const struct message_row *row = paged_row(message);
    struct json_object *pages;
    struct turns turns;
    struct text said = TEXT_NONE;
    int64_t count;
    bool good;

    *now = 1;
    if (!row)
        return true;
    if (!render(r, row->page, RENDER_VALUE_MAX, "page", &said))
        return false;
    for (turns = begin_turns(r, row->repeat, row->when); take_turn(r, &turns);)
        ;
    count = ((int64_t)turns.taken + (int64_t)row->repeat->max - 1) / (int64_t)row->repeat->max;
    count = count ? count : 1;
    if (!text_i64(text_trim(said), now) || *now < 1)
        *now = 1;
    *now = *now > count ? count : *now;
    pages = json_object_new_object();
    good = pages && add_page(pages, "now", *now) && add_page(pages, "count", count) &&
           (*now == count || add_page(pages, "next", *now + 1)) &&
           (*now == 1 || add_page(pages, "prev", *now - 1)) &&
           json_object_object_add(r->scope, "pages", pages) == 0;
    if (good)
        return true;
    json_object_put(pages);
    return no_memory(r);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static bool render_line(const struct rendering *r, const struct message_line *line, struct buf *out,
                        bool *any)
{
    struct turns turns = begin_turns(r, line->repeat, line->when);

    while ((!line->repeat || turns.taken < line->repeat->max) && take_turn(r, &turns)) {
        struct text text = TEXT_NONE;

        if (!render(r, line->text, RENDER_TEXT_MAX, "text", &text)) {
            end_turns(r, &turns);
            return false;
        }
        if (*any)
            buf_char(out, '\n');
        buf_text(out, text);
        *any = true;
    }
    end_turns(r, &turns);
    return true;
}

static bool render_lines(const struct rendering *r, const struct message *message, struct text *out)
{
    struct buf buf = BUF(RENDER_TEXT_MAX);
    bool good = true, any = false;

    for (size_t i = 0; good && i < message->n_lines; i++)
        good = render_line(r, &message->lines[i], &buf, &any);
    if (good && !any)
        good = fault_set(r->fault, "no line of the text is left: 'when' or 'repeat' left all of them out");
    if (good && buf.failed)
        good = fault_set(r->fault, "text is longer than %d bytes", RENDER_TEXT_MAX);
    if (good)
        *out = arena_text(r->arena, buf_get(&buf));
    buf_free(&buf);
    return good && (out->p || no_memory(r));
}

/* --- buttons ------------------------------------------------------------------------------------------------------ */

static bool render_button(const struct rendering *r, const struct message_button *button,
                          struct rendered_button *out)
{
    return render(r, button->text, RENDER_VALUE_MAX, "label of a button", &out->text) &&
           render(r, button->url, RENDER_VALUE_MAX, "url", &out->url) &&
           render(r, button->callback_data, RENDER_VALUE_MAX, "callback_data", &out->callback_data);
}

/* Adds the row's buttons for one element behind those that are there. */
static bool render_buttons(const struct rendering *r, const struct message_row *row, struct rendered_row *out)
{
    for (size_t i = 0; i < row->count; i++) {
        struct rendered_button *button = &out->buttons[out->count];

        if (!holds(r, row->buttons[i].when))
            continue;
        *button = (struct rendered_button){ .token = row->buttons[i].token };
        if (!render_button(r, &row->buttons[i], button))
            return false;
        out->count += !row->buttons[i].url || template_allows(row->buttons[i].url, button->url);
    }
    return true;
}

/* Elements before the page that is shown are passed over. */
static void skip_pages(const struct rendering *r, const struct message_row *row, int64_t page,
                       struct turns *turns)
{
    size_t before = row->page ? (size_t)(page - 1) * row->repeat->max : 0;

    while (turns->taken < before && take_turn(r, turns))
        ;
    turns->taken = 0;
}

static bool render_row(const struct rendering *r, const struct message_row *row, int64_t page,
                       struct rendered *out)
{
    struct turns turns = begin_turns(r, row->repeat, row->when);
    struct rendered_row *current = NULL;
    bool good = true;

    skip_pages(r, row, page, &turns);
    while (good && (!row->repeat || turns.taken < row->repeat->max) && take_turn(r, &turns)) {
        if (!current || (turns.taken - 1) % row->per_row == 0) {
            current = &out->rows[out->n_rows];
            current->buttons = arena_array(r->arena, row->count * row->per_row, sizeof(*current->buttons));
            if (!current->buttons) {
                good = no_memory(r);
                break;
            }
        }
        good = render_buttons(r, row, current);
        if (turns.taken % row->per_row == 0)
            out->n_rows += current->count > 0;
    }
    if (good && current && turns.taken % row->per_row != 0)
        out->n_rows += current->count > 0;
    end_turns(r, &turns);
    return good;
}

static bool render_rows(const struct rendering *r, const struct message *message, int64_t page,
                        struct rendered *out)
{
    size_t most = 0;

    for (size_t i = 0; i < message->n_rows; i++)
        most += message->rows[i].repeat ? message->rows[i].repeat->max : 1;
    out->rows = arena_array(r->arena, most, sizeof(*out->rows));
    if (!out->rows)
        return no_memory(r);
    for (size_t i = 0; i < message->n_rows; i++)
        if (!render_row(r, &message->rows[i], page, out))
            return false;
    if (message->n_rows && !out->n_rows)
        return fault_set(r->fault, "no %s is left: 'when' or 'repeat' left all of them out",
                         message->type == MESSAGE_REPLY_KEYBOARD ? "key" : "button");
    return true;
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

bool message_render(const struct message *message, struct json_object *scope, struct pattern_scratch *scratch,
                    struct arena *arena, struct rendered *out, struct fault *fault)
{
    const struct rendering r = { scope, scratch, arena, fault };
    int64_t page;
    bool good;

    *out = (struct rendered){
        .type = message->type,
        .resize_keyboard = message->resize_keyboard,
        .one_time_keyboard = message->one_time_keyboard,
        .is_persistent = message->is_persistent,
        .open_intercom_conversation = message->open_intercom_conversation,
    };
    good = bind_pages(&r, message, &page) && render_lines(&r, message, &out->text) &&
           render(&r, message->input_field_placeholder, RENDER_VALUE_MAX, "input_field_placeholder",
                  &out->input_field_placeholder) &&
           render(&r, message->intercom_teammate_id, RENDER_VALUE_MAX, "intercom_teammate_id",
                  &out->intercom_teammate_id) &&
           render_rows(&r, message, page, out);
    json_object_object_del(scope, "pages");
    if (!good)
        out->n_rows = 0;
    return good && message_check(out, fault);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

/* "is too long" becomes "text is too long". */
static bool wrong(struct fault *fault, const char *what)
{
    const struct fault old = *fault;

    return fault_set(fault, "%s %.900s", what, old.text);
}

static bool wrong_button(struct fault *fault, const char *what, const char *label)
{
    const struct fault old = *fault;

    return fault_set(fault, "%s of button '%s' %.800s", what, label, old.text);
}

static bool data_fits(const struct rendered_button *button, struct fault *fault)
{
    return button->token ? limits_token_data(button->callback_data, fault)
                         : limits_data(button->callback_data, fault);
}

static bool check_button(enum message_type type, const struct rendered_button *button, struct fault *fault)
{
    char label[65];

    if (!limits_label(button->text, fault))
        return wrong(fault, "the label of a button");
    text_printable(button->text, label, sizeof(label) - 1);
    if (type == MESSAGE_REPLY_KEYBOARD && button->url.p)
        return fault_set(fault, "key '%s' of the keyboard cannot carry a url", label);
    if (type == MESSAGE_REPLY_BUTTONS && !button->url.p == !button->callback_data.p)
        return fault_set(fault, "button '%s' needs exactly one of url and callback_data", label);
    if (button->callback_data.p && !data_fits(button, fault))
        return wrong_button(fault, "callback_data", label);
    if (button->url.p && !limits_url(button->url, fault))
        return wrong_button(fault, "url", label);
    return true;
}

static bool label_before(const struct rendered *message, size_t row, size_t column)
{
    const struct text label = text_trim(message->rows[row].buttons[column].text);

    for (size_t i = 0; i <= row; i++)
        for (size_t k = 0; k < (i == row ? column : message->rows[i].count); k++)
            if (text_eq(text_trim(message->rows[i].buttons[k].text), label))
                return true;
    return false;
}

static bool stands_twice(struct fault *fault, struct text label)
{
    char shown[65];

    text_printable(label, shown, sizeof(shown) - 1);
    return fault_set(fault, "label '%s' stands twice in the keyboard", shown);
}

static bool check_rows(const struct rendered *message, struct fault *fault)
{
    size_t total = 0;

    for (size_t i = 0; i < message->n_rows; i++) {
        const struct rendered_row *row = &message->rows[i];

        total += row->count;
        if (row->count < 1 || row->count > LIMIT_ROW)
            return fault_set(fault, "row %zu has %zu buttons; a row takes 1 to %d", i + 1, row->count,
                             LIMIT_ROW);
        if (total > LIMIT_BUTTONS)
            return fault_set(fault, "the rows up to number %zu have %zu buttons; a message takes %d", i + 1,
                             total, LIMIT_BUTTONS);
        for (size_t k = 0; k < row->count; k++) {
            if (!check_button(message->type, &row->buttons[k], fault))
                return false;
            if (message->type == MESSAGE_REPLY_KEYBOARD && label_before(message, i, k))
                return stands_twice(fault, row->buttons[k].text);
        }
    }
    return true;
}

bool message_check(const struct rendered *message, struct fault *fault)
{
    bool rows = message->type == MESSAGE_REPLY_BUTTONS || message->type == MESSAGE_REPLY_KEYBOARD;

    if (!limits_text(message->text, fault))
        return wrong(fault, "text");
    if (rows != (message->n_rows > 0))
        return fault_set(fault, "a message of type %s has %s rows", message_type_name(message->type),
                         rows ? "no" : "no place for");
    if (message->input_field_placeholder.p && !limits_placeholder(message->input_field_placeholder, fault))
        return wrong(fault, "input_field_placeholder");
    if (message->intercom_teammate_id.p &&
        (message->intercom_teammate_id.n == 0 || text_utf8_count(message->intercom_teammate_id) < 0))
        return fault_set(fault, "intercom_teammate_id is empty or not UTF-8");
    return check_rows(message, fault);
}
