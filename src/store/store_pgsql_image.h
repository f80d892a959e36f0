#pragma once

/* What store_pgsql_image.c, store_pgsql_asked.c and store_pgsql_intake.c share: the image of this transaction. */

#include "store/store_mem_table.h"
#include "store/store_pgsql_db.h"

static inline struct mem *pgsql_image(struct store *store)
{
    return mem_of(pgsql_of(store)->image);
}

static inline const struct chat_row *pgsql_known_chat(struct store *store, int64_t id)
{
    return mem_find(pgsql_image(store), MEM_CHAT, MEM_KEY, &(struct chat_row){ .id = id });
}

/* --- what store_pgsql_asked.c puts into it ------------------------------------------------------------------------------ */

#define PGSQL_NOT_ASKED_FOR INT64_MIN /* mem_seen.at of a key that was taken for whoever asks */

static inline const struct mem_seen *pgsql_known_key(struct store *store, struct text key)
{
    return mem_find(pgsql_image(store), MEM_SEEN, MEM_KEY, &(struct mem_seen){ .key = key });
}

static inline const struct chat_row *pgsql_known_chat_of(struct store *store, struct text channel,
                                                         struct text user_id)
{
    return mem_find(pgsql_image(store), MEM_CHAT, MEM_CHAT_USER,
                    &(struct chat_row){ .channel = channel, .user_id = user_id });
}

static inline const struct mem_asked *pgsql_find_asked(struct store *store, struct text channel,
                                                       struct text user_id)
{
    return mem_find(pgsql_image(store), MEM_ASKED, MEM_KEY,
                    &(struct mem_asked){ .channel = channel, .user_id = user_id });
}

/* The answer to `find_issued`: a button, or a row of no run; NULL: nobody has asked. */
static inline const struct issued_row *pgsql_known_button(struct store *store, int64_t chat,
                                                          struct text token)
{
    const struct issued_row key = {
        .chat = chat, .token = token, .run = INT64_MIN, .step = INT32_MIN, .n = INT32_MIN
    };
    const struct issued_row *row = mem_first(pgsql_image(store), MEM_ISSUED, MEM_KEY, &key);

    return row && row->chat == chat && text_eq(row->token, token) ? row : NULL;
}

/* --- store_pgsql_image.c, store_pgsql_intake.c ------------------------------------------------------------------------ */

/* pgsql_checked: what went wrong in the image, for want of memory, or because a row is there twice, goes wrong in the store. */
bool pgsql_checked(struct store *store);
/* pgsql_ask_chats: sends what brings chats that are not in the image; pgsql_take_chats: puts in what came back, PGSQL_CHAT_RESULTS
   results, which it frees. */
#define PGSQL_CHAT_RESULTS 4
bool pgsql_ask_chats(struct pgsql_db *db, const int64_t *chats, size_t n) CHECKED;
void pgsql_take_chats(struct store *store, PGresult **results, struct arena *arena);
/* pgsql_forget_buttons: those of the chat are asked for from now on; pgsql_forget_buttons_of: those of the chat of this run. */
void pgsql_forget_buttons(struct store *store, int64_t chat);
void pgsql_forget_buttons_of(struct store *store, int64_t run);

/* Where the image knows that there is something to change the tables follow, and are not waited for:
   pgsql_follow(store, mem_...) && pgsql_followed(store, db_...). */
static inline bool pgsql_follow(struct store *store, bool changed)
{
    pgsql_of(store)->known = pgsql_checked(store) && changed;
    return pgsql_of(store)->known;
}

static inline bool pgsql_followed(struct store *store, bool changed)
{
    pgsql_of(store)->known = false;
    return changed && !store_failed(store);
}

/* What the image says is so; the other one need not be waited for. */
#define IN_BOTH(known, name, ...)                            \
    do {                                                     \
        db_##name(store, __VA_ARGS__);                       \
        if (known)                                           \
            mem_##name(pgsql_of(store)->image, __VA_ARGS__); \
        pgsql_checked(store);                                \
    } while (0)
