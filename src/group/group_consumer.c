/* Soft state of the new protocol's groups: there is none as long as no member is served. */
#include "group/group_consumer_int.h"

void group_consumer_activate(struct group_coordinator *g)
{
    ASSERT(g->consumer.count == 0);
}

void group_consumer_forget(struct group_coordinator *g)
{
    ASSERT(g->consumer.count == 0);
}

void group_consumer_image(struct group_coordinator *g, const struct meta_image *before)
{
    UNUSED(g);
    UNUSED(before);
}
