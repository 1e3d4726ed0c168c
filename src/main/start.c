#define LOG_ROOM "main"
#include "main/start.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/http.h"
#include "broker/node.h"
#include "conf/conf.h"
#include "conf/listener.h"
#include "env/disk.h"
#include "os/http.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERRIDES_MAX 256
#define DESCRIPTORS_FEW 4096

struct start_arguments {
    const char *config;
    const char *data;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    bool help;
};

struct start {
    struct os *os;
    struct broker_node *node;
    bool started;
    bool stopping;
    bool running;
    char *why;        /* it could not go on; NULL */
    struct list asks; /* over HTTP, under way */
    int status;
};

static const char help_text[] =
    "usage: ottla start [--config server.properties] [-o name=value]... [--data FOLDER]\n"
    "\n"
    "Runs a node until SIGTERM or SIGINT, which stop it cleanly; a second one ends it at once.\n"
    "\n"
    "  --config FILE      settings, as Kafka's server.properties; without it the node is broker\n"
    "                     and controller of a cluster of its own, on localhost:9092\n"
    "  -o, --override name=value\n"
    "                     one setting, over those of the file; may be given many times\n"
    "  --data FOLDER      where the data goes: log.dirs (without a file: " CONF_DATA_FOLDER_DEFAULT
    ")\n"
    "\n"
    "Settings of ottla's own: ottla.shards, ottla.disk.threads, ottla.log.level; all of them:\n"
    "ottla config doc.\n";

static int usage_error(const char *what, const char *argument)
{
    fprintf(stderr, "ottla start: %s%s%s; see ottla start --help\n", what,
            argument != NULL ? " " : "", argument != NULL ? argument : "");
    return 2;
}

/* The value of an option, "--name value" or "--name=value"; NULL when there is none. */
static const char *option_value(int argc, char **argv, int *at, const char *name)
{
    size_t size = strlen(name);
    if (strncmp(argv[*at], name, size) == 0 && argv[*at][size] == '=')
        return argv[*at] + size + 1;
    if (*at + 1 < argc)
        return argv[++*at];
    return NULL;
}

static bool option_is(const char *argument, const char *name)
{
    size_t size = strlen(name);
    return strncmp(argument, name, size) == 0 && (argument[size] == '\0' || argument[size] == '=');
}

/* 0, or the exit status. */
static int parse(int argc, char **argv, struct start_arguments *out)
{
    *out = (struct start_arguments){0};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        const char *value = NULL;
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            out->help = true;
            return 0;
        }
        if (option_is(argument, "--config")) {
            value = out->config = option_value(argc, argv, &i, "--config");
        } else if (option_is(argument, "--data")) {
            value = out->data = option_value(argc, argv, &i, "--data");
        } else if (strcmp(argument, "-o") == 0 || option_is(argument, "--override")) {
            value = option_value(argc, argv, &i, argument[1] == 'o' ? "-o" : "--override");
            if (value != NULL && strchr(value, '=') == NULL)
                return usage_error("-o takes name=value, not", value);
            if (out->override_count == OVERRIDES_MAX)
                return usage_error("more than 256 -o options; put them into a file", NULL);
            out->overrides[out->override_count++] = value;
        } else {
            return usage_error("unknown argument", argument);
        }
        if (value == NULL)
            return usage_error("a value is missing after", argument);
    }
    return 0;
}

/* ---- Settings ---- */

static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "ottla start: cannot read %s\n", path);
        return false;
    }
    char part[16384];
    size_t size;
    while ((size = fread(part, 1, sizeof part, file)) > 0)
        buf_put(out, part, size);
    bool ok = !ferror(file);
    fclose(file);
    if (!ok)
        fprintf(stderr, "ottla start: cannot read %s\n", path);
    return ok;
}

