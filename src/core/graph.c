#include "core/graph.h"

#include <string.h>

/* --- building -------------------------------------------------------------------------------------------------------- */

static size_t buttons_of(const struct rule *rule)
{
    size_t n = 0;

    for (size_t i = 0; i < rule->n_steps; i++)
        for (size_t j = 0; rule->steps[i].kind == STEP_REPLY && j < rule->steps[i].count; j++)
            for (size_t k = 0; k < rule->steps[i].messages[j]->n_rows; k++)
                n += rule->steps[i].messages[j]->rows[k].count;
    return n;
}

struct text graph_label(const struct message_button *button)
{
    const struct node *label = button->node->kind == NODE_MAP ? node_get(button->node, "text") : button->node;

    if (label && label->kind == NODE_MAP)
        label = label->count ? label->items[0] : NULL;
    return label ? label->text : TEXT_NONE;
}

static void add_port(struct graph_node *node, const struct message_button *button)
{
    node->ports[node->n_ports++] =
        (struct graph_port){ .button = button, .label = graph_label(button), .url = button->url != NULL };
}

static void add_ports(struct graph_node *node, const struct message *message)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            add_port(node, &message->rows[i].buttons[k]);
}

static bool build_node(struct graph_node *node, const struct rule *rule, struct arena *arena)
{
    node->rule = rule;
    node->reached = rule->entry || rule->text || rule->otherwise != DEFAULT_NO;
    node->ports = arena_array(arena, buttons_of(rule) + 1, sizeof(*node->ports));
    for (size_t i = 0; node->ports && i < rule->n_steps; i++)
        for (size_t k = 0; rule->steps[i].kind == STEP_REPLY && k < rule->steps[i].count; k++)
            add_ports(node, rule->steps[i].messages[k]);
    return node->ports != NULL;
}

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

bool graph_build(const struct ruleset *ruleset, struct pattern_scratch *scratch, struct arena *arena,
                 struct graph *out)
{
    *out = (struct graph){ .nodes = arena_array(arena, ruleset_count(ruleset) + 1, sizeof(*out->nodes)) };
    if (!out->nodes)
        return false;
    for (; out->count < ruleset_count(ruleset); out->count++)
        if (!build_node(&out->nodes[out->count], ruleset_rule(ruleset, out->count), arena))
            return false;
    if (!graph_edges_find(ruleset, scratch, arena, &out->edges))
        return false;
    spread(out);
    return true;
}

/* --- findings -------------------------------------------------------------------------------------------------------- */

static bool same_file(struct place a, struct place b)
{
    return a.document && b.document && strcmp(a.document->path, b.document->path) == 0;
}

/* The last rule of the file that begins at or above the line. */
static struct graph_node *node_at(struct graph *graph, struct place at)
{
    struct graph_node *found = NULL;

    for (size_t i = 0; i < graph->count; i++) {
        struct place begin = graph->nodes[i].rule->at;

        if (same_file(begin, at) && begin.line <= at.line && (!found || begin.line > found->rule->at.line))
            found = &graph->nodes[i];
    }
    return found;
}

void graph_mark(struct graph *graph, struct findings *findings)
{
    const struct finding *finding;

    for (size_t i = 0; (finding = findings_get(findings, i)); i++) {
        struct graph_node *node = finding->level == FINDING_NOTE ? NULL : node_at(graph, finding->at);

        if (node)
            node->flawed = true;
    }
}

/* --- text forms ------------------------------------------------------------------------------------------------------ */

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

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (!kinds[i].is)
            continue;
        buf_printf(out, "%s%s", any ? ", " : "", kinds[i].word);
        any = true;
    }
}

static struct text label_of(const struct graph *graph, const struct graph_edge *edge)
{
    const struct graph_node *node = &graph->nodes[edge->from];

    for (size_t i = 0; i < node->n_ports; i++)
        if (node->ports[i].button == edge->button)
            return node->ports[i].label;
    return TEXT_NONE;
}

