#include "core/flow_regex.h"

#include "core/flow_parse.h"

#include <string.h>

#define DEPTH_MAX 200

static struct flow_node *parse_alternatives(struct flow_parse *parse);

/* --- parts of the parser ------------------------------------------------------------------------------------------ */

int flow_parse_peek(const struct flow_parse *parse, size_t ahead)
{
    return ahead < parse->n - parse->at ? (unsigned char)parse->p[parse->at + ahead] : -1;
}

struct flow_node *flow_parse_outside(struct flow_parse *parse, const char *what)
{
    if (!parse->out->outside) {
        parse->out->outside = what;
        parse->out->offset = parse->at < parse->n ? parse->at : parse->n ? parse->n - 1 : 0;
    }
    parse->at = parse->n;
    return parse->nothing;
}

struct flow_node *flow_parse_node(struct flow_parse *parse, enum flow_node_kind kind)
{
    struct flow_node *node = arena_alloc(parse->arena, sizeof(*node));

    if (!node)
        return flow_parse_outside(parse, "more than there is memory for");
    node->kind = kind;
    return node;
}

static void add_kid(struct flow_parse *parse, struct flow_node *node, struct flow_node *kid)
{
    if (node->count == node->cap) {
        int more = node->cap ? 2 * node->cap : 4;
        struct flow_node **kids = arena_array(parse->arena, (size_t)more, sizeof(struct flow_node *));

        if (!kids) {
            (void)flow_parse_outside(parse, "more than there is memory for");
            return;
        }
        if (node->count)
            memcpy(kids, node->kids, (size_t)node->count * sizeof(*kids));
        node->kids = kids;
        node->cap = more;
    }
    node->kids[node->count++] = kid;
}

struct flow_node *flow_parse_set(struct flow_parse *parse, int set)
{
    struct flow_node *node;

    if (set < 0)
        return flow_parse_outside(parse, "more than there is memory for");
    node = flow_parse_node(parse, FLOW_CHAR);
    node->set = set;
    return node;
}

struct flow_node *flow_parse_literal(struct flow_parse *parse, uint32_t code)
{
    const struct flow_range self = { code, code };

    if (parse->flags.i && !FLOW_MUTANT(10))
        return flow_parse_set(parse, flow_set_cases(parse->sets, code));
    return flow_parse_set(parse, flow_set_make(parse->sets, &self, 1));
}

static struct flow_node *anchor(struct flow_parse *parse, enum flow_assert what)
{
    struct flow_node *node = flow_parse_node(parse, FLOW_ASSERT);

    node->assertion = what;
    return node;
}

static struct flow_node *dot(struct flow_parse *parse)
{
    static const struct flow_range all = { 0, FLOW_CODE_MAX }, newline = { '\n', '\n' };
    bool s = (parse->flags.s && !FLOW_MUTANT(11)) || FLOW_MUTANT(12);

    if (s)
        return flow_parse_set(parse, flow_set_make(parse->sets, &all, 1));
    return flow_parse_set(parse, flow_set_not(parse->sets, flow_set_make(parse->sets, &newline, 1)));
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

/* At the first letter; stops at ')' or ':'. */
static bool read_flags(struct flow_parse *parse, struct flow_flags *flags)
{
    bool on = true;

    if (flow_parse_peek(parse, 0) == '^') {
        if (!FLOW_MUTANT(13))
            *flags = (struct flow_flags){ false, false, false, false, false, false };
        parse->at++;
    }
    for (;; parse->at++) {
        switch (flow_parse_peek(parse, 0)) {
        case '-':
            on = false;
            break;
        case 'i':
            flags->i = on;
            break;
        case 's':
            flags->s = on;
            break;
        case 'm':
            flags->m = on && !FLOW_MUTANT(14);
            break;
        case 'n':
            flags->n = on;
            break;
        case 'x':
            flags->x = on;
            flags->xx = on && flow_parse_peek(parse, 1) == 'x';
            if (flow_parse_peek(parse, 1) == 'x')
                parse->at++;
            break;
        case ')':
        case ':':
            return true;
        default:
            return false;
        }
    }
}

/* To the closing parenthesis, with the flags that hold now; then those that held before. */
static struct flow_node *inside(struct flow_parse *parse, struct flow_flags before)
{
    struct flow_node *node = parse_alternatives(parse);

    if (!FLOW_MUTANT(15))
        parse->flags = before;
    parse->at += parse->at < parse->n;
    return node;
}

static struct flow_node *capture(struct flow_parse *parse)
{
    struct flow_node *node;
    int group = ++parse->groups;

