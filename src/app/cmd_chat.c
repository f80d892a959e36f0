/* `callbackd chat`: the flow in a terminal. */

#include "app/cmd_chat.h"

#include "app/cmd.h"
#include "app/cmdline.h"
#include "base/log.h"
#include "base/now.h"
#include "core/doc.h"
#include "core/draw.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 20000
#define ARENA_MAX ((size_t)64 << 20)
#define DRAWING_MAX ((size_t)16 << 20)

static const char help[] = "a number presses that button, other words are a text of the customer\n"
                           "  :tap DATA     a button of an older message, or of another system\n"
                           "  :after 31m    so much later\n"
                           "  :why          which rule took it, and why\n"
                           "  :back         takes the last turn back\n"
                           "  :save FILE    the talk as a test case\n"
                           "  :quit\n";

/* --- showing --------------------------------------------------------------------------------------------------------- */

static size_t number_of(const void *arg, const struct shown_button *button)
{
    size_t n;
    const struct talk_choice *choices = talk_choices(arg, &n);

    for (size_t i = 0; i < n; i++)
        if (choices[i].button == button)
            return i + 1;
    return 0;
}

static void show_messages(const struct chat *chat, const struct talk_turn *turn)
{
    const struct draw_numbers numbers = { number_of, chat->talk };
    struct arena *arena = arena_new(ARENA_MAX);
    struct buf out = BUF(DRAWING_MAX);

    for (size_t i = 0; arena && i < turn->count; i++) {
        if (!draw_message(&turn->messages[i], &numbers, arena, &out))
            break;
    }
    fputs(buf_get(&out).p, stdout);
    buf_free(&out);
    arena_free(arena);
}

static void show_turn(const struct chat *chat)
{
    const struct talk_turn *turn = chat->count ? &chat->turns[chat->count - 1].result : NULL;

    if (!turn)
        return;
    show_messages(chat, turn);
    if (turn->outcome.reason.p)
        printf("(%s: %.*s)\n",
               turn->outcome.rule.p ? run_state_name(turn->outcome.run_state) : "nothing is sent",
               TEXT_ARG(turn->outcome.reason));
}

static void show_why(const struct chat *chat)
{
    const struct chat_turn *turn = chat->count ? &chat->turns[chat->count - 1] : NULL;
    const struct sandbox_outcome *outcome = turn ? &turn->result.outcome : NULL;

    if (!outcome) {
        printf("(nothing was said yet)\n");
    } else if (!outcome->rule.p) {
        printf("(no run: %.*s)\n", TEXT_ARG(outcome->reason));
    } else {
        printf("(rule %.*s, ", TEXT_ARG(outcome->rule));
        if (text_is(outcome->how, "default"))
            printf("as the default");
        else
            printf("its %.*s pattern takes it", TEXT_ARG(outcome->how));
        if (!text_is(outcome->captures, "{}"))
            printf(": %.*s", TEXT_ARG(outcome->captures));
        printf(")\n");
    }
}

/* --- commands -------------------------------------------------------------------------------------------------------- */

static void complain(const struct fault *fault)
{
    printf("(%s)\n", fault->text);
}

static void take(struct chat *chat, enum deed deed, struct text what)
{
    struct fault fault = { "" };

    if (chat_take(chat, deed, what, &fault))
        show_turn(chat);
    else
        complain(&fault);
}

static void do_tap(struct chat *chat, struct text data)
{
    take(chat, DEED_TAP, data);
}

static void do_after(struct chat *chat, struct text time)
{
    int64_t ms;

    if (text_duration(time, &ms))
        chat->wait_ms = ms;
    else
        printf("(:after wants a time such as 31m)\n");
}

static void do_why(struct chat *chat, struct text none)
{
    (void)none;
    show_why(chat);
}

static void do_back(struct chat *chat, struct text none)
{
    struct fault fault = { "" };

    (void)none;
    if (chat_back(chat, &fault))
        show_turn(chat);
    else
        complain(&fault);
}

static void do_save(struct chat *chat, struct text path)
{
    struct fault fault = { "" };
    char *name = text_dup(path);

    if (name && *name && chat_save(chat, name, &fault))
        printf("(saved)\n");
    else
        printf("(%s)\n", fault.text[0] ? fault.text : ":save wants the name of a file");
    free(name);
}

