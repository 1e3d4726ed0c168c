#include "scenario.h"
#include "scenario_plog.h"

const struct scenario scenarios[] = {
    {"node", "one node, its clients, and faults of the seed's choice", scenario_node},
    {"node-calm", "the same without faults", scenario_node_calm},
    {"node-memory", "the same, and memory that runs short", scenario_node_memory},
    {"node-nth", "a call on the disk fails, or is the last one: the (seed / 4)th",
     scenario_node_nth},
    {"plog", "one partition's log alone", scenario_plog},
    {NULL, NULL, NULL},
};
