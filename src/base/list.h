#ifndef BASE_LIST_H
#define BASE_LIST_H
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

/* An intrusive doubly linked list. The head is a node as well. A node that is in no list points to
 * itself. */
struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *node)
{
    node->prev = node;
    node->next = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_push_back(head->next, node);
}

/* Harmless on a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* NULL when empty. */
static inline struct list *list_pop_front(struct list *head)
{
    if (list_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}

/* All of `from` goes to the end of `to`; `from` is empty after. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

#define LIST_FOR_EACH(node, head) \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* `node` may be removed inside. */
#define LIST_FOR_EACH_SAFE(node, after, head)                                   \
    for (struct list *node = (head)->next, *after = node->next; node != (head); \
         node = after, after = node->next)

#endif
