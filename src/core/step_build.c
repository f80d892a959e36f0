#include "core/step_build.h"

#include "core/lookup_build.h"
#include "core/names.h"
#include "core/rule_goto.h"
#include "core/rule_lookups.h"

#include <string.h>

#define MESSAGES_MAX 20
#define BRANCHES_MAX 50
#define STEPS_MAX 1000 /* of a rule, jumps included */
#define SET_VALUE_MAX 1024
#define KEEP_MAX ((int64_t)400 * 86400 * 1000)

/* --- schema ------------------------------------------------------------------------------------------------------- */

static const struct schema reply_name = { .kind = SCHEMA_TEXT, .what = "the name of a reply" };
static const struct schema *const one_options[] = { &reply_name, &message_schema, NULL };
static const struct schema one_reply = { .kind = SCHEMA_ANY_OF, .options = one_options };
static const struct schema reply_list = {
    .kind = SCHEMA_LIST, .item = &one_reply, .least = 1, .most = MESSAGES_MAX
};
static const struct schema *const reply_options[] = { &reply_name, &message_schema, &reply_list, NULL };
const struct schema reply_schema = { .kind = SCHEMA_ANY_OF,
                                     .what = "a message, the name of a reply or a list of them",
                                     .options = reply_options };

static const struct schema value_text = { .kind = SCHEMA_TEXT, .what = "a value", .most = SET_VALUE_MAX };
static const struct schema keep_schema = { .kind = SCHEMA_DURATION, .least = 1000, .most = KEEP_MAX };
static const struct schema_key set_keys[] = {
    { "value", &value_text, .required = true, .help = "the value" },
    { "keep", &keep_schema, .help = "for how long; without: as long as the session" },
    { NULL },
};
static const struct schema set_map = { .kind = SCHEMA_MAP, .what = "{ value, keep }", .keys = set_keys };
static const struct schema *const set_options[] = { &value_text, &set_map, NULL };
static const struct schema set_item = { .kind = SCHEMA_ANY_OF,
                                        .what = "a value, null or { value, keep }",
                                        .options = set_options };
const struct schema set_schema = {
    .kind = SCHEMA_DICT, .what = "a map of variables", .item = &set_item, .least = 1
};
const struct schema quiet_schema = { .kind = SCHEMA_DURATION, .least = 0, .most = KEEP_MAX };
const struct schema goto_schema = { .kind = SCHEMA_NAME, .what = "the name of a rule" };

static const struct schema_key step_keys[] = {
    { "choose", &choose_schema, .help = "branches, the first whose 'when' holds" },
    { "reply", &reply_schema, .help = "what is sent" },
    { "do", &do_schema, .help = "steps in another order; stands alone" },
    { "lookup", &lookup_step_schema, .help = "what is asked" },
    { "set", &set_schema, .help = "variables of the chat" },
    { "inbox", &inbox_schema, .help = "a note, a tag, ... in the helpdesk" },
    { "quiet", &quiet_schema, .help = "so long no text rule and no default answers; 0s ends it" },
    { "goto", &goto_schema, .help = "goes on with another rule" },
    { NULL },
};
static const struct schema step_schema = { .kind = SCHEMA_MAP, .what = "a step", .keys = step_keys };
static const struct schema step_list = {
    .kind = SCHEMA_LIST, .what = "a list of steps", .item = &step_schema, .least = 1, .most = BRANCHES_MAX
};
static const struct schema *const do_options[] = { &step_schema, &step_list, NULL };
const struct schema do_schema = { .kind = SCHEMA_ANY_OF, .what = "a list of steps", .options = do_options };

static const struct schema_key branch_keys[] = {
    { "when", &condition_schema, .help = "the branch is taken if it holds; without: otherwise" },
    { "choose", &choose_schema, .help = "branches, the first whose 'when' holds" },
    { "reply", &reply_schema, .help = "what is sent" },
    { "do", &do_schema, .help = "steps in another order; stands alone" },
    { "lookup", &lookup_step_schema, .help = "what is asked" },
    { "set", &set_schema, .help = "variables of the chat" },
    { "inbox", &inbox_schema, .help = "a note, a tag, ... in the helpdesk" },
    { "quiet", &quiet_schema, .help = "so long no text rule and no default answers; 0s ends it" },
    { "goto", &goto_schema, .help = "goes on with another rule" },
    { NULL },
};
static const struct schema branch_schema = { .kind = SCHEMA_MAP, .what = "a branch", .keys = branch_keys };
const struct schema choose_schema = { .kind = SCHEMA_LIST,
                                      .what = "a list of branches",
                                      .item = &branch_schema,
                                      .least = 1,
                                      .most = BRANCHES_MAX };

