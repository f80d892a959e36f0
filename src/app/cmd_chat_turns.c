/* The turns of `callbackd chat`: taken, taken back. */

#include "app/cmd_chat.h"

#include <stdlib.h>

static enum sandbox_by answer_lookup(void *context, const struct request_mail *request,
                                     struct result_mail *result)
{
    const struct chat *chat = context;

    return answers_give(answers_find(&chat->answers, request->job.owner, chat->playing), result);
}

static bool lookup_fails(void *context, const char *name)
{
    const struct chat *chat = context;

    return answers_fails(answers_find(&chat->answers, name, chat->playing));
}

bool chat_begin(struct chat *chat, struct fault *fault)
{
    const struct sandbox_setup setup = { .generation = chat->generation,
                                         .start_at = chat->start_at,
                                         .lookup = answer_lookup,
                                         .lookup_fails = lookup_fails,
                                         .context = chat };

    talk_free(chat->talk);
    chat->talk = talk_new(&setup, chat->contact, fault);
    return chat->talk != NULL;
}

static void clear(struct chat_turn *turn)
{
    free(turn->what);
    free(turn->url);
    free(turn->name);
}

void chat_end(struct chat *chat)
{
    while (chat->count)
        clear(&chat->turns[--chat->count]);
    talk_free(chat->talk);
    chat->talk = NULL;
    answers_clear(&chat->answers);
    free(chat->saved);
    chat->saved = NULL;
}

static bool act(struct chat *chat, const struct talk_choice *choice, struct chat_turn *turn,
                struct fault *fault)
{
    const struct text what = text_of(turn->what);
    const struct attachment file = { what, turn->url ? text_of(turn->url) : TEXT_NONE,
                                     turn->name ? text_of(turn->name) : TEXT_NONE };

    switch (turn->deed) {
    case DEED_PRESS:
        return talk_press(chat->talk, choice, &turn->result, fault);
    case DEED_ATTACHMENT:
        return talk_attach(chat->talk, &file, &turn->result, fault);
    case DEED_TAP:
        return talk_say(chat->talk, ENTRY_TAP, what, &turn->result, fault);
    default:
        return talk_say(chat->talk, ENTRY_TEXT, what, &turn->result, fault);
    }
}

static bool play(struct chat *chat, size_t i, struct fault *fault)
{
    struct chat_turn *turn = &chat->turns[i];
    const struct talk_choice *choice =
        turn->deed == DEED_PRESS ? talk_find(chat->talk, text_of(turn->what)) : NULL;

    if (turn->deed == DEED_PRESS && !choice)
        return fault_set(fault, "there is no button '%s'", turn->what);
    chat->playing = i;
    if (answers_begin(&chat->answers, i))
        talk_forget_answers(chat->talk);
    if (!choice || !choice->button->url.p) /* what opens an address is no turn */
        talk_wait(chat->talk, turn->after_ms);
    return act(chat, choice, turn, fault);
}

static char *copy(struct text text)
{
    return text.p ? text_dup(text) : NULL;
}

bool chat_take(struct chat *chat, const struct chat_deed *deed, struct fault *fault)
{
    struct chat_turn *turn = &chat->turns[chat->count];
    int64_t pause = chat->count ? TALK_PAUSE_MS : 0;

    if (chat->count == CHAT_TURNS)
        return fault_set(fault, "a talk has %d turns at most; :save it, or take some :back", CHAT_TURNS);
    *turn = (struct chat_turn){ .deed = deed->deed,
                                .what = copy(deed->what),
                                .url = copy(deed->url),
                                .name = copy(deed->name),
                                .after_ms = chat->wait_ms >= 0 ? chat->wait_ms : pause };
    if (!turn->what || (deed->url.p && !turn->url) || (deed->name.p && !turn->name))
        fault_set(fault, "out of memory");
    else if (play(chat, chat->count, fault)) {
        chat->wait_ms = -1;
        chat->count++;
        return true;
    }
    clear(turn);
    return false;
}

bool chat_back(struct chat *chat, struct fault *fault)
{
    if (chat->count == 0)
        return fault_set(fault, "there is nothing to take back");
    clear(&chat->turns[--chat->count]);
    answers_back(&chat->answers, chat->count);
    if (!chat_begin(chat, fault))
        return false;
    for (size_t i = 0; i < chat->count; i++)
        if (!play(chat, i, fault))
            return false;
    return true;
}
