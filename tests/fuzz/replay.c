/* The main of a target where there is no libFuzzer: gives it each file of its corpus, one TAP point each. Without arguments that
   is tests/fuzz/corpus/NAME below `srcdir`, for a program fuzz_NAME; files may be named instead. */

#include "fuzz.h"

#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 20)

/* Exactly as large as the input, so that AddressSanitizer sees what is read behind it. */
static bool replay(const char *path)
{
    struct buf content = BUF(INPUT_MAX);
    struct fault fault;
    struct text text;
    uint8_t *bytes;

    if (!file_read(path, &content, &fault)) {
        printf("# %s\n", fault.text);
        buf_free(&content);
        return false;
    }
    text = buf_get(&content);
    bytes = malloc(text.n ? text.n : 1);
    if (bytes) {
        memcpy(bytes, text.p, text.n);
        (void)LLVMFuzzerTestOneInput(bytes, text.n);
    }
    free(bytes);
    buf_free(&content);
    return bytes != NULL;
}

/* A target that finds something ends the program: what was said before names the input. */
static int replay_all(char *const *paths, int n)
{
    int bad = 0;

    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        bool good;

        printf("# %s\n", paths[i]);
        fflush(stdout);
        good = replay(paths[i]);
        printf("%s %d - %s\n", good ? "ok" : "not ok", i + 1, strrchr(paths[i], '/') + 1);
        fflush(stdout);
        bad += !good;
    }
    return bad ? 1 : 0;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    static char paths[1000][500];
    static char *list[1000];
    struct dirent **found;
    int n = scandir(folder, &found, is_input, alphasort);

    if (n <= 0 || n > 1000) {
        printf("1..1\nnot ok 1 - %s has inputs\n", folder);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/%.200s", folder, found[i]->d_name);
        list[i] = paths[i];
        free(found[i]);
    }
    free(found);
    return replay_all(list, n);
}

int main(int argc, char **argv)
{
    const char *srcdir = getenv("srcdir"), *name = strrchr(argv[0], '/');
    char folder[250];

    if (argc > 1)
        return replay_all(argv + 1, argc - 1);
    name = strstr(name ? name : argv[0], "fuzz_");
    if (!name)
        return 2;
    (void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : "..", name + 5);
    return replay_folder(folder);
}
