#include "base/kept.h"

/* The first that comes makes the key, for the life of the program. */
static bool has_key(struct kept *kept)
{
    bool has;

    pthread_mutex_lock(&kept->lock);
    if (!kept->has_key)
        kept->has_key = pthread_key_create(&kept->key, kept->drop) == 0;
    has = kept->has_key;
    pthread_mutex_unlock(&kept->lock);
    return has;
}

void *kept_get(struct kept *kept)
{
    return has_key(kept) ? pthread_getspecific(kept->key) : NULL;
}

bool kept_set(struct kept *kept, void *thing)
{
    return has_key(kept) && pthread_setspecific(kept->key, thing) == 0;
}
