/* Messages between shards: order, sleepers woken, storms in all directions. */
#include "os_test.h"

#include <stdatomic.h>
#include <time.h>

struct numbered {
    struct env_msg msg;
    uint32_t from;
    uint64_t number;
};

/* ---- To oneself: in a later turn, in order */

static int self_turn;
static int self_got;
static struct numbered selves[3];

static void self_deliver(struct env *env, struct env_msg *msg)
{
    struct numbered *numbered = CONTAINER_OF(msg, struct numbered, msg);
    assert_ptr_equal(numbered, &selves[self_got]);
    self_got++;
    if (self_got == 1) {
        int before = self_got;
        env_post(env, 0, &selves[2].msg);
        assert_int_equal(self_got, before); /* not from inside post */
    }
    if (self_got == 3)
        os_stop(test_os);
}

static void test_self(void **state)
{
    UNUSED(state);
    test_begin(1, 0);
    struct env *env = os_env(test_os, 0);
    self_turn = 0;
    self_got = 0;
    for (size_t i = 0; i < ARRAY_COUNT(selves); i++)
        selves[i].msg.deliver = self_deliver;
    env_post(env, 0, &selves[0].msg);
    env_post(env, 0, &selves[1].msg);
    assert_int_equal(self_got, 0);
    test_run();
    assert_int_equal(self_got, 3);
    test_end();
}

/* ---- A ball between two shards: each turn one of them sleeps */

static uint64_t rounds_left;
static struct env_msg ball;

static void ball_deliver(struct env *env, struct env_msg *msg)
{
    ASSERT(msg == &ball);
    if (rounds_left-- == 0) {
        os_stop(test_os);
        return;
    }
    env_post(env, 1 - env->shard, msg);
}

static void test_ball(void **state)
{
    UNUSED(state);
    test_begin(2, 0);
    const uint64_t rounds = 20000;
    rounds_left = rounds;
    ball.deliver = ball_deliver;
    env_post(os_env(test_os, 0), 1, &ball);
    uint64_t begin_ns = os_now_ns();
    test_run();
    print_message("%.2f us from a sleeping shard to the other\n",
                  (double)(os_now_ns() - begin_ns) / 1e3 / (double)rounds);
    test_end();
}

/* ---- A storm: each shard sends numbered messages to each, some turns many, some none */

#define STORM_SHARDS 4
#define STORM_MESSAGES 20000

static struct env_timer storm_timers[STORM_SHARDS];
static uint64_t storm_sent[STORM_SHARDS];
static uint64_t storm_next[STORM_SHARDS][STORM_SHARDS]; /* [to][from] */
static atomic_uint storm_done;

static void storm_deliver(struct env *env, struct env_msg *msg)
{
    struct numbered *numbered = CONTAINER_OF(msg, struct numbered, msg);
    uint64_t *next = &storm_next[env->shard][numbered->from];
    ASSERT(numbered->number == *next);
    (*next)++;
    mem_free(numbered);
    for (uint32_t from = 0; from < STORM_SHARDS; from++)
        if (storm_next[env->shard][from] != STORM_MESSAGES)
            return;
    if (atomic_fetch_add(&storm_done, 1) + 1 == STORM_SHARDS)
        os_stop(test_os);
}

static void storm_send(struct env *env, struct env_timer *timer)
{
    uint64_t *sent = &storm_sent[env->shard];
    for (uint64_t burst = 1 + *sent % 97; burst > 0 && *sent < STORM_MESSAGES; burst--) {
        for (uint32_t to = 0; to < STORM_SHARDS; to++) {
            struct numbered *numbered = mem_alloc(sizeof *numbered);
            *numbered = (struct numbered){
                .msg.deliver = storm_deliver, .from = env->shard, .number = *sent};
            env_post(env, to, &numbered->msg);
        }
        (*sent)++;
    }
    if (*sent < STORM_MESSAGES)
        env_timer_set(env, timer, *sent % 5 == 0 ? env_now_ns(env) + 100000 : 0);
}

static void test_storm(void **state)
{
    UNUSED(state);
    test_begin(STORM_SHARDS, 0);
    memset(storm_next, 0, sizeof storm_next);
    memset(storm_sent, 0, sizeof storm_sent);
    atomic_store(&storm_done, 0);
    for (uint32_t i = 0; i < STORM_SHARDS; i++) {
        env_timer_init(&storm_timers[i], storm_send);
        env_timer_set(os_env(test_os, i), &storm_timers[i], 0);
    }
    test_run();
    test_end();
}

/* ---- How many a second, one way, with 256 under way */

#define FLOW_WINDOW 256

static struct env_msg flow[FLOW_WINDOW];
static uint64_t flow_left;

static void flow_deliver(struct env *env, struct env_msg *msg)
{
    if (env->shard == 1) {
        env_post(env, 0, msg);
        return;
    }
    if (flow_left == 0)
        return;
    if (--flow_left == 0)
        os_stop(test_os);
    env_post(env, 1, msg);
}

static void test_flow(void **state)
{
    UNUSED(state);
    test_begin(2, 0);
    const uint64_t count = 500000;
    flow_left = count;
    for (size_t i = 0; i < FLOW_WINDOW; i++) {
        flow[i].deliver = flow_deliver;
        env_post(os_env(test_os, 0), 1, &flow[i]);
    }
    uint64_t begin_ns = os_now_ns();
    test_run();
    print_message("%.2f million messages a second between two shards, there and back counted\n",
                  2 * (double)count / ((double)(os_now_ns() - begin_ns) / 1e9) / 1e6);
    test_end();
}

/* ---- Nothing to do: no wake-ups */

static void idle_stop(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    os_stop(test_os);
}

static void test_idle(void **state)
{
    UNUSED(state);
    test_begin(4, 0);
    struct env_timer timer;
    env_timer_init(&timer, idle_stop);
    env_timer_set_ms(os_env(test_os, 0), &timer, 300);
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    test_run();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t used_us =
        (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    print_message("%d us of CPU for starting, 300 ms of idleness and stopping of 4 shards\n",
                  (int)used_us);
    assert_true(used_us < 100000);
    test_end();
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self), cmocka_unit_test(test_ball), cmocka_unit_test(test_storm),
        cmocka_unit_test(test_flow), cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
