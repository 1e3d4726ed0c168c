#ifndef GROUP_GROUP_CLASSIC_INT_H
#define GROUP_GROUP_CLASSIC_INT_H
/* Groups of the classic protocol (KIP-62, KIP-345, KIP-394): what their records say, and their
 * members while they join. */
#include "group/group_int.h"

/* Under the id from now on; metadata (copied) NULL: a simple group. */
void group_classic_put(struct group_hard *hard, struct wire_string id,
                       const struct wire_group_metadata_value *metadata);
static inline const struct group_classic_object *
group_classic_object_of(const struct group_object *object)
{
    ASSERT(object->type == GROUP_TYPE_CLASSIC);
    return CONTAINER_OF(object, struct group_classic_object, object);
}

group_decide_fn group_classic_join, group_classic_sync, group_classic_heartbeat,
    group_classic_leave;

/* All is loaded: members that were loaded have a session from now on. */
void group_classic_activate(struct group_coordinator *g);
/* The leadership is over, or the coordinator is thrown away: timers and memory go. Parked calls are
 * answered by the caller, or forgotten. */
void group_classic_forget(struct group_coordinator *g);

#endif
