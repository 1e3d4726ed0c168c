#ifndef GROUP_GROUP_CONSUMER_INT_H
#define GROUP_GROUP_CONSUMER_INT_H
/* Groups of the new protocol (KIP-848). */
#include "group/group_int.h"

/* Records 3 to 8 and 16; their keys all begin with the group's id. */
void group_consumer_apply(struct group_hard *hard, const struct group_record *record,
                          int64_t order);

/* ---- Soft state (group_consumer.c) ----------------------------------------------------------- */

/* All is loaded: sessions of the members begin. */
void group_consumer_activate(struct group_coordinator *g);
/* The leadership is over, or the coordinator is thrown away: timers and memory go. */
void group_consumer_forget(struct group_coordinator *g);
/* g->image is newer than `before`: topics may have come, grown or gone. */
void group_consumer_image(struct group_coordinator *g, const struct meta_image *before);

#endif
