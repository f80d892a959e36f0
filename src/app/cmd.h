#pragma once

/* The subcommands. Each gets the arguments from its own name on and returns the exit code. */

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FINDINGS = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    EXIT_TROUBLE = 4, /* the store or the network failed */
};

struct cmd {
    const char *name, *usage, *what;
    int (*run)(int argc, char **argv);
};

/* cmd_table: all of them, up to a name of NULL. */
extern const struct cmd cmd_table[];

int cmd_serve(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_forget(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_try(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_graph(int argc, char **argv);
int cmd_chat(int argc, char **argv);
