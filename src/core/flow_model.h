#pragma once

/* A ruleset as the flow checker sees it: programs for what each rule takes, and for what each button can send. */

#include "core/flow_regex.h"
#include "core/flow_walk.h"
#include "core/ruleset.h"

#define FLOW_DATA_MAX 64    /* bytes of callback data */
#define FLOW_TOKEN_MAX 1024 /* ... behind a token */
#define FLOW_TEXT_MAX 4096  /* characters of a text */

/* How a rule is entered. */
enum flow_side { FLOW_TAP, FLOW_TEXT, FLOW_DEFAULT };
#define FLOW_SIDES 2 /* that have patterns */

struct flow_rule {
    const struct rule *rule;
    const struct pattern *pattern[FLOW_SIDES]; /* NULL: none */
    struct flow_regex regex[FLOW_SIDES];
    int start[FLOW_SIDES];     /* its program, -1: none */
    bool exact[FLOW_SIDES];    /* the program says what PCRE2 says; else it takes more */
    uint8_t loops[FLOW_SIDES]; /* of the pattern, about, at most 3 */
    bool all[FLOW_SIDES];      /* takes everything: does not count as a place to lead to */
    bool loose;                /* has a `when` or `continue`: what it takes may come to other rules, too */
    bool root;                 /* customers come here without a button */
    bool reached;
    bool never; /* said to win never */
    int first_button, n_buttons;
    int first_far, n_far;            /* buttons of rules to which its `goto`s lead */
    bool any_origin;                 /* too many rules lead here by `goto` to be told apart */
    struct flow_ints senders;        /* buttons that may lead here */
    struct text example[FLOW_SIDES]; /* what it wins, "" allowed; NULL: none was found */
};

/* What really happens: an input makes a button send something. */
struct flow_shown {
    bool found;
    enum flow_side side;
    struct text input, data; /* input: none for FLOW_DEFAULT */
};

/* A button with data, or a key, whose label comes back as a text. */
struct flow_button {
    int rule, step, message, row, column; /* where it stands */
    int entered; /* the rule whose match gives the names: another one if a `goto` led here */
    int own;     /* the same button, entered by its own rule */
    bool kept;   /* of own: what is sent is taken on some way here, perhaps */
    const struct message_button *button;
    const struct template *template;
    const struct node *node; /* the template's text */
    bool key;
    enum flow_side to; /* FLOW_TEXT for keys */
    int most;          /* bytes of data */
    bool open;         /* holds values that only a run knows */
    bool plain;        /* sent whenever its rule is entered, once */
    int start
        [3]; /* what it can send, by the side on which its rule is entered; -1: nothing, or too much to say */
    bool vague[3];           /* -1 because it is too much to say */
    struct flow_ints leads;  /* the rules that it may lead to */
    bool taken;              /* something that it can send is taken by a rule that does not take everything */
    struct text doubtful;    /* something that only rules with `when` take; p == NULL: nothing */
    int doubt;               /* the first of them */
    struct text lost;        /* something that it may send and that no such rule takes; p == NULL: nothing */
    int place;               /* the first button that stands at the same place in the file */
    unsigned said;           /* of the first: kinds of findings about the place */
    struct flow_shown gone;  /* sends what no rule takes */
    struct flow_shown large; /* sends more than 64 bytes, or nothing */
    bool undecided;
};

/* A variable of the chat, and what all `set`s can give it; NULL: anything. */
struct flow_variable {
    struct text name;
    const struct flow_node *tree;
    struct flow_variable *next;
};

/* A part of a condition that looks at a variable, with programs of its pattern and of the values. */
struct flow_asked {
    const struct condition_part *part;
    const struct flow_node *values;
    int pattern, value;
};

struct flow {
    const struct ruleset *ruleset;
    struct findings *findings;
    struct flow_mem mem;
    struct arena *arena;
    struct flow_sets *sets;
    struct flow_code code;
    struct flow_atoms *atoms;
    struct flow_dfa *all[FLOW_SIDES]; /* of all rules */
    struct flow_ints starts[FLOW_SIDES];
    int start[FLOW_SIDES];
    struct flow_dfa *spare;  /* for one program at a time */
    struct flow_rule *rules; /* behind them those of `beside` */
    int n_rules;
    int data_most;                /* bytes of a tap: more than FLOW_DATA_MAX if there are tokens */
    const struct ruleset *beside; /* other rules, to be compared with; NULL: none */
    int n_beside;
    struct flow_dfa *both[FLOW_SIDES]; /* of all rules and those beside; NULL: there are none */
    struct flow_ints starts_both[FLOW_SIDES];
    int start_both[FLOW_SIDES];
    struct flow_button *buttons;
    int n_buttons;
    int buttons_done;                          /* so many were looked at before memory was out */
    const char *const *beginnings[FLOW_SIDES]; /* of patterns, for "did you mean"; NULL: not made yet */
    struct flow_variable *variables;
    struct flow_asked *asked; /* flow_chat.h */
    int n_asked, asked_cap;
    uint64_t steps_max, until; /* of all work, of the phase under way */
    int queries;               /* that wait, about */
};

/* flow_model_certain: does the rule take all of what its program accepts on this side? */
bool flow_model_certain(const struct flow_rule *rule, enum flow_side side);
/* flow_model_hides: does nothing of that come to a later rule? */
bool flow_model_hides(const struct flow_rule *rule, const struct flow_rule *later, enum flow_side side);

/* flow_model_build: with ruleset, findings, mem.max, steps_max and perhaps beside set; false when memory is out. */
bool flow_model_build(struct flow *flow) CHECKED;
void flow_model_free(struct flow *flow);

/* flow_model_button: the k-th that a run may send that enters the rule, its own first; NULL past the end. */
struct flow_button *flow_model_button(const struct flow *flow, int rule, int k);
/* flow_model_number: of a rule of the ruleset. */
int flow_model_number(const struct flow *flow, const struct rule *rule);
/* flow_model_group: the group that a template's capture names on this side, 0: none. */
int flow_model_group(const struct flow *flow, const struct flow_button *button, enum flow_side side,
                     struct text name);

/* flow_model_tap: how many bytes a tap that leads to the rule has at most, once its senders are known. */
int flow_model_tap(const struct flow *flow, int rule);

/* flow_model_value: what the value of a template's part can be that is no plain capture of this side; NULL: any text. */
const struct flow_node *flow_model_value(struct flow *flow, const struct flow_button *button,
                                         enum flow_side side, const struct template_part *part);

/* flow_model_begin, flow_model_end: around each query: its share of all work. */
void flow_model_begin(struct flow *flow);
void flow_model_end(struct flow *flow);
/* flow_model_phase: what comes now may use one part of so many of the work that is left. flow_model_part: so it may, more at
   first, and makes about so many queries. flow_model_over: nothing is left. */
void flow_model_phase(struct flow *flow, unsigned part);
void flow_model_part(struct flow *flow, int parts, int queries);
bool flow_model_over(const struct flow *flow);
/* flow_model_walk: a walk over pairs with the side's automaton, its budget set; to be freed by flow_walk_free. */
struct flow_walk flow_model_walk(struct flow *flow, enum flow_side side);
/* flow_model_keep: a copy in the arena, TEXT_NONE when memory is out. */
struct text flow_model_keep(struct flow *flow, struct text text);
/* flow_model_pattern: the node of a rule's pattern. */
const struct node *flow_model_pattern(const struct flow_rule *rule, enum flow_side side);
