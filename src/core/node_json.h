#pragma once

/* A node as a JSON value. */

#include "core/node.h"

#include <json-c/json.h>

/* node_json: maps and lists as they are; plain scalars that are numbers, true, false or null in JSON are that, all others
   are texts. NULL stands for null; memory that is out gives null, too. */
struct json_object *node_json(const struct node *node);
