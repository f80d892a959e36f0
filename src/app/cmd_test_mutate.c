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
#define EFFORT_MAX ((size_t)1000000) /* rules loaded and steps played, in all */
#define TRIED_MAX ((size_t)1000)
#define TRIED_LEAST ((size_t)50)

/* A rule file and its changes. */
struct mutated {
    const struct document *document; /* NULL: it is empty */
    struct mutants mutants;
};

struct mutation {
    struct generation *generation;
    const struct test_files *tests;
    struct rulefiles files;
    struct ruleset_channel *channels;
    struct arena *arena;
    struct pattern_scratch *scratch;
    struct mutated *mutated; /* by file */
    size_t count, left_out;  /* of all mutants */
    size_t tried, noticed;   /* of those whose rules load */
    struct buf survivors;    /* lines */
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

static bool list_file(struct mutation *mutation, size_t i)
{
    const struct ruleset_file *file = &mutation->files.files[i];
    struct findings *findings = findings_new();
    struct mutated *mutated = &mutation->mutated[i];
    struct document *document = NULL;
    bool ok = findings != NULL;

    if (ok)
        document = text_ends(text_of(file->path), ".json")
                       ? json_read(mutation->arena, file->path, file->text, findings)
                       : yaml_read(mutation->arena, file->path, file->text, findings);
    if (document && document->root) {
        mutated->document = document;
        ok = mutate_list(document, mutation->generation->ruleset, mutation->scratch, mutation->arena,
                         &mutated->mutants);
    }
    mutation->count += mutated->mutants.count;
    findings_free(findings);
    return ok;
}

static bool list_all(struct mutation *mutation)
{
    bool ok;

    mutation->mutated = arena_array(mutation->arena, mutation->files.count + 1, sizeof(*mutation->mutated));
    ok = mutation->mutated != NULL;
    for (size_t i = 0; ok && i < mutation->files.count; i++)
        ok = list_file(mutation, i);
    return ok;
}

/* How many are tried: always the same for the same rules and cases. */
static size_t most(const struct mutation *mutation)
{
    size_t effort = ruleset_count(mutation->generation->ruleset) + 1, n;

    for (size_t i = 0; i < mutation->tests->count; i++)
        for (size_t k = 0; k < mutation->tests->files[i].cases.count; k++)
            effort += mutation->tests->files[i].cases.items[k].count;
    n = EFFORT_MAX / effort;
    return n < TRIED_LEAST ? TRIED_LEAST : n > TRIED_MAX ? TRIED_MAX : n;
}

/* Where that is not all, those left out are spread evenly. */
static bool try_all(struct mutation *mutation)
{
    const size_t n = most(mutation);
    bool ok = true;
    size_t turn = 0;

    for (size_t i = 0; ok && i < mutation->files.count; i++) {
        const struct mutated *mutated = &mutation->mutated[i];

        for (size_t k = 0; ok && k < mutated->mutants.count; k++, turn++) {
            if (mutate_picks(turn, mutation->count, n))
                ok = try_mutant(mutation, i, mutated->document, &mutated->mutants.items[k]);
            else
                mutation->left_out++;
        }
    }
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
    if (mutation->left_out)
        printf("; %zu others are too many to be tried", mutation->left_out);
    printf("\n%s", buf_get(&mutation->survivors).p);
}

bool cmd_test_mutate(struct generation *generation, const struct test_files *tests)
{
    struct mutation mutation = { .generation = generation,
                                 .tests = tests,
                                 .arena = arena_new(ARENA_MAX),
                                 .scratch = pattern_scratch_new(),
                                 .survivors = BUF(FILE_MAX) };
    bool ok = mutation.arena && mutation.scratch && make_channels(&mutation) && read_files(&mutation) &&
              list_all(&mutation) && try_all(&mutation);

    if (ok)
        report(&mutation);
    rulefiles_free(&mutation.files);
    buf_free(&mutation.survivors);
    free(mutation.channels);
    pattern_scratch_free(mutation.scratch);
    arena_free(mutation.arena);
    return ok;
}
