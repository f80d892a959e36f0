#pragma once

/* How many connections each address has. An IPv6 host counts by its /64, for that is what one customer is given. */

#include "base/fault.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct peers;

/* What is counted: the first 8 bytes of an IPv6 address, or an IPv4 address; all Unix sockets are exempt. */
struct peers_key {
    bool counted;
    unsigned char bytes[8];
};

struct peers *peers_new(void) CHECKED;
void peers_free(struct peers *peers);
/* peers_key_of: v4-mapped addresses count as IPv4. */
struct peers_key peers_key_of(const struct sockaddr *address);
/* peers_text: the address without its port, into out (INET6_ADDRSTRLEN bytes); "unix" for a Unix socket. */
void peers_text(const struct sockaddr *address, char *out, size_t size);
/* peers_add: counts one more; false, and not counted, if there are `most` already (0: no cap) or memory is out. */
bool peers_add(struct peers *peers, const struct peers_key *key, int most) CHECKED;
void peers_remove(struct peers *peers, const struct peers_key *key);
