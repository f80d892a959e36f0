#include "app/against.h"

#include "app/configfile.h"
#include "app/rulefiles.h"
#include "base/file.h"
#include "base/now.h"
#include "core/flow_against.h"
#include "core/yaml.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64u << 20)
#define PAGE 1000
#define DATA_MAX 4096
#define PAGE_BYTES ((size_t)4 << 20)

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

static void say_unread(const struct generation *generation, const char *why, struct findings *findings)
{
    finding_add(findings, FINDING_NOTE, (struct place){ 0 },
                "the store %s was not looked at for buttons that are in chats: %s", generation->config->store,
                why);
}

/* False: the store or memory failed. */
static bool read_buttons(struct store *store, struct flow_against *flow, struct arena *arena)
{
    const int64_t now = now_wall_ms();
    struct issued_row *items, last;
    struct buf behind = BUF(DATA_MAX);
    size_t n, pages = 0;
    bool good = true;

    do {
        arena_reset(arena);
        n = store_list_issued(store, pages++ ? &last : NULL, now, PAGE, arena, &items);
        for (size_t i = 0; i < n && good; i++)
            good = flow_against_chat(flow, items[i].chat, items[i].data);
        if (n) {
            last = items[n - 1];
            buf_cut(&behind, 0);
            buf_text(&behind, last.token);
            last.token = buf_get(&behind);
        }
    } while (n == PAGE && good && !behind.failed);
    good = good && !behind.failed && !store_failed(store);
    buf_free(&behind);
    return good;
}

static void check_chats(struct flow_against *flow, const struct generation *generation,
                        struct findings *findings)
{
    struct arena *arena = arena_new(PAGE_BYTES);
    enum store_status status;
    struct fault fault;
    char *url = configfile_store(generation->config, &fault);
    struct store *store = NULL;

    if (!arena)
        fault_set(&fault, "out of memory");
    if (url && arena)
        store = store_open(url, STORE_OPERATE, &status, &fault);
    if (!store)
        say_unread(generation, fault.text, findings);
    else if (read_buttons(store, flow, arena))
        flow_against_chats(flow);
    else
        say_unread(generation, "reading it failed", findings);
    store_close(store);
    arena_free(arena);
    configfile_free_store(url);
}

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
    check_chats(flow, generation, findings);
    flow_against_free(flow);
}
