#include "store/store_pgsql_image.h"

#include <stdlib.h>
#include <string.h>

/* What a transaction is going to ask about what came in, asked at once, in two round trips, however much it is: first which keys were
   seen before, which customers have chats, and which entries have runs; then, of those whose messages are new, what pgsql_prefetch_chats
   brings, with taps near in time and the buttons that may have been pressed.

   New keys are taken at once, because two nodes may have the same message: the other one waits here, and is told that it was seen. Those
   that nobody asks for are returned. A customer without a chat is kept as such; the chat is made without looking again, and if
   another node was faster the transaction begins anew. */

/* One of those whom the entries are from. */
struct customer {
    struct text channel, user_id;
    int64_t chat;     /* 0: there is none */
    int64_t from, to; /* when the entries were said, with the window of taps around */
    bool wanted;      /* a message is new */
};

struct intake {
    struct store *store;
    const struct store_asked *asked;
    struct arena *arena;
    struct customer *customers; /* in order, each once */
    size_t n_customers;
    const struct db_pair *have_runs; /* entries that do, in order */
    size_t n_have_runs;
};

static void *array(struct intake *in, size_t n, size_t size)
{
    void *room = arena_array(in->arena, n + 1, size);

    if (!room)
        store_fail(in->store, STORE_TEMPFAIL, "no memory for what came in");
    return room;
}

static struct db_cursor cursor_of(struct intake *in, PGresult *result)
{
    return (struct db_cursor){ .db = db_of(in->store), .of = result, .arena = in->arena, .row = -1 };
}

static void put_asked(struct store *store, const struct mem_asked *row)
{
    const struct mem_asked *old = pgsql_find_asked(store, row->channel, row->user_id);

    if (old)
        (void)!mem_replace(pgsql_image(store), MEM_ASKED, old, row);
    else
        (void)!mem_insert(pgsql_image(store), MEM_ASKED, row);
}

/* --- first: keys and customers ------------------------------------------------------------------------------------------ */

static int by_customer(const void *a, const void *b)
{
    const struct customer *x = a, *y = b;
    int order = text_order(x->channel, y->channel);

    return order ? order : text_order(x->user_id, y->user_id);
}

/* What is no text is nobody's chat: it is refused where it is asked for. */
static bool has_customer(const struct store_asked_entry *entry)
{
    return entry->user_id.p && store_is_text(entry->channel) && store_is_text(entry->user_id);
}

static struct customer customer_of(struct intake *in, const struct store_asked_entry *entry)
{
    struct customer customer = { .channel = entry->channel, .user_id = entry->user_id };

    store_window(entry->said_at, in->asked->window_ms, &customer.from, &customer.to);
    return customer;
}

static void gather_customers(struct intake *in)
{
    struct customer *all = array(in, in->asked->n_entries, sizeof(*all));
    size_t n = 0, kept = 0;

    for (size_t i = 0; all && i < in->asked->n_entries; i++)
        if (has_customer(&in->asked->entries[i]))
            all[n++] = customer_of(in, &in->asked->entries[i]);
    if (n)
        qsort(all, n, sizeof(*all), by_customer);
    for (size_t i = 0; i < n; i++) {
        struct customer *last = kept ? &all[kept - 1] : NULL;

        if (!last || by_customer(last, &all[i]) != 0) {
            all[kept++] = all[i];
            continue;
        }
        last->from = all[i].from < last->from ? all[i].from : last->from;
        last->to = all[i].to > last->to ? all[i].to : last->to;
    }
    in->customers = all;
    in->n_customers = kept;
}

static struct customer *find_customer(struct intake *in, const struct store_asked_entry *entry)
{
    const struct customer key = { .channel = entry->channel, .user_id = entry->user_id };

    return has_customer(entry) && in->n_customers
               ? bsearch(&key, in->customers, in->n_customers, sizeof(key), by_customer)
               : NULL;
}

/* Of all keys those that nobody has asked about yet. */
struct keys {
    struct text *keys;
    int64_t *notifications;
    size_t n;
};

static void add_key(struct intake *in, struct keys *keys, const unsigned char *key, int64_t notification)
{
    struct text text = text_make((const char *)key, STORE_KEY_BYTES);

    if (pgsql_known_key(in->store, text))
        return;
    keys->keys[keys->n] = text;
    keys->notifications[keys->n++] = notification;
}

