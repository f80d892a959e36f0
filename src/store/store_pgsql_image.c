#include "store/store_pgsql_image.h"

/* A part of the tables for one transaction: chats, all of their variables and ready runs, all sends of these. It is fetched for many chats in one round
   trip, and kept as a store in memory, which answers as PostgreSQL would (the same tests say so): what is in it is read there without
   asking, and changed in both, without waiting. PostgreSQL has the whole truth at any moment: what is not in the image is asked for.

   The chats are locked (ascending), so nobody else changes them, or adds runs. A run of a chat in the image that is not itself in it is
   not ready, or it is behind the first PGSQL_READY_MOST that are: when the last of these ends, the chat is fetched anew. Whatever else may
   make a run ready ends the image. */

static bool has_run(struct store *store, int64_t id)
{
    return mem_find(pgsql_image(store), MEM_RUN, MEM_KEY, &(struct run_row){ .id = id });
}

bool pgsql_checked(struct store *store)
{
    struct store *image = pgsql_of(store)->image;

    return !store_failed(image) || store_fail(store, image->status, "%s", image->fault.text);
}

void pgsql_image_end(struct pgsql_db *db)
{
    mem_undo(mem_of(db->image));
    db->image->status = STORE_OK;
    db->known = false;
}

/* In the middle of a transaction. */
static void empty(struct store *store)
{
    pgsql_return_keys(store);
    pgsql_image_end(pgsql_of(store));
}

/* --- filling it ------------------------------------------------------------------------------------------------------- */

/* They come chat by chat, the head first. */
static void fill_runs(struct store *store, const struct run_row *runs, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        const int64_t chat = runs[i].chat;
        const bool known = pgsql_known_chat(store, chat);

        for (end = i; end < n && runs[end].chat == chat; end++)
            if (known)
                (void)!mem_insert(pgsql_image(store), MEM_RUN, &runs[end]);
        if (known && end - i == PGSQL_READY_MOST)
            (void)!mem_insert(pgsql_image(store), MEM_LONG, &(struct mem_long){ chat, runs[end - 1].id });
    }
}

static void read_variable(struct db_cursor *c, void *out)
{
    struct mem_variable *row = out;

    row->chat = db_next_int(c);
    db_variable.read(c, &row->row);
}

static const struct db_shape chats_variable = { sizeof(struct mem_variable), read_variable };

void pgsql_take_chats(struct store *store, PGresult **results, struct arena *arena)
{
    struct db_cursor cursor[PGSQL_CHAT_RESULTS];
    struct mem_variable *variables;
    struct chat_row *chats;
    struct run_row *runs;
    struct send_row *sends;
    size_t n;

    for (size_t i = 0; i < PGSQL_CHAT_RESULTS; i++)
        cursor[i] = (struct db_cursor){ .db = db_of(store), .of = results[i], .arena = arena, .row = -1 };
    chats = db_read_rows(&cursor[0], &db_chat, &n);
    for (size_t i = 0; i < n; i++)
        (void)!mem_insert(pgsql_image(store), MEM_CHAT, &chats[i]);
    runs = db_read_rows(&cursor[1], &db_run, &n);
    fill_runs(store, runs, n);
    sends = db_read_rows(&cursor[2], &db_send, &n);
    for (size_t i = 0; i < n; i++)
        if (has_run(store, sends[i].run))
            (void)!mem_insert(pgsql_image(store), MEM_SEND, &sends[i]);
    variables = db_read_rows(&cursor[3], &chats_variable, &n);
    for (size_t i = 0; i < n; i++)
        if (pgsql_known_chat(store, variables[i].chat))
            (void)!mem_insert(pgsql_image(store), MEM_VARIABLE, &variables[i]);
    pgsql_checked(store);
}

bool pgsql_ask_chats(struct pgsql_db *db, const int64_t *chats, size_t n)
{
    static const enum sql sqls[PGSQL_CHAT_RESULTS] = { SQL_LOAD_CHATS, SQL_LOAD_RUNS, SQL_LOAD_SENDS,
                                                       SQL_LOAD_VARIABLES };
    bool sent = true;

    for (size_t i = 0; i < PGSQL_CHAT_RESULTS && sent; i++)
        sent = pgsql_send(db, sqls[i], DB_VALUES(db_int_array(chats, n)));
    return sent;
}

/* Chats that are not there yet. */
static void load(struct store *store, const int64_t *chats, size_t n, struct arena *arena)
{
    struct pgsql_db *db = pgsql_of(store);
    PGresult *results[PGSQL_CHAT_RESULTS];

    if (n && pgsql_make_room(db, PGSQL_CHAT_RESULTS) && pgsql_ask_chats(db, chats, n) &&
        pgsql_collect_last(db, results, PGSQL_CHAT_RESULTS))
        pgsql_take_chats(store, results, arena);
}

