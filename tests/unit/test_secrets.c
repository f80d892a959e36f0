/* Secrets and rule files: what a configuration refers to on disk and in the environment. */

#include "app/configfile.h"
#include "app/rulefiles.h"
#include "app/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[64], config_path[96];
static char made[32][200];
static size_t n_made;

static void note(const char *path)
{
    assert_true(n_made < COUNT(made));
    snprintf(made[n_made++], sizeof(made[0]), "%s", path);
}

static void put(const char *name, const char *content, size_t n)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    note(path);
}

static void put_folder(const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    note(path);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/callbackd-secrets-XXXXXX");
    n_made = 0;
    if (!mkdtemp(folder))
        return -1;
    snprintf(config_path, sizeof(config_path), "%s/callbackd.yaml", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (n_made > 0)
        remove(made[--n_made]);
    return rmdir(folder);
}

/* --- secrets ------------------------------------------------------------------------------------------------------------ */

static void read_from_everywhere(void **state)
{
    static const struct {
        const char *reference, *value; /* NULL: refused */
        const char *why;               /* in the fault */
    } cases[] = {
        { "env:SECRETS_TEST", "from env", NULL },
        { "env:SECRETS_TEST_NONE", NULL, "SECRETS_TEST_NONE" },
        { "env:SECRETS_TEST_EMPTY", NULL, "empty" },
        { "file:plain", "s3cret", NULL },
        { "file:broken", "s3cret", NULL },
        { "file:windows", "s3cret", NULL },
        { "file:spaces", " a b ", NULL },
        { "file:empty", NULL, "empty" },
        { "file:newline", NULL, "empty" },
        { "file:none", NULL, "none" },
        { "credential:plain", "s3cret", NULL },
        { "credential:none", NULL, "none" },
        { "s3cret", NULL, "does not stand in the file" },
        { "vault:plain", NULL, "env:NAME" },
    };

    (void)state;
    setenv("SECRETS_TEST", "from env", 1);
    setenv("SECRETS_TEST_EMPTY", "", 1);
    unsetenv("SECRETS_TEST_NONE");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    put("plain", "s3cret", 6);
    put("broken", "s3cret\n", 7);
    put("windows", "s3cret\r\n", 8);
    put("spaces", " a b \n", 6);
    put("empty", "", 0);
    put("newline", "\n", 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault = { "" };
        struct text secret = secrets_read(cases[i].reference, config_path, &fault);

        if (!cases[i].value) {
            assert_null(secret.p);
            if (!strstr(fault.text, cases[i].why) || strstr(fault.text, "s3cret"))
                fail_msg("%s: \"%s\"", cases[i].reference, fault.text);
            continue;
        }
        if (!secret.p)
            fail_msg("%s: %s", cases[i].reference, fault.text);
        assert_int_equal(secret.n, strlen(cases[i].value));
        assert_memory_equal(secret.p, cases[i].value, secret.n);
        secrets_free(&secret);
        assert_null(secret.p);
    }
}

static void any_bytes(void **state)
{
    struct fault fault;
    struct text secret;

    (void)state;
    put("key", "a\0b\xff\n", 5);
    secret = secrets_read("file:key", config_path, &fault);
    assert_int_equal(secret.n, 4);
    assert_memory_equal(secret.p, "a\0b\xff", 4);
    secrets_free(&secret);
    secrets_free(&secret);
}

static void no_credentials_folder(void **state)
{
    struct fault fault = { "" };

    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_null(secrets_read("credential:octopods", config_path, &fault).p);
    assert_non_null(strstr(fault.text, "LoadCredential=octopods"));
}

/* --- rule files --------------------------------------------------------------------------------------------------------- */

/* The names of the files that are read for these entries of `rules`, one after the other; "!" if it fails. */
static void assert_reads(const char *const *rules, size_t n, const char *expected)
{
    struct config config = { .path = config_path, .rules = rules, .n_rules = n };
    struct findings *findings = findings_new();
    struct rulefiles files;
    struct buf names = BUF(4096);

    if (!rulefiles_read(&config, &files, findings)) {
        buf_str(&names, "!");
        assert_true(findings_count(findings, FINDING_ERROR) > 0);
    }
    for (size_t i = 0; i < files.count; i++)
        buf_printf(&names, "%s%s=%.*s", names.len ? " " : "", strrchr(files.files[i].path, '/') + 1,
                   TEXT_ARG(files.files[i].text));
    if (buf_get(&names).p[0] != '!')
        assert_string_equal(buf_get(&names).p, expected);
    else
        assert_string_equal("!", expected);
    buf_free(&names);
    rulefiles_free(&files);
    findings_free(findings);
}

static void rule_files_in_order(void **state)
{
    const char *const all[] = { "rules" }, *const named[] = { "one.txt", "rules/" },
                      *const bare[] = { "empty" }, *const none[] = { "rules", "nowhere" };

    (void)state;
    put_folder("rules");
    put("rules/20-b.yaml", "b", 1);
    put("rules/10-a.yml", "a", 1);
    put("rules/B.json", "c", 1);
    put("rules/10-a.test.yaml", "-", 1);
    put("rules/x.test.yml", "-", 1);
    put("rules/x.test.json", "-", 1);
    put("rules/.hidden.yaml", "-", 1);
    put("rules/notes.txt", "-", 1);
    put("rules/30.yaml~", "-", 1);
    put("one.txt", "1", 1);
    put_folder("empty");
    assert_reads(all, 1, "10-a.yml=a 20-b.yaml=b B.json=c");
    assert_reads(named, 2, "one.txt=1 10-a.yml=a 20-b.yaml=b B.json=c");
    assert_reads(bare, 1, "!");
    assert_reads(none, 2, "!");
    assert_reads(NULL, 0, "");
}

/* --- the store's path --------------------------------------------------------------------------------------------------- */

static void store_beside_the_configuration(void **state)
{
    static const struct {
        const char *path, *store, *url;
    } cases[] = { { "/etc/callbackd/c.yaml", "sqlite:var/a.db", "sqlite:/etc/callbackd/var/a.db" },
                  { "/etc/callbackd/c.yaml", "sqlite:/var/a.db", "sqlite:/var/a.db" },
                  { "c.yaml", "sqlite:a.db", "sqlite:a.db" },
                  { "c.yaml", "memory:", "memory:" } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config config = { .path = cases[i].path, .store = cases[i].store };
        struct fault fault;
        char *url = configfile_store(&config, &fault);

        assert_string_equal(url, cases[i].url);
        configfile_free_store(url);
    }
}

/* The URL of a server may hold a password: then it is a secret like others. */
static void store_is_a_secret(void **state)
{
    static const struct {
        const char *store, *content, *url, *fault; /* url: NULL when there is the fault */
    } cases[] = {
        { "file:url", "postgresql://u:hidden@h/db\n", "postgresql://u:hidden@h/db", NULL },
        { "file:url", "postgres://h/db", "postgres://h/db", NULL },
        { "postgresql://u@h/db", "", "postgresql://u@h/db", NULL },
        { "file:url", "hidden", NULL, "what file:url has is not postgresql://" },
        { "file:url", "", NULL, "store: secret file:url: it is empty" },
        { "env:NO_SUCH_STORE", "", NULL, "the environment has no NO_SUCH_STORE" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config config = { .path = config_path, .store = cases[i].store };
        struct fault fault = { "" };
        char *url;

        put("url", cases[i].content, strlen(cases[i].content));
        url = configfile_store(&config, &fault);
        if (cases[i].url)
            assert_string_equal(url, cases[i].url);
        else
            assert_null(url);
        assert_true(cases[i].url || strstr(fault.text, cases[i].fault));
        assert_null(strstr(fault.text, "hidden"));
        configfile_free_store(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(read_from_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_credentials_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rule_files_in_order, set_up, tear_down),
        cmocka_unit_test(store_beside_the_configuration),
        cmocka_unit_test_setup_teardown(store_is_a_secret, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