/* What would end the string, or draw something else, is written so that it does not. */
static void put_quoted(struct buf *out, struct text text, const char *quote)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_str(out, quote);
        else if (text.p[i] == '\\')
            buf_str(out, *quote == '\\' ? "\\\\" : "\\");
        else
            buf_char(out, (unsigned char)text.p[i] < 0x20 ? ' ' : text.p[i]);
    }
    buf_char(out, '"');
}

static void dot_node(const struct graph_node *node, struct buf *out)
{
    const char *colour = node->flawed ? "#c62828" : node->reached ? "#35506b" : "#a0a0a0";

    buf_printf(out, "  \"%s\" [label=\"%s\\n", node->rule->name, node->rule->name);
    graph_kinds(node->rule, out);
    buf_printf(out, "\", color=\"%s\", fontcolor=\"%s\"", colour, node->reached ? "#000000" : "#808080");
    if (node->rule->entry)
        buf_str(out, ", penwidth=2, fillcolor=\"#d7f0dc\"");
    else if (node->rule->text)
        buf_str(out, ", fillcolor=\"#e3ecf7\"");
    buf_str(out, "];\n");
}

void graph_dot(const struct graph *graph, struct buf *out)
{
    bool nowhere = false;

    buf_str(out, "digraph flow {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", "
                 "fillcolor=\"#ffffff\", fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", "
                 "fontsize=10];\n");
    for (size_t i = 0; i < graph->count; i++)
        dot_node(&graph->nodes[i], out);
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (edge->to == GRAPH_UNKNOWN)
            continue;
        nowhere = nowhere || edge->to == GRAPH_NOWHERE;
        buf_printf(out, "  \"%s\" -> \"%s\" [label=", graph->nodes[edge->from].rule->name,
                   edge->to < graph->count ? graph->nodes[edge->to].rule->name : " nowhere");
        put_quoted(out, label_of(graph, edge), "\\\"");
        buf_str(out, edge->to == GRAPH_NOWHERE ? ", color=\"#c62828\"];\n"
                     : edge->by_default        ? ", style=dashed];\n"
                                               : "];\n");
    }
    if (nowhere)
        buf_str(out, "  \" nowhere\" [label=\"no rule\", color=\"#c62828\", shape=plaintext];\n");
    buf_str(out, "}\n");
}

static void mermaid_nodes(const struct graph *graph, struct buf *out)
{
    for (size_t i = 0; i < graph->count; i++) {
        const struct graph_node *node = &graph->nodes[i];

        buf_printf(out, "  r%zu[\"%s<br><small>", i, node->rule->name);
        graph_kinds(node->rule, out);
        buf_str(out, "</small>\"]");
        buf_str(out, node->flawed        ? ":::flawed\n"
                     : !node->reached    ? ":::unreached\n"
                     : node->rule->entry ? ":::entry\n"
                     : node->rule->text  ? ":::text\n"
                                         : "\n");
    }
}

void graph_mermaid(const struct graph *graph, struct buf *out)
{
    bool nowhere = false;

    buf_str(out, "flowchart LR\n");
    mermaid_nodes(graph, out);
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (edge->to == GRAPH_UNKNOWN)
            continue;
        buf_printf(out, "  r%zu %s|", edge->from, edge->by_default ? "-.->" : "-->");
        put_quoted(out, label_of(graph, edge), "#quot;");
        if (edge->to == GRAPH_NOWHERE)
            buf_str(out, "| nowhere\n");
        else
            buf_printf(out, "| r%zu\n", edge->to);
        nowhere = nowhere || edge->to == GRAPH_NOWHERE;
    }
    if (nowhere)
        buf_str(out, "  nowhere[\"no rule\"]:::flawed\n");
    buf_str(out, "  classDef entry fill:#d7f0dc,stroke:#35506b,stroke-width:2px\n"
                 "  classDef text fill:#e3ecf7,stroke:#35506b\n"
                 "  classDef unreached fill:#eeeeee,stroke:#a0a0a0,color:#808080\n"
                 "  classDef flawed fill:#fdecea,stroke:#c62828\n");
}
