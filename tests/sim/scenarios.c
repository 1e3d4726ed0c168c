#include "scenario.h"

const struct scenario scenarios[] = {
    {"node", "one node, its clients, and faults of the seed's choice", scenario_node},
    {"node-calm", "the same without faults", scenario_node_calm},
    {NULL, NULL, NULL},
};
