/* Writes notifications as complete HTTP requests, all of one length, each with ids and a signature of its own. */

#include "hub.h"

#include "base/buf.h"
#include "base/now.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: notes [options] FILE\n"
    "Writes HTTP requests that carry Intercom notifications (conversation.user.replied), signed with the\n"
    "environment's INTERCOM_SECRET; prints the length of one request and of its body.\n"
    "  --count N      how many, 1000\n"
    "  --first N      number of the first; ids follow from it, 0\n"
    "  --chats N      distinct customers, by default as many as requests\n"
    "  --taps PERCENT of them are taps `track:ORD-NNNN`, the others chat that no rule takes, 0\n"
    "  --path PATH    /webhooks/intercom\n";

struct notes {
    int64_t count, first, chats, taps;
    const char *path, *file;
    int64_t now_s;
};

/* As long as a tap, so that all records have one length. */
static const char *const chat[] = { "hello there :)", "where is it ??", "thanks so much", "I will wait ok" };

static void add_words(struct buf *out, const struct notes *notes, int64_t serial)
{
    if (serial * notes->taps % 100 < notes->taps)
        buf_printf(out, "track:ORD-%04" PRId64, serial % 10000);
    else
        buf_str(out, chat[serial % 4]);
}

/* The members that name the customer; the contact's id is 24 hex digits. */
static void add_author(struct buf *out, int64_t customer)
{
    buf_printf(out,
               "\"author\":{\"type\":\"user\",\"id\":\"66b0c0ffee00%012" PRIx64
               "\",\"name\":\"Dana Example\",\"email\":\"dana@customer.example\"",
               (uint64_t)customer);
}

static void add_item_head(struct buf *out, const struct notes *notes, int64_t serial, int64_t customer)
{
    int64_t begun = notes->now_s - 3600;

    buf_printf(
        out,
        "{\"type\":\"conversation\",\"id\":\"2154%012" PRId64 "\",\"created_at\":%" PRId64
        ",\"updated_at\":%" PRId64 ",\"waiting_since\":%" PRId64 ",\"snoozed_until\":null,"
        "\"source\":{\"type\":\"conversation\",\"id\":\"26%010" PRId64
        "\",\"delivered_as\":\"customer_initiated\",\"subject\":\"\",\"body\":\"<p>Good morning</p>\",",
        serial, begun, notes->now_s, notes->now_s, serial);
    add_author(out, customer);
    buf_printf(out,
               "},\"attachments\":[],\"url\":null,\"redacted\":false},"
               "\"contacts\":{\"type\":\"contact.list\",\"contacts\":[{\"type\":\"contact\","
               "\"id\":\"66b0c0ffee00%012" PRIx64 "\",\"external_id\":\"%010" PRId64 "\"}]},"
               "\"first_contact_reply\":{\"created_at\":%" PRId64 ",\"type\":\"conversation\",\"url\":null},",
               (uint64_t)customer, 7000000000 + customer, begun);
    buf_str(out,
            "\"admin_assignee_id\":7654321,\"team_assignee_id\":0,\"open\":true,\"state\":\"open\","
            "\"read\":false,\"tags\":{\"type\":\"tag.list\",\"tags\":[{\"type\":\"tag\",\"id\":\"9000001\","
            "\"name\":\"telegram\"}]},\"priority\":\"not_priority\",\"sla_applied\":null,"
            "\"statistics\":{\"type\":\"conversation_statistics\","
            "\"last_contact_reply_at\":\"2026-07-14T07:58:19.000Z\",\"count_reopens\":1,"
            "\"count_conversation_parts\":5},\"conversation_rating\":null,"
            "\"teammates\":{\"type\":\"admin.list\",\"admins\":[{\"type\":\"admin\",\"id\":\"7654321\"}]},"
            "\"title\":null,\"custom_attributes\":{\"octopods_channel\":\"telegram\"},"
            "\"topics\":{\"type\":\"topic.list\",\"topics\":[],\"total_count\":0},\"ticket\":null,");
}

