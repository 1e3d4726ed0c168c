#ifndef OS_MAILBOX_INT_H
#define OS_MAILBOX_INT_H
/*
 * A queue that any thread puts into and one thread empties, without locks: a stack whose owner
 * takes all of it at once and turns it around, so that what one thread put comes out in its order.
 *
 * The owner says that it is about to sleep by leaving a mark in the empty stack. Whoever replaces
 * the mark has to wake the owner, so exactly one put per sleep costs a system call, and no
 * put can fall between the owner's last look and its sleep.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mailbox_node {
    struct mailbox_node *next;
};

struct mailbox {
    _Atomic(struct mailbox_node *) top; /* newest; NULL: empty; the mark: empty, the owner sleeps */
};

#define MAILBOX_ASLEEP ((struct mailbox_node *)1)

/* True: the owner sleeps and this call's thread has to wake it. */
static inline bool mailbox_put(struct mailbox *box, struct mailbox_node *node)
{
    struct mailbox_node *top = atomic_load_explicit(&box->top, memory_order_relaxed);
    do {
        node->next = top == MAILBOX_ASLEEP ? NULL : top;
    } while (!atomic_compare_exchange_weak_explicit(&box->top, &top, node, memory_order_release,
                                                    memory_order_relaxed));
    return top == MAILBOX_ASLEEP;
}

/* Everything so far, oldest first; takes the mark away. */
static inline struct mailbox_node *mailbox_take(struct mailbox *box)
{
    if (atomic_load_explicit(&box->top, memory_order_relaxed) == NULL)
        return NULL;
    struct mailbox_node *node = atomic_exchange_explicit(&box->top, NULL, memory_order_acquire);
    if (node == MAILBOX_ASLEEP)
        return NULL;
    struct mailbox_node *oldest = NULL;
    while (node != NULL) {
        struct mailbox_node *next = node->next;
        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}

/* Leave the mark. False: something is there, do not sleep. */
static inline bool mailbox_sleep(struct mailbox *box)
{
    struct mailbox_node *expected = NULL;
    return atomic_compare_exchange_strong_explicit(&box->top, &expected, MAILBOX_ASLEEP,
                                                   memory_order_relaxed, memory_order_relaxed) ||
           expected == MAILBOX_ASLEEP;
}

#endif
