#include "core/yaml.h"

#include "core/tree.h"
#include "core/yaml_words.h"

#include <string.h>
#include <yaml.h>

#define ANCHORS 256

struct anchor {
    const char *name;
    struct node *node;
};

struct reader {
    struct tree tree;
    yaml_parser_t parser;
    struct text source;
    struct {
        size_t index, offset; /* characters and bytes of the same point of the source */
    } cursor;
    struct anchor anchors[ANCHORS];
    size_t n_anchors;
    size_t understood; /* bytes up to the end of the last event */
    /* names of anchored lists and maps that are still open */
    const char *pending[TREE_DEPTH];
    bool flow[TREE_DEPTH]; /* by level: stands between { } or [ ] */
    bool cut_flow;         /* a '#' cut something between { } or [ ]: what follows there is nonsense */
    int documents;
};

/* --- places ----------------------------------------------------------------------------------------------------- */

/* libyaml counts characters; marks come nearly in order, so the way from one to the next is short. */
static size_t mark_offset(struct reader *reader, const yaml_mark_t *mark)
{
    const char *p = reader->source.p;
    size_t n = reader->source.n, at = reader->cursor.offset, index = reader->cursor.index;

    for (; index < mark->index && at < n; index++)
        for (at++; at < n && ((unsigned char)p[at] & 0xC0) == 0x80;)
            at++;
    for (; index > mark->index && at > 0; index--)
        for (at--; at > 0 && ((unsigned char)p[at] & 0xC0) == 0x80;)
            at--;
    reader->cursor.index = index;
    reader->cursor.offset = at;
    return at;
}

static struct place mark_place(const struct reader *reader, const yaml_mark_t *mark)
{
    return (struct place){ reader->tree.document, (int)mark->line + 1, (int)mark->column + 1, 1 };
}

static void skip_anchor(const yaml_char_t *anchor, struct text *text, struct place *at)
{
    size_t n = anchor ? strlen((const char *)anchor) + 1 : 0;

    if (!anchor || text->n < n || text->p[0] != '&')
        return;
    while (n < text->n && text->p[n] == ' ')
        n++;
    if (n < text->n && text->p[n] != '\n' && text->p[n] != '\r') {
        *text = text_make(text->p + n, text->n - n);
        at->column += (int)n;
    }
}

/* Where the content begins: behind an anchor and an opening quote. */
static struct place scalar_place(struct reader *reader, const yaml_event_t *event)
{
    struct place at = mark_place(reader, &event->start_mark);
    bool quoted = event->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                  event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    size_t from = mark_offset(reader, &event->start_mark);
    size_t to = mark_offset(reader, &event->end_mark);
    struct text text = text_make(reader->source.p + from, to - from);
    const char *end;

