#define LOG_ROOM "main"
#include "main/start.h"

#include "base/buf.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/node.h"
#include "conf/conf.h"
#include "env/disk.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERRIDES_MAX 256
#define DATA_FOLDER_DEFAULT "ottla-data"
#define DESCRIPTORS_FEW 4096

struct start_arguments {
    const char *config;
    const char *data;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    uint32_t shards;
    enum log_level level;
    bool help;
};

struct start {
    struct os *os;
    struct broker_node *node;
    bool started;
    bool stopping;
    int status;
};

static const char help_text[] =
    "usage: ottla start [--config server.properties] [-o name=value]... [--data FOLDER]\n"
    "                   [--shards N] [--log-level debug|info|warn|error]\n"
    "\n"
    "Runs a node until SIGTERM or SIGINT, which stop it cleanly; a second one ends it at once.\n"
    "\n"
    "  --config FILE   settings, as Kafka's server.properties; without it the node is broker and\n"
    "                  controller of a cluster of its own, on localhost:9092\n"
    "  -o name=value   one setting, over those of the file\n"
    "  --data FOLDER   log.dirs where no file says otherwise (default: " DATA_FOLDER_DEFAULT ")\n"
    "  --shards N      event loops (default: one for each core)\n";

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

static bool parse_level(const char *text, enum log_level *out)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_shards(const char *text, uint32_t *out)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > OS_SHARDS_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

/* 0, or the exit status. */
static int parse(int argc, char **argv, struct start_arguments *out)
{
    *out = (struct start_arguments){.level = LOG_LEVEL_INFO, .shards = os_cores()};
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
        } else if (option_is(argument, "--shards")) {
            value = option_value(argc, argv, &i, "--shards");
            if (value != NULL && !parse_shards(value, &out->shards))
                return usage_error("--shards takes a number from 1 to 1024, not", value);
        } else if (option_is(argument, "--log-level")) {
            value = option_value(argc, argv, &i, "--log-level");
            if (value != NULL && !parse_level(value, &out->level))
                return usage_error("--log-level takes debug, info, warn or error, not", value);
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
    if (out->config != NULL && out->data != NULL)
        return usage_error("--data is for a node without --config; set log.dirs there", NULL);
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
    if (arguments->config != NULL && !read_file(arguments->config, &file))
        goto done;
    struct conf_args args = {
        .file_name = arguments->config,
        .file_data = arguments->config != NULL ? buf_text(&file) : NULL,
        .file_size = file.size,
        .overrides = arguments->overrides,
        .override_count = arguments->override_count,
        .host_name = hostname,
        .data_folder = arguments->data != NULL ? arguments->data : DATA_FOLDER_DEFAULT,
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
    UNUSED(context);
    UNUSED(node);
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

static int run(const struct start_arguments *arguments, const struct conf *conf,
               const char *hostname)
{
    struct os_options options = {
        .shard_count = arguments->shards,
        .device_count = (uint32_t)device_count(conf),
    };
    struct start start = {.os = os_new(&options)};
    if (start.os == NULL)
        return 1;
    struct env **envs = mem_alloc(arguments->shards * sizeof envs[0]);
    for (uint32_t i = 0; i < arguments->shards; i++)
        envs[i] = os_env(start.os, i);
    struct broker_node_options node_options = {
        .envs = envs,
        .env_count = arguments->shards,
        .conf = conf,
        .hostname = hostname,
        .context = &start,
        .running = on_running,
        .stopped = on_stopped,
        .failed = on_failed,
    };
    start.node = broker_node_new(&node_options);
    struct start_timer first = {.start = &start};
    env_timer_init(&first.timer, start_deliver);
    env_timer_set(envs[0], &first.timer, env_now_ns(envs[0]));
    os_on_signal(start.os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT, on_signal, &start);
    if (os_run(start.os) != ERR_OK) {
        LOG_ERROR("the threads of %u shards could not be started", arguments->shards);
        start.status = 1;
    }
    broker_node_free(start.node);
    os_free(start.os);
    mem_free(envs);
    return start.status;
}

int start_main(int argc, char **argv)
{
    struct start_arguments arguments;
    int status = parse(argc, argv, &arguments);
    if (status != 0)
        return status;
    if (arguments.help) {
        fputs(help_text, stdout);
        return 0;
    }
    os_log_init(arguments.level);
    uint64_t seed;
    os_random(&seed, sizeof seed);
    hash_seed(seed);
    char hostname[256];
    os_hostname(hostname, sizeof hostname);
    struct conf *conf = load(&arguments, hostname);
    if (conf == NULL)
        return 2;
    LOG_INFO("ottla %s, %u shard%s", OTTLA_VERSION, arguments.shards,
             arguments.shards == 1 ? "" : "s");
    uint64_t descriptors = os_descriptors_raise();
    if (descriptors < DESCRIPTORS_FEW)
        LOG_WARN("only %llu descriptors may be open (ulimit -n): that bounds connections and logs",
                 (unsigned long long)descriptors);
    status = run(&arguments, conf, hostname);
    conf_free(conf);
    return status;
}