/* Where the settings are wrong: all that is, on standard error; NULL. */
static struct conf *load(const struct start_arguments *arguments, const char *hostname)
{
    struct buf file = BUF_EMPTY;
    struct conf *conf = NULL;
    struct conf_findings findings;
    conf_findings_init(&findings);
    const char *overrides[OVERRIDES_MAX + 1];
    size_t override_count = 0;
    char *data = NULL;
    if (arguments->config != NULL && !read_file(arguments->config, &file))
        goto done;
    if (arguments->data != NULL)
        overrides[override_count++] = data = mem_printf("log.dirs=%s", arguments->data);
    for (size_t i = 0; i < arguments->override_count; i++)
        overrides[override_count++] = arguments->overrides[i];
    struct conf_args args = {
        .file_name = arguments->config,
        .file_data = arguments->config != NULL ? buf_text(&file) : NULL,
        .file_size = file.size,
        .overrides = overrides,
        .override_count = override_count,
        .host_name = hostname,
        .data_folder = CONF_DATA_FOLDER_DEFAULT,
    };
    enum err err = conf_load(&args, &findings, &conf);
    for (size_t i = 0; i < findings.count; i++) {
        struct buf line = BUF_EMPTY;
        conf_finding_print(&findings.items[i], &line);
        if (findings.items[i].severity == CONF_SEVERITY_ERROR)
            LOG_ERROR("%s", buf_text(&line));
        else
            LOG_WARN("%s", buf_text(&line));
        buf_deinit(&line);
    }
    if (err != ERR_OK) {
        conf = NULL;
        LOG_ERROR("%zu setting%s wrong: the node is not started", findings.error_count,
                  findings.error_count == 1 ? " is" : "s are");
    }
done:
    mem_free(data);
    conf_findings_deinit(&findings);
    buf_deinit(&file);
    return conf;
}

/* ---- The node ---- */

static void stop(struct start *start)
{
    if (start->stopping)
        return;
    start->stopping = true;
    if (start->started)
        broker_node_stop(start->node);
    else
        os_stop(start->os);
}

static void on_running(void *context, struct broker_node *node)
{
    UNUSED(node);
    struct start *start = context;
    start->running = true;
}

static void on_stopped(void *context, struct broker_node *node)
{
    UNUSED(node);
    struct start *start = context;
    os_stop(start->os);
}

static void on_failed(void *context, struct broker_node *node, const char *why)
{
    UNUSED(node);
    struct start *start = context;
    LOG_ERROR("%s", why);
    mem_free(start->why);
    start->why = mem_strdup(why);
    start->status = 1;
    stop(start);
}

static void on_signal(struct env *env, void *context, enum os_signal signal)
{
    UNUSED(env);
    struct start *start = context;
    LOG_INFO("%s: stopping cleanly; a second one ends the process at once",
             signal == OS_SIGNAL_INTERRUPT ? "SIGINT" : "SIGTERM");
    stop(start);
}

/* ---- HTTP ---- */

struct start_ask {
    struct broker_http http;
    struct list node;
    struct os_http_request *request;
};

static void ask_done(struct broker_http *http)
{
    struct start_ask *ask = CONTAINER_OF(http, struct start_ask, http);
    os_http_reply(ask->request, http->status, http->type, http->content.data, http->content.size);
    buf_deinit(&http->content);
    list_remove(&ask->node);
    mem_free(ask);
}

static void on_http(struct env *env, void *context, struct os_http_request *request)
{
    UNUSED(env);
    struct start *start = context;
    struct start_ask *ask = mem_zalloc(sizeof *ask);
    ask->request = request;
    ask->http.done = ask_done;
    list_push_back(&start->asks, &ask->node);
    broker_http_ask(start->node, os_http_path(request), &ask->http);
}

static bool http_open(struct start *start, const struct conf *conf)
{
    const char *text = conf_text(conf, CONF_BROKER_OTTLA_HTTP_LISTENER);
    if (text == NULL || text[0] == '\0')
        return true;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct os_http_options options = {.request = on_http, .context = start};
    bool valid = conf_address_parse(&arena, text, &options.host, &options.port) == ERR_OK;
    enum err err = valid ? os_http_open(start->os, &options) : ERR_INVALID;
    arena_deinit(&arena);
    if (err == ERR_OK) {
        LOG_INFO("metrics and health over HTTP on %s (port %u)", text, os_http_port(start->os));
        return true;
    }
    LOG_ERROR("ottla.http.listener=%s: %s", text,
              !valid               ? "has to be host:port"
              : err == ERR_BUSY    ? "another process has the port"
              : err == ERR_INVALID ? "this machine has no such address"
              : err == ERR_DENIED  ? "the port is reserved for the superuser"
                                   : err_text(err));
    return false;
}

