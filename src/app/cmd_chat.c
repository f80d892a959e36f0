/* `callbackd chat`: the flow in a terminal. */

#include "app/cmd_chat.h"

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/told.h"
#include "base/log.h"
#include "base/now.h"
#include "core/doc.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)256 << 10)
#define SHOWN_MAX 200
#define SLIP_MAX 99 /* a number up to this is rather a button that is not there than a text */

/* --- commands -------------------------------------------------------------------------------------------------------- */

static void take(struct chat *chat, const struct chat_deed *deed)
{
    struct fault fault = { "" };

    if (chat_take(chat, deed, &fault))
        chat_show_turn(chat);
    else
        chat_complain(&fault);
}

static void do_tap(struct chat *chat, struct text data)
{
    take(chat, &(struct chat_deed){ .deed = DEED_TAP, .what = data });
}

static void do_text(struct chat *chat, struct text words)
{
    take(chat, &(struct chat_deed){ .deed = DEED_TEXT, .what = words });
}

/* Words for those who do not know media types. */
static struct text media_type(struct text kind)
{
    static const struct {
        const char *kind, *type;
    } types[] = { { "image", "image/jpeg" },
                  { "audio", "audio/ogg" },
                  { "video", "video/mp4" },
                  { "pdf", "application/pdf" },
                  { "file", "application/octet-stream" } };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (text_is(kind, types[i].kind))
            return text_of(types[i].type);
    return kind.n && memchr(kind.p, '/', kind.n) ? kind : TEXT_NONE;
}

static void do_attach(struct chat *chat, struct text words)
{
    struct chat_deed file = { .deed = DEED_ATTACHMENT };
    struct text kind = words, rest = TEXT_NONE;

    if (text_cut(words, ' ', &kind, &rest)) {
        file.url = rest = text_trim(rest);
        if (text_cut(rest, ' ', &file.url, &file.name))
            file.name = text_trim(file.name);
    }
    file.what = media_type(kind);
    if (file.what.p)
        take(chat, &file);
    else
        printf("(:attach wants image, audio, video, pdf, file or a media type such as image/png)\n");
}

static void do_after(struct chat *chat, struct text time)
{
    int64_t ms;

    if (text_duration(time, &ms) && ms >= 0 && ms <= TESTCASE_AFTER_MAX)
        chat->wait_ms = ms;
    else
        printf("(:after wants a time such as 31m, up to 400d)\n");
}

static void do_why(struct chat *chat, struct text none)
{
    const struct sandbox_outcome *outcome = chat->count ? &chat->turns[chat->count - 1].result.outcome : NULL;

    (void)none;
    if (!outcome) {
        printf("(nothing was said yet)\n");
        return;
    }
    told_print(outcome, stdout);
    told_end(outcome, stdout);
}

static void do_vars(struct chat *chat, struct text none)
{
    (void)none;
    chat_show_variables(chat);
}

static void do_lookup(struct chat *chat, struct text words)
{
    struct fault fault;

    if (!words.n)
        chat_show_lookups(chat);
    else if (answers_set(&chat->answers, chat->generation->ruleset, words, chat->count, &fault))
        chat_show_lookup(chat, chat->answers.items[chat->answers.count - 1].name);
    else
        chat_complain(&fault);
}

static void do_back(struct chat *chat, struct text none)
{
    struct fault fault = { "" };

    (void)none;
    if (!chat_back(chat, &fault))
        chat_complain(&fault);
    else if (chat->count)
        chat_show_turn(chat);
    else
        printf("(nothing is said yet)\n");
}

static void do_save(struct chat *chat, struct text path)
{
    struct fault fault = { "" };

    if (chat_save(chat, path, &fault))
        printf("(saved)\n");
    else
        chat_complain(&fault);
}

static void do_help(struct chat *chat, struct text none);

