#include "app/rulefiles.h"

#include "app/configfile.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64u << 20)
#define FILES_MAX 10000

static void trouble(struct findings *findings, const char *path, const char *why)
{
    finding_error(findings, (struct place){ 0 }, "%s: %s", path, why);
}

static bool add_file(struct rulefiles *out, const char *path, struct findings *findings)
{
    struct buf content = BUF(FILE_MAX);
    struct ruleset_file *files;
    struct fault fault;

    if (!file_read(path, &content, &fault)) {
        finding_error(findings, (struct place){ 0 }, "%s", fault.text);
        buf_free(&content);
        return false;
    }
    files = out->count < FILES_MAX ? realloc(out->files, (out->count + 1) * sizeof(*files)) : NULL;
    if (!files) {
        trouble(findings, path, "too many files");
        buf_free(&content);
        return false;
    }
    out->files = files;
    files[out->count].text.n = content.len;
    files[out->count].text.p = buf_take(&content);
    files[out->count].path = text_dup(text_of(path));
    out->count++;
    return files[out->count - 1].text.p && files[out->count - 1].path;
}

enum sort { SORT_NONE, SORT_RULES, SORT_CASES };

static enum sort sort_of(const struct dirent *entry)
{
    static const char *const endings[] = { "yaml", "yml", "json" };
    struct text name = text_of(entry->d_name);

    if (name.p[0] == '.')
        return SORT_NONE;
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        char plain[16], test[16];

        snprintf(plain, sizeof(plain), ".%s", endings[i]);
        snprintf(test, sizeof(test), ".test.%s", endings[i]);
        if (text_ends(name, plain))
            return text_ends(name, test) ? SORT_CASES : SORT_RULES;
    }
    return SORT_NONE;
}

static int is_rule_file(const struct dirent *entry)
{
    return sort_of(entry) == SORT_RULES;
}

static int is_case_file(const struct dirent *entry)
{
    return sort_of(entry) == SORT_CASES;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Nothing would ever end the reading of a pipe. */
static bool is_file(const char *path, struct findings *findings)
{
    struct stat st;

    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true; /* else reading it says what is wrong */
    trouble(findings, path, S_ISDIR(st.st_mode) ? "this is a folder" : "this is no file");
    return false;
}

static bool add_folder(struct rulefiles *out, const char *folder, bool cases, struct findings *findings)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, cases ? is_case_file : is_rule_file, by_bytes);
    bool ok = n > 0;

    if (n < 0)
        trouble(findings, folder, strerror(errno));
    else if (n == 0)
        trouble(findings, folder,
                cases ? "the folder has no test cases (*.test.yaml, *.test.yml, *.test.json)"
                      : "the folder has no rule files (*.yaml, *.yml, *.json)");
    for (int i = 0; i < n; i++) {
        struct buf path = BUF(8192);

        buf_printf(&path, "%s%s%s", folder, text_ends(text_of(folder), "/") ? "" : "/", names[i]->d_name);
        ok = !path.failed && is_file(path.data, findings) && add_file(out, path.data, findings) && ok;
        buf_free(&path);
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool add_path(struct rulefiles *out, const char *path, bool cases, struct findings *findings)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        trouble(findings, path, strerror(errno));
        return false;
    }
    return S_ISDIR(st.st_mode) ? add_folder(out, path, cases, findings) : add_file(out, path, findings);
}

bool rulefiles_read_path(const char *path, struct rulefiles *out, struct findings *findings)
{
    *out = (struct rulefiles){ 0 };
    return add_path(out, path, false, findings);
}

bool rulefiles_read_cases(const char *path, struct rulefiles *out, struct findings *findings)
{
    *out = (struct rulefiles){ 0 };
    return add_path(out, path, true, findings);
}

bool rulefiles_read(const struct config *config, struct rulefiles *out, struct findings *findings)
{
    bool ok = true;

    *out = (struct rulefiles){ 0 };
    for (size_t i = 0; i < config->n_rules; i++) {
        char *path = configfile_path(config, config->rules[i]);

        ok = path && add_path(out, path, false, findings) && ok;
        free(path);
    }
    return ok;
}

void rulefiles_free(struct rulefiles *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((char *)files->files[i].path);
        free((char *)files->files[i].text.p);
    }
    free(files->files);
    *files = (struct rulefiles){ 0 };
}

/* The name was checked: it stays below the folder. */
bool rulefiles_zone(const char *name, struct buf *out)
{
    const char *folder = getenv("TZDIR");
    struct buf path = BUF(4096);
    struct fault fault;
    bool found;

    buf_printf(&path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    found = !path.failed && file_read(path.data, out, &fault);
    buf_free(&path);
    return found;
}