    if (group > FLOW_GROUPS_MAX)
        return flow_parse_outside(parse, "more than 31 groups");
    node = flow_parse_node(parse, FLOW_GROUP);
    node->group = group;
    add_kid(parse, node, inside(parse, parse->flags));
    return node;
}

static struct flow_node *named(struct flow_parse *parse, char end)
{
    parse->at++;
    while (parse->at < parse->n && parse->p[parse->at] != end)
        parse->at++;
    parse->at += parse->at < parse->n;
    return capture(parse);
}

static struct flow_node *options(struct flow_parse *parse)
{
    struct flow_flags before = parse->flags, flags = before;

    if (!read_flags(parse, &flags))
        return flow_parse_outside(parse, "a group of another kind");
    parse->at++;
    parse->flags = flags;
    if (parse->p[parse->at - 1] == ')')
        return NULL;
    return inside(parse, before);
}

static const char *outside_group(int c, int next)
{
    static const struct {
        char c;
        const char *what;
    } kinds[] = {
        { '|', "a branch reset (?|...)" },
        { '>', "an atomic group" },
        { '=', "a lookahead" },
        { '!', "a lookahead" },
        { '(', "a conditional group" },
        { 'C', "a callout" },
        { 'R', "a recursion" },
        { '&', "a call of a group" },
        { '+', "a call of a group" },
        { '*', "a lookaround" },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].c == c)
            return kinds[i].what;
    if (c == '<' && (next == '=' || next == '!' || next == '*'))
        return "a lookbehind";
    if (c == 'P' && next != '<')
        return next == '=' ? "a backreference" : "a call of a group";
    if ((c >= '0' && c <= '9') || (c == '-' && next >= '0' && next <= '9'))
        return "a recursion";
    return NULL;
}

/* Behind '('; NULL: it was a setting of options. */
static struct flow_node *group(struct flow_parse *parse)
{
    int c, next;

    if (flow_parse_peek(parse, 0) == '*')
        return flow_parse_outside(parse, "a verb (*...)");
    if (flow_parse_peek(parse, 0) != '?')
        return parse->flags.n ? inside(parse, parse->flags) : capture(parse);
    parse->at++;
    c = flow_parse_peek(parse, 0);
    next = flow_parse_peek(parse, 1);
    if (outside_group(c, next))
        return flow_parse_outside(parse, outside_group(c, next));
    if (c == ':') {
        parse->at++;
        return inside(parse, parse->flags);
    }
    if (c == 'P')
        parse->at++;
    if (c == '<' || c == 'P' || c == '\'')
        return named(parse, c == '\'' ? '\'' : '>');
    return options(parse);
}

/* --- sequences ---------------------------------------------------------------------------------------------------- */

/* A pattern white space of more than one byte, under (?x): NEL, LRM, RLM, LS, PS. */
static size_t wide_space(const struct flow_parse *parse)
{
    static const char *const spaces[] = { "\xC2\x85", "\xE2\x80\x8E", "\xE2\x80\x8F", "\xE2\x80\xA8",
                                          "\xE2\x80\xA9" };

    for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
        size_t n = strlen(spaces[i]);

        if (parse->n - parse->at >= n && memcmp(parse->p + parse->at, spaces[i], n) == 0)
            return n;
    }
    return 0;
}

/* Over comments and, under (?x), white space. */
static void skip_blank(struct flow_parse *parse)
{
    for (;;) {
        int c = flow_parse_peek(parse, 0);
        bool x = parse->flags.x && !FLOW_MUTANT(16);

        if (x && c > 0 && strchr(" \t\n\v\f\r", c)) {
            parse->at++;
        } else if (x && c >= 0x80 && wide_space(parse)) {
            parse->at += wide_space(parse);
        } else if (x && c == '#') {
            while (parse->at < parse->n && parse->p[parse->at] != '\n')
                parse->at++;
        } else if (c == '(' && flow_parse_peek(parse, 1) == '?' && flow_parse_peek(parse, 2) == '#') {
            while (parse->at < parse->n && parse->p[parse->at] != ')')
                parse->at++;
            parse->at += parse->at < parse->n;
        } else {
            return;
        }
    }
}

/* What may stand between an item and its quantifier. */
static void skip_between(struct flow_parse *parse)
{
    for (;;) {
        skip_blank(parse);
        if (flow_parse_peek(parse, 0) != '\\' || flow_parse_peek(parse, 1) != 'E')
            return;
        parse->at += 2;
    }
}

static int number(const struct flow_parse *parse, size_t *k)
{
    int value = -1;

    for (int c; (c = flow_parse_peek(parse, *k)) >= '0' && c <= '9'; ++*k)
        value = value < 0 ? c - '0' : value > 100000 ? value : value * 10 + c - '0';
    return value;
}