/* --- the list ----------------------------------------------------------------------------------------------------- */

struct steps {
    struct rule_context *context;
    struct step *list;
    size_t count, room;
    struct names_given given; /* here */
    struct names_lookups lookups;
};

#define wrong(steps, at, ...) (finding_error((steps)->context->maker->findings, (at), __VA_ARGS__), false)

/* Gives the new step's number, SIZE_MAX after adding an error. Steps move while the list grows. */
static size_t add_step(struct steps *steps, enum step_kind kind, struct place at)
{
    if (steps->count == STEPS_MAX) {
        (void)wrong(steps, at, "a rule has at most %d steps", STEPS_MAX);
        return SIZE_MAX;
    }
    if (steps->count == steps->room) {
        size_t room = steps->room ? 2 * steps->room : 4;
        struct step *list = arena_array(steps->context->maker->arena, room, sizeof(*list));

        if (!list) {
            (void)wrong(steps, at, "out of memory");
            return SIZE_MAX;
        }
        if (steps->count)
            memcpy(list, steps->list, steps->count * sizeof(*list));
        steps->list = list;
        steps->room = room;
    }
    steps->list[steps->count] = (struct step){ .kind = kind, .at = at };
    return steps->count++;
}

/* --- replies ------------------------------------------------------------------------------------------------------ */

static struct message_context message_context(const struct rule_context *context)
{
    return (struct message_context){
        .maker = context->maker,
        .rows = context->rows,
        .channels = context->channels,
        .n_channels = context->n_channels,
    };
}

bool rule_check_reply(const struct node *node, struct rule_context *context)
{
    struct message_context inner = message_context(context);

    return message_build(node, &inner) != NULL;
}

static void no_such_reply(const struct node *node, struct rule_context *context)
{
    struct buf quoted = BUF(200);

    if (named_missing(context->replies, node, context->maker->findings))
        return;
    for (size_t i = 0; i < node->text.n; i++) {
        buf_char(&quoted, node->text.p[i]);
        if (node->text.p[i] == '\'')
            buf_char(&quoted, '\'');
    }
    if (!quoted.failed)
        finding_hint(context->maker->findings, "to send these words: reply: { text: '%.*s' }",
                     TEXT_ARG(buf_get(&quoted)));
    buf_free(&quoted);
}

static const struct message *build_named(const struct node *node, struct rule_context *context)
{
    struct named *reply = named_find(context->replies, node->text);
    struct message_context inner = message_context(context);
    const struct names *before = context->maker->names;
    const struct message *message;
    struct names again;

    if (!reply) {
        no_such_reply(node, context);
        return NULL;
    }
    reply->used = true;
    if (!reply->good)
        return NULL;
    again = before ? *before : (struct names){ 0 };
    again.again = true;
    context->maker->names = &again;
    message = message_build(reply->value, &inner);
    context->maker->names = before;
    return message;
}

/* One element of `reply`: a message, or the name of one. */
static const struct message *build_reply(const struct node *node, struct rule_context *context)
{
    struct message_context inner = message_context(context);

    return node->kind == NODE_SCALAR ? build_named(node, context) : message_build(node, &inner);
}

static bool add_reply(struct steps *steps, const struct node *node)
{
    size_t n = node->kind == NODE_LIST ? node->count : 1, i = add_step(steps, STEP_REPLY, node->at);
    const struct message **messages = arena_array(steps->context->maker->arena, n, sizeof(*messages));
    bool good = true;

    if (i == SIZE_MAX)
        return false;
    if (!messages)
        return wrong(steps, node->at, "out of memory");
    for (size_t k = 0; k < n; k++) {
        messages[k] = build_reply(node->kind == NODE_LIST ? node->items[k] : node, steps->context);
        good = messages[k] && good;
    }
    steps->list[i].messages = messages;
    steps->list[i].count = n;
    return good;
}

/* --- lookups ------------------------------------------------------------------------------------------------------ */