static void asks_drop(struct start *start)
{
    for (struct list *node; (node = list_pop_front(&start->asks)) != NULL;) {
        struct start_ask *ask = LIST_ENTRY(node, struct start_ask, node);
        broker_http_drop(&ask->http);
        mem_free(ask);
    }
}

struct start_timer {
    struct env_timer timer;
    struct start *start;
};

static void start_deliver(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct start_timer *own = CONTAINER_OF(timer, struct start_timer, timer);
    if (own->start->stopping)
        return;
    own->start->started = true;
    broker_node_start(own->start->node);
}

static size_t device_count(const struct conf *conf)
{
    return conf_log_dirs(conf).count + 1; /* metadata.log.dir may be another */
}

static uint32_t shard_count(const struct conf *conf)
{
    int64_t count = conf_int(conf, CONF_BROKER_OTTLA_SHARDS);
    return count > 0 ? (uint32_t)count : os_cores();
}

static void set_log_level(const struct conf *conf)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(conf_text(conf, CONF_BROKER_OTTLA_LOG_LEVEL), names[i]) == 0)
            log_set_level((enum log_level)i);
    }
}

static int run(const struct conf *conf, const char *hostname)
{
    uint32_t shards = shard_count(conf);
    LOG_INFO("ottla %s, %u shard%s", OTTLA_VERSION, shards, shards == 1 ? "" : "s");
    struct os_options options = {
        .shard_count = shards,
        .device_count = (uint32_t)device_count(conf),
        .disk_threads_per_device = (uint32_t)conf_int(conf, CONF_BROKER_OTTLA_DISK_THREADS),
    };
    struct start start = {.os = os_new(&options)};
    if (start.os == NULL)
        return 1;
    struct env **envs = mem_alloc(shards * sizeof envs[0]);
    for (uint32_t i = 0; i < shards; i++)
        envs[i] = os_env(start.os, i);
    struct broker_node_options node_options = {
        .envs = envs,
        .env_count = shards,
        .conf = conf,
        .hostname = hostname,
        .context = &start,
        .running = on_running,
        .stopped = on_stopped,
        .failed = on_failed,
    };
    start.node = broker_node_new(&node_options);
    list_init(&start.asks);
    if (!http_open(&start, conf)) {
        start.status = 1;
        goto done;
    }
    struct start_timer first = {.start = &start};
    env_timer_init(&first.timer, start_deliver);
    env_timer_set(envs[0], &first.timer, env_now_ns(envs[0]));
    os_on_signal(start.os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT, on_signal, &start);
    if (os_run(start.os) != ERR_OK) {
        LOG_ERROR("the threads of %u shards could not be started", shards);
        start.status = 1;
    }
done:
    asks_drop(&start);
    broker_node_free(start.node);
    os_free(start.os);
    mem_free(envs);
    /* Once more, so that it is the last line that whoever started it sees. */
    if (start.why != NULL)
        LOG_ERROR("the node %s: %s", start.running ? "has ended" : "was not started", start.why);
    mem_free(start.why);
    return start.status;
}

int start_main(int argc, char **argv)
{
    struct start_arguments arguments;
    os_signals_hold();
    int status = parse(argc, argv, &arguments);
    if (status != 0)
        return status;
    if (arguments.help) {
        fputs(help_text, stdout);
        return 0;
    }
    os_log_init(LOG_LEVEL_INFO);
    uint64_t seed;
    os_random(&seed, sizeof seed);
    hash_seed(seed);
    char hostname[256];
    os_hostname(hostname, sizeof hostname);
    struct conf *conf = load(&arguments, hostname);
    if (conf == NULL)
        return 2;
    set_log_level(conf);
    uint64_t descriptors = os_descriptors_raise();
    if (descriptors < DESCRIPTORS_FEW)
        LOG_WARN("only %llu descriptors may be open (ulimit -n): that bounds connections and logs",
                 (unsigned long long)descriptors);
    status = run(conf, hostname);
    conf_free(conf);
    return status;
}