void pgsql_prefetch_chats(struct store *store, const int64_t *chats, size_t n)
{
    struct arena *arena = arena_new(SIZE_MAX);
    int64_t *missing = arena ? arena_array(arena, n + 1, sizeof(*missing)) : NULL;
    size_t n_missing = 0;

    if (!missing)
        store_fail(store, STORE_TEMPFAIL, "no memory for the rows of a query");
    for (size_t i = 0; missing && i < n; i++)
        if (!pgsql_known_chat(store, chats[i]))
            missing[n_missing++] = chats[i];
    if (missing && store->open)
        load(store, missing, n_missing, arena);
    arena_free(arena);
}

size_t pgsql_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                         enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows)
{
    size_t n = db_claim_chats(store, channel, now, owner, order, limit, arena, rows);
    int64_t *ids = arena_array(arena, n + 1, sizeof(*ids));

    for (size_t i = 0; ids && i < n; i++) {
        const struct chat_row *known = pgsql_known_chat(store, (*rows)[i].id);

        ids[i] = (*rows)[i].id;
        if (known)
            (void)!mem_replace(pgsql_image(store), MEM_CHAT, known, &(*rows)[i]);
    }
    if (ids)
        pgsql_prefetch_chats(store, ids, n);
    else
        store_fail(store, STORE_TEMPFAIL, "no memory for the rows of a query");
    return pgsql_checked(store) ? n : 0;
}

/* --- chats with more ready runs ------------------------------------------------------------------------------------------ */

/* The chat of which nothing is known behind this run; NULL: there is none. */
static const struct mem_long *find_long(struct store *store, int64_t id)
{
    struct mem *image = pgsql_image(store);
    const struct run_row *run = mem_find(image, MEM_RUN, MEM_KEY, &(struct run_row){ .id = id });
    const struct mem_long key = { .chat = run ? run->chat : 0 };
    const struct mem_long *found = run ? mem_find(image, MEM_LONG, MEM_KEY, &key) : NULL;

    return found && found->last_run == id ? found : NULL;
}

/* Nor is it known any more which runs its entry has. */
static void forget_run(struct mem *image, const struct run_row *run)
{
    const struct send_row key = { .run = run->id, .step = INT32_MIN, .n = INT32_MIN }, *send;
    const struct mem_entry *entry =
        mem_find(image, MEM_ENTRY, MEM_KEY, &(struct mem_entry){ .row.id = run->entry });

    if (entry && !mem_delete(image, MEM_ENTRY, entry))
        return;
    while ((send = mem_first(image, MEM_SEND, MEM_KEY, &key)) != NULL && send->run == run->id)
        if (!mem_delete(image, MEM_SEND, send))
            return;
    (void)!mem_delete(image, MEM_RUN, run);
}

/* Its runs that have ended stay as they are. */
static void fetch_anew(struct store *store, const struct mem_long *chat)
{
    struct mem *image = pgsql_image(store);
    const int64_t id = chat->chat;
    const struct run_row key = { .chat = id, .begun = true, .said_at = INT64_MIN, .seq = INT64_MIN }, *run;
    const struct mem_variable *variable;

    while ((run = mem_first(image, MEM_RUN, MEM_RUN_HEAD, &key)) != NULL && run->chat == id &&
           pgsql_checked(store))
        forget_run(image, run);
    while ((variable = mem_next_variable(image, id, NULL)) != NULL && pgsql_checked(store))
        (void)!mem_delete(image, MEM_VARIABLE, variable);
    if (pgsql_known_chat(store, id))
        (void)!mem_delete(image, MEM_CHAT, pgsql_known_chat(store, id));
    if (mem_delete(image, MEM_LONG, chat) && pgsql_checked(store))
        pgsql_prefetch_chats(store, &id, 1);
}

/* --- reading from it --------------------------------------------------------------------------------------------------- */

bool pgsql_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row)
{
    bool found;

    if (!pgsql_known_chat(store, id))
        return db_get_chat(store, id, arena, row);
    found = mem_get_chat(pgsql_of(store)->image, id, arena, row);
    return pgsql_checked(store) && found;
}

bool pgsql_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row)
{
    bool found;

    if (!pgsql_known_chat(store, chat))
        return db_head_run(store, chat, arena, row);
    found = mem_head_run(pgsql_of(store)->image, chat, arena, row);
    return pgsql_checked(store) && found;
}

bool pgsql_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row)
{
    bool found;

    if (!has_run(store, id))
        return db_get_run(store, id, arena, row);
    found = mem_get_run(pgsql_of(store)->image, id, arena, row);
    return pgsql_checked(store) && found;
}

size_t pgsql_step_sends(struct store *store, int64_t run, int step, struct arena *arena,
                        struct send_row **rows)
{
    size_t n;

    if (!has_run(store, run))
        return db_step_sends(store, run, step, arena, rows);
    n = mem_step_sends(pgsql_of(store)->image, run, step, arena, rows);
    return pgsql_checked(store) ? n : 0;
}

