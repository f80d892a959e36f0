#include "kit_file.h"

const char *kit_path(struct text text)
{
    return text.n && (*text.p == '{' || *text.p == '[') ? "fuzz.json" : "fuzz.yaml";
}

static size_t lines_of(struct text source)
{
    size_t n = 1;

    for (size_t i = 0; i < source.n; i++)
        n += source.p[i] == '\n' || (source.p[i] == '\r' && !(i + 1 < source.n && source.p[i + 1] == '\n'));
    return n;
}

/* One line, with a place that there is. */
static void check_finding(const struct finding *finding, size_t lines)
{
    const struct place *at = &finding->at;

    HOLDS(finding->text && finding->text[0] && fuzz_is_line(text_of(finding->text)));
    HOLDS(!finding->hint || fuzz_is_line(text_of(finding->hint)));
    if (!at->document)
        return;
    HOLDS(at->line >= 0 &&
          (size_t)at->line <= lines + 1); /* the end of a file without a line end is behind it */
    HOLDS(at->line == 0 || (at->column >= 1 && at->width >= 1)); /* 0: the file as a whole */
}

void kit_findings(struct findings *findings, struct text source, bool loaded)
{
    struct buf text = BUF((size_t)16 << 20), json = BUF((size_t)16 << 20);
    const struct finding *finding;

    HOLDS(loaded == (findings_count(findings, FINDING_ERROR) == 0));
    for (size_t i = 0; (finding = findings_get(findings, i)); i++)
        check_finding(finding, lines_of(source));
    findings_print(findings, &text);
    findings_json(findings, &json);
    HOLDS(!text.failed && !json.failed);
    HOLDS(text_utf8_count(buf_get(&text)) >= 0 && text_utf8_count(buf_get(&json)) >= 0);
    buf_free(&text);
    buf_free(&json);
    findings_free(findings);
}
