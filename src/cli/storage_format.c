/* Makes a node's log directories (KIP-631, KIP-853), with the rules of Kafka's tool. */
#include "cli/storage_int.h"

#include "meta/features.h"
#include "os/os.h"
#include "quorum/storage.h"

#include <stdlib.h>
#include <string.h>

#define VOTERS_MAX 1000

struct formatting {
    struct cli_call *call;
    const struct conf *conf;
    struct quorum_format_options options;
};

static void random_bytes(void *context, void *out, size_t size)
{
    UNUSED(context);
    os_random(out, size);
}

static void say(void *context, const char *line)
{
    const struct cli_call *call = context;
    fprintf(call->out, "%s\n", line);
}

/* The listener that other controllers reach this one at. */
static const struct conf_listener *controller_listener(const struct conf *conf)
{
    size_t count;
    const struct conf_listener *listeners = conf_advertised(conf, &count);
    for (size_t i = 0; i < count; i++)
        if (listeners[i].controller)
            return &listeners[i];
    return NULL;
}

static bool add_standalone(struct formatting *formatting)
{
    struct cli_call *call = formatting->call;
    const struct conf_listener *listener = controller_listener(formatting->conf);
    if (!conf_is_controller(formatting->conf) || listener == NULL) {
        cli_complain(call, "--standalone is for a controller, which process.roles says this node "
                           "is not");
        return false;
    }
    struct quorum_endpoint *endpoint = arena_must_alloc(&call->arena, sizeof *endpoint);
    *endpoint = (struct quorum_endpoint){
        .listener = listener->name, .host = listener->host, .port = listener->port};
    struct quorum_format_voter *voter = arena_must_alloc(&call->arena, sizeof *voter);
    *voter = (struct quorum_format_voter){
        .id = conf_node_id(formatting->conf), .endpoints = endpoint, .endpoint_count = 1};
    formatting->options.voters = voter;
    formatting->options.voter_count = 1;
    return true;
}

/* id@host:port:directory */
static bool parse_voter(struct cli_call *call, const char *listener, const char *text,
                        struct quorum_format_voter *out)
{
    const char *at = strchr(text, '@');
    const char *last = strrchr(text, ':');
    size_t digits = strspn(text, "0123456789");
    struct quorum_endpoint *endpoint = arena_must_alloc(&call->arena, sizeof *endpoint);
    *endpoint = (struct quorum_endpoint){.listener = listener};
    bool ok = at != NULL && last != NULL && last > at && digits > 0 && digits <= 9 &&
              text + digits == at &&
              uuid_from_text(last + 1, strlen(last + 1), &out->directory_id) == ERR_OK &&
              !uuid_is_zero(&out->directory_id);
    if (ok) {
        char *address = arena_must_alloc(&call->arena, (size_t)(last - at));
        memcpy(address, at + 1, (size_t)(last - at) - 1);
        ok =
            conf_address_parse(&call->arena, address, &endpoint->host, &endpoint->port) == ERR_OK &&
            *endpoint->host != '\0';
    }
    if (!ok) {
        cli_complain(call, "\"%s\" is not of the form id@host:port:directory-id", text);
        return false;
    }
    out->id = (int32_t)strtol(text, NULL, 10);
    out->endpoints = endpoint;
    out->endpoint_count = 1;
    return true;
}

static bool add_initial_controllers(struct formatting *formatting, const char *text)
{
    struct cli_call *call = formatting->call;
    const struct conf_listener *own = controller_listener(formatting->conf);
    struct conf_list names = conf_list(formatting->conf, CONF_BROKER_CONTROLLER_LISTENER_NAMES);
    const char *listener = own != NULL ? own->name : names.items[0];
    struct quorum_format_voter *voters =
        arena_must_alloc_array(&call->arena, VOTERS_MAX, sizeof *voters);
    size_t count = 0;
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, ",");
        char *one = arena_must_alloc(&call->arena, size + 1);
        memcpy(one, at, size);
        if (count == VOTERS_MAX) {
            cli_complain(call, "--initial-controllers has more than %d entries", VOTERS_MAX);
            return false;
        }
        if (!parse_voter(call, listener, one, &voters[count]))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (voters[i].id == voters[count].id) {
                cli_complain(call, "--initial-controllers has node %d twice", voters[i].id);
                return false;
            }
        }
        count++;
        at += size;
        at += *at == ',';
    }
    if (count == 0) {
        cli_complain(call, "--initial-controllers names no voter");
        return false;
    }
    formatting->options.voters = voters;
    formatting->options.voter_count = count;
    return true;
}

/* Who votes: the settings, the log, or nobody yet. */
static bool choose_voters(struct formatting *formatting)
{
    struct cli_call *call = formatting->call;
    size_t fixed;
    conf_voters(formatting->conf, &fixed);
    bool standalone = cli_has(call, "standalone");
    bool none = cli_has(call, "no-initial-controllers");
    const char *initial = cli_value(call, "initial-controllers");
    if (standalone + none + (initial != NULL) > 1) {
        cli_complain(call, "--standalone, --initial-controllers and --no-initial-controllers "
                           "exclude each other");
        return false;
    }
    if (fixed > 0 && (standalone || initial != NULL)) {
        cli_complain(call,
                     "controller.quorum.voters fixes the voters, so there can be no --%s. "
                     "For a quorum that can change leave it out and set "
                     "controller.quorum.bootstrap.servers instead",
                     standalone ? "standalone" : "initial-controllers");
        return false;
    }
    if (standalone)
        return add_standalone(formatting);
    if (initial != NULL)
        return add_initial_controllers(formatting, initial);
    if (!none && fixed == 0 && conf_is_controller(formatting->conf)) {
        cli_complain(call, "controller.quorum.voters is not set, so one of these has to say who "
                           "votes: --standalone (this controller alone), --initial-controllers "
                           "(these), --no-initial-controllers (it joins others later)");
        return false;
    }
    return true;
}