size_t pgsql_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows)
{
    size_t n;

    if (!has_run(store, run))
        return db_run_sends(store, run, arena, rows);
    n = mem_run_sends(pgsql_of(store)->image, run, arena, rows);
    return pgsql_checked(store) ? n : 0;
}

void pgsql_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open)
{
    if (has_run(store, run))
        mem_unsettled(pgsql_of(store)->image, run, unknown, open);
    else
        db_unsettled(store, run, unknown, open);
}

/* --- changing both ----------------------------------------------------------------------------------------------------- */

void pgsql_begin_run(struct store *store, int64_t run)
{
    IN_BOTH(has_run(store, run), begin_run, run);
}

void pgsql_step_run(struct store *store, int64_t run, int step, struct text doc)
{
    IN_BOTH(has_run(store, run), step_run, run, step, doc);
}

void pgsql_add_send(struct store *store, const struct send_row *row)
{
    pgsql_forget_buttons_of(store, row->run);
    IN_BOTH(has_run(store, row->run), add_send, row);
}

void pgsql_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                      int64_t now)
{
    pgsql_forget_buttons_of(store, run);
    IN_BOTH(has_run(store, run), start_send, run, step, n, attempt, owner, now);
}

void pgsql_drop_sends(struct store *store, int64_t run, struct text reason)
{
    pgsql_forget_buttons_of(store, run);
    IN_BOTH(has_run(store, run), drop_sends, run, reason);
}

void pgsql_keep_chat(struct store *store, int64_t chat, int64_t not_before)
{
    IN_BOTH(pgsql_known_chat(store, chat), keep_chat, chat, not_before);
}

void pgsql_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before)
{
    IN_BOTH(pgsql_known_chat(store, chat), release_chat, chat, due_at, not_before);
}

void pgsql_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now)
{
    IN_BOTH(pgsql_known_chat(store, chat), hold_chat, chat, reason, now);
}

bool pgsql_settle_send(struct store *store, const struct send_row *row)
{
    pgsql_forget_buttons_of(store, row->run);
    if (!has_run(store, row->run))
        return db_settle_send(store, row);
    return pgsql_follow(store, mem_settle_send(pgsql_of(store)->image, row)) &&
           pgsql_followed(store, db_settle_send(store, row));
}

bool pgsql_amend_send(struct store *store, const struct send_row *row)
{
    pgsql_forget_buttons_of(store, row->run);
    if (!has_run(store, row->run))
        return db_amend_send(store, row);
    return pgsql_follow(store, mem_amend_send(pgsql_of(store)->image, row)) &&
           pgsql_followed(store, db_amend_send(store, row));
}

bool pgsql_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now)
{
    const struct mem_long *chat = find_long(store, run);
    bool set;

    pgsql_forget_buttons_of(store, run);
    if (!has_run(store, run)) {
        empty(store);
        return db_set_run(store, run, state, reason, now);
    }
    set = pgsql_follow(store, mem_set_run(pgsql_of(store)->image, run, state, reason, now)) &&
          pgsql_followed(store, db_set_run(store, run, state, reason, now));
    if (set && chat)
        fetch_anew(store, chat);
    return set && !store_failed(store);
}

/* --- changing what may be in it ------------------------------------------------------------------------------------------ */

bool pgsql_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at)
{
    empty(store);
    return db_rearm_run(store, run, now, expires_at);
}

/* All chats and entries are read for everybody's, but not for a node's: others go on meanwhile. A run that another node is just adding
   to one of its chats is seen only behind the lock. */
void pgsql_disown(struct store *store, int64_t owner, int64_t now)
{
    struct pgsql_db *db = pgsql_of(store);

    empty(store);
    if (owner) {
        db_write(&db->db, SQL_LOCK_CHATS, DB_VALUES(db_int(owner)));
        db_write(&db->db, SQL_DISOWN_NODE, DB_VALUES(db_int(owner), db_int(now)));
        pgsql_disown_fetches(store, owner, NULL, 0);
    } else if (pgsql_be_patient(db)) {
        db_disown(store, owner, now);
    }
}

size_t pgsql_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs)
{
    empty(store);
    return db_prune(store, keep, limit, runs);
}

bool pgsql_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit)
{
    empty(store);
    return db_sweep(store, before, seen_before, limit);
}

/* Where it is the first thing in its transaction, that begins anew: all its statements see one moment, and what the customer says
   meanwhile comes before it as a whole, or behind. The chats are locked first. Whoever had one just then makes it fail (40001): it is
   done again. */
bool pgsql_forget_chat(struct store *store, struct text channel, struct text user_id,
                       struct store_forgotten *counts)
{
    struct pgsql_db *db = pgsql_of(store);

    empty(store);
    if (!db->wrote &&
        (!pgsql_send(db, SQL_ROLLBACK, DB_NOTHING) || !pgsql_send(db, SQL_BEGIN_STILL, DB_NOTHING)))
        return false;
    db_write(&db->db, SQL_FORGET_LOCK, DB_VALUES(db_text0(channel), db_text(user_id)));
    return db_forget_chat(store, channel, user_id, counts);
}
