/* Graphviz and Mermaid: what is drawn is the same, only the words differ. */

#include "core/graph.h"

#include <string.h>

#define LINES_MAX ((size_t)16 << 20)

/* --- words ----------------------------------------------------------------------------------------------------------- */

/* What would end the string, or draw something else, is written so that it does not. */
static void put_inside(struct buf *out, struct text text, const char *quote)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_str(out, quote);
        else if (text.p[i] == '\\')
            buf_str(out, *quote == '\\' ? "\\\\" : "\\");
        else
            buf_char(out, (unsigned char)text.p[i] < 0x20 ? ' ' : text.p[i]);
    }
}

static void put_label(const struct graph *graph, const struct graph_edge *edge, const char *quote,
                      struct buf *out)
{
    const struct graph_port *port = &graph->nodes[edge->from].ports->items[edge->port];

    buf_char(out, '"');
    put_inside(out, port->label, quote);
    graph_port_blocks(port, out);
    buf_char(out, '"');
}

/* The lines below a rule's name: what it is met by, what it does, its blocks. */
static void put_words(const struct graph_node *node, const char *between, struct buf *out)
{
    graph_kinds(node->rule, out);
    if (*node->does[RULE_STEPS])
        buf_printf(out, "%s%s", between, node->does[RULE_STEPS]);
    for (int block = RULE_NOT_FOUND; block < RULE_BLOCKS; block++)
        if (rule_block_begin(node->rule, (enum rule_block)block) != RULE_NO_STEP)
            buf_printf(out, "%s%s%s%s", between, graph_block_words((enum rule_block)block),
                       *node->does[block] ? ": " : "", node->does[block]);
}

/* --- Graphviz -------------------------------------------------------------------------------------------------------- */

static void dot_node(const struct graph_node *node, struct buf *out)
{
    const char *colour = node->flawed ? "#c62828" : node->reached ? "#35506b" : "#a0a0a0";

    buf_printf(out, "  \"%s\" [label=\"%s\\n", node->rule->name, node->rule->name);
    put_words(node, "\\n", out);
    buf_printf(out, "\", color=\"%s\", fontcolor=\"%s\"", colour, node->reached ? "#000000" : "#808080");
    if (!node->reached)
        buf_str(out, ", fillcolor=\"#eeeeee\"");
    else if (node->rule->entry)
        buf_str(out, ", penwidth=2, fillcolor=\"#d7f0dc\"");
    else if (node->rule->text)
        buf_str(out, ", fillcolor=\"#e3ecf7\"");
    else if (node->rule->otherwise != DEFAULT_NO)
        buf_str(out, ", fillcolor=\"#f7f0d8\"");
    buf_str(out, "];\n");
}

static void dot_edge(const struct graph *graph, const struct graph_edge *edge, struct buf *out)
{
    const struct graph_node *from = &graph->nodes[edge->from];
    const struct graph_port *port = &from->ports->items[edge->port];

    buf_printf(out, "  \"%s\" -> \"%s\" [label=", from->rule->name,
               edge->to < graph->count ? graph->nodes[edge->to].rule->name : " nowhere");
    put_label(graph, edge, "\\\"", out);
    if (port->jump || edge->by_default)
        buf_printf(out, ", style=%s", port->jump ? "dotted" : "dashed");
    if (port->flawed || edge->to == GRAPH_NOWHERE)
        buf_str(out, ", color=\"#c62828\"");
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
        if (graph->edges.items[i].to == GRAPH_UNKNOWN)
            continue;
        dot_edge(graph, &graph->edges.items[i], out);
        nowhere |= graph->edges.items[i].to == GRAPH_NOWHERE;
    }
    if (nowhere)
        buf_str(out, "  \" nowhere\" [label=\"no rule\", color=\"#c62828\", shape=plaintext];\n");
    buf_str(out, "}\n");
}

/* --- Mermaid --------------------------------------------------------------------------------------------------------- */

static void mermaid_node(const struct graph_node *node, size_t i, struct buf *out)
{
    buf_printf(out, "  r%zu[\"%s<br><small>", i, node->rule->name);
    put_words(node, "<br>", out);
    buf_str(out, "</small>\"]");
    buf_str(out, node->flawed && !node->reached        ? ":::astray\n"
                 : node->flawed                        ? ":::flawed\n"
                 : !node->reached                      ? ":::unreached\n"
                 : node->rule->entry                   ? ":::entry\n"
                 : node->rule->text                    ? ":::text\n"
                 : node->rule->otherwise != DEFAULT_NO ? ":::fallback\n"
                                                       : "\n");
}

static void mermaid_edge(const struct graph *graph, const struct graph_edge *edge, struct buf *out)
{
    const struct graph_port *port = &graph->nodes[edge->from].ports->items[edge->port];

    buf_printf(out, "  r%zu %s|", edge->from, port->jump ? "==>" : edge->by_default ? "-.->" : "-->");
    put_label(graph, edge, "#quot;", out);
    if (edge->to == GRAPH_NOWHERE)
        buf_str(out, "| nowhere\n");
    else
        buf_printf(out, "| r%zu\n", edge->to);
}

void graph_mermaid(const struct graph *graph, struct buf *out)
{
    struct buf flawed = BUF(LINES_MAX); /* lines by number */
    bool nowhere = false;
    size_t drawn = 0;

    buf_str(out, "flowchart LR\n");
    for (size_t i = 0; i < graph->count; i++)
        mermaid_node(&graph->nodes[i], i, out);
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (edge->to == GRAPH_UNKNOWN)
            continue;
        mermaid_edge(graph, edge, out);
        if (edge->to == GRAPH_NOWHERE || graph->nodes[edge->from].ports->items[edge->port].flawed)
            buf_printf(&flawed, "%s%zu", flawed.len ? "," : "", drawn);
        nowhere |= edge->to == GRAPH_NOWHERE;
        drawn++;
    }
    if (nowhere)
        buf_str(out, "  nowhere[\"no rule\"]:::flawed\n");
    if (flawed.len)
        buf_printf(out, "  linkStyle %s stroke:#c62828\n", flawed.data);
    buf_free(&flawed);
    buf_str(out, "  classDef entry fill:#d7f0dc,stroke:#35506b,stroke-width:2px\n"
                 "  classDef text fill:#e3ecf7,stroke:#35506b\n"
                 "  classDef fallback fill:#f7f0d8,stroke:#35506b\n"
                 "  classDef unreached fill:#eeeeee,stroke:#a0a0a0,color:#808080\n"
                 "  classDef astray fill:#eeeeee,stroke:#c62828,color:#808080\n"
                 "  classDef flawed fill:#fdecea,stroke:#c62828\n");
}