static bool gather_keys(struct intake *in, struct keys *keys)
{
    const struct store_asked *asked = in->asked;
    const size_t most = asked->n_deliveries + asked->n_entries;

    keys->n = 0;
    keys->keys = array(in, most, sizeof(*keys->keys));
    keys->notifications = array(in, most, sizeof(*keys->notifications));
    if (!keys->keys || !keys->notifications)
        return false;
    for (size_t i = 0; i < asked->n_deliveries; i++)
        add_key(in, keys, asked->deliveries[i].key, asked->deliveries[i].notification);
    for (size_t i = 0; i < asked->n_entries; i++)
        if (asked->entries[i].key)
            add_key(in, keys, asked->entries[i].key, asked->entries[i].notification);
    return true;
}

/* Those that came back were taken, the others were seen before. */
static void take_keys(struct intake *in, const struct keys *keys, PGresult *result)
{
    struct db_cursor cursor = cursor_of(in, result);
    struct mem *image = pgsql_image(in->store);
    size_t n;
    const struct text *taken = db_read_rows(&cursor, &db_text_only, &n);

    for (size_t i = 0; i < n; i++)
        (void)!mem_insert(image, MEM_SEEN, &(struct mem_seen){ taken[i], 0, PGSQL_NOT_ASKED_FOR });
    for (size_t i = 0; i < keys->n && !store_failed(in->store); i++)
        if (!pgsql_known_key(in->store, keys->keys[i]))
            (void)!mem_insert(image, MEM_SEEN, &(struct mem_seen){ keys->keys[i], 0, in->asked->now });
}

/* Customers of whom it is not known whether they have a chat, by place. */
struct strangers {
    struct text *channels, *users;
    size_t *places, n;
};

static bool gather_strangers(struct intake *in, struct strangers *strangers)
{
    strangers->n = 0;
    strangers->channels = array(in, in->n_customers, sizeof(struct text));
    strangers->users = array(in, in->n_customers, sizeof(struct text));
    strangers->places = array(in, in->n_customers, sizeof(size_t));
    if (!strangers->channels || !strangers->users || !strangers->places)
        return false;
    for (size_t i = 0; i < in->n_customers; i++) {
        struct customer *customer = &in->customers[i];
        const struct chat_row *chat = pgsql_known_chat_of(in->store, customer->channel, customer->user_id);
        const struct mem_asked *asked = pgsql_find_asked(in->store, customer->channel, customer->user_id);

        customer->chat = chat ? chat->id : asked ? asked->chat : 0;
        if (chat || asked)
            continue;
        strangers->channels[strangers->n] = customer->channel;
        strangers->users[strangers->n] = customer->user_id;
        strangers->places[strangers->n++] = i;
    }
    return true;
}

static void take_strangers(struct intake *in, const struct strangers *strangers, PGresult *result)
{
    struct db_cursor cursor = cursor_of(in, result);
    size_t n;
    const struct db_pair *found = db_read_rows(&cursor, &db_two, &n);

    for (size_t i = 0; i < n; i++)
        in->customers[strangers->places[found[i].first - 1]].chat = found[i].second;
}

/* Entries that were made before: one that a person has put back may have had runs then. */
struct old {
    int64_t *entries;
    size_t n;
};

static bool gather_old(struct intake *in, struct old *old)
{
    old->n = 0;
    old->entries = array(in, in->asked->n_entries, sizeof(int64_t));
    for (size_t i = 0; old->entries && i < in->asked->n_entries; i++)
        if (!in->asked->entries[i].key)
            old->entries[old->n++] = in->asked->entries[i].id;
    return old->entries;
}

static void take_old(struct intake *in, PGresult *result)
{
    struct db_cursor cursor = cursor_of(in, result);

    in->have_runs = db_read_rows(&cursor, &db_one_number, &in->n_have_runs);
}

static bool ask_first(struct intake *in)
{
    struct pgsql_db *db = pgsql_of(in->store);
    struct strangers strangers;
    struct keys keys;
    struct old old;
    PGresult *results[3] = { NULL, NULL, NULL }, **result = results;
    size_t n = 0;

    gather_customers(in);
    if (!gather_keys(in, &keys) || !gather_strangers(in, &strangers) || !gather_old(in, &old) ||
        !pgsql_make_room(db, 3))
        return false;
    db->wrote = db->wrote || keys.n;
    if (keys.n)
        n += pgsql_send(db, SQL_TAKE_KEYS,
                        DB_VALUES(db_blob_array(keys.keys, keys.n), db_int_array(keys.notifications, keys.n),
                                  db_int(in->asked->now)));
    if (strangers.n)
        n += pgsql_send(db, SQL_FIND_CHATS,
                        DB_VALUES(db_text_array(strangers.channels, strangers.n),
                                  db_text_array(strangers.users, strangers.n)));
    if (old.n)
        n += pgsql_send(db, SQL_HAVE_RUNS, DB_VALUES(db_int_array(old.entries, old.n)));
    if (store_failed(in->store) || (n && !pgsql_collect_last(db, results, n)))
        return false;
    if (keys.n)
        take_keys(in, &keys, *result++);
    if (strangers.n)
        take_strangers(in, &strangers, *result++);
    if (old.n)
        take_old(in, *result);
    return pgsql_checked(in->store) && !store_failed(in->store);
}

