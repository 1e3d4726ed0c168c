/* The node as a whole: running and stopping, signals, log lines, facts about the machine. */
#include "os/os_int.h"

#include "os_test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static void test_stop_before_run(void **state)
{
    UNUSED(state);
    test_begin(4, 1);
    os_stop(test_os);
    os_stop(test_os);
    test_run();
    test_end();
    os_free(NULL);
}

static void test_never_run(void **state)
{
    UNUSED(state);
    test_begin(3, 2);
    test_end();
}

static void name_deliver(struct env *env, struct env_msg *msg)
{
    UNUSED(msg);
    char name[32];
    char expected[32];
    ASSERT(env->shard_count == 3);
    snprintf(expected, sizeof expected, "ottla-%u", env->shard);
    if (env->shard != 0) {
        ASSERT(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
        /* Its creator names it after it has begun. */
        for (int i = 0; i < 1000 && strcmp(name, expected) != 0; i++) {
            usleep(1000);
            pthread_getname_np(pthread_self(), name, sizeof name);
        }
        ASSERT(strcmp(name, expected) == 0);
    }
    if (env->shard == 2)
        os_stop(test_os);
    else
        env_post(env, env->shard + 1, msg);
}

static void test_threads(void **state)
{
    UNUSED(state);
    struct env_msg msg = {.deliver = name_deliver};
    test_begin(3, 0);
    env_post(os_env(test_os, 0), 0, &msg);
    test_run();
    test_end();
}

/* ---- Signals */

static int signal_count;
static enum os_signal signal_last;

static void signal_note(struct env *env, void *context, enum os_signal which)
{
    assert_int_equal(env->shard, 0);
    assert_ptr_equal(context, &signal_count);
    signal_count++;
    signal_last = which;
    if (which != OS_SIGNAL_HANGUP)
        os_stop(test_os);
    else
        kill(getpid(), SIGTERM);
}

static void raise_hangup(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    kill(getpid(), SIGHUP);
}

static void test_signals(void **state)
{
    UNUSED(state);
    struct env_timer timer;
    test_begin(2, 0);
    os_on_signal(test_os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT | OS_SIGNAL_HANGUP, signal_note,
                 &signal_count);
    env_timer_init(&timer, raise_hangup);
    env_timer_set_ms(os_env(test_os, 0), &timer, 10);
    test_run();
    assert_int_equal(signal_count, 2);
    assert_int_equal(signal_last, OS_SIGNAL_TERMINATE);
    test_end();
    struct sigaction action;
    sigaction(SIGTERM, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
}

static void signal_stuck(struct env *env, void *context, enum os_signal which)
{
    UNUSED(env);
    UNUSED(context);
    UNUSED(which);
    kill(getpid(), SIGINT);
    for (;;) /* a shard that does not come back */
        usleep(1000);
}

static void raise_terminate(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    kill(getpid(), SIGTERM);
}

/* Even when shard 0 is stuck. */
static void test_second_signal(void **state)
{
    UNUSED(state);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct env_timer timer;
        test_begin(1, 0);
        os_on_signal(test_os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT, signal_stuck, NULL);
        env_timer_init(&timer, raise_terminate);
        env_timer_set_ms(os_env(test_os, 0), &timer, 0);
        enum err err = os_run(test_os);
        _exit(err == ERR_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
}

/* A stop that waits for a disk which does not answer. */
static struct env_queue stuck_queue;
static struct env_job stuck_job;

static void stuck_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    kill(getpid(), SIGTERM);
    for (;;)
        usleep(1000);
}

static void stuck_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
}

static void signal_stop_slowly(struct env *env, void *context, enum os_signal which)
{
    UNUSED(context);
    UNUSED(which);
    env_queue_init(&stuck_queue, 0);
    stuck_job = (struct env_job){.run = stuck_run, .done = stuck_done};
    env_submit(env, &stuck_queue, &stuck_job);
}

static void test_second_signal_in_a_long_stop(void **state)
{
    UNUSED(state);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct env_timer timer;
        test_begin(2, 1);
        os_on_signal(test_os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT, signal_stop_slowly, NULL);
        env_timer_init(&timer, raise_terminate);
        env_timer_set_ms(os_env(test_os, 0), &timer, 0);
        enum err err = os_run(test_os);
        _exit(err == ERR_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
}

static int held_count;

static void signal_held(struct env *env, void *context, enum os_signal which)
{
    UNUSED(context);
    assert_int_equal(which, OS_SIGNAL_TERMINATE);
    held_count++;
    UNUSED(env);
    os_stop(test_os);
}

/* What comes before anybody listens is not lost, and ends nothing. */
static void test_held_signals(void **state)
{
    UNUSED(state);
    os_signals_hold();
    kill(getpid(), SIGTERM);
    test_begin(1, 0);
    os_on_signal(test_os, OS_SIGNAL_TERMINATE, signal_held, NULL);
    assert_int_equal(os_run(test_os), ERR_OK);
    assert_int_equal(held_count, 1);
    test_end();
}

/* ---- Log lines */

static void test_log(void **state)
{
    UNUSED(state);
    int ends[2];
    char text[8192];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    setenv("TZ", "UTC", 1);
    os_log_init(LOG_LEVEL_INFO);
    char line[3000];
    memset(line, 'z', sizeof line - 1);
    line[sizeof line - 1] = 0;
    time_t now_s = time(NULL);
    log_line(LOG_LEVEL_DEBUG, "room", "not shown");
    log_line(LOG_LEVEL_INFO, "room", "a sentence about %d things", 7);
    log_line(LOG_LEVEL_ERROR, "room", "forged\nline \033[31m");
    log_line(LOG_LEVEL_WARN, "room", "%s", line);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    size_t size = 0;
    ssize_t got;
    while ((got = read(ends[0], text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = 0;
    close(ends[0]);
    log_set_sink(NULL, NULL);

    char day[16];
    struct tm utc;
    strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now_s, &utc));
    assert_memory_equal(text, day, 10);
    assert_memory_equal(text + 23, " info  room: a sentence about 7 things\n", 39);
    assert_int_equal(text[19], '.');
    assert_null(strstr(text, "not shown"));
    assert_null(strchr(text, '\033'));
    int newlines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        newlines++;
    assert_int_equal(newlines, 3);
    assert_int_equal(text[size - 1], '\n');
}

/* Nobody reads: lines are lost, nothing stops. */
static void test_log_to_nobody(void **state)
{
    UNUSED(state);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    test_begin(1, 0); /* ignores SIGPIPE */
    os_log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "room", "to nobody");
    log_set_sink(NULL, NULL);
    test_end();
    dup2(before, STDERR_FILENO);
    close(before);
}

/* ---- The machine */

static void test_machine(void **state)
{
    UNUSED(state);
    char name[256];
    char tiny[3];
    cpu_set_t set;
    uint32_t cores = os_cores();
    print_message("%u cores, %llu descriptors, %llu KiB resident\n", cores,
                  (unsigned long long)os_descriptors_raise(),
                  (unsigned long long)os_memory_resident_bytes() / 1024);
    assert_true(cores >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_true(cores <= (uint32_t)CPU_COUNT(&set));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            CPU_SET(i, &one);
            break;
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(os_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);

    struct rlimit limit;
    uint64_t raised = os_descriptors_raise();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(raised == limit.rlim_cur && limit.rlim_cur == limit.rlim_max);

    os_hostname(name, sizeof name);
    assert_true(strlen(name) > 0);
    os_hostname(tiny, sizeof tiny);
    assert_true(strlen(tiny) <= 2);
    assert_true(os_memory_resident_bytes() > 100000);
    assert_true(os_page_bytes() >= 4096);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_false(os_is_terminal(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

/* ---- CPU quotas, in a made-up hierarchy */

static void put_text(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        enum err err = disk_mkdir(os_disk(), path);
        assert_true(err == ERR_OK || err == ERR_EXISTS);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static uint32_t quota_cores(const char *folder, const char *groups)
{
    char path[512];
    put_text(folder, "groups", groups);
    snprintf(path, sizeof path, "%s/groups", folder);
    return os_cores_by_quota(path, folder);
}

static void test_quota(void **state)
{
    UNUSED(state);
    const char *folder = test_folder_make();
    assert_true(os_cores_by_quota("/nowhere", folder) == UINT32_MAX);
    assert_true(quota_cores(folder, "") == UINT32_MAX);
    assert_true(quota_cores(folder, "nonsense\n1:cpu\n") == UINT32_MAX);
    assert_true(quota_cores(folder, "0::/a/b\n") == UINT32_MAX);
    put_text(folder, "a/b/cpu.max", "max 100000\n");
    assert_true(quota_cores(folder, "0::/a/b\n") == UINT32_MAX);
    put_text(folder, "a/b/cpu.max", "350000 100000\n");
    assert_int_equal(quota_cores(folder, "0::/a/b\n"), 4);
    put_text(folder, "a/cpu.max", "200000 100000\n"); /* above it, and less */
    assert_int_equal(quota_cores(folder, "0::/a/b\n"), 2);
    assert_int_equal(quota_cores(folder, "0::/a/b/gone\n"), 2);
    put_text(folder, "cpu.max", "1000 100000\n"); /* a container's own */
    assert_int_equal(quota_cores(folder, "0::/\n"), 1);
    assert_int_equal(quota_cores(folder, "0::/a/b\n"), 1);
    put_text(folder, "cpu/c/cpu.cfs_quota_us", "150000\n");
    put_text(folder, "cpu/c/cpu.cfs_period_us", "50000\n");
    assert_int_equal(quota_cores(folder, "7:memory:/x\n4:cpuacct,cpu:/c\n"), 3);
    assert_true(quota_cores(folder, "4:cpuset:/c\n") == UINT32_MAX);
    put_text(folder, "cpu/c/cpu.cfs_quota_us", "-1\n");
    assert_true(quota_cores(folder, "4:cpuacct,cpu:/c\n") == UINT32_MAX);
    test_folder_remove(folder);
}

/* No descriptors for a node: an error, not a crash. */
static void test_new_without_descriptors(void **state)
{
    UNUSED(state);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = dup(0);
    close(lowest);
    for (rlim_t more = 0; more < 4; more++) {
        struct rlimit few = {.rlim_cur = (rlim_t)lowest + more, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        struct os *os = os_new(&(struct os_options){.shard_count = 2});
        assert_null(os);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_before_run), cmocka_unit_test(test_never_run),
        cmocka_unit_test(test_threads),         cmocka_unit_test(test_signals),
        cmocka_unit_test(test_second_signal),   cmocka_unit_test(test_second_signal_in_a_long_stop),
        cmocka_unit_test(test_held_signals),    cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_to_nobody),   cmocka_unit_test(test_machine),
        cmocka_unit_test(test_quota),           cmocka_unit_test(test_new_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
