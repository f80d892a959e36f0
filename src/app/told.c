#include "app/told.h"

#include <inttypes.h>
#include <stdlib.h>

void told_text(struct text text, FILE *out)
{
    char *shown = malloc(text.n + 1);

    if (shown) {
        text_printable(text, shown, text.n);
        fputs(shown, out);
    }
    free(shown);
}

static void line(const char *head, struct text text, FILE *out)
{
    if (!text.p)
        return;
    fprintf(out, "%s: ", head);
    told_text(text, out);
    fputc('\n', out);
}

static const char *why(struct text how)
{
    return text_is(how, "tap")    ? "its tap pattern takes it"
           : text_is(how, "text") ? "its text pattern takes it"
                                  : "as the default";
}

static void print_asked(const struct sandbox_asked *asked, FILE *out)
{
    fprintf(out, "lookup: %.*s, ", TEXT_ARG(asked->name));
    if (asked->by == SANDBOX_SAMPLE)
        fputs("answered by its sample", out);
    else if (asked->by == SANDBOX_GIVEN)
        fprintf(out, "answered as given, with status %d", asked->status);
    else if (asked->status)
        fprintf(out, "answered live with status %d in %" PRId64 " ms", asked->status, asked->took_ms);
    else
        fputs("asked live without an answer", out);
    if (asked->error.p) {
        fputs(" (", out);
        told_text(asked->error, out);
        fputc(')', out);
    }
    line("", asked->url, out);
    line("  body", asked->body, out);
}

static void print_rules(const struct sandbox_outcome *outcome, FILE *out)
{
    if (!outcome->rule.p)
        return;
    fprintf(out, "rule: %.*s (%s)\n", TEXT_ARG(outcome->rule), why(outcome->how));
    for (size_t i = 1; i < outcome->n_rules; i++)
        line("then", outcome->rules[i], out);
    if (!text_is(outcome->captures, "{}"))
        line("captures", outcome->captures, out);
}

void told_print(const struct sandbox_outcome *outcome, FILE *out)
{
    print_rules(outcome, out);
    for (size_t i = 0; i < outcome->n_asked; i++)
        print_asked(&outcome->asked[i], out);
    line("not_found", outcome->missed, out);
    line("on_error", outcome->failed, out);
    for (size_t i = 0; i < outcome->n_actions; i++) {
        fprintf(out, "inbox: %.*s", TEXT_ARG(outcome->actions[i].action));
        if (outcome->actions[i].value.p)
            line("", outcome->actions[i].value, out);
        else
            fputc('\n', out);
    }
    line("refused", outcome->refused, out);
}

void told_end(const struct sandbox_outcome *outcome, FILE *out)
{
    if (!outcome->rule.p)
        line("nothing is sent", outcome->reason, out);
    else if (outcome->run_state != RUN_DONE) {
        fprintf(out, "the run is %s", run_state_name(outcome->run_state));
        line("", outcome->reason, out);
    }
}