static bool choose_features(struct formatting *formatting)
{
    struct cli_call *call = formatting->call;
    const char *release = cli_value(call, "release-version");
    if (release != NULL) {
        formatting->options.metadata_version = cli_release_level(call, release);
        if (formatting->options.metadata_version == 0)
            return false;
    }
    const char *const *texts;
    size_t count = cli_values(call, "feature", &texts);
    struct quorum_format_feature *features =
        arena_must_alloc_array(&call->arena, count, sizeof *features);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct quorum_format_feature *feature = &features[used];
        if (!cli_parse_feature(call, texts[i], &feature->name, &feature->level))
            return false;
        if (strcmp(feature->name, META_FEATURE_METADATA_VERSION) != 0) {
            used++;
        } else if (release != NULL) {
            cli_complain(call, "--release-version and --feature metadata.version say the same "
                               "thing; give one");
            return false;
        } else {
            formatting->options.metadata_version = feature->level;
        }
    }
    formatting->options.features = features;
    formatting->options.feature_count = used;
    return true;
}

static bool choose_users(struct formatting *formatting)
{
    struct cli_call *call = formatting->call;
    const char *const *texts;
    size_t count = cli_values(call, "add-scram", &texts);
    struct quorum_format_scram *users = arena_must_alloc_array(&call->arena, count, sizeof *users);
    for (size_t i = 0; i < count; i++)
        if (!cli_parse_scram(call, texts[i], &users[i]))
            return false;
    formatting->options.scram = users;
    formatting->options.scram_count = count;
    return true;
}

static int format(struct cli_call *call, const struct conf *conf)
{
    struct formatting formatting = {.call = call, .conf = conf};
    struct quorum_format_options *options = &formatting.options;
    options->dir_count = cli_storage_dirs(call, conf, &options->dirs);
    options->metadata_dir = conf_metadata_dir(conf);
    options->cluster_id = cli_value(call, "cluster-id");
    options->node_id = conf_node_id(conf);
    options->ignore_formatted = cli_has(call, "ignore-formatted");
    options->wall_ms = os_wall_ms();
    options->random = random_bytes;
    options->say = say;
    options->context = call;
    if (!choose_voters(&formatting) || !choose_features(&formatting) || !choose_users(&formatting))
        return CLI_FAILED;
    char error[QUORUM_ERROR_BYTES];
    enum err err = quorum_format(os_disk(), options, error);
    if (err != ERR_OK)
        cli_complain(call, "%s", error);
    return err == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int run(struct cli_call *call)
{
    if (cli_value(call, "cluster-id") == NULL)
        return cli_usage(call, "needs --cluster-id; `ottla storage random-uuid` makes one");
    if (cli_value(call, "config") == NULL)
        return cli_usage(call, "needs --config");
    struct conf_findings findings;
    /* A host that is left empty is written as localhost, as Kafka's tool does. */
    struct conf *conf = cli_load(call, cli_value(call, "config"), "localhost", &findings);
    cli_print_findings(call, &findings, false);
    int status = conf != NULL ? format(call, conf) : CLI_FAILED;
    conf_free(conf);
    conf_findings_deinit(&findings);
    return status;
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTIONS,
    {"cluster-id", 't', "ID", false, "the cluster's id, the same for all its nodes"},
    {"standalone", 's', NULL, false, "this controller is the only voter so far"},
    {"initial-controllers", 'I', "VOTERS", false,
     "the voters, id@host:port:directory-id, separated by commas; the same for all of them"},
    {"no-initial-controllers", 'N', NULL, false, "this controller joins a quorum later"},
    {"ignore-formatted", 'g', NULL, false, "leave folders that are formatted already as they are"},
    {"release-version", 'r', "RELEASE", false,
     "the release whose features the cluster begins with; the newest by default"},
    {"feature", 'f', "feature=level", true, "a feature that begins at another level"},
    {"add-scram", 'S', "USER", true,
     "a user that the cluster begins with: SCRAM-SHA-256=[name=alice,password=secret], or -512; "
     "iterations=8192 and salt=BASE64 as well, saltedpassword=BASE64 instead of the password"},
};

const struct cli_command cli_storage_format = {
    .name = "storage format",
    .summary = "format a node's log directories",
    .details =
        "A node needs formatted directories before its first start, which give it a place in "
        "one cluster. (`ottla start` without settings does this by itself.)",
    .examples = "  ottla storage format -t $(ottla storage random-uuid) -c server.properties "
                "--standalone\n"
                "  ottla storage format -t $ID -c broker.properties -o log.dirs=/data\n"
                "  ottla storage format -t $ID -c server.properties -s \\\n"
                "      --add-scram \"SCRAM-SHA-512=[name=admin,password=$PASSWORD]\"\n"
                "  ottla storage format -t $ID -c controller1.properties --initial-controllers \\\n"
                "      1@a:9093:JEXY6aqzQY-32P5TStzaFg,2@b:9093:MvDxzVmcRsaTz33bUuRU6A\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
