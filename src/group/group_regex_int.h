#ifndef GROUP_GROUP_REGEX_INT_H
#define GROUP_GROUP_REGEX_INT_H
/*
 * Regular expressions that the server resolves (KIP-848, SubscribedTopicRegex): the syntax of
 * RE2/J, which Apache Kafka uses, with its errors, matched against whole topic names.
 *
 * Why not a library: each that Debian has takes another syntax, so this parser would be needed in
 * any case to refuse what RE2/J refuses and to take what it takes; and topic names are of 65
 * characters of ASCII, so that a set of characters is 128 bits and the rest is small. The time for
 * one name is bounded by its length times the size of the expression: there is no backtracking.
 */
#include "base/arena.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Steps of an expression, with repetitions written out. Larger ones are refused (RE2/J has no
 * bound): this bounds what resolving costs. */
#define GROUP_REGEX_STEPS_MAX 10000
/* Parentheses in parentheses. */
#define GROUP_REGEX_DEPTH_MAX 200

struct group_regex;

/* Made in the arena. NULL: `error` says why, in RE2/J's words. */
struct group_regex *group_regex_parse(struct wire_string text, struct arena *arena,
                                      const char **error);
/* All of the name matches. Not reentrant: the regex holds what it needs meanwhile. */
bool group_regex_matches(struct group_regex *regex, struct wire_string name);

/* ---- Between the parser and the matcher ---- */

/* Characters of ASCII. */
struct group_regex_set {
    uint64_t bits[2];
};

enum group_regex_kind {
    GROUP_REGEX_SET,   /* one character of the set */
    GROUP_REGEX_BEGIN, /* of the text, or a line: a name is one */
    GROUP_REGEX_END,
    GROUP_REGEX_WORD_EDGE,
    GROUP_REGEX_NO_WORD_EDGE,
    GROUP_REGEX_ALL,    /* the children, one after the other */
    GROUP_REGEX_ANY,    /* one of the children */
    GROUP_REGEX_REPEAT, /* the child, min to max times */
};

struct group_regex_node {
    enum group_regex_kind kind;
    struct group_regex_set set;
    int32_t min, max;                      /* max -1: without limit */
    struct group_regex_node *first, *last; /* children */
    struct group_regex_node *next, *before;
};

/* NULL: *error. */
struct group_regex_node *group_regex_tree(struct wire_string text, struct arena *arena,
                                          const char **error);

#endif
