/* Soft state of classic groups. */
#include "group/group_classic_int.h"

void group_classic_activate(struct group_coordinator *g)
{
    ASSERT(g->classic.count == 0);
}

void group_classic_forget(struct group_coordinator *g)
{
    ASSERT(g->classic.count == 0);
}