static const struct command {
    const char *name;
    void (*run)(struct chat *chat, struct text argument); /* NULL: ends the talk */
    const char *wants, *help;
} commands[] = {
    { ":text", do_text, "WORDS", "a text that looks like a number or a command" },
    { ":tap", do_tap, "DATA", "a button of an older message, or of another system" },
    { ":attach", do_attach, "KIND [URL [NAME]]", "a file: image, audio, video, pdf, file, image/png" },
    { ":after", do_after, "31m", "so much later comes the next turn" },
    { ":lookup", do_lookup, "NAME=ANSWER", "from now on: JSON, not_found, error, sample; alone: lists them" },
    { ":vars", do_vars, "", "what is kept of the chat, and for how long" },
    { ":why", do_why, "", "which rule took it, and why; what was asked and done" },
    { ":back", do_back, "", "takes the last turn back" },
    { ":save", do_save, "FILE", "the talk as a test case" },
    { ":help", do_help, "", "this" },
    { ":quit", NULL, "", "or the end of input" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void do_help(struct chat *chat, struct text none)
{
    (void)chat;
    (void)none;
    printf("a number presses that button, other words are a text of the customer\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %s %-*s %s\n", commands[i].name, (int)(25 - strlen(commands[i].name)), commands[i].wants,
               commands[i].help);
}

/* --- lines ------------------------------------------------------------------------------------------------------------- */

static void no_command(struct text name)
{
    const char *names[COMMANDS + 1] = { NULL }, *near;
    char shown[SHOWN_MAX + 1];

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    near = text_closest(name, names);
    text_printable(name, shown, SHOWN_MAX);
    printf("(there is no %s%s%s; :help lists what there is)\n", shown, near ? ", perhaps " : "",
           near ? near : "");
}

/* False: the talk ends. */
static bool run_command(struct chat *chat, struct text line)
{
    struct text name = line, argument = text_of("");

    text_cut(line, ' ', &name, &argument);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!text_is(name, commands[i].name))
            continue;
        if (commands[i].run)
            commands[i].run(chat, text_trim(argument));
        return commands[i].run;
    }
    no_command(name);
    return true;
}

/* Of two buttons with the same label, the second cannot be told by it. */
static void press(struct chat *chat, const struct talk_choice *choice)
{
    const struct shown_button *button = choice->button;

    if (talk_find(chat->talk, button->label) == choice || button->url.p)
        take(chat, &(struct chat_deed){ .deed = DEED_PRESS, .what = button->label });
    else if (button->data.p)
        do_tap(chat, button->data);
    else
        do_text(chat, button->label);
}

static void say(struct chat *chat, struct text line)
{
    size_t n;
    const struct talk_choice *choices = talk_choices(chat->talk, &n);
    int64_t number;

    if (!text_i64(line, &number) || number < 0)
        do_text(chat, line);
    else if (number >= 1 && (uint64_t)number <= n)
        press(chat, &choices[number - 1]);
    else if (n && number <= SLIP_MAX)
        printf("(there is no button %" PRId64 "; :text %" PRId64 " writes it)\n", number, number);
    else
        do_text(chat, line);
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

enum given_line { LINE_FINE, LINE_WRONG, LINE_END };

/* Up to the end of the line, whatever its length; *n counts on. */
static bool read_bytes(char *line, size_t *n)
{
    int c;

    *n = 0;
    while ((c = getchar()) != EOF && c != '\n') {
        if (*n < LINE_MAX_BYTES)
            line[*n] = (char)c;
        ++*n;
    }
    return c != EOF || *n;
}

static bool has_controls(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] < 0x20 && text.p[i] != '\t') || text.p[i] == 0x7F)
            return true;
    return false;
}

/* Without a terminal the words are shown behind the prompt, so that the talk can be read. */
static enum given_line read_line(char *line, struct text *out)
{
    const char *wrong = NULL;
    size_t n;

    printf("> ");
    fflush(stdout);
    if (!read_bytes(line, &n)) {
        printf("\n");
        return LINE_END;
    }
    *out = text_trim(text_make(line, n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES));
    if (n > LINE_MAX_BYTES)
        wrong = "the line is too long";
    else if (text_utf8_count(*out) < 0)
        wrong = "the line is not UTF-8";
    else if (has_controls(*out))
        wrong = "the line has control characters, as those of arrow keys";
    if (!isatty(STDIN_FILENO)) {
        told_text(wrong ? text_make(out->p, out->n < SHOWN_MAX ? out->n : SHOWN_MAX) : *out, stdout);
        printf("\n");
    }
    if (wrong)
        printf("(%s)\n", wrong);
    return wrong ? LINE_WRONG : LINE_FINE;
}

static void talk(struct chat *chat, char *line)
{
    struct text words;
    enum given_line given;
    bool on = true;

    if (isatty(STDIN_FILENO))
        do_help(chat, TEXT_NONE);
    while (on && chat->talk && (given = read_line(line, &words)) != LINE_END) {
        if (given == LINE_WRONG || words.n == 0)
            continue;
        if (words.p[0] == ':')
            on = run_command(chat, words);
        else
            say(chat, words);
    }
}

static int run_chat(struct chat *chat)
{
    char *line = malloc(LINE_MAX_BYTES);
    struct fault fault = { "" };
    int code = EXIT_FINE;

    if (!line || !chat_begin(chat, &fault)) {
        fprintf(stderr, "callbackd: %s\n", line ? fault.text : "out of memory");
        code = EXIT_TROUBLE;
    } else {
        talk(chat, line);
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

    if (!cmdline_parse(argc, argv, options, &n) || !cmdline_no_words(argv, n) ||
        (contact && !is_object(contact))) {
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
