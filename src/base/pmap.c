#include "base/pmap.h"

#include "base/hmap.h"
#include "base/mem.h"

#include <string.h>

/*
 * Invariants:
 *  1. In key order, left < node < right; by rank (priority, then key) a node is above its children.
 *     Together they leave one shape for each content. (hash_seed comes before the first map: nodes
 *     of two seeds would be ordered still, and found, but their shape would depend on history.)
 *  2. A node's refs counts the handles and parent nodes that point to it. One that is reached
 *     through references of count 1 alone belongs to the change under way and is changed in place;
 *     any other is copied first.
 *  3. Functions that take a node consume one reference to it and return one.
 */
struct pmap_node {
    uint32_t refs; /* atomic */
    uint32_t key_size;
    uint64_t priority;
    size_t count; /* of the nodes in this subtree */
    struct pmap_node *left;
    struct pmap_node *right;
    struct pmap_value *value;
    uint8_t key[];
};

struct key {
    const uint8_t *data;
    uint32_t size;
    uint64_t priority;
};

static void ref_add(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);
    ASSERT(before > 0 && before < UINT32_MAX);
}

/* True when this was the last one; all that others did before they let go is then visible. */
static bool ref_drop(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    return before == 1;
}

struct pmap_value *pmap_value_ref(struct pmap_value *value)
{
    ref_add(&value->refs);
    return value;
}

void pmap_value_unref(struct pmap_value *value)
{
    if (value != NULL && ref_drop(&value->refs))
        value->free(value);
}

static int key_compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common > 0 ? memcmp(a, b, common) : 0;
    if (order != 0)
        return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

static int node_compare(const struct pmap_node *a, const struct pmap_node *b)
{
    return key_compare(a->key, a->key_size, b->key, b->key_size);
}

static size_t node_count(const struct pmap_node *node)
{
    return node == NULL ? 0 : node->count;
}

static void recount(struct pmap_node *node)
{
    node->count = 1 + node_count(node->left) + node_count(node->right);
}

static struct pmap_node *node_ref(struct pmap_node *node)
{
    if (node != NULL)
        ref_add(&node->refs);
    return node;
}

static void node_unref(struct pmap_node *node)
{
    while (node != NULL && ref_drop(&node->refs)) {
        struct pmap_node *right = node->right;
        node_unref(node->left);
        pmap_value_unref(node->value);
        mem_free(node);
        node = right;
    }
}

static struct pmap_node *node_new(const struct key *key, struct pmap_value *take_value)
{
    struct pmap_node *node = mem_alloc(sizeof *node + key->size);
    *node = (struct pmap_node){
        .refs = 1,
        .key_size = key->size,
        .priority = key->priority,
        .count = 1,
        .value = take_value,
    };
    if (key->size > 0)
        memcpy(node->key, key->data, key->size);
    return node;
}

/* The node itself where it is ours alone (invariant 2), or a copy that is. */
static struct pmap_node *node_own(struct pmap_node *node)
{
    if (__atomic_load_n(&node->refs, __ATOMIC_ACQUIRE) == 1)
        return node;
    struct key key = {node->key, node->key_size, node->priority};
    struct pmap_node *copy = node_new(&key, pmap_value_ref(node->value));
    copy->count = node->count;
    copy->left = node_ref(node->left);
    copy->right = node_ref(node->right);
    node_unref(node);
    return copy;
}

static bool key_is_above(const struct key *key, const struct pmap_node *node)
{
    if (key->priority != node->priority)
        return key->priority > node->priority;
    return key_compare(key->data, key->size, node->key, node->key_size) < 0;
}

static bool node_is_above(const struct pmap_node *a, const struct pmap_node *b)
{
    struct key key = {a->key, a->key_size, a->priority};
    return key_is_above(&key, b);
}

static struct key key_make(const void *data, size_t size)
{
    ASSERT(size <= UINT32_MAX);
    return (struct key){data, (uint32_t)size, hash_bytes(data, size)};
}

struct pmap pmap_ref(struct pmap map)
{
    return (struct pmap){node_ref(map.root)};
}

void pmap_release(struct pmap *map)
{
    node_unref(map->root);
    *map = PMAP_EMPTY;
}

size_t pmap_count(struct pmap map)
{
    return node_count(map.root);
}

