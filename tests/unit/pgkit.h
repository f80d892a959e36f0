#pragma once

/* A private PostgreSQL for a test program: tests/postgres.py. It ends with the program, however that ends. */

#include <stdbool.h>

/* pgkit_start: its URL, or NULL, then *why says why not; with CALLBACKD_NEED_POSTGRES in the environment that is a failure. */
const char *pgkit_start(const char **why);
/* pgkit_say: one of the script's words (stop, start, kill, freeze, thaw), and waits until it is done. */
bool pgkit_say(const char *word);
void pgkit_end(void);
