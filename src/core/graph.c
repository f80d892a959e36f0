#include "core/graph.h"

#include "core/flow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX ((size_t)16 << 10)

/* --- what the checker knows ------------------------------------------------------------------------------------------ */

struct knowing {
    struct arena *arena;
    struct graph_lead *leads;
    size_t n_leads, room;
    bool *reached;
    bool any, failed;
};

static void take_lead(void *context, size_t rule, const struct message_button *button, size_t to)
{
    struct knowing *knowing = context;

    if (knowing->n_leads == knowing->room) {
        size_t room = knowing->room ? 2 * knowing->room : 64;
        struct graph_lead *leads = arena_array(knowing->arena, room, sizeof(*leads));

        knowing->failed |= !leads;
        if (knowing->failed)
            return;
        if (knowing->n_leads)
            memcpy(leads, knowing->leads, knowing->n_leads * sizeof(*leads));
        knowing->leads = leads;
        knowing->room = room;
    }
    knowing->leads[knowing->n_leads++] = (struct graph_lead){ rule, button, to };
}

static void take_reached(void *context, size_t rule, bool reached)
{
    struct knowing *knowing = context;

    knowing->reached[rule] = reached;
    knowing->any = true;
}

static int compare_leads(const void *a, const void *b)
{
    const struct graph_lead *left = a, *right = b;
    int order = (left->rule > right->rule) - (left->rule < right->rule);

    order = order ? order : (left->to > right->to) - (left->to < right->to);
    return order ? order
                 : ((uintptr_t)left->button > (uintptr_t)right->button) -
                       ((uintptr_t)left->button < (uintptr_t)right->button);
}

/* By rule and target, each once. */
static void sort_leads(struct knowing *knowing)
{
    size_t kept = 0;

    if (knowing->n_leads)
        qsort(knowing->leads, knowing->n_leads, sizeof(*knowing->leads), compare_leads);
    for (size_t i = 0; i < knowing->n_leads; i++)
        if (i == 0 || compare_leads(&knowing->leads[i], &knowing->leads[kept - 1]) != 0)
            knowing->leads[kept++] = knowing->leads[i];
    knowing->n_leads = kept;
}

bool graph_check(const struct ruleset *ruleset, struct arena *arena, struct findings *findings,
                 struct graph_known *out)
{
    struct knowing knowing = { .arena = arena };
    const struct flow_view view = { take_lead, take_reached, &knowing };

    knowing.reached = arena_array(arena, ruleset_count(ruleset) + 1, sizeof(*knowing.reached));
    if (!knowing.reached)
        return false;
    flow_check_view(ruleset, findings, &view);
    sort_leads(&knowing);
    *out = (struct graph_known){ { knowing.leads, knowing.n_leads }, knowing.any ? knowing.reached : NULL };
    return !knowing.failed;
}

/* --- building -------------------------------------------------------------------------------------------------------- */

static bool build_words(struct graph_node *node, struct arena *arena)
{
    for (int block = RULE_STEPS; block < RULE_BLOCKS; block++) {
        struct buf does = BUF(WORDS_MAX);

        graph_does(node->rule, (enum rule_block)block, &does);
        node->does[block] = arena_str(arena, buf_get(&does));
        buf_free(&does);
        if (!node->does[block])
            return false;
    }
    return true;
}

static bool build_ports(const struct ruleset *ruleset, struct arena *arena, struct graph_ports **out)
{
    const size_t n = ruleset_count(ruleset);
    struct graph_ports *ports = arena_array(arena, n + 1, sizeof(*ports));

    *out = ports;
    for (size_t i = 0; ports && i < n; i++)
        if (!graph_ports_build(ruleset_rule(ruleset, i), arena, &ports[i]))
            return false;
    return ports != NULL;
}

static void find_edges(struct graph *graph)
{
    for (size_t i = graph->edges.count; i-- > 0;) {
        struct graph_node *node = &graph->nodes[graph->edges.items[i].from];

        node->first_edge = i;
        node->n_edges++;
    }
}