static struct pmap_node *find(struct pmap map, const void *key, size_t key_size)
{
    struct pmap_node *node = map.root;
    while (node != NULL) {
        int order = key_compare(key, key_size, node->key, node->key_size);
        if (order == 0)
            return node;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

struct pmap_value *pmap_get(struct pmap map, const void *key, size_t key_size)
{
    const struct pmap_node *node = find(map, key, key_size);
    return node == NULL ? NULL : node->value;
}

/* The nodes before and after a key that is not among them. */
static void split(struct pmap_node *node, const struct key *key, struct pmap_node **before,
                  struct pmap_node **after)
{
    if (node == NULL) {
        *before = *after = NULL;
        return;
    }
    node = node_own(node);
    int order = key_compare(key->data, key->size, node->key, node->key_size);
    ASSERT(order != 0);
    if (order < 0) {
        split(node->left, key, before, &node->left);
        *after = node;
    } else {
        split(node->right, key, &node->right, after);
        *before = node;
    }
    recount(node);
}

static struct pmap_node *insert(struct pmap_node *node, const struct key *key,
                                struct pmap_value *take_value)
{
    if (node == NULL || key_is_above(key, node)) {
        struct pmap_node *top = node_new(key, take_value);
        split(node, key, &top->left, &top->right);
        recount(top);
        return top;
    }
    node = node_own(node);
    int order = key_compare(key->data, key->size, node->key, node->key_size);
    ASSERT(order != 0);
    if (order < 0)
        node->left = insert(node->left, key, take_value);
    else
        node->right = insert(node->right, key, take_value);
    recount(node);
    return node;
}

/* The key is there. */
static struct pmap_node *replace(struct pmap_node *node, const struct key *key,
                                 struct pmap_value *take_value)
{
    node = node_own(node);
    int order = key_compare(key->data, key->size, node->key, node->key_size);
    if (order < 0) {
        node->left = replace(node->left, key, take_value);
    } else if (order > 0) {
        node->right = replace(node->right, key, take_value);
    } else {
        pmap_value_unref(node->value);
        node->value = take_value;
    }
    return node;
}

void pmap_put(struct pmap *map, const void *key_data, size_t key_size,
              struct pmap_value *take_value)
{
    ASSERT(take_value != NULL);
    struct key key = key_make(key_data, key_size);
    if (find(*map, key_data, key_size) != NULL)
        map->root = replace(map->root, &key, take_value);
    else
        map->root = insert(map->root, &key, take_value);
}

/* All of `before` comes before all of `after`. */
static struct pmap_node *merge(struct pmap_node *before, struct pmap_node *after)
{
    if (before == NULL)
        return after;
    if (after == NULL)
        return before;
    struct pmap_node *top;
    if (node_is_above(before, after)) {
        top = node_own(before);
        top->right = merge(top->right, after);
    } else {
        top = node_own(after);
        top->left = merge(before, top->left);
    }
    recount(top);
    return top;
}

/* The key is there. */
static struct pmap_node *removed(struct pmap_node *node, const struct key *key)
{
    int order = key_compare(key->data, key->size, node->key, node->key_size);
    if (order == 0) {
        struct pmap_node *rest_before = node_ref(node->left);
        struct pmap_node *rest_after = node_ref(node->right);
        node_unref(node);
        return merge(rest_before, rest_after);
    }
    node = node_own(node);
    if (order < 0)
        node->left = removed(node->left, key);
    else
        node->right = removed(node->right, key);
    recount(node);
    return node;
}

bool pmap_remove(struct pmap *map, const void *key_data, size_t key_size)
{
    if (find(*map, key_data, key_size) == NULL)
        return false;
    struct key key = key_make(key_data, key_size);
    map->root = removed(map->root, &key);
    return true;
}

static void iter_push(struct pmap_iter *iter, const struct pmap_node *node)
{
    ASSERT(iter->depth < PMAP_DEPTH_MAX);
    iter->stack[iter->depth++] = node;
}

void pmap_iter_init(struct pmap_iter *iter, struct pmap map, const void *from, size_t from_size)
{
    iter->depth = 0;
    for (const struct pmap_node *node = map.root; node != NULL;) {
        if (key_compare(node->key, node->key_size, from, from_size) >= 0) {
            iter_push(iter, node);
            node = node->left;
        } else {
            node = node->right;
        }
    }
}

bool pmap_iter_next(struct pmap_iter *iter, struct pmap_entry *entry)
{
    if (iter->depth == 0)
        return false;
    const struct pmap_node *node = iter->stack[--iter->depth];
    *entry = (struct pmap_entry){node->key, node->key_size, node->value};
    for (node = node->right; node != NULL; node = node->left)
        iter_push(iter, node);
    return true;
}

/*
 * The difference. Each side is a stack of what is still to come, in key order: whole subtrees, and
 * nodes whose left part is done. Two equal subtrees on top are dropped unseen. Of two that differ,
 * the one whose root is above the other's cannot lie within the other, so opening it loses no
 * shared part; and where all of one comes before the other, it has no counterpart at all.
 */
struct diff_item {
    const struct pmap_node *node;
    bool opened; /* the node alone; else its whole subtree */
};

struct diff_side {
    struct diff_item stack[2 * PMAP_DEPTH_MAX];
    size_t depth;
};

struct diff {
    struct diff_side before;
    struct diff_side after;
    pmap_diff_fn *fn;
    void *context;
};

static void diff_push(struct diff_side *side, const struct pmap_node *node, bool opened)
{
    if (node == NULL)
        return;
    ASSERT(side->depth < ARRAY_COUNT(side->stack));
    side->stack[side->depth++] = (struct diff_item){node, opened};
}

static void diff_open(struct diff_side *side)
{
    const struct pmap_node *node = side->stack[--side->depth].node;
    diff_push(side, node->right, false);
    diff_push(side, node, true);
    diff_push(side, node->left, false);
}

static void diff_tell(struct diff *diff, const struct pmap_node *before,
                      const struct pmap_node *after)
{
    const struct pmap_node *any = before != NULL ? before : after;
    struct pmap_value *was = before != NULL ? before->value : NULL;
    struct pmap_value *is = after != NULL ? after->value : NULL;
    if (was != is)
        diff->fn(diff->context, any->key, any->key_size, was, is);
}

static void diff_tell_all(struct diff *diff, const struct pmap_node *node, bool is_before)
{
    for (; node != NULL; node = node->right) {
        diff_tell_all(diff, node->left, is_before);
        diff_tell(diff, is_before ? node : NULL, is_before ? NULL : node);
    }
}

/* The top item of one side has no counterpart on the other. */
static void diff_tell_top(struct diff *diff, struct diff_side *side)
{
    bool is_before = side == &diff->before;
    struct diff_item item = side->stack[--side->depth];
    if (item.opened)
        diff_tell(diff, is_before ? item.node : NULL, is_before ? NULL : item.node);
    else
        diff_tell_all(diff, item.node, is_before);
}

static const struct pmap_node *item_first(struct diff_item item)
{
    const struct pmap_node *node = item.node;
    while (!item.opened && node->left != NULL)
        node = node->left;
    return node;
}

static const struct pmap_node *item_last(struct diff_item item)
{
    const struct pmap_node *node = item.node;
    while (!item.opened && node->right != NULL)
        node = node->right;
    return node;
}

/* Both sides have something to come. */
static void diff_step(struct diff *diff)
{
    struct diff_side *before = &diff->before, *after = &diff->after;
    struct diff_item old = before->stack[before->depth - 1];
    struct diff_item new = after->stack[after->depth - 1];
    if (old.node == new.node && old.opened == new.opened) {
        before->depth--;
        after->depth--;
    } else if (node_compare(item_last(old), item_first(new)) < 0) {
        diff_tell_top(diff, before);
    } else if (node_compare(item_last(new), item_first(old)) < 0) {
        diff_tell_top(diff, after);
    } else if (old.opened && new.opened) {
        diff_tell(diff, old.node, new.node);
        before->depth--;
        after->depth--;
    } else if (old.opened) {
        diff_open(after);
    } else if (new.opened) {
        diff_open(before);
    } else if (node_is_above(old.node, new.node)) {
        diff_open(before);
    } else if (node_is_above(new.node, old.node)) {
        diff_open(after);
    } else {
        diff_open(before);
        diff_open(after);
    }
}

void pmap_diff(struct pmap before, struct pmap after, pmap_diff_fn *fn, void *context)
{
    struct diff diff = {.fn = fn, .context = context};
    diff_push(&diff.before, before.root, false);
    diff_push(&diff.after, after.root, false);
    while (diff.before.depth > 0 && diff.after.depth > 0)
        diff_step(&diff);
    while (diff.before.depth > 0)
        diff_tell_top(&diff, &diff.before);
    while (diff.after.depth > 0)
        diff_tell_top(&diff, &diff.after);
}
