/*
 * 1. pending holds, by end offset, what was appended and is not committed, each with a handle on
 * the tentative state after it; `committed` is the handle on the state of all that is.
 * 2. replies are by end_offset, and every reply's end_offset is that of something in pending.
 * 3. The machine's tentative state is that of the last pending, or `committed` when none is.
 */
#include "coord/coord.h"

#include "base/mem.h"

struct pending {
    struct list node;
    int64_t end_offset;
    void *state;
};

struct coord {
    const struct coord_ops *ops;
    void *machine;
    enum coord_state state;
    struct list pending;
    size_t pending_count;
    struct list replies;
    void *committed; /* NULL until ACTIVE */
    bool running;    /* inside of a decision */
};

struct coord *coord_new(const struct coord_ops *ops, void *machine)
{
    struct coord *coord = mem_zalloc(sizeof *coord);
    coord->ops = ops;
    coord->machine = machine;
    list_init(&coord->pending);
    list_init(&coord->replies);
    return coord;
}

static void pending_drop(struct coord *coord, struct pending *pending)
{
    list_remove(&pending->node);
    coord->pending_count--;
    coord->ops->state_unref(coord->machine, pending->state);
    mem_free(pending);
}

static void states_drop(struct coord *coord)
{
    while (!list_empty(&coord->pending))
        pending_drop(coord, LIST_ENTRY(coord->pending.next, struct pending, node));
    if (coord->committed != NULL)
        coord->ops->state_unref(coord->machine, coord->committed);
    coord->committed = NULL;
}

void coord_free(struct coord *coord)
{
    if (coord == NULL)
        return;
    states_drop(coord);
    mem_free(coord);
}

enum coord_state coord_state(const struct coord *coord)
{
    return coord->state;
}

size_t coord_pending_count(const struct coord *coord)
{
    return coord->pending_count;
}

/* ---- Loading and unloading --------------------------------------------------------------- */

void coord_load_begin(struct coord *coord)
{
    ASSERT(coord->state == COORD_UNLOADED);
    coord->state = COORD_LOADING;
}

void coord_load(struct coord *coord, const void *records, size_t count, int64_t first_offset)
{
    ASSERT(coord->state == COORD_LOADING);
    coord->ops->apply(coord->machine, records, count, first_offset);
}

void coord_activate(struct coord *coord)
{
    ASSERT(coord->state == COORD_LOADING);
    ASSERT(coord->committed == NULL);
    coord->state = COORD_ACTIVE;
    coord->committed = coord->ops->state_ref(coord->machine);
    coord->ops->state_publish(coord->machine, coord->committed);
}

void coord_unload(struct coord *coord)
{
    ASSERT(!coord->running);
    if (coord->committed != NULL)
        coord->ops->state_restore(coord->machine, coord->committed);
    states_drop(coord);
    coord->state = COORD_UNLOADED;
    for (struct list *node; (node = list_pop_front(&coord->replies)) != NULL;) {
        struct coord_reply *reply = LIST_ENTRY(node, struct coord_reply, node);
        reply->done(reply, COORD_LOST);
    }
}

/* ---- Decisions --------------------------------------------------------------------------- */

static void reply_now(struct coord_reply *reply, enum coord_outcome outcome)
{
    if (reply != NULL)
        reply->done(reply, outcome);
}

/* The reply waits for everything that is appended. */
static void reply_later(struct coord *coord, struct coord_reply *reply)
{
    if (reply == NULL)
        return;
    ASSERT(coord->pending_count > 0);
    reply->end_offset = LIST_ENTRY(coord->pending.prev, struct pending, node)->end_offset;
    list_push_back(&coord->replies, &reply->node);
}

/* Apply, then append: the append hands the state on. */
static enum err decision_append(struct coord *coord, const struct coord_decision *decision)
{
    const struct coord_ops *ops = coord->ops;
    int64_t first_offset = ops->end_offset(coord->machine);
    ops->apply(coord->machine, decision->records, decision->count, first_offset);
    void *state = ops->state_ref(coord->machine);
    enum err err = ops->append(coord->machine, decision->records, decision->count, state);
    if (err != ERR_OK) {
        ops->state_unref(coord->machine, state);
        bool any = coord->pending_count > 0;
        ops->state_restore(coord->machine,
                           any ? LIST_ENTRY(coord->pending.prev, struct pending, node)->state
                               : coord->committed);
        return err;
    }
    struct pending *pending = mem_alloc(sizeof *pending);
    pending->end_offset = first_offset + (int64_t)decision->count;
    pending->state = state;
    list_push_back(&coord->pending, &pending->node);
    coord->pending_count++;
    return ERR_OK;
}

/* The number of records appended. */
static size_t run(struct coord *coord, coord_decide_fn *decide, void *request,
                  struct coord_reply *reply)
{
    if (reply != NULL)
        list_init(&reply->node);
    if (coord->state != COORD_ACTIVE) {
        reply_now(reply, COORD_REFUSED);
        return 0;
    }
    ASSERT(!coord->running);
    coord->running = true;
    struct coord_decision decision = {0};
    decide(coord->machine, request, &decision);
    enum err err = decision.count == 0 ? ERR_OK : decision_append(coord, &decision);
    coord->running = false;
    if (err != ERR_OK)
        reply_now(reply, COORD_REFUSED);
    else if (coord->pending_count == 0 || (decision.count == 0 && decision.reply_at_once))
        reply_now(reply, COORD_COMMITTED);
    else
        reply_later(coord, reply);
    return err == ERR_OK ? decision.count : 0;
}

void coord_run(struct coord *coord, coord_decide_fn *decide, void *request,
               struct coord_reply *reply)
{
    run(coord, decide, request, reply);
}

void coord_committed(struct coord *coord, int64_t end_offset)
{
    if (coord->state != COORD_ACTIVE)
        return;
    void *newest = NULL;
    while (!list_empty(&coord->pending)) {
        struct pending *pending = LIST_ENTRY(coord->pending.next, struct pending, node);
        if (pending->end_offset > end_offset)
            break;
        if (newest != NULL)
            coord->ops->state_unref(coord->machine, newest);
        newest = pending->state;
        list_remove(&pending->node);
        coord->pending_count--;
        mem_free(pending);
    }
    if (newest == NULL)
        return;
    coord->ops->state_unref(coord->machine, coord->committed);
    coord->committed = newest;
    coord->ops->state_publish(coord->machine, newest);
    /* A reply may lead to another decision, even to the end of this leadership: look anew each
     * time. */
    while (!list_empty(&coord->replies)) {
        struct coord_reply *reply = LIST_ENTRY(coord->replies.next, struct coord_reply, node);
        if (reply->end_offset > end_offset)
            break;
        list_remove(&reply->node);
        reply->done(reply, COORD_COMMITTED);
    }
}

/* ---- Time -------------------------------------------------------------------------------- */

int64_t coord_deadline_ms(const struct coord *coord)
{
    return coord->state == COORD_ACTIVE ? coord->ops->deadline_ms(coord->machine)
                                        : COORD_NO_DEADLINE;
}

void coord_tick(struct coord *coord, int64_t now_ms)
{
    while (coord->state == COORD_ACTIVE && coord->ops->deadline_ms(coord->machine) <= now_ms) {
        if (run(coord, coord->ops->tick, &now_ms, NULL) == 0)
            return;
    }
}
