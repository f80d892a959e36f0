#include "store/store_pgsql_image.h"

/* The calls that store_pgsql_asked.c has prefetched for: answered by the image where it knows, and the tables follow. */

/* --- keys --------------------------------------------------------------------------------------------------------------- */

bool pgsql_seen(struct store *store, struct text key, int64_t notification, int64_t now)
{
    const struct mem_seen *known = pgsql_known_key(store, key);

    if (!known)
        return db_seen(store, key, notification, now);
    return known->at == PGSQL_NOT_ASKED_FOR &&
           mem_replace(pgsql_image(store), MEM_SEEN, known, &(struct mem_seen){ key, notification, now }) &&
           pgsql_checked(store);
}

void pgsql_return_keys(struct store *store)
{
    struct mem *image = pgsql_image(store);
    struct arena *arena = NULL;
    struct store_rows keys = { .size = sizeof(struct text) };

    for (const struct mem_seen *row = mem_first(image, MEM_SEEN, MEM_KEY, NULL); row;
         row = mem_after(image, MEM_SEEN, MEM_KEY, row)) {
        struct text *key;

        if (row->at != PGSQL_NOT_ASKED_FOR)
            continue;
        if (!keys.arena)
            keys.arena = arena = arena_new(SIZE_MAX);
        key = arena ? store_rows_add(store, &keys) : NULL;
        if (!key)
            store_fail(store, STORE_TEMPFAIL, "no memory for keys");
        else
            *key = row->key;
    }
    if (keys.n && !store_failed(store))
        db_write(db_of(store), SQL_RETURN_KEYS, DB_VALUES(db_blob_array(keys.rows, keys.n)));
    arena_free(arena);
}

/* --- chats, taps, runs ---------------------------------------------------------------------------------------------------- */

static bool make_chat(struct store *store, struct text channel, struct text user_id, int64_t id)
{
    db_write(db_of(store), SQL_MAKE_CHAT, DB_VALUES(db_int(id), db_text(channel), db_text(user_id)));
    return pgsql_checked(store) && !store_failed(store);
}

/* Where another node has just been faster it is looked again for a while. */
bool pgsql_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                    struct chat_place *place)
{
    const struct mem_asked *asked = pgsql_find_asked(store, channel, user_id);
    bool known = pgsql_known_chat_of(store, channel, user_id);

    if (!known && asked && !asked->chat && !pgsql_of(store)->wary)
        known = make_chat(store, channel, user_id, new_id);
    if (known)
        return mem_next_seq(pgsql_of(store)->image, channel, user_id, new_id, place) && pgsql_checked(store);
    if (asked && !store_failed(store))
        (void)!mem_delete(pgsql_image(store), MEM_ASKED, asked);
    return !store_failed(store) && db_next_seq(store, channel, user_id, new_id, place);
}

bool pgsql_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                     struct chat_row *row)
{
    const struct mem_asked *asked = pgsql_find_asked(store, channel, user_id);

    if (pgsql_known_chat_of(store, channel, user_id))
        return mem_find_chat(pgsql_of(store)->image, channel, user_id, arena, row) && pgsql_checked(store);
    return !(asked && !asked->chat) && db_find_chat(store, channel, user_id, arena, row);
}

/* Within no window there may be the same one, which one statement cannot write twice. */
static bool has_taps(struct store *store, int64_t id, int64_t said_at, int64_t window_ms)
{
    const struct chat_row *chat = pgsql_known_chat(store, id);
    const struct mem_asked *asked = chat ? pgsql_find_asked(store, chat->channel, chat->user_id) : NULL;
    int64_t from, to;

    store_window(said_at, window_ms, &from, &to);
    return window_ms > 0 && asked && asked->taps_from <= from && to <= asked->taps_to;
}

bool pgsql_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
               int64_t window_ms, int64_t now)
{
    struct store *image = pgsql_of(store)->image;

    if (data.n > PGSQL_TAP_DATA_MOST)
        return db_tap(store, chat, rule, data, said_at, window_ms, now);
    if (!has_taps(store, chat, said_at, window_ms)) /* another time may have this one in it */
        return db_tap(store, chat, rule, data, said_at, window_ms, now) &&
               mem_tap(image, chat, rule, data, said_at, 0, now) && pgsql_checked(store);
    if (!mem_tap(image, chat, rule, data, said_at, window_ms, now))
        return false;
    db_add_tap(store, chat, rule, data, said_at, now);
    return pgsql_checked(store) && !store_failed(store);
}

