#include "scenario.h"
#include "scenario_plog.h"

const struct scenario scenarios[] = {
    {"node", "one node, its clients, and faults of the seed's choice", scenario_node},
    {"node-calm", "the same without faults", scenario_node_calm},
    {"plog", "one partition's log alone", scenario_plog},
    {NULL, NULL, NULL},
};
