/* Options of the subcommands, and the sd_notify protocol. */

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/notify.h"
#include "base/now.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS 8

static void options(void **state)
{
    static const struct {
        const char *words[WORDS]; /* behind the subcommand's name */
        bool ok;
        const char *config, *format;
        bool all;
        const char *rest; /* the other words, each with a blank behind */
    } cases[] = {
        { { NULL }, true, "default", NULL, false, "" },
        { { "-c", "a.yaml" }, true, "a.yaml", NULL, false, "" },
        { { "--c=a.yaml" }, true, "a.yaml", NULL, false, "" },
        { { "--format", "json", "--all" }, true, "default", "json", true, "" },
        { { "--format=json", "x" }, true, "default", "json", false, "x " },
        { { "--format=" }, true, "default", "", false, "" },
        { { "list", "--all", "7", "-c", "b" }, true, "b", NULL, true, "list 7 " },
        { { "--", "--all", "-c" }, true, "default", NULL, false, "--all -c " },
        { { "-" }, true, "default", NULL, false, "- " },
        { { "--all=1" }, false, NULL, NULL, false, NULL },
        { { "--format" }, false, NULL, NULL, false, NULL },
        { { "-c" }, false, NULL, NULL, false, NULL },
        { { "--al" }, false, NULL, NULL, false, NULL },
        { { "--nothing", "x" }, false, NULL, NULL, false, NULL },
        { { "-c", "a", "x", "-c", "a" }, false, NULL, NULL, false, NULL },
        { { "--all", "--all" }, true, "default", NULL, true, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *config = "default", *format = NULL;
        bool all = false;
        const struct cmdline_option table[] = {
            { "c", &config, NULL }, { "format", &format, NULL }, { "all", NULL, &all }, { NULL, NULL, NULL }
        };
        char *argv[WORDS + 2] = { (char *)"queue" }, rest[200] = "";
        int argc = 1, n;

        while (argc <= WORDS && cases[i].words[argc - 1]) {
            argv[argc] = (char *)cases[i].words[argc - 1];
            argc++;
        }
        assert_int_equal(cmdline_parse(argc, argv, table, &n), cases[i].ok);
        if (!cases[i].ok)
            continue;
        for (int j = 1; j <= n; j++)
            snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%s ", argv[j]);
        assert_string_equal(rest, cases[i].rest);
        assert_string_equal(config, cases[i].config);
        assert_int_equal(all, cases[i].all);
        assert_int_equal(format == NULL, cases[i].format == NULL);
        if (format)
            assert_string_equal(format, cases[i].format);
    }
}

static void values_of_one_option(void **state)
{
    struct cmdline_values values = { .count = 0 };
    const struct cmdline_option table[] = { { "v", NULL, NULL, &values }, { NULL, NULL, NULL } };
    char *few[] = { (char *)"try", (char *)"-v", (char *)"a", (char *)"x", (char *)"--v=b" };
    char *many[CMDLINE_VALUES + 2] = { (char *)"try" };
    int n;

    (void)state;
    assert_true(cmdline_parse(COUNT(few), few, table, &n));
    assert_int_equal(n, 1);
    assert_int_equal(values.count, 2);
    assert_string_equal(values.items[0], "a");
    assert_string_equal(values.items[1], "b");
    for (size_t i = 1; i < COUNT(many); i++)
        many[i] = (char *)"-v=c";
    values.count = 0;
    assert_true(cmdline_parse(CMDLINE_VALUES + 1, many, table, &n));
    assert_int_equal(values.count, CMDLINE_VALUES);
    values.count = 0;
    assert_false(cmdline_parse(CMDLINE_VALUES + 2, many, table, &n));
}

static void ages(void **state)
{
    static const struct {
        int64_t ms;
        const char *age;
    } cases[] = { { -5000, "0s" },      { 0, "0s" },         { 119500, "119s" },
                  { 120500, "2m" },     { 7199000, "119m" }, { 7200500, "2h" },
                  { 172799000, "47h" }, { 172800500, "2d" }, { 8640000000LL, "100d" } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char age[24];

        cmdline_age(now_wall_ms() - cases[i].ms, age, sizeof(age));
        assert_string_equal(age, cases[i].age);
    }
}

static void every_command_has_its_help(void **state)
{
    (void)state;
    for (const struct cmd *cmd = cmd_table; cmd->name; cmd++) {
        assert_true(text_starts(text_of(cmd->usage), cmd->name));
        assert_non_null(cmd->what);
        assert_non_null(cmd->run);
    }
}

/* --- sd_notify ------------------------------------------------------------------------------------------------------------- */

static int listen_at(const char *name, size_t n)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, name, n);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    return fd;
}

static void assert_gets(int fd, const char *start)
{
    char got[200] = "";

    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_true(text_starts(text_of(got), start));
}

static void notifies(void **state)
{
    char path[] = "/tmp/callbackd-notify-XXXXXX", name[64];
    int fd;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1"); /* to nobody */
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/s", path);
    fd = listen_at(name, strlen(name));
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    assert_gets(fd, "READY=1");
    notify_reloading();
    assert_gets(fd, "RELOADING=1\nMONOTONIC_USEC=");
    close(fd);
    unlink(name);
    rmdir(path);
    snprintf(name, sizeof(name), "@callbackd-test-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    fd = listen_at(name, 1 + strlen(name + 1));
    notify_send("STOPPING=1");
    assert_gets(fd, "STOPPING=1");
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

static void odd_addresses(void **state)
{
    static const char *const odd[] = { "", "/", "x", "relative/path", "vsock:2:1234" };
    char wide[300];

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        setenv("NOTIFY_SOCKET", odd[i], 1);
        notify_send("READY=1");
    }
    memset(wide, 'x', sizeof(wide) - 1);
    wide[0] = '/';
    wide[sizeof(wide) - 1] = '\0';
    setenv("NOTIFY_SOCKET", wide, 1);
    notify_send("READY=1");
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options),  cmocka_unit_test(values_of_one_option),
        cmocka_unit_test(ages),     cmocka_unit_test(every_command_has_its_help),
        cmocka_unit_test(notifies), cmocka_unit_test(odd_addresses),
    };

    /* What cmdline_parse says of wrong options is no test's output. */
    if (!freopen("/dev/null", "w", stderr))
        return 1;
    return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