static void add_part(struct buf *out, const struct notes *notes, int64_t serial, int64_t customer)
{
    buf_printf(out,
               "\"conversation_parts\":{\"type\":\"conversation_part.list\",\"conversation_parts\":[{"
               "\"type\":\"conversation_part\",\"id\":\"3170%010" PRId64
               "\",\"part_type\":\"comment\",\"body\":\"<p>",
               serial);
    add_words(out, notes, serial);
    buf_printf(out,
               "</p>\",\"created_at\":%" PRId64 ",\"updated_at\":%" PRId64 ",\"notified_at\":%" PRId64
               ",\"assigned_to\":null,",
               notes->now_s, notes->now_s, notes->now_s);
    add_author(out, customer);
    buf_str(out, ",\"from_ai_agent\":false,\"is_ai_answer\":false},\"attachments\":[],\"external_id\":null,"
                 "\"redacted\":false,\"metadata\":{},\"email_message_metadata\":null,\"state\":\"open\","
                 "\"tags\":[],\"event_details\":{},\"app_package_code\":\"octopods-example\"}],"
                 "\"total_count\":1}}");
}

static void add_body(struct buf *out, const struct notes *notes, int64_t serial)
{
    int64_t customer = serial % notes->chats;

    buf_str(out, "{\"type\":\"notification_event\",\"app_id\":\"abcd1234\","
                 "\"data\":{\"type\":\"notification_event_data\",\"item\":");
    add_item_head(out, notes, serial, customer);
    add_part(out, notes, serial, customer);
    buf_printf(out,
               "},\"links\":{},\"id\":\"notif_7f2a9a1c-33aa-4d1b-8a56-%012" PRIx64
               "\",\"topic\":\"conversation.user.replied\",\"delivery_status\":\"pending\","
               "\"delivery_attempts\":1,\"delivered_at\":0,\"first_sent_at\":%" PRId64
               ",\"created_at\":%" PRId64 ",\"self\":null}",
               (uint64_t)serial, notes->now_s, notes->now_s);
}

static CHECKED bool write_all(const struct notes *notes, struct hub *hub, FILE *file, struct fault *fault)
{
    struct buf body = BUF(8192), head = BUF(1024);
    char signature[HUB_SIZE];
    size_t length = 0;

    for (int64_t i = 0; i < notes->count; i++) {
        buf_cut(&body, 0);
        buf_cut(&head, 0);
        add_body(&body, notes, notes->first + i);
        if (!hub_sign(hub, buf_get(&body), signature))
            break;
        buf_printf(&head,
                   "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                   "User-Agent: Intercom-Webhooks/1.0\r\nX-Hub-Signature: %s\r\nContent-Length: %zu\r\n\r\n",
                   notes->path, signature, body.len);
        if (body.failed || head.failed || (length && length != head.len + body.len) ||
            fwrite(head.data, head.len, 1, file) != 1 || fwrite(body.data, body.len, 1, file) != 1) {
            fault_set(fault, "%s: cannot write record %" PRId64 ": %s", notes->file, i, strerror(errno));
            length = 0;
            break;
        }
        length = head.len + body.len;
    }
    if (length)
        printf("%zu %zu\n", length, body.len);
    buf_free(&body);
    buf_free(&head);
    return length > 0;
}

static CHECKED bool read_options(struct notes *notes, int argc, char **argv)
{
    static const struct option options[] = {
        { "count", required_argument, NULL, 'n' }, { "first", required_argument, NULL, 'f' },
        { "chats", required_argument, NULL, 'c' }, { "taps", required_argument, NULL, 't' },
        { "path", required_argument, NULL, 'p' },  { NULL, 0, NULL, 0 },
    };
    int option;
    bool ok = true;

    *notes = (struct notes){ .count = 1000, .path = "/webhooks/intercom", .now_s = now_wall_ms() / 1000 };
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int64_t *number = option == 'n'   ? &notes->count
                          : option == 'f' ? &notes->first
                          : option == 'c' ? &notes->chats
                                          : &notes->taps;

        if (option == 'p')
            notes->path = optarg;
        else
            ok = option != '?' && text_i64(text_of(optarg), number) && *number >= 0;
    }
    if (!notes->chats)
        notes->chats = notes->first + notes->count;
    notes->file = argv[optind];
    return ok && optind == argc - 1 && notes->count > 0;
}

int main(int argc, char **argv)
{
    struct fault fault = { "" };
    struct notes notes;
    struct hub *hub;
    FILE *file;
    bool ok = false;

    if (!read_options(&notes, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    hub = hub_new("INTERCOM_SECRET", &fault);
    file = hub ? fopen(notes.file, "we") : NULL;
    if (hub && !file)
        fault_set(&fault, "%s: %s", notes.file, strerror(errno));
    ok = file && write_all(&notes, hub, file, &fault);
    if (file && fclose(file) && ok)
        ok = fault_set(&fault, "%s: %s", notes.file, strerror(errno));
    hub_free(hub);
    if (!ok)
        fprintf(stderr, "notes: %s\n", fault.text);
    return ok ? 0 : 4;
}
