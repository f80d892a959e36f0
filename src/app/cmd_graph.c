/* `callbackd graph`: the flow as a picture. */

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/generation.h"
#include "core/graph.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)1 << 30)
#define OUT_MAX ((size_t)256 << 20)

enum graph_format { GRAPH_DOT, GRAPH_MERMAID, GRAPH_SVG, GRAPH_FORMATS };

static const char *const formats[] = {
    [GRAPH_DOT] = "dot", [GRAPH_MERMAID] = "mermaid", [GRAPH_SVG] = "svg"
};

static bool find_format(const char *name, enum graph_format *out)
{
    for (int i = 0; i < GRAPH_FORMATS; i++) {
        if (strcmp(name, formats[i]) != 0)
            continue;
        *out = (enum graph_format)i;
        return true;
    }
    fprintf(stderr, "callbackd: there is no format '%s'\n", name);
    return false;
}

static bool print(const struct graph *graph, enum graph_format format, struct arena *arena)
{
    struct buf out = BUF(OUT_MAX);
    bool ok = true;

    if (format == GRAPH_DOT)
        graph_dot(graph, &out);
    else if (format == GRAPH_MERMAID)
        graph_mermaid(graph, &out);
    else
        ok = graph_svg(graph, arena, &out);
    ok = ok && !out.failed && fwrite(buf_get(&out).p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_free(&out);
    return ok;
}

static int draw(struct generation *generation, enum graph_format format, struct findings *findings)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct graph_known known;
    struct graph graph;
    bool ok = arena && scratch && graph_check(generation->ruleset, arena, findings, &known) &&
              graph_build(generation->ruleset, &known, scratch, arena, &graph);

    if (ok) {
        graph_mark(&graph, findings);
        ok = print(&graph, format, arena);
    }
    if (!ok)
        fprintf(stderr, "callbackd: the picture cannot be written\n");
    pattern_scratch_free(scratch);
    arena_free(arena);
    return ok ? EXIT_FINE : EXIT_TROUBLE;
}

int cmd_graph(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG, *name = "svg";
    const struct cmdline_option options[] = { { "c", &path, NULL },
                                              { "format", &name, NULL },
                                              { NULL, NULL, NULL } };
    enum graph_format format;
    struct findings *findings;
    struct generation *generation;
    int n, code = EXIT_CONFIG;

    if (!cmdline_parse(argc, argv, options, &n) || !cmdline_no_words(argv, n) ||
        !find_format(name, &format)) {
        fprintf(stderr, "usage: callbackd graph -c FILE [--format dot|mermaid|svg]\n");
        return EXIT_USAGE;
    }
    setlocale(LC_CTYPE, "C.UTF-8"); /* for widths; the output is UTF-8 in any event */
    findings = findings_new();
    generation = findings ? generation_load(path, SECRETS_NONE, findings) : NULL;
    if (generation)
        code = draw(generation, format, findings);
    else if (findings)
        cmdline_findings(findings, false);
    generation_unref(generation);
    findings_free(findings);
    return code;
}
