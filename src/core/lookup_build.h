#pragma once

/* Lookups from the nodes of a rule file: a form is what stands under `lookups:`, a lookup is one use of it in a rule. */

#include "core/lookup.h"
#include "core/named.h"
#include "core/names.h"
#include "core/schema.h"

struct lookup_form;

extern const struct schema lookup_schema;      /* a form */
extern const struct schema lookup_step_schema; /* `lookup:` among steps: a name, or { name, as, with } */

/* lookup_forms: the forms of a list whose good elements lookup_schema took, by their number; builds them without names and
   clears `good` of those with errors, which are added. NULL: memory is out. */
struct lookup_form **lookup_forms(struct maker *maker, const struct named_list *list) CHECKED;
/* lookup_build: one use, with the names that hold where it stands. NULL after adding errors. */
const struct lookup *lookup_build(struct maker *maker, const struct named_list *list,
                                  struct lookup_form *const *forms, const struct node *node) CHECKED;
/* lookup_enter: from here on the answer of that use has its name; of one that could not be built anything is believed. False
   after adding an error: something else has that name. */
bool lookup_enter(struct maker *maker, const struct named_list *list, struct lookup_form *const *forms,
                  const struct node *node, struct names_lookups *lookups) CHECKED;
/* lookup_find: the form that a step's node names; NULL: there is none. *as: the name of its answer. */
const struct lookup_form *lookup_find(const struct named_list *list, struct lookup_form *const *forms,
                                      const struct node *node, struct text *as);

/* For names and templates. */
const struct node *lookup_form_sample(const struct lookup_form *form);
const struct text *lookup_form_hosts(const struct lookup_form *form, size_t *n);
const struct pattern *lookup_form_field(const struct lookup_form *form, const char *const *words, size_t n);
