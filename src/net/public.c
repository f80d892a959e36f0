#include "net/public.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

struct block {
    unsigned char start[16];
    int bits;
};

/* IANA's IPv4 special-purpose registry: what is not globally reachable, and the relays that lead elsewhere. */
static const struct block not_public_v4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* shared, behind a carrier's NAT */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local; clouds answer there with their keys */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2 }, 24 },    /* documentation */
    { { 192, 88, 99 }, 24 },  /* 6to4 relays */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 3 },           /* multicast, reserved, broadcast */
};

static const struct block global_v6 = { { 0x20 }, 3 };
static const struct block nat64 = { { 0x00, 0x64, 0xFF, 0x9B }, 96 };

/* Inside of global_v6. */
static const struct block not_public_v6[] = {
    { { 0x20, 0x01 }, 23 },             /* protocol assignments, among them Teredo */
    { { 0x20, 0x01, 0x0D, 0xB8 }, 32 }, /* documentation */
    { { 0x20, 0x02 }, 16 },             /* 6to4: an IPv4 address inside */
    { { 0x3F, 0xFF }, 20 },             /* documentation */
};

static bool is_in(const unsigned char *address, const struct block *block)
{
    int whole = block->bits / 8, rest = block->bits % 8;

    return memcmp(address, block->start, (size_t)whole) == 0 &&
           (rest == 0 || (address[whole] ^ block->start[whole]) >> (8 - rest) == 0);
}

static bool is_in_any(const unsigned char *address, const struct block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(address, &blocks[i]))
            return true;
    return false;
}

static bool public_v4(const unsigned char *address)
{
    return !is_in_any(address, not_public_v4, sizeof(not_public_v4) / sizeof(*not_public_v4));
}

/* A network that has only IPv6 reaches public IPv4 hosts by NAT64. */
static bool public_v6(const unsigned char *address)
{
    if (is_in(address, &nat64))
        return public_v4(address + 12);
    return is_in(address, &global_v6) &&
           !is_in_any(address, not_public_v6, sizeof(not_public_v6) / sizeof(*not_public_v6));
}

bool public_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return public_v4(
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    return address->sa_family == AF_INET6 &&
           public_v6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
}

bool public_ip(const char *ip)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, ip, address) == 1)
        return public_v4(address);
    return inet_pton(AF_INET6, ip, address) == 1 && public_v6(address);
}