/* --- then: what is kept of those chats -------------------------------------------------------------------------------- */

/* What is loaded: chats, times of taps, buttons. */
struct load {
    int64_t *chats;
    size_t n_chats;
    int64_t *tapped, *from, *to;
    size_t n_taps;
    int64_t *pressed;
    struct text *tokens;
    size_t n_buttons;
};

static bool is_new(struct intake *in, const struct store_asked_entry *entry)
{
    const struct mem_seen *key;

    if (!entry->key)
        return true;
    key = pgsql_known_key(in->store, text_make((const char *)entry->key, STORE_KEY_BYTES));
    return key && key->at == PGSQL_NOT_ASKED_FOR;
}

static bool gather_buttons(struct intake *in, struct load *load)
{
    load->n_buttons = 0;
    load->pressed = array(in, in->asked->n_entries, sizeof(int64_t));
    load->tokens = array(in, in->asked->n_entries, sizeof(struct text));
    if (!load->pressed || !load->tokens)
        return false;
    for (size_t i = 0; i < in->asked->n_entries; i++) {
        const struct store_asked_entry *entry = &in->asked->entries[i];
        struct customer *customer = find_customer(in, entry);

        if (!customer || !is_new(in, entry))
            continue;
        customer->wanted = true;
        if (!customer->chat || !entry->token.p || pgsql_known_button(in->store, customer->chat, entry->token))
            continue;
        load->pressed[load->n_buttons] = customer->chat;
        load->tokens[load->n_buttons++] = entry->token;
    }
    return true;
}

/* Of a time that the image has in part all is loaded. */
static void add_taps(struct intake *in, const struct customer *customer, struct load *load)
{
    const struct mem_asked *asked = pgsql_find_asked(in->store, customer->channel, customer->user_id);
    struct mem_asked row = { customer->channel, customer->user_id, customer->chat, customer->from,
                             customer->to };

    if (asked && asked->taps_from <= row.taps_from && row.taps_to <= asked->taps_to)
        return;
    if (asked && asked->taps_from < asked->taps_to) {
        row.taps_from = asked->taps_from < row.taps_from ? asked->taps_from : row.taps_from;
        row.taps_to = asked->taps_to > row.taps_to ? asked->taps_to : row.taps_to;
    }
    put_asked(in->store, &row);
    load->tapped[load->n_taps] = row.chat;
    load->from[load->n_taps] = row.taps_from;
    load->to[load->n_taps++] = row.taps_to;
}

static bool gather_chats(struct intake *in, struct load *load)
{
    const size_t most = in->n_customers;

    load->n_chats = load->n_taps = 0;
    load->chats = array(in, most, sizeof(int64_t));
    load->tapped = array(in, most, sizeof(int64_t));
    load->from = array(in, most, sizeof(int64_t));
    load->to = array(in, most, sizeof(int64_t));
    if (!load->chats || !load->tapped || !load->from || !load->to)
        return false;
    for (size_t i = 0; i < in->n_customers; i++) {
        const struct customer *customer = &in->customers[i];

        if (!customer->wanted)
            continue;
        if (!customer->chat) {
            put_asked(in->store,
                      &(struct mem_asked){ customer->channel, customer->user_id, 0, INT64_MIN, INT64_MAX });
            continue;
        }
        if (!pgsql_known_chat(in->store, customer->chat))
            load->chats[load->n_chats++] = customer->chat;
        add_taps(in, customer, load);
    }
    return true;
}

static void read_tap(struct db_cursor *c, void *out)
{
    struct mem_tap *row = out;

    row->chat = db_next_int(c);
    row->rule = db_next_text(c);
    row->data = db_next_text(c);
    row->said_at = db_next_int(c);
    row->stored_at = db_next_int(c);
}

static const struct db_shape one_tap = { sizeof(struct mem_tap), read_tap };

/* Too many: they are asked for. */
static void give_up_taps(struct intake *in, int64_t chat)
{
    for (size_t i = 0; i < in->n_customers; i++)
        if (in->customers[i].chat == chat)
            put_asked(in->store, &(struct mem_asked){ in->customers[i].channel, in->customers[i].user_id,
                                                      chat, INT64_MAX, INT64_MIN });
}

