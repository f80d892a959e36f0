#pragma once

/* Faults that a test ordered: which requests, how many of them, and what happens instead of the answer. */

#include "base/fault.h"
#include "sim_late.h"

struct sim_action {
    enum sim_end end;
    int status;                  /* 0: what the service answers */
    bool after;                  /* the service takes the request first; nothing happens if it refuses */
    int64_t delay_ms;            /* or LATE_HELD */
    char *body;                  /* NULL: a stock one for the status */
    bool html, keep_body;        /* keep_body: what the service answers, whatever the status */
    struct json_object *headers; /* name: value */
    const char *name;            /* for the record */
};

struct sim_faults *faults_new(void) CHECKED;
void faults_free(struct sim_faults *faults);
/* faults_add: one fault object or an array of them; all or none. Members: see
   sim_control.c. */
bool faults_add(struct sim_faults *faults, struct json_object *order, struct fault *fault) CHECKED;
void faults_clear(struct sim_faults *faults);
/* faults_list: a JSON array of what was ordered, each with "left". */
struct json_object *faults_list(const struct sim_faults *faults) CHECKED;
/* faults_take: what happens to this request, or NULL. Lends until the next faults_add, faults_clear or faults_take. */
const struct sim_action *faults_take(struct sim_faults *faults, const char *method, struct text path,
                                     struct text user);
