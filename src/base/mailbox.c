#include "base/mailbox.h"

#include "base/now.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct queue {
    struct mail *head, **tail;
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct queue plain, reserved;
    size_t items, bytes; /* plain messages that wait */
    size_t reserved_items;
    size_t max_items, max_bytes; /* bounds for them */
    size_t awaited;              /* the taker sleeps until so many wait; 0: it is awake */
    int fd;
};

static void queue_init(struct queue *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
}

static void queue_push(struct queue *queue, struct mail *mail)
{
    mail->next = NULL;
    *queue->tail = mail;
    queue->tail = &mail->next;
}

static struct mail *queue_pop(struct queue *queue)
{
    struct mail *mail = queue->head;

    queue->head = mail->next;
    if (!queue->head)
        queue->tail = &queue->head;
    mail->next = NULL;
    return mail;
}

struct mailbox *mailbox_new(size_t items, size_t bytes)
{
    struct mailbox *box = calloc(1, sizeof(*box));
    pthread_condattr_t attr;

    if (!box)
        return NULL;
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->fd < 0) {
        free(box);
        return NULL;
    }
    pthread_mutex_init(&box->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&box->filled, &attr);
    pthread_condattr_destroy(&attr);
    queue_init(&box->plain);
    queue_init(&box->reserved);
    box->max_items = items;
    box->max_bytes = bytes;
    return box;
}

void mailbox_set_bounds(struct mailbox *box, size_t items, size_t bytes)
{
    pthread_mutex_lock(&box->lock);
    box->max_items = items;
    box->max_bytes = bytes;
    pthread_mutex_unlock(&box->lock);
}

void mailbox_free(struct mailbox *box)
{
    if (!box)
        return;
    pthread_cond_destroy(&box->filled);
    pthread_mutex_destroy(&box->lock);
    close(box->fd);
    free(box);
}

static size_t waiting(const struct mailbox *box)
{
    return box->items + box->reserved_items;
}

/* Only the first message of a batch costs a system call. Called locked. */
static void wake(struct mailbox *box, bool was_empty)
{
    uint64_t one = 1;
    ssize_t ignored;

    if (box->awaited && waiting(box) >= box->awaited)
        pthread_cond_signal(&box->filled);
    if (was_empty)
        ignored = write(box->fd, &one, sizeof(one));
    (void)ignored;
}

bool mailbox_post(struct mailbox *box, struct mail *mail)
{
    bool room;

    pthread_mutex_lock(&box->lock);
    room = box->items < box->max_items && box->bytes <= box->max_bytes &&
           mail->bytes <= box->max_bytes - box->bytes;
    if (room) {
        bool was_empty = waiting(box) == 0;

        box->items++;
        box->bytes += mail->bytes;
        queue_push(&box->plain, mail);
        wake(box, was_empty);
    }
    pthread_mutex_unlock(&box->lock);
    return room;
}

void mailbox_post_reserved(struct mailbox *box, struct mail *mail)
{
    bool was_empty;

    pthread_mutex_lock(&box->lock);
    was_empty = waiting(box) == 0;
    box->reserved_items++;
    queue_push(&box->reserved, mail);
    wake(box, was_empty);
    pthread_mutex_unlock(&box->lock);
}

/* wait_us < 0: without end. */
static void wait_filled(struct mailbox *box, size_t awaited, int64_t wait_us)
{
    int64_t end_us = now_mono_us() + wait_us;
    struct timespec end = { .tv_sec = (time_t)(end_us / 1000000),
                            .tv_nsec = (long)(end_us % 1000000) * 1000 };

    box->awaited = awaited;
    while (waiting(box) < awaited) {
        int rc = 0;

        if (wait_us < 0)
            pthread_cond_wait(&box->filled, &box->lock);
        else
            rc = pthread_cond_timedwait(&box->filled, &box->lock, &end);
        if (rc != 0)
            break;
    }
    box->awaited = 0;
}

void mailbox_await(struct mailbox *box, int fd, int64_t wait_ms)
{
    struct pollfd fds[] = { { .fd = box->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

    (void)poll(fds, 2, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms); /* earlier than that does no harm */
}

void mailbox_gather(struct mailbox *box, size_t awaited, int64_t wait_us)
{
    pthread_mutex_lock(&box->lock);
    wait_filled(box, awaited, wait_us);
    pthread_mutex_unlock(&box->lock);
}

struct mail *mailbox_take(struct mailbox *box, size_t items, size_t bytes, int64_t wait_ms)
{
    struct queue out;
    size_t taken = 0, sum = 0;
    uint64_t drained;
    ssize_t ignored;

    queue_init(&out);
    pthread_mutex_lock(&box->lock);
    if (wait_ms != 0)
        wait_filled(box, 1, wait_ms < 0 ? -1 : wait_ms * 1000);
    while (box->reserved.head && taken < items) {
        box->reserved_items--;
        taken++;
        queue_push(&out, queue_pop(&box->reserved));
    }
    while (box->plain.head && taken < items && (sum == 0 || sum + box->plain.head->bytes <= bytes)) {
        sum += box->plain.head->bytes;
        box->items--;
        box->bytes -= box->plain.head->bytes;
        taken++;
        queue_push(&out, queue_pop(&box->plain));
    }
    if (waiting(box) == 0)
        ignored = read(box->fd, &drained, sizeof(drained));
    (void)ignored;
    pthread_mutex_unlock(&box->lock);
    return out.head;
}

int mailbox_fd(const struct mailbox *box)
{
    return box->fd;
}

size_t mailbox_waiting(struct mailbox *box)
{
    size_t n;

    pthread_mutex_lock(&box->lock);
    n = waiting(box);
    pthread_mutex_unlock(&box->lock);
    return n;
}

size_t mailbox_posted(struct mailbox *box)
{
    size_t n;

    pthread_mutex_lock(&box->lock);
    n = box->items;
    pthread_mutex_unlock(&box->lock);
    return n;
}
