#pragma once

/* The conditions of a rule, wherever they stand: what their patterns cost. */

#include "core/flow_effort.h"
#include "core/flow_model.h"

/* flow_when_each: every condition of a rule, in its own `when`, its branches, lines, rows and buttons. */
void flow_when_each(const struct rule *rule, void (*visit)(void *arg, const struct condition *condition),
                    void *arg);
/* flow_when_check: says which patterns of any rule or condition can take exponentially many steps. */
void flow_when_check(struct flow *flow);
