#ifndef SCENARIO_CLEAN_H
#define SCENARIO_CLEAN_H
/* One compacted partition's log, without a node around it: appends, transactions, cleanings and
 * crashes, compared with what was written. */
#include "sim_world.h"

struct sim_fault;

struct clean_scenario_options {
    uint32_t operations;
    bool crashes;
    bool chance_errors;            /* by the world's options */
    const struct sim_fault *fault; /* NULL: none is planned */
};

/* Whether the planned fault was hit. */
bool clean_scenario_run(struct sim_world *world, const struct clean_scenario_options *options);
void scenario_clean(struct sim_world *world);

#endif