static bool quantifier(struct flow_parse *parse, struct flow_node *repeat)
{
    int c = flow_parse_peek(parse, 0);
    size_t k = 1;

    if (c == '*' || c == '+' || c == '?') {
        repeat->min = c == '+' && !FLOW_MUTANT(17);
        repeat->max = c == '?' ? 1 : -1;
        parse->at++;
        return true;
    }
    if (c != '{')
        return false;
    repeat->min = repeat->max = number(parse, &k);
    if (repeat->min < 0)
        return false;
    if (flow_parse_peek(parse, k) == ',') {
        k++;
        repeat->max = number(parse, &k);
    }
    if (flow_parse_peek(parse, k) != '}')
        return false;
    if (FLOW_MUTANT(18) && repeat->max > repeat->min)
        repeat->max--;
    if (FLOW_MUTANT(19) && repeat->max < 0)
        repeat->max = repeat->min;
    parse->at += k + 1;
    return true;
}

static struct flow_node *quantified(struct flow_parse *parse, struct flow_node *item)
{
    struct flow_node probe = { 0 }, *repeat;

    skip_between(parse);
    if (!quantifier(parse, &probe))
        return item;
    repeat = flow_parse_node(parse, FLOW_REPEAT);
    repeat->min = probe.min;
    repeat->max = probe.max;
    add_kid(parse, repeat, item);
    skip_between(parse);
    repeat->lazy = flow_parse_peek(parse, 0) == '?';
    repeat->possessive = flow_parse_peek(parse, 0) == '+';
    parse->at += repeat->lazy || repeat->possessive;
    if (item->kind == FLOW_ASSERT)
        return flow_parse_outside(parse, "a quantifier behind an assertion");
    return repeat;
}

/* \Q...\E: each character an item of its own, a quantifier belongs to the last. */
static void quote(struct flow_parse *parse, struct flow_node *cat)
{
    uint32_t code;

    while (parse->at < parse->n) {
        struct flow_node *item;

        if (flow_parse_peek(parse, 0) == '\\' && flow_parse_peek(parse, 1) == 'E') {
            parse->at += 2;
            return;
        }
        parse->at += flow_decode(parse->p + parse->at, &code);
        item = flow_parse_literal(parse, code);
        if ((flow_parse_peek(parse, 0) == '\\' && flow_parse_peek(parse, 1) == 'E') || FLOW_MUTANT(20)) {
            parse->at += FLOW_MUTANT(20) ? 0 : 2;
            add_kid(parse, cat, quantified(parse, item));
            if (!FLOW_MUTANT(20))
                return;
        } else {
            add_kid(parse, cat, item);
        }
    }
}

/* NULL: nothing that matches (options). */
static struct flow_node *parse_item(struct flow_parse *parse)
{
    struct flow_node *node;
    int c = flow_parse_peek(parse, 0);
    uint32_t code;

    if (c == '[' && parse->n - parse->at >= 7 &&
        (memcmp(parse->p + parse->at, "[[:<:]]", 7) == 0 || memcmp(parse->p + parse->at, "[[:>:]]", 7) == 0))
        return flow_parse_outside(parse, "a word's edge [[:<:]]");
    if (!strchr("\\[(.^$", c) || c == 0) {
        parse->at += flow_decode(parse->p + parse->at, &code);
        return flow_parse_literal(parse, code);
    }
    parse->at++;
    switch (c) {
    case '\\':
        return flow_class_escape(parse);
    case '[':
        return flow_class_parse(parse);
    case '.':
        return dot(parse);
    case '^':
        return anchor(parse, parse->flags.m ? FLOW_AT_LINE : FLOW_AT_START);
    case '$':
        return anchor(parse, parse->flags.m ? FLOW_AT_LINE_END : FLOW_AT_END);
    default:
        if (++parse->depth > DEPTH_MAX)
            return flow_parse_outside(parse, "groups nested deeper than 200");
        node = group(parse);
        parse->depth--;
        return node;
    }
}

static struct flow_node *parse_sequence(struct flow_parse *parse)
{
    struct flow_node *cat = flow_parse_node(parse, FLOW_CAT), *item;

    while (parse->at < parse->n && !parse->out->outside) {
        int c;

        skip_between(parse);
        c = flow_parse_peek(parse, 0);
        if (c < 0 || c == '|' || c == ')')
            break;
        if (c == '\\' && flow_parse_peek(parse, 1) == 'Q') {
            parse->at += 2;
            if (flow_parse_peek(parse, 0) == '\\' && flow_parse_peek(parse, 1) == 'E' && cat->count) {
                /* an empty quote does not separate a quantifier from what is before it */
                return flow_parse_outside(parse, "an empty \\Q\\E");
            }
            quote(parse, cat);
            continue;
        }
        item = parse_item(parse);
        if (item && !parse->out->outside)
            add_kid(parse, cat, quantified(parse, item));
    }
    return cat;
}

