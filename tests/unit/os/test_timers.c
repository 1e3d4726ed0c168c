/* Timers: order, moving, cancelling, precision, and that a turn fires what was due when it began.
 */
#include "os_test.h"

#define NS_PER_MS UINT64_C(1000000)

static struct env_timer timers[8];
static int fired[64];
static int fired_count;
static uint64_t fired_ns[64];

static void note(struct env *env, struct env_timer *timer)
{
    assert_false(env_timer_is_set(timer));
    fired_ns[fired_count] = env_now_ns(env);
    fired[fired_count++] = (int)(timer - timers);
}

static void note_and_stop(struct env *env, struct env_timer *timer)
{
    note(env, timer);
    os_stop(test_os);
}

static struct env *begin(void)
{
    fired_count = 0;
    test_begin(1, 0);
    for (size_t i = 0; i < ARRAY_COUNT(timers); i++)
        env_timer_init(&timers[i], note);
    timers[7].fire = note_and_stop;
    return os_env(test_os, 0);
}

static void assert_fired(const int *expected, int count)
{
    assert_int_equal(fired_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(fired[i], expected[i]);
}

static void test_order(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    uint64_t now = env_now_ns(env);
    env_timer_set(env, &timers[7], now + 30 * NS_PER_MS);
    env_timer_set(env, &timers[1], now + 20 * NS_PER_MS);
    env_timer_set(env, &timers[2], now + 10 * NS_PER_MS);
    env_timer_set(env, &timers[3], now + 20 * NS_PER_MS); /* equal: in the order of setting */
    env_timer_set(env, &timers[4], 0);                    /* long ago */
    test_run();
    assert_fired((int[]){4, 2, 1, 3, 7}, 5);
    assert_true(fired_ns[4] >= now + 30 * NS_PER_MS);
    test_end();
}

static void test_move_and_cancel(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    env_timer_set_ms(env, &timers[0], 1);
    env_timer_set_ms(env, &timers[1], 1);
    env_timer_set_ms(env, &timers[2], 50);
    env_timer_set_ms(env, &timers[0], 20); /* later */
    env_timer_set_ms(env, &timers[2], 5);  /* sooner */
    env_timer_cancel(env, &timers[1]);
    env_timer_cancel(env, &timers[1]);
    env_timer_cancel(env, &timers[3]); /* never set */
    assert_true(env_timer_is_set(&timers[0]));
    assert_false(env_timer_is_set(&timers[1]));
    env_timer_set_ms(env, &timers[7], 40);
    test_run();
    assert_fired((int[]){2, 0, 7}, 3);
    test_end();
}

static void cancel_next(struct env *env, struct env_timer *timer)
{
    note(env, timer);
    env_timer_cancel(env, timer + 1);
}

/* One that is due in the same turn, too. */
static void test_cancel_in_callback(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    timers[0].fire = cancel_next;
    env_timer_set(env, &timers[0], 0);
    env_timer_set(env, &timers[1], 0);
    env_timer_set(env, &timers[2], 0);
    env_timer_set_ms(env, &timers[7], 5);
    test_run();
    assert_fired((int[]){0, 2, 7}, 3);
    test_end();
}

static int again_left;
static int turn;
static struct env_msg turn_msg;

static void count_turn(struct env *env, struct env_msg *msg)
{
    turn++;
    if (again_left > 0)
        env_post(env, 0, msg);
}

static void again(struct env *env, struct env_timer *timer)
{
    static int last_turn[2];
    assert_true(fired_count < 2 || turn > last_turn[timer - timers]);
    last_turn[timer - timers] = turn;
    note(env, timer);
    if (again_left-- > 0)
        env_timer_set(env, timer, 0);
}

/* A timer that sets itself into the past takes a turn each time: others come between. */
static void test_past_is_next_turn(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    again_left = 10;
    turn = 0;
    turn_msg.deliver = count_turn;
    env_post(env, 0, &turn_msg);
    timers[0].fire = again;
    timers[1].fire = again;
    env_timer_set(env, &timers[0], 0);
    env_timer_set(env, &timers[1], 0);
    env_timer_set_ms(env, &timers[7], 20);
    test_run();
    assert_int_equal(fired_count, 13); /* twice, 10 times more, the end */
    for (int i = 0; i < 12; i++)
        assert_int_equal(fired[i], i % 2);
    test_end();
}

static uint64_t late_ns_least;
static uint64_t late_ns_most;
static uint64_t deadline_ns;
static int precise_left;

static void precise(struct env *env, struct env_timer *timer)
{
    uint64_t now = os_now_ns();
    ASSERT(now >= deadline_ns);
    uint64_t late_ns = now - deadline_ns;
    if (late_ns < late_ns_least)
        late_ns_least = late_ns;
    if (late_ns > late_ns_most)
        late_ns_most = late_ns;
    if (--precise_left == 0) {
        os_stop(test_os);
        return;
    }
    deadline_ns = env_now_ns(env) + 1700000;
    env_timer_set(env, timer, deadline_ns);
}

static void test_precision(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    late_ns_least = UINT64_MAX;
    late_ns_most = 0;
    precise_left = 200;
    timers[0].fire = precise;
    deadline_ns = env_now_ns(env) + NS_PER_MS;
    env_timer_set(env, &timers[0], deadline_ns);
    test_run();
    print_message("late by %.3f..%.3f ms\n", (double)late_ns_least / 1e6,
                  (double)late_ns_most / 1e6);
    /* The best case tells of us, the worst one of the machine. */
    assert_true(late_ns_least < NS_PER_MS);
    test_end();
}

static void test_clocks(void **state)
{
    UNUSED(state);
    struct env *env = begin();
    uint64_t before = env_now_ns(env);
    usleep(2000);
    assert_true(env_now_ns(env) >= before + 2 * NS_PER_MS);
    assert_true(env_wall_ms(env) > INT64_C(1700000000000));
    uint8_t a[300] = {0};
    uint8_t b[300] = {0};
    env_random(env, a, sizeof a);
    env_random(env, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 200, (uint8_t[100]){0}, 100);
    test_end();
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_move_and_cancel),
        cmocka_unit_test(test_cancel_in_callback),
        cmocka_unit_test(test_past_is_next_turn),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