static bool add_lookup(struct steps *steps, const struct node *node)
{
    struct rule_context *context = steps->context;
    size_t i = add_step(steps, STEP_LOOKUP, node->at);

    if (i == SIZE_MAX)
        return false;
    steps->list[i].lookup = lookup_build(context->maker, context->lookups, context->forms, node);
    return lookup_enter(context->maker, context->lookups, context->forms, node, &steps->lookups) &&
           steps->list[i].lookup;
}

/* --- variables, inbox, quiet, goto -------------------------------------------------------------------------------- */

static bool check_variable(struct steps *steps, const struct node *key)
{
    struct text name = key->text;
    bool good = name.n > 0 && name.n <= 64 && name.p[0] >= 'a' && name.p[0] <= 'z';

    for (size_t i = 0; good && i < name.n; i++)
        good = strchr("abcdefghijklmnopqrstuvwxyz0123456789_", name.p[i]) && name.p[i];
    if (good)
        return true;
    (void)wrong(steps, key->at, "'%.*s' is no name for a variable", (int)(name.n < 64 ? name.n : 64), name.p);
    finding_hint(steps->context->maker->findings, "small letters, digits and '_', a letter first");
    return false;
}

static bool build_set(struct steps *steps, const struct node *key, const struct node *node,
                      struct set_value *out)
{
    struct maker *maker = steps->context->maker;
    const struct node *value = node->kind == NODE_MAP ? node_get(node, "value") : node;

    out->name = arena_str(maker->arena, key->text);
    if (!out->name)
        return wrong(steps, key->at, "out of memory");
    if (node->kind == NODE_MAP)
        out->keep_ms = schema_duration(node, "keep", 0);
    if (!check_variable(steps, key))
        return false;
    if (node_is_null(value))
        return true;
    out->value = template_compile(maker, value, LEAF_TEXT);
    return out->value != NULL;
}

static void note_given(struct names_given *given, const struct set_value *set)
{
    const size_t most = sizeof(given->names) / sizeof(*given->names);
    size_t i = 0;

    while (i < given->n && strcmp(given->names[i], set->name) != 0)
        i++;
    if (!set->value && i < given->n)
        given->names[i] = given->names[--given->n];
    else if (set->value && i == given->n && i < most)
        given->names[given->n++] = set->name;
}

static bool add_set(struct steps *steps, const struct node *map)
{
    size_t i = add_step(steps, STEP_SET, map->at);
    struct set_value *sets = arena_array(steps->context->maker->arena, map->count, sizeof(*sets));
    bool good = true;

    if (i == SIZE_MAX)
        return false;
    if (!sets)
        return wrong(steps, map->at, "out of memory");
    for (size_t k = 0; k < map->count; k++)
        good = build_set(steps, map->keys[k], map->items[k], &sets[k]) && good;
    for (size_t k = 0; k < map->count && good; k++)
        note_given(&steps->given, &sets[k]);
    steps->list[i].sets = sets;
    steps->list[i].n_sets = map->count;
    return good;
}

static bool add_inbox(struct steps *steps, const struct node *map)
{
    size_t i = add_step(steps, STEP_INBOX, map->at);

    return i != SIZE_MAX &&
           inbox_build(steps->context->maker, map, &steps->list[i].actions, &steps->list[i].n_actions);
}

static bool add_quiet(struct steps *steps, const struct node *node)
{
    size_t i = add_step(steps, STEP_QUIET, node->at);

    return i != SIZE_MAX && text_duration(node->text, &steps->list[i].quiet_ms);
}

static bool add_goto(struct steps *steps, const struct node *node)
{
    size_t i = add_step(steps, STEP_GOTO, node->at);

    if (i == SIZE_MAX)
        return false;
    steps->list[i].node = node;
    steps->list[i].target = rule_goto_target(steps->context, node);
    return steps->list[i].target != NULL;
}

/* --- branches ----------------------------------------------------------------------------------------------------- */

static bool add_map(struct steps *steps, const struct node *map);