static struct flow_node *parse_alternatives(struct flow_parse *parse)
{
    struct flow_node *alt = flow_parse_node(parse, FLOW_ALT);
    /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): for that mistake */
    struct flow_flags before = parse->flags;

    for (;;) {
        add_kid(parse, alt, parse_sequence(parse));
        if (parse->out->outside)
            return parse->nothing;
        if (flow_parse_peek(parse, 0) != '|')
            break;
        parse->at++;
        if (FLOW_MUTANT(21)) /* in truth options hold for later alternatives, too */
            parse->flags = before;
    }
    return alt->count == 1 ? alt->kids[0] : alt;
}

/* --- possessive quantifiers ---------------------------------------------------------------------------------------- */

static int first_of(struct flow_sets *sets, const struct flow_node *node)
{
    int set = flow_set_make(sets, NULL, 0);

    switch (node->kind) {
    case FLOW_CHAR:
        return node->set;
    case FLOW_REPEAT:
        return node->max == 0 ? set : first_of(sets, node->kids[0]);
    case FLOW_GROUP:
        return first_of(sets, node->kids[0]);
    case FLOW_ALT:
    case FLOW_CAT:
        for (int i = 0; i < node->count; i++) {
            set = flow_set_union(sets, set, first_of(sets, node->kids[i]));
            if (node->kind == FLOW_CAT && !flow_tree_nullable(node->kids[i]))
                break;
        }
        return set;
    default:
        return set;
    }
}

static const struct flow_node *single(const struct flow_node *node)
{
    while ((node->kind == FLOW_CAT || node->kind == FLOW_ALT) && node->count == 1)
        node = node->kids[0];
    return node->kind == FLOW_CHAR ? node : NULL;
}

static bool disjoint(struct flow_sets *sets, int a, int b)
{
    int n, common = flow_set_common(sets, a, b);

    (void)flow_set_ranges(sets, common, &n);
    return common >= 0 && n == 0;
}

/* C{a,b}+ over one set keeps the language if the count is fixed or what can follow does not begin with a member of C. */
static bool possession_fits(struct flow_sets *sets, const struct flow_node *node, int follow)
{
    const struct flow_node *item;

    switch (node->kind) {
    case FLOW_CAT:
        for (int i = node->count - 1; i >= 0; i--) {
            int first = first_of(sets, node->kids[i]);

            if (!possession_fits(sets, node->kids[i], follow))
                return false;
            follow = flow_tree_nullable(node->kids[i]) ? flow_set_union(sets, first, follow) : first;
        }
        return follow >= 0;
    case FLOW_ALT:
    case FLOW_GROUP:
        for (int i = 0; i < node->count; i++)
            if (!possession_fits(sets, node->kids[i], follow))
                return false;
        return true;
    case FLOW_REPEAT:
        if (node->possessive && node->max != 0) {
            item = single(node->kids[0]);
            return item && (node->min == node->max || disjoint(sets, item->set, follow));
        }
        if (node->max != 0 && node->max != 1)
            follow = flow_set_union(sets, follow, first_of(sets, node->kids[0]));
        return possession_fits(sets, node->kids[0], follow);
    default:
        return true;
    }
}

static bool has_possessive(const struct flow_node *node)
{
    if (node->kind == FLOW_REPEAT && node->possessive)
        return true;
    for (int i = 0; i < node->count; i++)
        if (has_possessive(node->kids[i]))
            return true;
    return false;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

void flow_regex_parse(struct text pattern, struct flow_sets *sets, struct arena *arena,
                      struct flow_regex *out)
{
    struct flow_parse parse = {
        .p = pattern.p ? pattern.p : "", .n = pattern.n, .sets = sets, .arena = arena, .out = out
    };

    *out = (struct flow_regex){ NULL, NULL, 0 };
    parse.flags.s = true;
    parse.nothing = arena_alloc(arena, sizeof(*parse.nothing));
    if (!parse.nothing) {
        out->outside = "more than there is memory for";
        return;
    }
    out->top = parse_alternatives(&parse);
    if (!out->outside && parse.at < parse.n)
        (void)flow_parse_outside(&parse, "something that is not known here");
    if (!out->outside && !FLOW_MUTANT(22) && has_possessive(out->top) &&
        !possession_fits(sets, out->top, flow_set_make(sets, NULL, 0)))
        (void)flow_parse_outside(&parse, "a possessive quantifier");
}
