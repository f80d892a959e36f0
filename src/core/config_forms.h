#pragma once

/* The forms of single values in the configuration; for schema tables. Faults are whole error texts. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>

/* config_check_listen: HOST:PORT or [IPv6]:PORT; admin also unix:PATH. */
bool config_check_listen(struct text text, struct fault *fault);
bool config_check_admin(struct text text, struct fault *fault);
/* config_check_user: the name of a user of this system, not a number; whether there is one is not looked up. */
bool config_check_user(struct text text, struct fault *fault);
/* config_is_loopback: a host that is this machine itself. */
bool config_is_loopback(struct text host);
/* config_is_local: a well-formed address that other machines cannot reach. */
bool config_is_local(struct text text);
/* config_check_url: http(s)://host[:port][/path], without user, query, fragment. */
bool config_check_url(struct text text, struct fault *fault);
/* config_check_host: a name, an IPv4 address, or an IPv6 address in brackets; no port. */
bool config_check_host(struct text text, struct fault *fault);
/* config_url_host: the host of an http(s) URL, in its brackets if it has some; p == NULL: it is not plain enough to tell. */
struct text config_url_host(struct text url);
/* config_check_store: sqlite:PATH, a URL of PostgreSQL without a password, or a reference to one with it. */
bool config_check_store(struct text text, struct fault *fault);
/* config_check_path: of a file: not empty, printable. */
bool config_check_path(struct text text, struct fault *fault);
/* config_check_rate: N/s, N/m, off. config_read_rate: the same, as a number per second; off: 0. */
bool config_check_rate(struct text text, struct fault *fault);
bool config_read_rate(struct text text, double *per_second);
/* config_is_name: [a-z0-9-]+, 64 at most; config_is_secret_name: [A-Z0-9_]+. */
bool config_is_name(struct text text);
bool config_is_secret_name(struct text text);

/* In the order of enum log_level, up to NULL. */
extern const char *const config_levels[];
