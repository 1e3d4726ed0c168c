/*
 * Matching: the tree becomes steps of a machine that is in several places at once; each character
 * of the name moves all of them. Time: the name's length times the steps.
 */
#include "group/group_regex_int.h"

#include "base/assert.h"

#include <string.h>

enum step_kind {
    STEP_SET,  /* take a character of the set, go to the next step */
    STEP_EDGE, /* go on if here is the edge that it says */
    STEP_FORK, /* go on at next and at other */
    STEP_MATCH,
};

struct step {
    enum step_kind kind;
    enum group_regex_kind edge;
    struct group_regex_set set;
    uint32_t next;
    uint32_t other;
};

struct places {
    uint32_t *list;
    uint32_t count;
};

struct group_regex {
    struct step *steps;
    uint32_t count;
    uint32_t *seen; /* by step: the position (from 1) for which it is in the list */
    struct places now, then;
    uint32_t *stack;
};

/* ---- Steps
 * ---------------------------------------------------------------------------------------- */

struct builder {
    struct step *steps; /* NULL: they are only counted */
    size_t count;
};

static uint32_t emit(struct builder *b, struct step step)
{
    if (b->steps != NULL)
        b->steps[b->count] = step;
    return (uint32_t)b->count++;
}

static void build(struct builder *b, const struct group_regex_node *node);

/* What comes next is always the step after the last one emitted. */
static void build_any(struct builder *b, const struct group_regex_node *node)
{
    /* fork a, fork b, c: each alternative ends with a jump (a fork both ways alike) to the end. */
    uint32_t jumps = 0;
    for (const struct group_regex_node *child = node->first; child != NULL; child = child->next) {
        uint32_t fork = 0;
        if (child->next != NULL)
            fork = emit(b, (struct step){.kind = STEP_FORK, .next = (uint32_t)b->count + 1});
        build(b, child);
        if (child->next == NULL)
            break;
        uint32_t jump = emit(b, (struct step){.kind = STEP_FORK, .next = jumps});
        jumps = jump + 1; /* a list through `next`, 0 its end */
        if (b->steps != NULL)
            b->steps[fork].other = (uint32_t)b->count;
    }
    while (jumps != 0 && b->steps != NULL) {
        struct step *jump = &b->steps[jumps - 1];
        jumps = jump->next;
        jump->next = jump->other = (uint32_t)b->count;
    }
}

static void build_repeat(struct builder *b, const struct group_regex_node *node)
{
    for (int32_t i = 0; i < node->min && b->count <= GROUP_REGEX_STEPS_MAX; i++)
        build(b, node->first);
    if (node->max < 0) {
        uint32_t fork = emit(b, (struct step){.kind = STEP_FORK, .next = (uint32_t)b->count + 1});
        build(b, node->first);
        emit(b, (struct step){.kind = STEP_FORK, .next = fork, .other = fork});
        if (b->steps != NULL)
            b->steps[fork].other = (uint32_t)b->count;
        return;
    }
    for (int32_t i = node->min; i < node->max && b->count <= GROUP_REGEX_STEPS_MAX; i++) {
        /* Leaving early: as after the last. The forks' ends are set by going through it again. */
        uint32_t fork = emit(b, (struct step){.kind = STEP_FORK, .next = (uint32_t)b->count + 1});
        build(b, node->first);
        if (b->steps != NULL)
            b->steps[fork].other = (uint32_t)b->count; /* then the next one's fork leaves as well */
    }
}

static void build(struct builder *b, const struct group_regex_node *node)
{
    if (b->count > GROUP_REGEX_STEPS_MAX)
        return;
    switch (node->kind) {
    case GROUP_REGEX_SET:
        emit(b, (struct step){.kind = STEP_SET, .set = node->set, .next = (uint32_t)b->count + 1});
        return;
    case GROUP_REGEX_ALL:
        for (const struct group_regex_node *child = node->first; child != NULL; child = child->next)
            build(b, child);
        return;
    case GROUP_REGEX_ANY:
        build_any(b, node);
        return;
    case GROUP_REGEX_REPEAT:
        build_repeat(b, node);
        return;
    case GROUP_REGEX_BEGIN:
    case GROUP_REGEX_END:
    case GROUP_REGEX_WORD_EDGE:
    case GROUP_REGEX_NO_WORD_EDGE:
        emit(b,
             (struct step){.kind = STEP_EDGE, .edge = node->kind, .next = (uint32_t)b->count + 1});
        return;
    }
}

