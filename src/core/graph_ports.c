#include "core/graph_ports.h"

#include "core/lookup.h"

#include <inttypes.h>
#include <string.h>

static const char *const block_words[RULE_BLOCKS] = { "", "not found", "on error", "refused" };

/* --- ports ----------------------------------------------------------------------------------------------------------- */

struct text graph_label(const struct message_button *button)
{
    const struct node *label = button->node->kind == NODE_MAP ? node_get(button->node, "text") : button->node;

    if (label && label->kind == NODE_MAP)
        label = label->count ? label->items[0] : NULL;
    return label ? label->text : TEXT_NONE;
}

size_t graph_ports_find(const struct graph_ports *ports, const struct node *node)
{
    for (size_t i = 0; i < ports->count; i++)
        if (!ports->items[i].jump && ports->items[i].node == node)
            return i;
    return SIZE_MAX;
}

size_t graph_ports_jump(const struct graph_ports *ports, const struct rule *target)
{
    for (size_t i = 0; i < ports->count; i++)
        if (ports->items[i].jump && ports->items[i].jump == target)
            return i;
    return SIZE_MAX;
}

bool graph_port_in(const struct graph_port *port, enum rule_block block)
{
    return port->blocks & 1u << block;
}

static void add_port(struct graph_ports *ports, size_t known, enum rule_block block,
                     const struct graph_port *port)
{
    if (known == SIZE_MAX) {
        known = ports->count++;
        ports->items[known] = *port;
    }
    ports->items[known].blocks |= 1u << block;
}

static void add_message(struct graph_ports *ports, enum rule_block block, const struct message *message)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++) {
            const struct message_button *button = &message->rows[i].buttons[k];
            const struct graph_port port = { .node = button->node,
                                             .label = graph_label(button),
                                             .url = button->url != NULL };

            add_port(ports, graph_ports_find(ports, button->node), block, &port);
        }
}

static void add_step(struct graph_ports *ports, enum rule_block block, const struct step *step)
{
    const struct graph_port jump = { .node = step->node, .label = text_of("goto"), .jump = step->target };

    for (size_t i = 0; step->kind == STEP_REPLY && i < step->count; i++)
        add_message(ports, block, step->messages[i]);
    if (step->kind == STEP_GOTO)
        add_port(ports, graph_ports_jump(ports, step->target), block, &jump);
}

static size_t most_ports(const struct rule *rule)
{
    size_t n = rule->n_steps;

    for (size_t i = 0; i < rule->n_steps; i++)
        for (size_t j = 0; rule->steps[i].kind == STEP_REPLY && j < rule->steps[i].count; j++)
            for (size_t k = 0; k < rule->steps[i].messages[j]->n_rows; k++)
                n += rule->steps[i].messages[j]->rows[k].count;
    return n;
}

bool graph_ports_build(const struct rule *rule, struct arena *arena, struct graph_ports *out)
{
    *out = (struct graph_ports){ .items = arena_array(arena, most_ports(rule) + 1, sizeof(*out->items)) };
    for (size_t i = 0; out->items && i < rule->n_steps; i++)
        add_step(out, rule_block_of(rule, i), &rule->steps[i]);
    return out->items != NULL;
}

/* --- words ----------------------------------------------------------------------------------------------------------- */

static void add_word(struct buf *out, bool *any, const char *between, const char *word)
{
    if (*any)
        buf_str(out, between);
    buf_str(out, word);
    *any = true;
}

void graph_kinds(const struct rule *rule, struct buf *out)
{
    const struct {
        bool is;
        const char *word;
    } kinds[] = { { rule->entry, "entry" },
                  { rule->tap, "tap" },
                  { rule->text, "text" },
                  { rule->otherwise == DEFAULT_TAP, "default" },
                  { rule->otherwise == DEFAULT_ANY, "default, texts too" } };
    bool any = false;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].is)
            add_word(out, &any, ", ", kinds[i].word);
    if (!any)
        buf_str(out, "only by goto");
}

const char *graph_block_words(enum rule_block block)
{
    return block_words[block];
}

