#ifndef SCENARIO_PLOG_H
#define SCENARIO_PLOG_H
/*
 * One partition's log alone on a simulated machine, with everything that may happen to it.
 *
 * The truth is kept beside the process: every batch in order, how far syncs have promised
 * durability, and what was under way when the machine died. After each boot the whole log is read
 * and has to be a prefix of the truth that holds all that was promised; leader epochs, producers,
 * open and aborted transactions have to be those of that prefix.
 */
#include "sim_node.h"

struct plog_scenario_options {
    uint32_t operations;
    const struct sim_fault *fault; /* NULL: none planned */
    bool crashes;                  /* kills and power losses by chance, too */
    bool chance_errors;            /* calls on the disk fail by the world's chances */
};

/* Ends with sim_fail when a check does not hold. Returns whether the planned fault was hit. */
bool plog_scenario_run(struct sim_world *world, const struct plog_scenario_options *options);

/* For the list of scenarios: crashes, errors and slow disks by the seed's choice. */
void scenario_plog(struct sim_world *world);

#endif
