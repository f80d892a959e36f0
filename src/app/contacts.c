#include "app/contacts.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024 /* a power of two: one contact each, a newer one takes the place of an older */
#define KEEP_MS 600000
#define BODY_MAX 16384

struct contact {
    char *key, *body;
    size_t body_size;
    int64_t put_at;
};

struct contacts {
    struct contact slots[SLOTS];
};

struct contacts *contacts_new(void)
{
    return calloc(1, sizeof(struct contacts));
}

static void forget(struct contact *contact)
{
    free(contact->key);
    free(contact->body);
    *contact = (struct contact){ 0 };
}

void contacts_free(struct contacts *contacts)
{
    for (size_t i = 0; contacts && i < SLOTS; i++)
        forget(&contacts->slots[i]);
    free(contacts);
}

static size_t slot_of(const char *source, struct text id)
{
    uint32_t hash = 2166136261u;

    for (; *source; source++)
        hash = (hash ^ (unsigned char)*source) * 16777619u;
    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (unsigned char)id.p[i]) * 16777619u;
    return hash & (SLOTS - 1);
}

static bool is_key(const char *key, const char *source, struct text id)
{
    size_t n = strlen(source);

    return key && strncmp(key, source, n) == 0 && key[n] == '/' && text_is(id, key + n + 1);
}

struct text contacts_get(struct contacts *contacts, const char *source, struct text id, int64_t now)
{
    const struct contact *contact = &contacts->slots[slot_of(source, id)];

    if (!is_key(contact->key, source, id) || now - contact->put_at > KEEP_MS)
        return TEXT_NONE;
    return text_make(contact->body, contact->body_size);
}

void contacts_put(struct contacts *contacts, const char *source, struct text id, struct text body,
                  int64_t now)
{
    struct contact *contact = &contacts->slots[slot_of(source, id)];
    size_t size = strlen(source) + 1 + id.n + 1;

    forget(contact);
    if (body.n > BODY_MAX || memchr(id.p, 0, id.n))
        return;
    contact->key = malloc(size);
    contact->body = text_dup(body);
    if (!contact->key || !contact->body) {
        forget(contact);
        return;
    }
    memcpy(contact->key, source, strlen(source));
    contact->key[strlen(source)] = '/';
    memcpy(contact->key + strlen(source) + 1, id.p, id.n);
    contact->key[size - 1] = '\0';
    contact->body_size = body.n;
    contact->put_at = now;
}
