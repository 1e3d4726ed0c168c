#ifndef COORD_COORD_H
#define COORD_COORD_H
/*
 * Decide, write, apply: the one shape of everything that must survive. The controller runs in it
 * over the metadata log; group and transaction coordinators over theirs.
 *
 * A machine has a tentative state: what is committed and everything appended since. A decision
 * looks at it and says which records to append and what to reply. The records are appended and
 * applied to the tentative state at once; the reply leaves when they are committed, and not before
 * everything appended earlier is, because the decision may have built on it. What others read is
 * committed state only, which this room keeps a handle on at each append. When the leadership is
 * lost the tentative state goes.
 *
 *     UNLOADED --load_begin--> LOADING --activate--> ACTIVE --unload--> UNLOADED
 *
 * Pure: no clock, no disk, no thread. Whoever drives it has the one timer, set to coord_deadline.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coord;

enum coord_state { COORD_UNLOADED, COORD_LOADING, COORD_ACTIVE };

enum coord_outcome {
    COORD_COMMITTED,
    COORD_LOST,    /* unloaded before it was committed: it may survive or not */
    COORD_REFUSED, /* not active, or the log took no append: nothing happened */
};

/* A reply that waits for its decision to be committed: embedded in what it answers. */
struct coord_reply {
    void (*done)(struct coord_reply *reply, enum coord_outcome outcome);
    struct list node;   /* coord's */
    int64_t end_offset; /* coord's: leaves when all below is committed */
};

/* What a decision came to. */
struct coord_decision {
    const void *records; /* of the machine's kind; good until coord_run returns */
    size_t count;        /* 0: nothing changes */
    /* The reply says nothing about the state (an error in the request itself) and need not wait for
     * what is under way. */
    bool reply_at_once;
};

typedef void coord_decide_fn(void *machine, void *request, struct coord_decision *out);

#define COORD_NO_DEADLINE INT64_MAX

struct coord_ops {
    /* The offset that the next record gets. */
    int64_t (*end_offset)(void *machine);
    /* Apply to the tentative state records that will be, or are, at first_offset and on. */
    void (*apply)(void *machine, const void *records, size_t count, int64_t first_offset);
    /*
     * Append all or nothing. `state` is the tentative state after them, borrowed. An error refuses
     * the decision. Their commit is told by coord_committed, never from inside of this.
     */
    enum err (*append)(void *machine, const void *records, size_t count, void *state);

    /* A handle on the tentative state as it is (cheap: the state is made of persistent maps). */
    void *(*state_ref)(void *machine);
    void (*state_unref)(void *machine, void *state);
    /* The tentative state becomes what the handle holds. */
    void (*state_restore)(void *machine, void *state);
    /* What others may read from now on. Borrowed. */
    void (*state_publish)(void *machine, void *state);

    /* When `tick` wants to be asked next, in the driver's milliseconds; COORD_NO_DEADLINE. */
    int64_t (*deadline_ms)(void *machine);
    /* Time has come to deadline_ms or past it: what to do now. Called again at once while it gives
     * records and deadline_ms is not past now. `request` is a const int64_t *: now_ms. */
    coord_decide_fn *tick;
};

struct coord *coord_new(const struct coord_ops *ops, void *machine);
/* Replies under way are forgotten: unload first, unless the node is thrown away. NULL is harmless.
 */
void coord_free(struct coord *coord);

enum coord_state coord_state(const struct coord *coord);
void coord_load_begin(struct coord *coord);
/* The log's records in order, while LOADING; they are committed. */
void coord_load(struct coord *coord, const void *records, size_t count, int64_t first_offset);
void coord_activate(struct coord *coord);
/* Replies under way get COORD_LOST, in order; the machine's state is restored to what is committed.
 * In any state. */
void coord_unload(struct coord *coord);

/*
 * Decide, append, apply, and have the reply wait. `reply` (NULL: nobody waits) is done exactly
 * once, perhaps before this returns (nothing to wait for, or refused).
 */
void coord_run(struct coord *coord, coord_decide_fn *decide, void *request,
               struct coord_reply *reply);
/* Everything below the offset is committed: replies leave, committed state is published. */
void coord_committed(struct coord *coord, int64_t end_offset);

/* When coord_tick wants to be called. */
int64_t coord_deadline_ms(const struct coord *coord);
void coord_tick(struct coord *coord, int64_t now_ms);

/* Appended and not yet committed. */
size_t coord_pending_count(const struct coord *coord);

#endif
