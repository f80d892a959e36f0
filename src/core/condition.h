#pragma once

/* `when`: a map of paths and patterns, all of which must hold. */

#include "core/maker.h"
#include "core/path.h"
#include "core/pattern.h"
#include "core/schema.h"

extern const struct schema condition_schema;

struct condition_part {
    struct place at; /* of the pattern */
    struct path path;
    const struct pattern *pattern;
    bool takes_empty; /* holds for a missing value, too */
};

struct condition {
    struct condition_part *parts; /* sorted by path */
    size_t count;
};

/* condition_build: from a node that condition_schema took, NULL gives NULL. False after adding errors. */
bool condition_build(struct maker *maker, const struct node *node, const struct condition **out) CHECKED;
/* condition_holds: missing values are the empty text; NULL holds. A pattern that reaches its bound does not hold. */
bool condition_holds(const struct condition *condition, struct json_object *scope,
                     struct pattern_scratch *scratch) CHECKED;
/* condition_gives: if it holds (or, with `fails`, does not), has the path a value for sure? */
bool condition_gives(const struct condition *condition, bool fails, const struct path *path);
/* condition_same: the same paths with the same patterns; NULL is the same as NULL only. */
bool condition_same(const struct condition *a, const struct condition *b);
