/* HTTP: requests come to shard 0 and are answered from there, now or later; a node that ends
 * answers those it has. */
#include "../unit.h"
#include "os/http.h"
#include "os_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 20

static struct env_timer later_timer;
static struct os_http_request *later[CLIENTS];
static size_t later_count;
static size_t asked_count;

static void answer_later(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    while (later_count > 0)
        os_http_reply(later[--later_count], 503, "text/plain", "late", 4);
}

static void on_request(struct env *env, void *context, struct os_http_request *request)
{
    assert_int_equal(env->shard, 0);
    assert_ptr_equal(context, &asked_count);
    asked_count++;
    const char *path = os_http_path(request);
    if (strcmp(path, "/now") == 0) {
        os_http_reply(request, 200, "text/x", "here you are", 12);
    } else if (strcmp(path, "/later") == 0) {
        later[later_count++] = request;
        env_timer_set_ms(env, &later_timer, 5);
    } else {
        assert_string_equal(path, "/never");
        os_stop(test_os);
    }
}

/* What the server says to this, whole; on a thread of its own. */
struct client {
    pthread_t thread;
    const char *request;
    uint16_t port;
    char reply[2048];
};

static void *client_main(void *argument)
{
    struct client *client = argument;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(client->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t size = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, client->request, strlen(client->request), MSG_NOSIGNAL) > 0) {
        ssize_t got;
        while (size < sizeof client->reply - 1 &&
               (got = recv(fd, client->reply + size, sizeof client->reply - 1 - size, 0)) > 0)
            size += (size_t)got;
    }
    client->reply[size] = '\0';
    close(fd);
    return NULL;
}

static void client_begin(struct client *client, const char *request)
{
    *client = (struct client){.request = request, .port = os_http_port(test_os)};
    assert_int_equal(pthread_create(&client->thread, NULL, client_main, client), 0);
}

static enum err http_begin(uint16_t port)
{
    struct os_http_options options = {
        .host = "127.0.0.1", .port = port, .request = on_request, .context = &asked_count};
    return os_http_open(test_os, &options);
}

static struct client clients[CLIENTS];

static void *stop_when_answered(void *argument)
{
    UNUSED(argument);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    os_stop(test_os);
    return NULL;
}

static void test_answers(void **state)
{
    UNUSED(state);
    asked_count = 0;
    test_begin(3, 0);
    env_timer_init(&later_timer, answer_later);
    assert_int_equal(http_begin(0), ERR_OK);
    for (size_t i = 0; i < CLIENTS; i++)
        client_begin(&clients[i],
                     i % 4 == 0   ? "GET /now?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                     : i % 4 == 1 ? "GET /later HTTP/1.0\r\n\r\n"
                     : i % 4 == 2 ? "POST /now HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"
                                  : "HEAD /now HTTP/1.0\r\n\r\n");
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_when_answered, NULL), 0);
    test_run();
    pthread_join(stopper, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        static const char *const status[] = {" 200 ", " 503 ", " 405 ", " 200 "};
        if (strstr(clients[i].reply, status[i % 4]) == NULL)
            fail_msg("client %zu: %s", i, clients[i].reply);
    }
    assert_non_null(strstr(clients[0].reply, "here you are"));
    assert_non_null(strstr(clients[0].reply, "Content-Type: text/x"));
    assert_int_equal(asked_count, CLIENTS * 3 / 4);
    assert_null(strstr(clients[3].reply, "here you are"));
    test_end();
}

static void test_end_with_requests_under_way(void **state)
{
    UNUSED(state);
    for (int round = 0; round < 20; round++) {
        later_count = 0;
        test_begin(1, 0);
        env_timer_init(&later_timer, answer_later);
        assert_int_equal(http_begin(0), ERR_OK);
        struct client some[4];
        for (size_t i = 0; i < 4; i++)
            client_begin(&some[i], "GET /never HTTP/1.0\r\n\r\n");
        test_run();
        test_end();
        for (size_t i = 0; i < 4; i++)
            pthread_join(some[i].thread, NULL);
    }
}

static void test_port_in_use(void **state)
{
    UNUSED(state);
    test_begin(1, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(http_begin(ntohs(address.sin_port)), ERR_BUSY);
    assert_int_equal(os_http_port(test_os), 0);
    close(fd);
    test_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_end_with_requests_under_way),
        cmocka_unit_test(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
