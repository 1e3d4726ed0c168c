/* What may be changed while a node runs. The answers that clients see are compared with Apache
 * Kafka's by tests/system/test_protocol (alter_*); here are the edges of lists and of what belongs
 * together. */
#include "conf/change.h"
#include "conf_test.h"

static void lists_grow_and_shrink(void **state)
{
    UNUSED(state);
    static const struct {
        const char *now, *given;
        bool append;
        const char *then;
    } cases[] = {
        {"a,b", "c", true, "a,b,c"},  {"a,b", "b,c", true, "a,b,c"}, {NULL, "a", true, "a"},
        {"a , b", " b", true, "a,b"}, {"a", "", true, "a,"},         {"a,b,c", "b", false, "a,c"},
        {"a", "a", false, ""},        {"a", "b", false, "a"},        {"", "a,", true, "a"},
        {"a,b", "a,b", false, ""},
    };
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *then = conf_list_change(cases[i].now, cases[i].given, cases[i].append, &arena);
        assert_string_equal(then, cases[i].then);
    }
    char many[2 * CONF_LIST_ITEMS_MAX + 2];
    for (size_t i = 0; i < sizeof many - 1; i += 2) {
        many[i] = 'x';
        many[i + 1] = ',';
    }
    many[sizeof many - 1] = '\0';
    assert_null(conf_list_change("a", many, true, &arena));
    arena_deinit(&arena);
}

static enum conf_refusal change_all(const struct conf *conf, const char *name, const char *value,
                                    bool all_brokers)
{
    const struct conf_pair pair = {name, value};
    const struct conf_change change = {.pairs = &pair, .count = 1, .all_brokers = all_brokers};
    struct buf message = BUF_EMPTY;
    enum conf_refusal refusal = conf_check_dynamic(conf, &change, &message);
    assert_true((refusal == CONF_REFUSAL_NONE) == (message.size == 0));
    buf_deinit(&message);
    return refusal;
}

static void what_a_broker_takes_while_it_runs(void **state)
{
    UNUSED(state);
    struct conf *conf = conf_of(NULL, 0);
    static const struct {
        const char *name, *value;
        bool own, all; /* may be set for one, for all */
    } cases[] = {
        {"message.max.bytes", "1000", true, true},
        {"message.max.bytes", "x", false, false},
        {"node.id", "1", false, false},
        {"ottla.shards", "1", false, false},
        {"made.up", "anything", true, true},
        {"listeners", "PLAINTEXT://:1", false, false},
        {"num.io.threads", "16", true, true},
        {"num.io.threads", "17", false, false},
        {"ssl.client.auth", "none", true, false},
        {"ssl.keystore.password", "x", false, false},
        {"listener.name.x.ssl.keystore.password", "x", true, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true((change_all(conf, cases[i].name, cases[i].value, false) == CONF_REFUSAL_NONE) ==
                    cases[i].own);
        assert_true((change_all(conf, cases[i].name, cases[i].value, true) == CONF_REFUSAL_NONE) ==
                    cases[i].all);
    }
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_grow_and_shrink),
        cmocka_unit_test(what_a_broker_takes_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