void graph_port_blocks(const struct graph_port *port, struct buf *out)
{
    bool any = false;

    if (graph_port_in(port, RULE_STEPS))
        return;
    buf_str(out, " (");
    for (int block = RULE_NOT_FOUND; block < RULE_BLOCKS; block++)
        if (graph_port_in(port, (enum rule_block)block))
            add_word(out, &any, ", ", block_words[block]);
    buf_char(out, ')');
}

/* The next step of a kind in a block, from `*i` on, which moves behind it; NULL: there is none. */
static const struct step *next_step(const struct rule *rule, enum rule_block block, enum step_kind kind,
                                    size_t *i)
{
    while (*i < rule->n_steps) {
        const struct step *step = &rule->steps[(*i)++];

        if (step->kind == kind && rule_block_of(rule, *i - 1) == block)
            return step;
    }
    return NULL;
}

/* Names, each once: the text since `from` has those that were said. */
static void add_name(struct buf *out, size_t from, const char *verb, const char *name)
{
    const size_t n = strlen(name);
    const char *p = from < out->len ? out->data + from : "";

    for (const char *found = strstr(p, name); found; found = strstr(found + 1, name))
        if ((found[n] == ',' || found[n] == '\0') && found[-1] == ' ')
            return;
    buf_printf(out, "%s%s", out->len > from ? ", " : verb, name);
}

static void add_lookups(const struct rule *rule, enum rule_block block, struct buf *out)
{
    const size_t from = out->len;
    const struct step *step;

    for (size_t i = 0; (step = next_step(rule, block, STEP_LOOKUP, &i));)
        add_name(out, from, "asks ", lookup_name(step->lookup));
}

static void add_sets(const struct rule *rule, enum rule_block block, struct buf *out)
{
    const size_t from = out->len;
    const struct step *step;

    for (size_t i = 0; (step = next_step(rule, block, STEP_SET, &i));)
        for (size_t k = 0; k < step->n_sets; k++)
            add_name(out, from, "sets ", step->sets[k].name);
}

static void add_inbox(const struct rule *rule, enum rule_block block, struct buf *out)
{
    static const struct {
        enum inbox_kind kind;
        const char *verb;
    } verbs[] = { { INBOX_ASSIGN_TEAM, "hands over" },
                  { INBOX_ASSIGN_TEAMMATE, "hands over" },
                  { INBOX_NOTE, "notes" },
                  { INBOX_TAG, "tags" },
                  { INBOX_SNOOZE, "snoozes" },
                  { INBOX_CLOSE, "closes" } };
    const size_t from = out->len;

    for (size_t v = 0; v < sizeof(verbs) / sizeof(*verbs); v++) {
        const struct step *step;

        for (size_t i = 0; (step = next_step(rule, block, STEP_INBOX, &i));)
            for (size_t k = 0; k < step->n_actions; k++)
                if (step->actions[k].kind == verbs[v].kind)
                    add_name(out, from, " ", verbs[v].verb);
    }
}

static void add_duration(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
    size_t i = 0;

    while (ms % units[i].ms != 0 || ms < units[i].ms)
        i++;
    buf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
}

static void add_quiet(const struct rule *rule, enum rule_block block, struct buf *out)
{
    const struct step *step;
    bool any = false;

    for (size_t i = 0; (step = next_step(rule, block, STEP_QUIET, &i));) {
        add_word(out, &any, ", ", step->quiet_ms ? "quiet for " : "ends quiet");
        if (step->quiet_ms)
            add_duration(out, step->quiet_ms);
    }
}

void graph_does(const struct rule *rule, enum rule_block block, struct buf *out)
{
    void (*const adds[])(const struct rule *rule, enum rule_block block,
                         struct buf *out) = { add_lookups, add_sets, add_inbox, add_quiet };
    bool any = false;

    for (size_t i = 0; i < sizeof(adds) / sizeof(*adds); i++) {
        struct buf words = BUF(4000);

        adds[i](rule, block, &words);
        if (words.len)
            add_word(out, &any, "; ", words.data + (words.data[0] == ' '));
        buf_free(&words);
    }
}
