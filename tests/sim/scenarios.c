#include "scenario.h"
#include "scenario_clean.h"
#include "scenario_plog.h"

const struct scenario scenarios[] = {
    {"node", "one node, its clients, and faults of the seed's choice", scenario_node, NULL},
    {"node-calm", "the same without faults", scenario_node_calm, NULL},
    {"node-memory", "the same, and memory that runs short", scenario_node_memory, NULL},
    {"node-nth", "a call on the disk fails, or is the last one: the (seed / 4)th",
     scenario_node_nth, NULL},
    {"node-dirs", "one log directory of three breaks, fails a sync, or is full", scenario_node_dirs,
     NULL},
    {"node-stall", "one log directory of three does nothing for a minute", scenario_node_stall,
     NULL},
    {"groups", "members of a group that join, stall, crash and come back, and so does the node",
     scenario_groups, NULL},
    {"plog", "one partition's log alone", scenario_plog, NULL},
    {"compact", "one compacted partition's log alone", scenario_clean, NULL},
    {"every-power", "a small node loses its power in each call on the disk in turn", NULL,
     scenario_every_power},
    {"every-kill", "likewise, it is killed", NULL, scenario_every_kill},
    {"every-error", "likewise, the call fails", NULL, scenario_every_error},
    {"every-full", "likewise, the disk is full for a few calls", NULL, scenario_every_full},
    {"every-sync", "each sync fails in turn", NULL, scenario_every_sync},
    {NULL, NULL, NULL, NULL},
};
