#pragma once

/* Which addresses are out on the internet: what rules name must not lead to this machine or the network around it. */

#include <stdbool.h>
#include <sys/socket.h>

/* public_address: an IPv4 or IPv6 address that is neither private, shared, loopback, link-local, multicast, reserved, nor one of
   these inside another (mapped, NAT64, 6to4, Teredo). */
bool public_address(const struct sockaddr *address);
/* public_ip: the same of "192.0.2.1", "2001:db8::1"; false for what is no address. */
bool public_ip(const char *ip);
