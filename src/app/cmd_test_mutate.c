/* `callbackd test --mutate`: which small changes of the rules no case notices. */

#include "app/cmd_test.h"

#include "app/play.h"
#include "app/rulefiles.h"
#include "core/mutate.h"
#include "core/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX ((size_t)1 << 30)
#define FILE_MAX ((size_t)64 << 20)
#define WHY_MAX ((size_t)1 << 20)

struct mutation {
    struct generation *generation;
    const struct test_files *tests;
    struct rulefiles files;
    struct ruleset_channel *channels;
    struct arena *arena;
    struct pattern_scratch *scratch;
    size_t tried, noticed;
    struct buf survivors; /* lines */
};

/* --- one change ------------------------------------------------------------------------------------------------------ */

static bool all_pass(const struct mutation *mutation, struct generation *changed)
{
    bool pass = true;

    for (size_t i = 0; pass && i < mutation->tests->count; i++) {
        const struct test_cases *cases = &mutation->tests->files[i].cases;

        for (size_t k = 0; pass && k < cases->count; k++) {
            struct buf why = BUF(WHY_MAX);

            pass = play_case(changed, &cases->items[k], NULL, &why);
            buf_free(&why);
        }
    }
    return pass;
}

/* The rules with one file changed; NULL if they do not load so: that is no mistake that could go unnoticed. */
static struct ruleset *build(struct mutation *mutation, size_t file, struct text text)
{
    const struct config *config = mutation->generation->config;
    struct ruleset_file old = mutation->files.files[file], *changed = &mutation->files.files[file];
    struct findings *findings = findings_new();
    struct buf path = BUF(8192);
    struct ruleset *ruleset = NULL;

    buf_printf(&path, "%s.json", old.path);
    *changed = (struct ruleset_file){ buf_get(&path).p, text };
    if (findings && !path.failed)
        ruleset = ruleset_build_zoned(mutation->files.files, mutation->files.count, mutation->channels,
                                      config->n_channels, rulefiles_zone, findings);
    *changed = old;
    buf_free(&path);
    findings_free(findings);
    return ruleset;
}

static bool try_mutant(struct mutation *mutation, size_t file, const struct document *document,
                       const struct mutant *mutant)
{
    struct buf text = BUF(FILE_MAX);
    struct ruleset *ruleset;
    struct generation *changed;

    mutate_print(document, mutant, &text);
    ruleset = text.failed ? NULL : build(mutation, file, buf_get(&text));
    buf_free(&text);
    if (!ruleset)
        return true;
    changed = generation_with(mutation->generation, ruleset);
    if (!changed)
        return false;
    mutation->tried++;
    if (all_pass(mutation, changed)) {
        buf_str(&mutation->survivors, "#   not noticed: ");
        mutate_describe(mutant, &mutation->survivors);
        buf_char(&mutation->survivors, '\n');
    } else {
        mutation->noticed++;
    }
    generation_unref(changed);
    return true;
}

/* --- all of them ----------------------------------------------------------------------------------------------------- */

static bool mutate_file(struct mutation *mutation, size_t i)
{
    const struct ruleset_file *file = &mutation->files.files[i];
    struct findings *findings = findings_new();
    struct document *document = NULL;
    struct mutants mutants = { NULL };
    bool ok = findings != NULL;

    if (ok)
        document = text_ends(text_of(file->path), ".json")
                       ? json_read(mutation->arena, file->path, file->text, findings)
                       : yaml_read(mutation->arena, file->path, file->text, findings);
    if (document && document->root)
        ok = mutate_list(document, mutation->generation->ruleset, mutation->scratch, mutation->arena,
                         &mutants);
    for (size_t k = 0; ok && k < mutants.count; k++)
        ok = try_mutant(mutation, i, document, &mutants.items[k]);
    findings_free(findings);
    return ok;
}

static bool make_channels(struct mutation *mutation)
{
    const struct config *config = mutation->generation->config;

    mutation->channels = calloc(config->n_channels + 1, sizeof(*mutation->channels));
    for (size_t i = 0; mutation->channels && i < config->n_channels; i++)
        mutation->channels[i] =
            (struct ruleset_channel){ config->channels[i].name, config->channels[i].dialect };
    return mutation->channels != NULL;
}

static bool read_files(struct mutation *mutation)
{
    struct findings *findings = findings_new();
    bool ok = findings && rulefiles_read(mutation->generation->config, &mutation->files, findings);

    findings_free(findings);
    return ok;
}

static void report(const struct mutation *mutation)
{
    printf("# mutants: %zu of %zu noticed", mutation->noticed, mutation->tried);
    if (mutation->tried)
        printf(" (%zu %%)", mutation->noticed * 100 / mutation->tried);
    printf("\n%s", buf_get(&mutation->survivors).p);
}

bool cmd_test_mutate(struct generation *generation, const struct test_files *tests)
{
    struct mutation mutation = { .generation = generation,
                                 .tests = tests,
                                 .arena = arena_new(ARENA_MAX),
                                 .scratch = pattern_scratch_new(),
                                 .survivors = BUF(FILE_MAX) };
    bool ok = mutation.arena && mutation.scratch && make_channels(&mutation) && read_files(&mutation);

    for (size_t i = 0; ok && i < mutation.files.count; i++)
        ok = mutate_file(&mutation, i);
    if (ok)
        report(&mutation);
    rulefiles_free(&mutation.files);
    buf_free(&mutation.survivors);
    free(mutation.channels);
    pattern_scratch_free(mutation.scratch);
    arena_free(mutation.arena);
    return ok;
}
