/* Addresses, and what listeners come to. */
#include "conf_test.h"

static void hosts(void **state)
{
    UNUSED(state);
    static const char *const v6[] = {"::",
                                     "::1",
                                     "1::",
                                     "fe80::1",
                                     "1:2:3:4:5:6:7:8",
                                     "::ffff:1.2.3.4",
                                     "fe80::1%eth0",
                                     "1:2:3:4:5:6:1.2.3.4",
                                     "2001:DB8::a"};
    static const char *const not_v6[] = {"",
                                         ":",
                                         ":::",
                                         "1",
                                         "1:2",
                                         "1::2::3",
                                         "g::",
                                         "12345::",
                                         "1:2:3:4:5:6:7:8:9",
                                         "fe80::1%",
                                         "1:2:3:4:5:6:7:",
                                         ":1",
                                         "1.2.3.4",
                                         "::1.2.3",
                                         "::1.2.3.4.5",
                                         "1:2:3:4:5:6:7::8",
                                         "::1.2.3.4:5"};
    for (size_t i = 0; i < ARRAY_COUNT(v6); i++)
        if (!conf_host_is_ipv6(v6[i]))
            fail_msg("%s is IPv6", v6[i]);
    for (size_t i = 0; i < ARRAY_COUNT(not_v6); i++)
        if (conf_host_is_ipv6(not_v6[i]))
            fail_msg("%s is not IPv6", not_v6[i]);
    assert_true(conf_host_is_ipv4("0.0.0.0") && conf_host_is_ipv4("255.1.2.3"));
    static const char *const not_v4[] = {"",        "1",      "1.2.3",     "1.2.3.4.",  "256.1.1.1",
                                         "1.2.3.x", "1..2.3", "1.2.3.4.5", "1.2.3.0004"};
    for (size_t i = 0; i < ARRAY_COUNT(not_v4); i++)
        assert_false(conf_host_is_ipv4(not_v4[i]));
}

static void addresses(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"a:1", "a", 1},
        {":9092", "", 9092},
        {"my_host-1.example.com:65535", "my_host-1.example.com", 65535},
        {"[::1]:80", "::1", 80},
        {"::1:80", "::1", 80},
        {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
        {"1.2.3.4:0", "1.2.3.4", 0},
        {"a:65536", NULL, 0},
        {"a:-1", NULL, 0},
        {"a:+1", NULL, 0},
        {"a:", NULL, 0},
        {"a", NULL, 0},
        {"", NULL, 0},
        {"a b:1", NULL, 0},
        {"a/b:1", NULL, 0},
        {"[a]:1", NULL, 0},
        {"[::1:1", NULL, 0},
        {"a:000001", NULL, 0},
        {"a:1x", NULL, 0},
        {"x::y:1", NULL, 0},
    };
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *host;
        uint16_t port;
        enum err err = conf_address_parse(&arena, cases[i].text, &host, &port);
        if ((err == ERR_OK) != (cases[i].host != NULL))
            fail_msg("%s", cases[i].text);
        if (err != ERR_OK)
            continue;
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
    arena_deinit(&arena);
    struct buf out = BUF_EMPTY;
    conf_address_print("::1", 5, &out);
    conf_address_print("a", 6, &out);
    struct conf_listener listener = {.name = "X", .host = "fe80::1", .port = 7};
    conf_listener_print(&listener, &out);
    assert_string_equal(buf_text(&out), "[::1]:5a:6X://[fe80::1]:7");
    buf_deinit(&out);
    enum conf_protocol protocol;
    assert_true(conf_protocol_parse("sasl_ssl", &protocol));
    assert_int_equal(protocol, CONF_PROTOCOL_SASL_SSL);
    assert_false(conf_protocol_parse("TLS", &protocol));
    assert_string_equal(conf_protocol_text(CONF_PROTOCOL_SASL_PLAINTEXT), "SASL_PLAINTEXT");
}

struct advertised_case {
    const char *settings; /* beside the roles */
    const char *expected; /* the advertised ones, each followed by a space */
};

static void advertised(void **state)
{
    UNUSED(state);
    static const struct advertised_case cases[] = {
        {"listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n",
         "PLAINTEXT://here.example.com:9092 CONTROLLER://here.example.com:9093 "},
        {"listeners=PLAINTEXT://1.2.3.4:9092,CONTROLLER://[::1]:9093\n",
         "PLAINTEXT://1.2.3.4:9092 CONTROLLER://[::1]:9093 "},
        {"listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093\n"
         "advertised.listeners=PLAINTEXT://a:1\n",
         "PLAINTEXT://a:1 CONTROLLER://here.example.com:9093 "},
        {"listeners=PLAINTEXT://[::]:9092,CONTROLLER://:9093\n",
         "PLAINTEXT://here.example.com:9092 CONTROLLER://here.example.com:9093 "},
        {"listeners=plaintext://:0,controller://:0\nadvertised.listeners=Plaintext://:0\n",
         "PLAINTEXT://here.example.com:0 CONTROLLER://here.example.com:0 "},
        {"listeners=PLAINTEXT://:1,EXT://:2,CONTROLLER://:3\n"
         "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,ext:plaintext,CONTROLLER:PLAINTEXT\n"
         "advertised.listeners=EXT://e:9\ninter.broker.listener.name=ext\n",
         "EXT://e:9 CONTROLLER://here.example.com:3 "},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf text = BUF_EMPTY;
        buf_printf(&text,
                   "process.roles=broker,controller\nnode.id=1\n"
                   "controller.listener.names=CONTROLLER\n"
                   "controller.quorum.bootstrap.servers=localhost:9093\n%s",
                   cases[i].settings);
        struct conf_findings findings;
        conf_findings_init(&findings);
        struct conf *conf = load_text(buf_text(&text), &findings);
        assert_non_null(conf);
        size_t count;
        const struct conf_listener *list = conf_advertised(conf, &count);
        buf_clear(&text);
        for (size_t j = 0; j < count; j++) {
            conf_listener_print(&list[j], &text);
            buf_put_text(&text, " ");
        }
        assert_string_equal(buf_text(&text), cases[i].expected);
        assert_non_null(conf_listener_find(conf, "PLAINTEXT"));
        assert_null(conf_listener_find(conf, "plaintext"));
        conf_free(conf);
        conf_findings_deinit(&findings);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(addresses),
                                       cmocka_unit_test(advertised)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
