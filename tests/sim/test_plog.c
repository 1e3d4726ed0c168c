/*
 * A partition's log against everything that a disk and a crash may do: every call on the disk in
 * turn is the last one before the process or the machine dies, or fails; and lives of many seeds.
 */
#include "../unit/unit.h"
#include "scenario_plog.h"
#include "sim_fault.h"

#include <stdio.h>
#include <stdlib.h>

struct loop {
    uint64_t seed;
    uint32_t operations;
};

static bool run_with_fault(void *context, const struct sim_fault *fault)
{
    const struct loop *loop = context;
    struct sim_world *world = sim_world_new(loop->seed);
    sim_options_draw(&world->options, &world->prng);
    world->options.io_error_ppm = world->options.sync_error_ppm = 0;
    world->trace = getenv("SIM_PLOG_TRACE") != NULL;
    bool hit = plog_scenario_run(
        world, &(struct plog_scenario_options){.operations = loop->operations, .fault = fault});
    sim_world_free(world);
    return hit;
}

static void every_call(enum sim_fault_kind kind, enum err err, uint32_t ops, uint64_t repeat,
                       uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct loop loop = {seed, 45};
        struct sim_fault like = {.kind = kind, .err = err, .ops = ops, .repeat = repeat};
        uint64_t faults = sim_for_each_fault(&like, run_with_fault, &loop);
        assert_true(faults > 30);
    }
}

static void test_power_loss_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_POWER, ERR_OK, SIM_OPS_ALL, 0, 4);
}

static void test_kill_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_KILL, ERR_OK, SIM_OPS_ALL, 0, 2);
}

static void test_error_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_ERROR, ERR_IO, SIM_OPS_ALL, 0, 3);
}

static void test_full_disk_in_every_call(void **state)
{
    UNUSED(state);
    uint32_t ops = (1u << SIM_OP_WRITE) | (1u << SIM_OP_SHARD_WRITE) | (1u << SIM_OP_RENAME) |
                   (1u << SIM_OP_MKDIR);
    every_call(SIM_FAULT_ERROR, ERR_NOSPACE, ops, 3, 3);
}

static void test_seeds(void **state)
{
    UNUSED(state);
    const char *first_text = getenv("SIM_PLOG_SEED"), *count_text = getenv("SIM_PLOG_SEEDS");
    uint64_t first = first_text != NULL ? strtoull(first_text, NULL, 10) : 1;
    uint64_t count = count_text != NULL   ? strtoull(count_text, NULL, 10)
                     : first_text != NULL ? 1
                                          : 60;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct sim_world *world = sim_world_new(seed);
        world->trace = getenv("SIM_PLOG_TRACE") != NULL;
        scenario_plog(world);
        sim_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_power_loss_in_every_call),
        cmocka_unit_test(test_kill_in_every_call),
        cmocka_unit_test(test_error_in_every_call),
        cmocka_unit_test(test_full_disk_in_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
