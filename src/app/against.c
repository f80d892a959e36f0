#include "app/against.h"

#include "app/configfile.h"
#include "app/rulefiles.h"
#include "base/file.h"
#include "core/flow_against.h"
#include "core/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64u << 20)

struct against {
    struct generation *generation; /* OLD is a configuration */
    struct ruleset *alone;         /* OLD is rules */
    const struct ruleset *ruleset; /* either's */
};

/* --- loading ----------------------------------------------------------------------------------------------------------- */

/* A rule file has a list of maps as `rules`; a configuration one of paths, and much besides. */
static bool is_config(const char *path)
{
    struct arena *arena = arena_new(FILE_MAX);
    struct findings *unsaid = findings_new();
    struct buf text = BUF(FILE_MAX);
    struct fault fault;
    struct document *document = NULL;
    const struct node *root;
    bool config;

    if (arena && unsaid && file_read(path, &text, &fault))
        document = yaml_read(arena, path, buf_get(&text), unsaid);
    root = document ? document->root : NULL;
    config = node_get(root, "channels") || node_get(root, "sources") || node_get(root, "store");
    buf_free(&text);
    findings_free(unsaid);
    arena_free(arena);
    return config;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct against *against_load(const char *old, struct findings *findings)
{
    struct against *against = calloc(1, sizeof(*against));
    struct rulefiles files = { 0 };

    if (!against) {
        finding_error(findings, (struct place){ 0 }, "out of memory");
        return NULL;
    }
    if (!is_folder(old) && is_config(old)) {
        against->generation = generation_load(old, SECRETS_NONE, findings);
        against->ruleset = against->generation ? against->generation->ruleset : NULL;
    } else {
        if (rulefiles_read_path(old, &files, findings))
            against->alone = ruleset_build_zoned(files.files, files.count, NULL, 0, rulefiles_zone, findings);
        rulefiles_free(&files);
        against->ruleset = against->alone;
    }
    if (against->ruleset)
        return against;
    against_free(against);
    return NULL;
}

void against_free(struct against *against)
{
    if (!against)
        return;
    generation_unref(against->generation);
    ruleset_free(against->alone);
    free(against);
}

/* --- checking ---------------------------------------------------------------------------------------------------------- */

void against_check(const struct against *against, const struct generation *generation,
                   struct findings *findings)
{
    struct flow_against *flow = flow_against_new(against->ruleset, generation->ruleset, findings);

    if (!flow) {
        finding_add(findings, FINDING_NOTE, (struct place){ 0 },
                    "the old and the new rules are too many to be compared");
        return;
    }
    flow_against_buttons(flow);
    flow_against_free(flow);
}
