/*
 * A server.properties from anywhere: parsed, loaded and, when it is right, read in every way. The
 * first byte decides whether the settings that a node needs come before it.
 */
#include "conf/conf.h"
#include "conf/describe.h"
#include "conf/topic.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char needed[] = "process.roles=broker,controller\nnode.id=1\n"
                             "controller.listener.names=CONTROLLER\n"
                             "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                             "controller.quorum.voters=1@localhost:9093\n";

static void read_all(const struct conf *conf)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_described *items;
    size_t count = conf_describe_broker(conf, &arena, &items);
    ASSERT(count > 0);
    for (size_t i = 0; i < count; i++)
        ASSERT(!items[i].sensitive || items[i].value == NULL);
    struct conf_topic topic;
    conf_topic_resolve(conf, NULL, 0, NULL, &topic);
    ASSERT(topic.segment_jitter_ms <= topic.segment_ms);
    count = conf_describe_topic(conf, NULL, 0, &arena, &items);
    ASSERT(count > 0 && conf_log_dirs(conf).count > 0);
    size_t listener_count;
    const struct conf_listener *listeners = conf_listeners(conf, &listener_count);
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < listener_count; i++)
        conf_listener_print(&listeners[i], &text);
    conf_advertised(conf, &listener_count);
    ASSERT(listener_count > 0);
    buf_deinit(&text);
    arena_deinit(&arena);
}

/* The same settings as a topic's, which a client sends. */
static void as_topic(const struct conf_findings *findings)
{
    for (size_t i = 0; i < findings->count && i < 20; i++) {
        struct buf message = BUF_EMPTY;
        enum err err =
            conf_topic_check_one(findings->items[i].name, findings->items[i].value, &message);
        ASSERT((err == ERR_OK) == (message.size == 0));
        buf_deinit(&message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = BUF_EMPTY;
    if (size > 0 && data[0] != '\n')
        buf_put_text(&file, needed);
    buf_put(&file, data, size);
    struct conf_args args = {.file_name = "fuzz",
                             .file_data = buf_text(&file),
                             .file_size = file.size,
                             .host_name = "localhost"};
    struct conf_findings findings;
    conf_findings_init(&findings);
    struct conf *conf;
    enum err err = conf_load(&args, &findings, &conf);
    ASSERT((err == ERR_OK) == (conf != NULL));
    struct buf lines = BUF_EMPTY;
    for (size_t i = 0; i < findings.count; i++)
        conf_finding_print(&findings.items[i], &lines);
    ASSERT(lines.size == 0 || memchr(lines.data, '\n', lines.size) == NULL);
    if (conf != NULL) {
        read_all(conf);
        conf_free(conf);
    }
    as_topic(&findings);
    buf_deinit(&lines);
    conf_findings_deinit(&findings);
    buf_deinit(&file);
    return 0;
}
