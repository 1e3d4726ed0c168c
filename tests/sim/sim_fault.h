#ifndef SIM_FAULT_H
#define SIM_FAULT_H
/* Loops that let the Nth call on a disk fail, for N = 1, 2, 3 ... until a run ends without it. */
#include "sim_storage.h"

/*
 * Makes a world, boots what is tested, gives `fault` to sim_storage_plan, runs, checks, and frees
 * the world. Returns whether the fault was hit (sim_storage_plan_hit).
 */
typedef bool sim_fault_fn(void *context, const struct sim_fault *fault);

/* `like` says what fails and how; its countdown is the loop's. Returns how many faults there were.
 */
uint64_t sim_for_each_fault(const struct sim_fault *like, sim_fault_fn *fn, void *context);

#endif
