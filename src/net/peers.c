#include "net/peers.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    struct peer *next;
    unsigned char bytes[8];
    int n;
};

#define BUCKETS 1024

struct peers {
    struct peer *buckets[BUCKETS];
};

struct peers *peers_new(void)
{
    return calloc(1, sizeof(struct peers));
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (peers->buckets[i]) {
            struct peer *peer = peers->buckets[i];
            peers->buckets[i] = peer->next;
            free(peer);
        }
    free(peers);
}

static const void *v4_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return &((const struct sockaddr_in *)address)->sin_addr;
    if (address->sa_family != AF_INET6)
        return NULL;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(v6) ? v6->s6_addr + 12 : NULL;
}

struct peers_key peers_key_of(const struct sockaddr *address)
{
    struct peers_key key = { .counted = true };
    const void *v4 = v4_of(address);
    if (v4)
        memcpy(key.bytes + 4, v4, 4);
    else if (address->sa_family == AF_INET6)
        memcpy(key.bytes, ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr, 8);
    else
        key.counted = false;
    return key;
}

void peers_text(const struct sockaddr *address, char *out, size_t size)
{
    const void *v4 = v4_of(address);
    const char *text = NULL;
    if (v4)
        text = inet_ntop(AF_INET, v4, out, (socklen_t)size);
    else if (address->sa_family == AF_INET6)
        text = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out, (socklen_t)size);
    if (!text)
        (void)snprintf(out, size, "unix");
}

static struct peer **place(struct peers *peers, const struct peers_key *key)
{
    uint64_t hash = 0;
    memcpy(&hash, key->bytes, sizeof(hash));
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    struct peer **at = &peers->buckets[hash >> 54];
    while (*at && memcmp((*at)->bytes, key->bytes, sizeof(key->bytes)) != 0)
        at = &(*at)->next;
    return at;
}

bool peers_add(struct peers *peers, const struct peers_key *key, int most)
{
    if (!key->counted)
        return true;
    struct peer **at = place(peers, key);
    if (!*at) {
        struct peer *peer = calloc(1, sizeof(*peer));
        if (!peer)
            return false;
        memcpy(peer->bytes, key->bytes, sizeof(peer->bytes));
        *at = peer;
    }
    if (most > 0 && (*at)->n >= most)
        return false;
    (*at)->n++;
    return true;
}

void peers_remove(struct peers *peers, const struct peers_key *key)
{
    if (!key->counted)
        return;
    struct peer **at = place(peers, key), *peer = *at;
    if (!peer || --peer->n > 0)
        return;
    *at = peer->next;
    free(peer);
}