struct group_regex *group_regex_parse(struct wire_string text, struct arena *arena,
                                      const char **error)
{
    const struct group_regex_node *tree = group_regex_tree(text, arena, error);
    if (tree == NULL)
        return NULL;
    struct builder b = {0};
    build(&b, tree);
    if (b.count > GROUP_REGEX_STEPS_MAX) {
        *error = "expression is too large";
        return NULL;
    }
    struct group_regex *regex = arena_must_alloc(arena, sizeof *regex);
    regex->count = (uint32_t)b.count + 1;
    regex->steps = arena_must_alloc_array(arena, regex->count, sizeof *regex->steps);
    b = (struct builder){.steps = regex->steps};
    build(&b, tree);
    ASSERT(b.count + 1 == regex->count);
    emit(&b, (struct step){.kind = STEP_MATCH});
    regex->seen = arena_must_alloc_array(arena, regex->count, sizeof *regex->seen);
    regex->now.list = arena_must_alloc_array(arena, regex->count, sizeof(uint32_t));
    regex->then.list = arena_must_alloc_array(arena, regex->count, sizeof(uint32_t));
    regex->stack = arena_must_alloc_array(arena, regex->count, sizeof(uint32_t));
    return regex;
}

/* ---- Matching
 * --------------------------------------------------------------------------------------- */

static bool is_word(struct wire_string name, size_t at)
{
    if (at >= name.size)
        return false;
    char c = name.data[at];
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool at_edge(enum group_regex_kind edge, struct wire_string name, size_t at)
{
    bool word_edge = (at > 0 && is_word(name, at - 1)) != is_word(name, at);
    return edge == GROUP_REGEX_BEGIN       ? at == 0
           : edge == GROUP_REGEX_END       ? at == name.size
           : edge == GROUP_REGEX_WORD_EDGE ? word_edge
                                           : !word_edge;
}

/* A step is put on the stack once for each position, so both fit. */
static void push(struct group_regex *regex, uint32_t step, size_t at, uint32_t *height)
{
    if (regex->seen[step] == at + 1)
        return;
    regex->seen[step] = (uint32_t)at + 1;
    regex->stack[(*height)++] = step;
}

/* The step and all that it leads to without a character. */
static void enter(struct group_regex *regex, struct places *places, uint32_t first,
                  struct wire_string name, size_t at)
{
    uint32_t height = 0;
    push(regex, first, at, &height);
    while (height > 0) {
        uint32_t index = regex->stack[--height];
        const struct step *step = &regex->steps[index];
        if (step->kind == STEP_FORK) {
            push(regex, step->other, at, &height);
            push(regex, step->next, at, &height);
        } else if (step->kind == STEP_EDGE) {
            if (at_edge(step->edge, name, at))
                push(regex, step->next, at, &height);
        } else {
            places->list[places->count++] = index;
        }
    }
}

bool group_regex_matches(struct group_regex *regex, struct wire_string name)
{
    memset(regex->seen, 0, regex->count * sizeof *regex->seen);
    regex->now.count = 0;
    enter(regex, &regex->now, 0, name, 0);
    for (size_t at = 0; at < name.size && regex->now.count > 0; at++) {
        uint8_t c = (uint8_t)name.data[at];
        regex->then.count = 0;
        for (uint32_t i = 0; i < regex->now.count; i++) {
            const struct step *step = &regex->steps[regex->now.list[i]];
            if (step->kind == STEP_SET && c < 128 && (step->set.bits[c >> 6] >> (c & 63) & 1) != 0)
                enter(regex, &regex->then, step->next, name, at + 1);
        }
        struct places swap = regex->now;
        regex->now = regex->then;
        regex->then = swap;
    }
    for (uint32_t i = 0; i < regex->now.count; i++) {
        if (regex->steps[regex->now.list[i]].kind == STEP_MATCH)
            return true;
    }
    return false;
}
