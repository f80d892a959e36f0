#include "config.h" /* first: it asks for what is no standard */

#include "pgkit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char line[512];
static FILE *to, *from;
static pid_t child;

static bool read_line(void)
{
    if (!from || !fgets(line, sizeof(line), from))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* What these tests ask is what is answered, not what outlives a power cut: without fsync they take a third of the time. */
static void run_script(int in, int out)
{
    const char *folder = getenv("srcdir");
    char path[4096];

    snprintf(path, sizeof(path), "%s/tests/postgres.py", folder ? folder : ".");
    setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", path, "--no-fsync", (char *)NULL);
    _exit(127);
}

/* The child must not hold the writing end of its own input: that would keep it from ending. */
static bool start_script(void)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return false;
    child = fork();
    if (child == 0)
        run_script(in[0], out[1]);
    close(in[0]);
    close(out[1]);
    to = fdopen(in[1], "w");
    from = fdopen(out[0], "r");
    return child > 0 && to && from;
}

static void end_script(void)
{
    if (to)
        fclose(to);
    if (from)
        fclose(from);
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* NULL: there is none, and *why says why. */
static const char *start(const char **why)
{
    signal(SIGPIPE, SIG_IGN);
    *why = "python3 cannot run tests/postgres.py";
    if (!start_script() || !read_line())
        return NULL;
    *why = line;
    return strncmp(line, "postgresql://", 13) == 0 ? line : NULL;
}

int pgkit_main(int (*tests)(const char *url))
{
    const bool needed = getenv("CALLBACKD_NEED_POSTGRES");
    const char *why = "built without libpq", *url = tests ? start(&why) : NULL;
    int failed = needed;

    if (url)
        failed = tests(url);
    else if (needed)
        printf("Bail out! PostgreSQL is wanted here: %s\n", why);
    else
        printf("1..0 # SKIP %s\n", why);
    end_script();
    return failed;
}

bool pgkit_say(const char *word)
{
    char url[sizeof(line)];
    bool done;

    memcpy(url, line, sizeof(url));
    done = fprintf(to, "%s\n", word) > 0 && fflush(to) == 0 && read_line() && strcmp(line, "done") == 0;
    memcpy(line, url, sizeof(url));
    return done;
}
