#pragma once

/* intake's own: one accepted connection, from evhttp's accepting it to its close. evhttp owns the connection and its bufferevent; a
   conn stands beside them and dies in evhttp's close callback. */

#include "net/intake.h"
#include "net/intake_check.h"
#include "net/peers.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/queue.h>

struct tls;

/* A request's id is a number that only grows, shifted, and its slot: the descriptor of its connection. */
#define INTAKE_SLOT_BITS 20
#define INTAKE_SLOTS (UINT64_C(1) << INTAKE_SLOT_BITS)

enum conn_phase {
    CONN_NEW,     /* made, evhttp has not put it to use yet */
    CONN_IDLE,    /* no byte of the next request has come */
    CONN_READING, /* some have */
    CONN_PENDING, /* a whole request is with the handler */
    CONN_WRITING, /* its answer is on its way */
    CONN_REFUSED, /* a refusal is on its way; whatever comes is thrown away */
};

struct conn {
    TAILQ_ENTRY(conn) all, todo;
    struct intake *intake;
    struct bufferevent *bev; /* with a reference of our own while CONN_NEW */
    struct evhttp_connection *evcon;
    struct evhttp_request *request; /* while CONN_PENDING */
    uint64_t id;                    /* of it */
    int64_t deadline;               /* now_boot_ms; 0: none */
    int fd, refusal;
    enum conn_phase phase;
    bool attend, unusable, plain, eof;
    struct intake_check check;
    struct peers_key key;
    char peer[INET6_ADDRSTRLEN];
};

TAILQ_HEAD(conn_list, conn);

struct intake {
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL: closed */
    struct event *attend, *sweep;
    struct tls *tls;
    struct peers *peers;
    struct intake_limits limits;
    struct intake_bounds bounds;
    struct conn_list all, todo;
    struct conn **by_fd; /* the slots of the request ids */
    size_t n_fds, n_conns, n_pending;
    uint64_t last_id;
    void (*handle)(void *arg, const struct intake_request *request);
    void *arg;
    char *address;
    struct intake_header *headers; /* INTAKE_CHECK_LINES, for the handler's call */
    int64_t date_s;
    char date[40];
};

/* conn_accept: evhttp's maker of bufferevents; `arg` is the intake. */
struct bufferevent *conn_accept(struct event_base *base, void *arg);
/* conn_attend: does what may not be done inside libevent's callbacks, to every conn on the list. */
void conn_attend(struct intake *intake);
/* conn_find: the conn of a request; NULL for a connection that slipped by for lack of memory. */
struct conn *conn_find(const struct intake *intake, struct evhttp_request *request);
/* conn_watermark: takes no more than this from the peer at once. */
void conn_watermark(struct conn *conn);
/* conn_pushed: the answer is in the output: sends it right away, as far as the socket takes it. */
void conn_push(struct conn *conn);
/* conn_answered: evhttp has sent the answer; `request` is about to be freed. */
void conn_answered(struct evhttp_request *request, void *arg);
/* conn_refuse: answers with the bare status and closes; nothing of what the peer sends is read any more. */
void conn_refuse(struct conn *conn, int status);
/* conn_close: frees it, with evhttp's part. */
void conn_close(struct conn *conn);