    skip_anchor(event->data.scalar.anchor, &text, &at);
    end = text.n ? memchr(text.p, '\n', text.n) : NULL;
    if (quoted && text.n > 1) {
        text = text_make(text.p + 1, text.n - (end ? 1 : 2));
        at.column++;
    }
    if (end && end >= text.p)
        text = text_trim(text_make(text.p, (size_t)(end - text.p)));
    at.width = (int)text_utf8_count(text);
    if (at.width < 1 || event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
        event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
        at.width = 1;
    return at;
}

/* --- anchors and aliases ---------------------------------------------------------------------------------------- */

static bool define(struct reader *reader, const char *name, struct node *node)
{
    if (!name)
        return true;
    for (size_t i = 0; i < reader->n_anchors; i++)
        if (strcmp(reader->anchors[i].name, name) == 0) {
            reader->anchors[i].node = node;
            return true;
        }
    if (reader->n_anchors == ANCHORS) {
        finding_error(reader->tree.findings, node->at, "the file has more than %d anchors", ANCHORS);
        return false;
    }
    reader->anchors[reader->n_anchors++] = (struct anchor){ name, node };
    return true;
}

static bool keep_name(struct reader *reader, const yaml_char_t *anchor, const char **name)
{
    *name = anchor ? arena_str(reader->tree.arena, text_of((const char *)anchor)) : NULL;
    return !anchor || *name;
}

static bool read_alias(struct reader *reader, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct place at = mark_place(reader, &event->start_mark);

    for (size_t i = 0; i < reader->n_anchors; i++)
        if (strcmp(reader->anchors[i].name, name) == 0)
            return tree_repeat(&reader->tree, reader->anchors[i].node, at);
    finding_error(reader->tree.findings, at, "nothing before has this name");
    finding_hint(reader->tree.findings, "a text that begins with '*' needs single quotes");
    return tree_scalar(&reader->tree, text_of(name), false, at) != NULL;
}

/* --- events ----------------------------------------------------------------------------------------------------- */

static void refuse_tag(struct reader *reader, const yaml_char_t *tag, const yaml_event_t *event)
{
    if (!tag)
        return;
    finding_error(reader->tree.findings, mark_place(reader, &event->start_mark),
                  "tags (words that begin with '!') are not supported");
    finding_hint(reader->tree.findings, "a text that begins with '!' needs single quotes");
}

static bool in_flow(const struct reader *reader)
{
    return reader->tree.depth && reader->flow[reader->tree.depth - 1];
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event)
{
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct text text = text_make((const char *)event->data.scalar.value, event->data.scalar.length);
    struct place at = scalar_place(reader, event);
    struct node *node;
    const char *name;

    refuse_tag(reader, event->data.scalar.tag, event);
    node = tree_scalar(&reader->tree, text, plain, at);
    if (!node || !keep_name(reader, event->data.scalar.anchor, &name) || !define(reader, name, node))
        return false;
    if (plain && text.n &&
        yaml_find_cut(reader->tree.document, mark_offset(reader, &event->end_mark), in_flow(reader),
                      reader->tree.findings))
        reader->cut_flow = in_flow(reader);
    return true;
}

static bool open_level(struct reader *reader, enum node_kind kind, const yaml_event_t *event)
{
    bool list = kind == NODE_LIST;
    int depth = reader->tree.depth;
    const char *name;
    bool flow = list ? event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                     : event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;

    refuse_tag(reader, list ? event->data.sequence_start.tag : event->data.mapping_start.tag, event);
    if (!keep_name(reader, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
                   &name) ||
        !tree_open(&reader->tree, kind, mark_place(reader, &event->start_mark)))
        return false;
    reader->flow[depth] = flow;
    reader->pending[depth] = name;
    return true;
}

static bool close_level(struct reader *reader)
{
    struct node *node = tree_close(&reader->tree);

    if (!in_flow(reader))
        reader->cut_flow = false;
    return node && define(reader, reader->pending[reader->tree.depth], node);
}

static bool start_document(struct reader *reader, const yaml_event_t *event)
{
    struct place at = mark_place(reader, &event->start_mark);

    if (reader->documents++) {
        finding_error(reader->tree.findings, at, "a file holds one document; another one begins here");
        finding_hint(reader->tree.findings, "put it into a file of its own, without '---'");
        return false;
    }
    if (event->data.document_start.version_directive ||
        event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end) {
        finding_error(reader->tree.findings, at, "directives (lines that begin with '%%') are not supported");
        finding_hint(reader->tree.findings, "take the line out");
    }
    return true;
}

static bool read_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(reader, event);
    case YAML_ALIAS_EVENT:
        return read_alias(reader, event);
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_level(reader, NODE_LIST, event);
    case YAML_MAPPING_START_EVENT:
        return open_level(reader, NODE_MAP, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_level(reader);
    default:
        return true;
    }
}

/* --- libyaml's own errors --------------------------------------------------------------------------------------- */

static void report_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    struct yaml_trouble trouble = {
        .problem = parser->problem ? parser->problem : "",
        .flow = in_flow(reader),
        .from = reader->understood,
        .offset = parser->error == YAML_READER_ERROR ? parser->problem_offset
                                                     : mark_offset(reader, &parser->problem_mark),
    };

    trouble.opened = parser->context ? mark_offset(reader, &parser->context_mark) : trouble.offset;
    if (parser->error == YAML_MEMORY_ERROR)
        finding_error(reader->tree.findings, ((struct place){ reader->tree.document, 0, 0, 0 }),
                      "the file takes more memory than it may");
    else if (!reader->cut_flow)
        yaml_explain(reader->tree.document, &trouble, reader->tree.findings);
}

static void read_events(struct reader *reader)
{
    bool going = true;

    while (going) {
        yaml_event_t event;

        if (!yaml_parser_parse(&reader->parser, &event)) {
            report_error(reader);
            return;
        }
        reader->understood = mark_offset(reader, &event.end_mark);
        going = read_event(reader, &event) && event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

struct document *yaml_read(struct arena *arena, const char *path, struct text source,
                           struct findings *findings)
{
    size_t errors = findings_count(findings, FINDING_ERROR);
    struct reader *reader = arena_alloc(arena, sizeof(*reader));

    if (text_starts(source, "\xEF\xBB\xBF"))
        source = text_make(source.p + 3, source.n - 3);
    if (!reader) {
        finding_error(findings, (struct place){ 0 }, "%s: memory is out", path);
        return NULL;
    }
    if (!tree_begin(&reader->tree, arena, path, source, findings))
        return NULL;
    reader->source = reader->tree.document->source;
    if (!yaml_check_bytes(reader->tree.document, findings))
        return NULL;
    if (!yaml_parser_initialize(&reader->parser)) {
        finding_error(findings, (struct place){ 0 }, "%s: memory is out", path);
        return NULL;
    }
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)reader->source.p, source.n);
    read_events(reader);
    yaml_parser_delete(&reader->parser);
    tree_end(&reader->tree);
    return findings_count(findings, FINDING_ERROR) > errors ? NULL : reader->tree.document;
}
