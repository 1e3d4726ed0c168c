#ifndef SCENARIO_H
#define SCENARIO_H
/* What the program `sim` can run: a function that lives a whole life in a new world, and ends it
 * with sim_fail when something is wrong. */
#include "sim_world.h"

struct scenario {
    const char *name;
    const char *what;
    void (*run)(struct sim_world *world);
    /* Instead of `run`: the same world again and again, with a fault in its nth call on the disk,
     * for n = 1, 2, 3 ... until there are no so many calls any more (false). */
    bool (*run_nth)(struct sim_world *world, uint64_t n);
};

extern const struct scenario scenarios[]; /* the first one is the default; ends with a NULL name */

/* scenario_node.c */
void scenario_node(struct sim_world *world);
void scenario_node_calm(struct sim_world *world);
void scenario_node_memory(struct sim_world *world);
void scenario_node_nth(struct sim_world *world);
void scenario_node_dirs(struct sim_world *world);
void scenario_node_stall(struct sim_world *world);
void scenario_groups(struct sim_world *world);
bool scenario_every_power(struct sim_world *world, uint64_t n);
bool scenario_every_kill(struct sim_world *world, uint64_t n);
bool scenario_every_error(struct sim_world *world, uint64_t n);
bool scenario_every_full(struct sim_world *world, uint64_t n);
bool scenario_every_sync(struct sim_world *world, uint64_t n);

#endif