bool pgsql_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now)
{
    struct store *image = pgsql_of(store)->image;
    const struct mem_entry entry = { .row.id = row->entry };

    if (!pgsql_known_chat(store, row->chat))
        return db_add_run(store, row, owner, now);
    if (mem_find(pgsql_image(store), MEM_ENTRY, MEM_KEY, &entry))
        return pgsql_follow(store, mem_add_run(image, row, owner, now)) &&
               pgsql_followed(store, db_add_run(store, row, owner, now));
    return db_add_run(store, row, owner, now) && mem_add_run(image, row, owner, now) && pgsql_checked(store);
}

/* --- buttons -------------------------------------------------------------------------------------------------------------- */

void pgsql_forget_buttons(struct store *store, int64_t chat)
{
    const struct issued_row *row;

    while ((row = mem_next_issued(pgsql_image(store), chat, NULL)) != NULL)
        if (!mem_delete(pgsql_image(store), MEM_ISSUED, row))
            return;
}

void pgsql_forget_buttons_of(struct store *store, int64_t run)
{
    const struct run_row *known =
        mem_find(pgsql_image(store), MEM_RUN, MEM_KEY, &(struct run_row){ .id = run });
    const struct issued_row *row;

    if (known)
        pgsql_forget_buttons(store, known->chat);
    else
        while ((row = mem_first(pgsql_image(store), MEM_ISSUED, MEM_KEY, NULL)) != NULL)
            if (!mem_delete(pgsql_image(store), MEM_ISSUED, row))
                return;
}

void pgsql_issue(struct store *store, const struct issued_row *row)
{
    pgsql_forget_buttons(store, row->chat);
    db_issue(store, row);
}

bool pgsql_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                       struct issued_row *row)
{
    const struct issued_row *known = pgsql_known_button(store, chat, token);

    if (known && known->run == INT64_MIN)
        return false;
    if (!known || known->until <= now)
        return db_find_issued(store, chat, token, now, arena, row);
    return mem_lend(pgsql_image(store), MEM_ISSUED, known, arena, row) && pgsql_checked(store);
}

bool pgsql_spend(struct store *store, const struct issued_row *row, int64_t by)
{
    const struct issued_row *known = pgsql_known_button(store, row->chat, row->token);
    bool good =
        known && known->run == row->run && known->step == row->step && known->n == row->n && !known->spent_by;

    pgsql_of(store)->known = good;
    pgsql_forget_buttons(store, row->chat);
    return pgsql_followed(store, db_spend(store, row, by));
}

void pgsql_unspend(struct store *store, int64_t chat, int64_t by)
{
    pgsql_forget_buttons(store, chat);
    db_unspend(store, chat, by);
}

/* --- variables ------------------------------------------------------------------------------------------------------------ */

size_t pgsql_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                       struct variable_row **rows)
{
    size_t n;

    if (!pgsql_known_chat(store, chat))
        return db_variables(store, chat, now, arena, rows);
    n = mem_variables(pgsql_of(store)->image, chat, now, arena, rows);
    return pgsql_checked(store) ? n : 0;
}

void pgsql_set_variable(struct store *store, int64_t chat, const struct variable_row *row)
{
    IN_BOTH(pgsql_known_chat(store, chat), set_variable, chat, row);
}

void pgsql_drop_variable(struct store *store, int64_t chat, struct text name)
{
    const struct mem_variable key = { .row.name = name, .chat = chat };
    bool known = pgsql_known_chat(store, chat);

    if (!known || mem_find(pgsql_image(store), MEM_VARIABLE, MEM_KEY, &key))
        IN_BOTH(known, drop_variable, chat, name);
}

/* Most chats have none. */
static bool has_session(struct store *store, int64_t chat, int64_t now)
{
    const struct mem_variable *row = NULL;

    while ((row = mem_next_variable(pgsql_image(store), chat, row)) != NULL)
        if (row->row.session && row->row.until > now)
            return true;
    return false;
}

void pgsql_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until)
{
    bool known = pgsql_known_chat(store, chat);

    if (!known || has_session(store, chat, now))
        IN_BOTH(known, touch_session, chat, now, until);
}
