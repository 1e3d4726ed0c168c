/*
 * How many connections there may be: of the node, of a listener, of an address, and how fast they
 * may come. The listeners are this test's; it sees when they are told to stop and to go on.
 */
#include "broker/node_int.h"
#include "broker/shard_int.h"

#include "../fake_env.h"
#include "../unit.h"

#define PAIRS_MAX 8

struct env_listener {
    bool accepting;
};

struct fixture {
    struct fake_env fake;
    struct env_ops ops;
    struct env *envs[1];
    struct conf *conf;
    struct broker_node *node;
    struct env_listener listeners[4];
};

static enum err test_accepting(struct env *env, struct env_listener *listener, bool on)
{
    UNUSED(env);
    listener->accepting = on;
    return ERR_OK;
}

/* "A" and "B" for clients, "B" also between brokers, "C" for controllers. */
static void begin(struct fixture *f, const struct conf_pair *more, size_t more_count)
{
    *f = (struct fixture){0};
    fake_env_init(&f->fake);
    f->ops = *f->fake.env.ops;
    f->ops.listener_accepting = test_accepting;
    f->fake.env.ops = &f->ops;
    f->envs[0] = &f->fake.env;
    struct conf_pair pairs[PAIRS_MAX] = {
        {"listeners", "A://:9092,B://:9093,C://:9094"},
        {"advertised.listeners", "A://h:9092,B://h:9093,C://h:9094"},
        {"listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT,C:PLAINTEXT"},
        {"inter.broker.listener.name", "B"},
        {"controller.listener.names", "C"},
    };
    size_t count = 5;
    for (size_t i = 0; i < more_count; i++)
        pairs[count++] = more[i];
    f->conf = conf_of(pairs, count);
    struct broker_node_options options = {
        .envs = f->envs, .env_count = 1, .conf = f->conf, .hostname = "here"};
    f->node = broker_node_new(&options);
    assert_int_equal(f->node->listener_count, 3);
    for (size_t i = 0; i < 3; i++) {
        f->listeners[i].accepting = true;
        f->node->listeners[i].listener = &f->listeners[i];
        f->node->listeners[i].open = f->node->listeners[i].accepting = true;
    }
}

static void end(struct fixture *f)
{
    broker_admission_stop(f->node);
    broker_node_free(f->node);
    conf_free(f->conf);
    fake_env_deinit(&f->fake);
}

static size_t index_of(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(f->node->listeners[i].name, name) == 0)
            return i;
    }
    fail();
    return 0;
}

static bool admit(struct fixture *f, const char *listener, const char *peer)
{
    return broker_admit(&f->fake.env, &f->node->listeners[index_of(f, listener)], peer);
}

static void depart(struct fixture *f, const char *listener, const char *peer)
{
    broker_depart(&f->node->shards[0], &f->node->listeners[index_of(f, listener)], peer);
}

static bool accepting(const struct fixture *f, const char *listener)
{
    return f->listeners[index_of(f, listener)].accepting;
}

#define BEGIN(f, ...)                                 \
    const struct conf_pair more_of[] = {__VA_ARGS__}; \
    struct fixture own;                               \
    struct fixture *f = &own;                         \
    begin(f, more_of, ARRAY_COUNT(more_of))

static void test_no_limits(void **state)
{
    UNUSED(state);
    BEGIN(f, {"max.connections", "2147483647"});
    for (int i = 0; i < 5000; i++)
        assert_true(admit(f, "A", "10.0.0.1:1"));
    assert_true(accepting(f, "A"));
    for (int i = 0; i < 5000; i++)
        depart(f, "A", "10.0.0.1:9");
    assert_int_equal(f->node->admission.addresses.count, 0);
    end(f);
}

static void test_addresses(void **state)
{
    UNUSED(state);
    BEGIN(f, {"max.connections.per.ip", "2"},
          {"max.connections.per.ip.overrides", "10.0.0.9:0, ::1:3,10.0.0.10:1"});
    assert_true(admit(f, "A", "10.0.0.1:1") && admit(f, "B", "10.0.0.1:2"));
    assert_false(admit(f, "A", "10.0.0.1:3"));
    assert_true(admit(f, "A", "10.0.0.2:3"));
    assert_false(admit(f, "A", "10.0.0.9:1"));
    assert_true(admit(f, "A", "[::1]:1") && admit(f, "A", "[::1]:2") && admit(f, "A", "[::1]:3"));
    assert_false(admit(f, "A", "[::1]:4"));
    assert_true(admit(f, "A", "10.0.0.10:1"));
    assert_false(admit(f, "A", "10.0.0.10:2"));
    assert_int_equal(f->node->admission.refused, 4);
    assert_true(accepting(f, "A"));
    depart(f, "B", "10.0.0.1:2");
    assert_true(admit(f, "A", "10.0.0.1:5"));
    end(f);
}

/* At the broker's limit clients wait; brokers and controllers do not. */
static void test_the_broker_is_full(void **state)
{
    UNUSED(state);
    BEGIN(f, {"max.connections", "3"});
    assert_true(admit(f, "A", "10.0.0.1:1") && admit(f, "B", "10.0.0.2:1"));
    assert_true(admit(f, "C", "10.0.0.3:1"));
    assert_true(accepting(f, "A"));
    assert_true(admit(f, "A", "10.0.0.1:2"));
    assert_false(accepting(f, "A"));
    assert_true(accepting(f, "B") && accepting(f, "C"));
    assert_true(admit(f, "B", "10.0.0.2:2"));
    depart(f, "A", "10.0.0.1:1");
    assert_false(accepting(f, "A"));
    depart(f, "B", "10.0.0.2:1");
    assert_true(accepting(f, "A"));
    end(f);
}

static void test_a_listener_is_full(void **state)
{
    UNUSED(state);
    BEGIN(f, {"listener.name.b.max.connections", "1"});
    assert_true(admit(f, "B", "10.0.0.1:1"));
    assert_false(accepting(f, "B"));
    assert_true(accepting(f, "A"));
    depart(f, "B", "10.0.0.1:1");
    assert_true(accepting(f, "B"));
    end(f);
}

/* A second's worth at once, and then by the clock. */
static void test_rate(void **state)
{
    UNUSED(state);
    BEGIN(f, {"max.connection.creation.rate", "5"});
    size_t admitted = 0;
    while (accepting(f, "A")) {
        assert_true(admit(f, "A", "10.0.0.1:1"));
        admitted++;
    }
    assert_in_range(admitted, 5, 6);
    admitted = 0;
    for (int tenth = 0; tenth < 100; tenth++) {
        fake_env_pass_ms(&f->fake, 100);
        for (; accepting(f, "A"); admitted++)
            assert_true(admit(f, "A", "10.0.0.1:1"));
    }
    assert_in_range(admitted, 49, 51);
    assert_true(accepting(f, "B") && accepting(f, "C"));
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limits),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_the_broker_is_full),
        cmocka_unit_test(test_a_listener_is_full),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