/* One branch: its `when`, its steps, and the jump behind the last branch if this is not it. */
static bool add_branch(struct steps *steps, const struct node *node, size_t choose, size_t branch, bool last)
{
    struct maker *maker = steps->context->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    struct names_guard guard = { NULL, false, names.guards };
    const struct names_given given = steps->given;
    const struct names_lookup *asked = steps->lookups.last;
    const struct condition *when;
    bool good = condition_build(maker, node_get(node, "when"), &when);

    steps->list[choose].branches[branch] = (struct step_branch){ node->at, when, steps->count };
    if (!when && !last)
        good = wrong(steps, node->at, "a branch without 'when' is always taken: those behind it never are");
    guard.when = when;
    if (when && good)
        names.guards = &guard;
    maker->names = before ? &names : NULL;
    good = add_map(steps, node) && good;
    maker->names = before;
    steps->given = given;
    rule_lookups_leave(&steps->lookups, asked);
    return good && (last || add_step(steps, STEP_JUMP, node->at) != SIZE_MAX);
}

/* The jumps at the ends of the branches, and of the choice itself, lead behind it. */
static void close_choose(struct steps *steps, size_t choose)
{
    struct step *step = &steps->list[choose];

    step->to = steps->count;
    for (size_t i = 1; i < step->n_branches; i++)
        steps->list[step->branches[i].to - 1].to = steps->count;
}

static bool add_choose(struct steps *steps, const struct node *node)
{
    struct maker *maker = steps->context->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    size_t choose = add_step(steps, STEP_CHOOSE, node->at);
    struct step_branch *branches = arena_array(maker->arena, node->count, sizeof(*branches));
    struct names_guard *guards = arena_array(maker->arena, node->count, sizeof(*guards));
    bool good = true;

    if (choose == SIZE_MAX)
        return false;
    if (!branches || !guards)
        return wrong(steps, node->at, "out of memory");
    steps->list[choose].branches = branches;
    steps->list[choose].n_branches = node->count;
    maker->names = before ? &names : NULL;
    for (size_t i = 0; i < node->count && steps->count < STEPS_MAX; i++) {
        good = add_branch(steps, node->items[i], choose, i, i + 1 == node->count) && good;
        if (!branches[i].when)
            continue;
        guards[i] = (struct names_guard){ branches[i].when, true, names.guards };
        names.guards = &guards[i];
    }
    maker->names = before;
    if (good)
        close_choose(steps, choose);
    return good;
}

/* --- maps and lists of steps -------------------------------------------------------------------------------------------- */

static bool check_alone(struct steps *steps, const struct node *map)
{
    static const char *const keys[] = { "lookup", "set", "inbox", "quiet", "choose", "reply", "goto" };
    bool good = true;

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (node_get(map, keys[i])) {
            good = wrong(steps, node_get(map, keys[i])->at, "'do' stands alone; here '%s' stands beside it",
                         keys[i]);
            finding_hint(steps->context->maker->findings, "put it into the list: do: [ { %s: ... } ]",
                         keys[i]);
        }
    return good;
}

static bool add_do(struct steps *steps, const struct node *node)
{
    bool good = true;

    if (node->kind == NODE_MAP)
        return add_map(steps, node);
    for (size_t i = 0; i < node->count; i++)
        good = add_map(steps, node->items[i]) && good;
    return good;
}

/* The order is that of the language, not that of the file. */
static bool add_map(struct steps *steps, const struct node *map)
{
    static const struct {
        const char *key;
        bool (*add)(struct steps *steps, const struct node *node);
    } order[] = {
        { "lookup", add_lookup }, { "set", add_set },     { "inbox", add_inbox }, { "quiet", add_quiet },
        { "choose", add_choose }, { "reply", add_reply }, { "goto", add_goto },
    };
    const struct node *list = node_get(map, "do");
    bool good = !list || check_alone(steps, map);

    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        const struct node *node = node_get(map, order[i].key);

        good = (!node || order[i].add(steps, node)) && good;
    }
    return (!list || add_do(steps, list)) && good;
}

/* A block stands behind the end of what is before it. */
static bool add_block(struct steps *steps, const struct node *node, size_t *begin)
{
    *begin = RULE_NO_STEP;
    if (!node)
        return true;
    if (add_step(steps, STEP_JUMP, node->at) == SIZE_MAX)
        return false;
    *begin = steps->count;
    return add_do(steps, node);
}

/* The jumps at the ends of the blocks: a rule's end is known only now. */
static void close_blocks(struct steps *steps, const struct rule *rule)
{
    const size_t begins[] = { rule->not_found, rule->on_error, rule->on_refused };

    for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
        if (begins[i] != RULE_NO_STEP)
            steps->list[begins[i] - 1].to = steps->count;
}

