/*
 * A compacted log against everything that a disk and a crash may do while it is cleaned: every call
 * on the disk in turn is the last one before the process or the machine dies, or fails.
 */
#include "../unit/unit.h"
#include "scenario_clean.h"
#include "sim_fault.h"
#include "sim_options.h"

#include <stdlib.h>

static bool run_with_fault(void *context, const struct sim_fault *fault)
{
    struct sim_world *world = sim_world_new(*(const uint64_t *)context);
    sim_options_draw(&world->options, &world->prng);
    world->options.io_error_ppm = world->options.sync_error_ppm = 0;
    world->trace = getenv("SIM_CLEAN_TRACE") != NULL;
    bool hit = clean_scenario_run(
        world, &(struct clean_scenario_options){.operations = 45, .fault = fault});
    sim_world_free(world);
    return hit;
}

static void every_call(enum sim_fault_kind kind, enum err err, uint32_t ops, uint64_t repeat)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct sim_fault like = {.kind = kind, .err = err, .ops = ops, .repeat = repeat};
        uint64_t faults = sim_for_each_fault(&like, run_with_fault, &seed);
        assert_true(faults > 30);
    }
}

static void test_power_loss_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_POWER, ERR_OK, SIM_OPS_ALL, 0);
}

static void test_kill_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_KILL, ERR_OK, SIM_OPS_ALL, 0);
}

static void test_error_in_every_call(void **state)
{
    UNUSED(state);
    every_call(SIM_FAULT_ERROR, ERR_IO, SIM_OPS_ALL, 0);
}

static void test_full_disk_in_every_call(void **state)
{
    UNUSED(state);
    uint32_t ops = (1u << SIM_OP_WRITE) | (1u << SIM_OP_SHARD_WRITE) | (1u << SIM_OP_RENAME);
    every_call(SIM_FAULT_ERROR, ERR_NOSPACE, ops, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_loss_in_every_call),
        cmocka_unit_test(test_kill_in_every_call),
        cmocka_unit_test(test_error_in_every_call),
        cmocka_unit_test(test_full_disk_in_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