static void do_help(struct chat *chat, struct text none)
{
    (void)chat;
    (void)none;
    fputs(help, stdout);
}

static const struct command {
    const char *name;
    void (*run)(struct chat *chat, struct text argument);
} commands[] = { { ":tap", do_tap },   { ":after", do_after }, { ":why", do_why },
                 { ":back", do_back }, { ":save", do_save },   { ":help", do_help } };

static void run_command(struct chat *chat, struct text line)
{
    struct text name = line, argument = text_of("");

    text_cut(line, ' ', &name, &argument);
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (!text_is(name, commands[i].name))
            continue;
        commands[i].run(chat, text_trim(argument));
        return;
    }
    fputs(help, stdout);
}

/* Of two buttons with the same label, the second cannot be told by it. */
static void press(struct chat *chat, const struct talk_choice *choice)
{
    const struct shown_button *button = choice->button;

    if (talk_find(chat->talk, button->label) == choice || button->url.p)
        take(chat, DEED_PRESS, button->label);
    else
        take(chat, button->data.p ? DEED_TAP : DEED_TEXT, button->data.p ? button->data : button->label);
}

static void run_line(struct chat *chat, struct text line)
{
    size_t n;
    const struct talk_choice *choices = talk_choices(chat->talk, &n);
    int64_t number;

    if (line.n == 0)
        return;
    if (line.p[0] == ':')
        run_command(chat, line);
    else if (text_i64(line, &number) && number >= 1 && (uint64_t)number <= n)
        press(chat, &choices[number - 1]);
    else
        take(chat, DEED_TEXT, line);
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

/* Without a terminal the words are shown behind the prompt, so that the talk can be read. */
static bool read_line(char *line, struct text *out)
{
    printf("> ");
    fflush(stdout);
    if (!fgets(line, LINE_MAX_BYTES, stdin)) {
        printf("\n");
        return false;
    }
    *out = text_trim(text_of(line));
    if (!isatty(STDIN_FILENO))
        printf("%.*s\n", TEXT_ARG(*out));
    return !text_is(*out, ":quit") && !text_is(*out, ":q");
}

static int run_chat(struct chat *chat)
{
    char *line = malloc(LINE_MAX_BYTES);
    struct fault fault = { "" };
    struct text words;
    int code = EXIT_FINE;

    if (!line || !chat_begin(chat, &fault)) {
        fprintf(stderr, "callbackd: %s\n", line ? fault.text : "out of memory");
        code = EXIT_TROUBLE;
    } else {
        if (isatty(STDIN_FILENO))
            fputs(help, stdout);
        while (read_line(line, &words) && chat->talk)
            run_line(chat, words);
    }
    free(line);
    return code;
}

static bool is_object(const char *json)
{
    struct fault fault;
    struct json_object *doc = doc_parse(text_of(json), &fault);
    bool ok = json_object_is_type(doc, json_type_object);

    if (!ok)
        fprintf(stderr, "callbackd: --contact: %s\n", doc ? "no JSON object" : fault.text);
    json_object_put(doc);
    return ok;
}

int cmd_chat(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG, *contact = NULL;
    const struct cmdline_option options[] = { { "c", &path, NULL },
                                              { "contact", &contact, NULL },
                                              { NULL, NULL, NULL } };
    struct findings *findings;
    struct chat *chat;
    int n, code = EXIT_CONFIG;

    if (!cmdline_parse(argc, argv, options, &n) || n != 0 || (contact && !is_object(contact))) {
        fprintf(stderr, "usage: callbackd chat -c FILE [--contact JSON]\n");
        return EXIT_USAGE;
    }
    setlocale(LC_CTYPE, "C.UTF-8"); /* for widths */
    log_setup(LOG_ERROR, false);
    findings = findings_new();
    chat = calloc(1, sizeof(*chat));
    if (findings && chat) {
        chat->start_at = now_wall_ms();
        chat->wait_ms = -1;
        chat->contact = contact ? text_of(contact) : TEXT_NONE;
        chat->generation = generation_load(path, SECRETS_NONE, findings);
        if (chat->generation)
            code = run_chat(chat);
        else
            cmdline_findings(findings, false);
        chat_end(chat);
        generation_unref(chat->generation);
    }
    free(chat);
    findings_free(findings);
    return code;
}