/* Where a run may go on behind a step that it reaches. */
static void mark_next(const struct steps *steps, size_t i, bool *reached)
{
    const struct step *step = &steps->list[i];
    bool otherwise = false;

    for (size_t k = 0; step->kind == STEP_CHOOSE && k < step->n_branches; k++) {
        reached[step->branches[k].to] = true;
        otherwise = !step->branches[k].when;
    }
    if (step->kind == STEP_CHOOSE || step->kind == STEP_JUMP)
        reached[step->to] = reached[step->to] || !otherwise;
    else if (step->kind != STEP_GOTO)
        reached[i + 1] = true;
}

/* What lies behind a goto, or behind a choice of which every branch has one. Jumps lead onwards only, so one look is enough. */
static void warn_unreached(const struct steps *steps, const struct rule *rule)
{
    const size_t begins[] = { 0, rule->not_found, rule->on_error, rule->on_refused };
    bool *reached = arena_array(steps->context->maker->arena, steps->count + 1, sizeof(*reached));
    bool told = false; /* of the steps before this one */

    for (size_t i = 0; reached && i < sizeof(begins) / sizeof(*begins); i++)
        if (begins[i] != RULE_NO_STEP)
            reached[begins[i]] = true;
    for (size_t i = 0; reached && i < steps->count; i++) {
        if (reached[i]) {
            mark_next(steps, i, reached);
        } else if (steps->list[i].kind != STEP_JUMP && !told) {
            finding_add(steps->context->maker->findings, FINDING_WARNING, steps->list[i].at,
                        "nothing goes on to here: each way leads to another rule before it");
            finding_hint(steps->context->maker->findings, "put it before the goto, or leave it out");
        }
        told = !reached[i];
    }
}

/* What happens in the blocks when a value is missing is nobody's business any more. */
static bool add_blocks(struct steps *steps, const struct node *map, struct rule *rule)
{
    struct maker *maker = steps->context->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    bool good;

    steps->given.n = 0;
    rule_lookups_leave(&steps->lookups, NULL);
    good = add_block(steps, node_get(map, "not_found"), &rule->not_found);
    steps->given.n = 0;
    names.handled = false;
    rule_lookups_leave(&steps->lookups, NULL);
    maker->names = before ? &names : NULL;
    good = add_block(steps, node_get(map, "on_error"), &rule->on_error) && good;
    maker->names = before;
    rule_lookups_leave(&steps->lookups, NULL);
    return add_block(steps, node_get(map, "on_refused"), &rule->on_refused) && good;
}

bool step_build(const struct node *map, struct rule_context *context, struct rule *rule)
{
    struct steps steps = { .context = context };
    const struct names *before = context->maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    bool good =
        rule_lookups_carried(context, rule, &steps.lookups) || wrong(&steps, map->at, "out of memory");

    names.given = &steps.given;
    names.lookups = &steps.lookups;
    context->maker->names = before ? &names : NULL;
    good = add_map(&steps, map) && good;
    good = add_blocks(&steps, map, rule) && good;
    context->maker->names = before;
    if (good)
        close_blocks(&steps, rule);
    if (good && before)
        warn_unreached(&steps, rule);
    rule->steps = steps.list;
    rule->n_steps = steps.count;
    return good;
}

static void visit_list(const struct node *node, void (*visit)(void *context, const struct node *map),
                       void *context)
{
    if (node && node->kind == NODE_MAP)
        step_visit(node, visit, context);
    for (size_t i = 0; node && node->kind == NODE_LIST && i < node->count; i++)
        if (node->items[i]->kind == NODE_MAP)
            step_visit(node->items[i], visit, context);
}

void step_visit(const struct node *map, void (*visit)(void *context, const struct node *map), void *context)
{
    static const char *const keys[] = { "choose", "do", "not_found", "on_error", "on_refused" };

    visit(context, map);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        visit_list(node_get(map, keys[i]), visit, context);
}

size_t rule_next(const struct step *step, struct json_object *scope, struct pattern_scratch *scratch)
{
    for (size_t i = 0; step->kind == STEP_CHOOSE && i < step->n_branches; i++)
        if (condition_holds(step->branches[i].when, scope, scratch))
            return step->branches[i].to;
    return step->to;
}
