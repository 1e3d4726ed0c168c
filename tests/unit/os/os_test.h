#ifndef OS_TEST_H
#define OS_TEST_H
/* What the tests of os/ share. */
#include "../unit.h"
#include "base/mem.h"
#include "os/os.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test that hangs fails: the loop stops after this. Sanitizers and busy machines are slow. */
#define TEST_LIMIT_MS 60000

/* The node of the test that runs. */
static struct os *test_os;
static struct env_timer test_limit;

static void test_limit_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    PANIC("the test hangs");
}

static void test_begin(uint32_t shard_count, uint32_t device_count)
{
    test_os = os_new(&(struct os_options){.shard_count = shard_count,
                                          .device_count = device_count,
                                          .disk_threads_per_device = 2,
                                          .disk_threads_common = 4});
    assert_non_null(test_os);
    env_timer_init(&test_limit, test_limit_fire);
    env_timer_set_ms(os_env(test_os, 0), &test_limit, TEST_LIMIT_MS);
}

static void test_run(void)
{
    assert_int_equal(os_run(test_os), ERR_OK);
}

static void test_end(void)
{
    os_free(test_os);
    test_os = NULL;
}

/* A folder of its own for a test, removed by test_folder_remove. */
static const char *test_folder_make(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/ottla-unit-os-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static void test_folder_remove(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void test_unused(void)
{
    UNUSED(test_begin);
    UNUSED(test_run);
    UNUSED(test_end);
    UNUSED(test_folder_make);
    UNUSED(test_folder_remove);
}

#endif