/* They come chat by chat. */
static void take_taps(struct intake *in, PGresult *result)
{
    struct db_cursor cursor = cursor_of(in, result);
    struct mem *image = pgsql_image(in->store);
    size_t n;
    const struct mem_tap *taps = db_read_rows(&cursor, &one_tap, &n);

    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && taps[end].chat == taps[i].chat; end++)
            if (!mem_find(image, MEM_TAP, MEM_KEY, &taps[end]))
                (void)!mem_insert(image, MEM_TAP, &taps[end]);
        if (end - i > PGSQL_TAPS_MOST)
            give_up_taps(in, taps[i].chat);
    }
}

static void take_buttons(struct intake *in, const struct load *load, PGresult *result)
{
    struct db_cursor cursor = cursor_of(in, result);
    struct mem *image = pgsql_image(in->store);
    size_t n;
    const struct issued_row *rows = db_read_rows(&cursor, &db_issued, &n);

    for (size_t i = 0; i < n; i++)
        if (pgsql_known_chat(in->store, rows[i].chat) &&
            !pgsql_known_button(in->store, rows[i].chat, rows[i].token))
            (void)!mem_insert(image, MEM_ISSUED, &rows[i]);
    for (size_t i = 0; i < load->n_buttons && !store_failed(in->store); i++)
        if (pgsql_known_chat(in->store, load->pressed[i]) &&
            !pgsql_known_button(in->store, load->pressed[i], load->tokens[i]))
            (void)!mem_insert(image, MEM_ISSUED,
                              &(struct issued_row){ .chat = load->pressed[i],
                                                    .run = INT64_MIN,
                                                    .step = INT32_MIN,
                                                    .n = INT32_MIN,
                                                    .token = load->tokens[i],
                                                    .until = INT64_MIN });
}

static size_t send_load(struct intake *in, const struct load *load)
{
    struct pgsql_db *db = pgsql_of(in->store);
    size_t n = 0;

    if (load->n_chats && pgsql_ask_chats(db, load->chats, load->n_chats))
        n = PGSQL_CHAT_RESULTS;
    if (load->n_taps)
        n += pgsql_send(db, SQL_LOAD_TAPS,
                        DB_VALUES(db_int_array(load->tapped, load->n_taps),
                                  db_int_array(load->from, load->n_taps),
                                  db_int_array(load->to, load->n_taps)));
    if (load->n_buttons)
        n += pgsql_send(db, SQL_LOAD_BUTTONS,
                        DB_VALUES(db_int_array(load->pressed, load->n_buttons),
                                  db_blob_array(load->tokens, load->n_buttons), db_int(in->asked->now)));
    return store_failed(in->store) ? 0 : n;
}

static void ask_then(struct intake *in)
{
    PGresult *results[PGSQL_CHAT_RESULTS + 2], **result = results;
    struct load load;
    size_t n;

    if (!gather_buttons(in, &load) || !gather_chats(in, &load) ||
        !pgsql_make_room(pgsql_of(in->store), PGSQL_CHAT_RESULTS + 2))
        return;
    n = send_load(in, &load);
    if (!n || !pgsql_collect_last(pgsql_of(in->store), results, n))
        return;
    if (load.n_chats) {
        pgsql_take_chats(in->store, result, in->arena);
        result += PGSQL_CHAT_RESULTS;
    }
    if (load.n_taps)
        take_taps(in, *result++);
    if (load.n_buttons)
        take_buttons(in, &load, *result);
}

static bool has_runs(const struct intake *in, int64_t entry)
{
    return in->n_have_runs &&
           bsearch(&entry, in->have_runs, in->n_have_runs, sizeof(*in->have_runs), db_by_number);
}

/* Their runs are all in the image. */
static void take_entries(struct intake *in)
{
    struct mem *image = pgsql_image(in->store);

    for (size_t i = 0; i < in->asked->n_entries && !store_failed(in->store); i++) {
        const int64_t id = in->asked->entries[i].id;
        const struct mem_entry row = { .row = { .id = id, .notification = id } };

        if (!has_runs(in, id) && !mem_find(image, MEM_ENTRY, MEM_KEY, &row))
            (void)!mem_insert(image, MEM_ENTRY, &row);
    }
}

void pgsql_prefetch_intake(struct store *store, const struct store_asked *asked)
{
    struct intake in = { .store = store, .asked = asked, .arena = arena_new(SIZE_MAX) };

    if (!in.arena)
        store_fail(store, STORE_TEMPFAIL, "no memory for what came in");
    else if (ask_first(&in))
        ask_then(&in);
    if (!store_failed(store))
        take_entries(&in);
    pgsql_checked(store);
    arena_free(in.arena);
}