/* Rules that need no button, and what they lead to. */
static void spread(struct graph *graph)
{
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < graph->edges.count; i++) {
            const struct graph_edge *edge = &graph->edges.items[i];

            if (edge->to >= graph->count || !graph->nodes[edge->from].reached ||
                graph->nodes[edge->to].reached)
                continue;
            graph->nodes[edge->to].reached = again = true;
        }
    }
}

bool graph_build(const struct ruleset *ruleset, const struct graph_known *known,
                 struct pattern_scratch *scratch, struct arena *arena, struct graph *out)
{
    const size_t n = ruleset_count(ruleset);
    struct graph_ports *ports;

    *out = (struct graph){ .nodes = arena_array(arena, n + 1, sizeof(*out->nodes)), .count = n };
    if (!out->nodes || !build_ports(ruleset, arena, &ports) ||
        !graph_edges_find(ruleset, ports, known ? &known->leads : NULL, scratch, arena, &out->edges))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);

        out->nodes[i].rule = rule;
        if (!build_words(&out->nodes[i], arena))
            return false;
        out->nodes[i].ports = &ports[i];
        out->nodes[i].reached = known && known->reached
                                    ? known->reached[i]
                                    : rule->entry || rule->text || rule->otherwise != DEFAULT_NO;
    }
    find_edges(out);
    if (!known || !known->reached)
        spread(out);
    return true;
}

bool graph_lost(const struct graph *graph, size_t rule, size_t port)
{
    const struct graph_node *node = &graph->nodes[rule];
    bool lost = false;

    for (size_t i = node->first_edge; i < node->first_edge + node->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (edge->port != port)
            continue;
        if (edge->to != GRAPH_NOWHERE && !edge->by_default)
            return false;
        lost = true;
    }
    return lost;
}

/* --- findings -------------------------------------------------------------------------------------------------------- */

static bool same_file(struct place a, struct place b)
{
    return a.document && b.document && strcmp(a.document->path, b.document->path) == 0;
}

/* Does the place stand in what is written there? */
static bool holds(const struct node *node, struct place at)
{
    if (!same_file(node->at, at))
        return false;
    if (node->at.line == at.line && node->at.column <= at.column &&
        at.column <= node->at.column + (node->kind == NODE_SCALAR ? node->at.width : 0))
        return true;
    for (size_t i = 0; i < node->count; i++)
        if (holds(node->items[i], at) || (node->kind == NODE_MAP && holds(node->keys[i], at)))
            return true;
    return false;
}

/* The line where the last rule begins that begins at or above the place; 0: none does. */
static int line_of_rule(const struct graph *graph, struct place at)
{
    int line = 0;

    for (size_t i = 0; i < graph->count; i++) {
        struct place begin = graph->nodes[i].rule->at;

        if (same_file(begin, at) && begin.line <= at.line && begin.line > line)
            line = begin.line;
    }
    return line;
}

static void mark_ports(struct graph_node *node, struct place at)
{
    for (size_t i = 0; i < node->ports->count; i++) {
        struct graph_port *port = &node->ports->items[i];

        if (!port->jump && holds(port->node, at))
            port->flawed = node->flawed = true;
    }
}

static void mark(struct graph *graph, struct place at)
{
    const int line = line_of_rule(graph, at);
    bool found = false;

    for (size_t i = 0; line && i < graph->count; i++) {
        struct graph_node *node = &graph->nodes[i];

        if (node->rule->at.line != line || !holds(node->rule->node, at))
            continue;
        node->flawed = found = true;
        mark_ports(node, at);
    }
    for (size_t i = 0; !found && i < graph->count; i++) /* in a reply or a row that has a name */
        mark_ports(&graph->nodes[i], at);
}

void graph_mark(struct graph *graph, struct findings *findings)
{
    const struct finding *finding;

    for (size_t i = 0; (finding = findings_get(findings, i)); i++)
        if (finding->level != FINDING_NOTE)
            mark(graph, finding->at);
}
