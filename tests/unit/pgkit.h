#pragma once

/* A private PostgreSQL for a test program: tests/postgres.py. It ends with the program, however that ends. */

#include <stdbool.h>

/* pgkit_main: `tests` with its URL; the program's exit status. Without one to start, or without tests (NULL: built without libpq), a
   line that says so; with CALLBACKD_NEED_POSTGRES in the environment that is a failure. */
int pgkit_main(int (*tests)(const char *url));
/* pgkit_say: one of the script's words (stop, start, kill, freeze, thaw), and waits until it is done. */
bool pgkit_say(const char *word);
