#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* listen_open: a listening, non-blocking socket on "HOST:PORT" (IPv6 in brackets, port 0: any) or "unix:PATH" (mode 0660; a dead
   socket file is replaced). TCP_NODELAY is set; what is accepted inherits it. -1 and the fault. */
int listen_open(const char *address, struct fault *fault) CHECKED;
/* listen_name: the address really bound, in the same form; for free(3). NULL when memory is out. */
char *listen_name(int fd) CHECKED;
/* listen_forget: removes the file of a "unix:PATH" address. */
void listen_forget(const char *address);
