/* No threads to be had: a node says so, and jobs are done even so. Its own program, because glibc
 * keeps the stacks of threads that ended, and would serve from those. */
#include "os_test.h"

#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* they map terabytes of their own */
#else
#define SANITIZED 0
#endif

static struct rlimit limit_before;

/* Room for what malloc needs, not for a stack. */
static void forbid_threads(void)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit_before), 0);
    struct rlimit tight = {.rlim_cur = pages * os_page_bytes() + (400 << 10),
                           .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
}

static int ran;
static int done;

static void run_count(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    ran++;
}

static void done_count(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
    if (++done == 3)
        os_stop(test_os);
}

static void test_jobs_without_threads(void **state)
{
    UNUSED(state);
    if (SANITIZED)
        skip();
    struct env_queue queues[2];
    struct env_job jobs[3];
    test_begin(1, 1);
    forbid_threads();
    env_queue_init(&queues[0], 0);
    env_queue_init(&queues[1], ENV_DEVICE_NONE);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct env_job){.run = run_count, .done = done_count};
        env_submit(os_env(test_os, 0), &queues[i % 2], &jobs[i]);
    }
    assert_int_equal(done, 0);
    test_run();
    assert_int_equal(setrlimit(RLIMIT_AS, &limit_before), 0);
    assert_int_equal(ran, 3);
    test_end();
}

static void test_shards_without_threads(void **state)
{
    UNUSED(state);
    if (SANITIZED)
        skip();
    test_begin(3, 0);
    forbid_threads();
    enum err err = os_run(test_os);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit_before), 0);
    assert_int_equal(err, ERR_LIMIT);
    test_end();
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_without_threads),
        cmocka_unit_test(test_shards_without_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
