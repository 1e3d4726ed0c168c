/* The command line: dispatch, options, help, completion, and the commands over real folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka's header needs those before it. */
#include "cli/cli_int.h"

#include "base/uuid.h"

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static int start_argc;

static int start(int argc, char **argv)
{
    assert_string_equal(argv[0], "start");
    start_argc = argc;
    return 7;
}

static const struct cli_option start_options[] = {
    {"config", 'c', "FILE", false, "the settings"},
    {"override", 'o', "name=value", true, "one setting"},
};
static const struct cli_command start_command = {
    .name = "start",
    .summary = "run a node",
    .options = start_options,
    .option_count = 2,
    .run_whole = start,
};
static const struct cli_program program = {"1.2.3", &start_command, 1};

static char *out_text;
static char *err_text_;

/* Runs `ottla` with these words, separated by spaces; out_text and err_text_ are what it prints. */
static int ottla(const char *format, ...) PRINTF_LIKE(1, 2);

static int ottla(const char *format, ...)
{
    char line[4096] = "ottla ";
    va_list args;
    va_start(args, format);
    vsnprintf(line + 6, sizeof line - 6, format, args);
    va_end(args);
    char *words[64];
    int count = 0;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
    words[count] = NULL;
    free(out_text);
    free(err_text_);
    size_t size;
    FILE *out = open_memstream(&out_text, &size);
    FILE *err = open_memstream(&err_text_, &size);
    int status = cli_run(&program, count, words, out, err);
    fclose(out);
    fclose(err);
    return status;
}

#define assert_out(text) assert_non_null(strstr(out_text, text))
#define assert_no_out(text) assert_null(strstr(out_text, text))
#define assert_err(text) assert_non_null(strstr(err_text_, text))

/* ---- Files ---- */

static char folder[] = "/tmp/ottla-cli-XXXXXX";

static int make_folder(void **state)
{
    UNUSED(state);
    return mkdtemp(folder) == NULL;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    UNUSED(stat);
    UNUSED(kind);
    UNUSED(ftw);
    return remove(path);
}

static int remove_folder(void **state)
{
    UNUSED(state);
    free(out_text);
    free(err_text_);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* folder/name with the text; returns its path, good until the next call. */
static const char *write_file(const char *name, const char *text)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *write_config(const char *name, const char *more)
{
    char text[2000];
    snprintf(text, sizeof text,
             "process.roles=broker,controller\nnode.id=1\n"
             "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
             "controller.listener.names=CONTROLLER\n%s",
             more);
    return write_file(name, text);
}

/* ---- Dispatch ---- */

static void dispatch(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("start -c x --whatever"), 7);
    assert_int_equal(start_argc, 4);
    assert_int_equal(ottla("version"), CLI_OK);
    assert_string_equal(out_text, "ottla 1.2.3 (speaks Apache Kafka 4.3)\n");
    assert_int_equal(ottla("--version"), CLI_OK);
    assert_string_equal(out_text, "ottla 1.2.3 (speaks Apache Kafka 4.3)\n");
    assert_int_equal(ottla("version --json"), CLI_OK);
    assert_string_equal(out_text, "{\"version\":\"1.2.3\",\"kafka\":\"4.3\"}\n");
    assert_int_equal(ottla("strat"), CLI_USAGE);
    assert_err("there is no command \"strat\"; did you mean start?");
    assert_int_equal(ottla("storage inof"), CLI_USAGE);
    assert_err("did you mean storage info?");
    assert_int_equal(ottla("storge format -x"), CLI_USAGE);
    assert_err("there is no command \"storge format\"; did you mean storage format?");
    assert_int_equal(ottla("storage"), CLI_USAGE);
    assert_err("storage random-uuid");
    assert_int_equal(ottla("storage zzzzzzzz"), CLI_USAGE);
    assert_err("there are:\n  storage format");
    assert_int_equal(ottla("quux"), CLI_USAGE);
    assert_string_equal(err_text_, "ottla: there is no command \"quux\"\nTry: ottla --help\n");
    assert_int_equal(ottla("%s", ""), CLI_USAGE);
    assert_err("usage: ottla <command>");
}

static void help(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 3; i++) {
        static const char *const words[] = {"--help", "-h", "help"};
        assert_int_equal(ottla("%s", words[i]), CLI_OK);
        assert_out("start");
        assert_out("storage format");
        assert_no_out("__complete");
    }
    assert_int_equal(ottla("storage --help"), CLI_OK);
    assert_out("storage info");
    assert_no_out("config");
    /* Every command has help with its options, and it fits the screen but for examples. */
    const struct cli_command *command;
    for (size_t i = 1; (command = cli_command_at(&program, i)) != NULL; i++) {
        assert_int_equal(ottla("%s --help", command->name), CLI_OK);
        char usage[100];
        snprintf(usage, sizeof usage, "usage: ottla %s", command->name);
        assert_out(usage);
        assert_out("-h, --help");
        for (size_t j = 0; j < command->option_count; j++)
            assert_out(command->options[j].name);
        char *examples = strstr(out_text, "\nExamples\n");
        if (examples != NULL)
            *examples = '\0';
        for (char *line = strtok(out_text, "\n"); line != NULL; line = strtok(NULL, "\n"))
            assert_true(strlen(line) <= 80);
    }
    assert_int_equal(ottla("help storage info"), CLI_OK);
    assert_out("usage: ottla storage info");
    assert_int_equal(ottla("help version"), CLI_OK);
    assert_out("usage: ottla version");
}

static void options(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("config show -o num.partitions=3 --override=num.io.threads=9"), CLI_OK);
    assert_out("\nnum.partitions=3\n");
    assert_out("\nnum.io.threads=9\n");
    assert_int_equal(ottla("config show -onum.partitions=4 -o num.partitions=5"), CLI_OK);
    assert_out("\nnum.partitions=5\n");
    assert_int_equal(ottla("config show -ao num.partitions=6"), CLI_OK);
    assert_out("\nnum.partitions=6\n");
    assert_out("\nnum.io.threads=8\n");
    assert_int_equal(ottla("config show -q"), CLI_USAGE);
    assert_err("there is no option -q");
    assert_int_equal(ottla("config show --confg x"), CLI_USAGE);
    assert_err("there is no option --confg; did you mean --config?");
    assert_int_equal(ottla("config show --all=1"), CLI_USAGE);
    assert_err("--all takes no value");
    assert_int_equal(ottla("config show --config"), CLI_USAGE);
    assert_err("--config needs a value: FILE");
    assert_int_equal(ottla("config show -c a -c b"), CLI_USAGE);
    assert_err("--config is given twice");
    assert_int_equal(ottla("config show extra"), CLI_USAGE);
    assert_err("does not take \"extra\"");
    assert_int_equal(ottla("config check"), CLI_USAGE);
    assert_err("needs FILE");
    assert_int_equal(ottla("config explain -- -x"), CLI_FAILED);
    assert_err("there is no setting \"-x\"");
}

/* ---- Settings ---- */

static void config(void **state)
{
    UNUSED(state);
    const char *path =
        write_config("right.properties", "controller.quorum.voters=1@localhost:9093\n"
                                         "log.dirs=/data\\u00e9\nbroker.rack=\\ a\\tb\n"
                                         "ssl.key.password=hunter2\n");
    assert_int_equal(ottla("config check %s", path), CLI_OK);
    assert_out("is right: 0 errors, 1 warning\n");
    assert_err("ssl.key.password=[hidden]: ");
    assert_int_equal(ottla("config check --strict %s", path), CLI_FAILED);
    assert_int_equal(ottla("config check --json %s", path), CLI_OK);
    assert_out("{\"valid\":true,\"findings\":[{\"severity\":\"warning\",\"name\":"
               "\"ssl.key.password\",\"value\":\"[hidden]\",");
    assert_int_equal(ottla("config show -c %s", path), CLI_OK);
    assert_out("\nlog.dirs=/data\xc3\xa9\n");
    assert_out("# ssl.key.password is hidden\n");
    assert_no_out("num.io.threads");
    assert_no_out("hunter2");
    assert_int_equal(ottla("config show --json -ac %s", path), CLI_OK);
    assert_out("{\"name\":\"broker.rack\",\"value\":\"a\\u0009b\",\"source\":\"static\"");
    assert_out("{\"name\":\"log.roll.ms\",\"value\":null,\"source\":\"default\"");
    assert_no_out("hunter2");
    assert_int_equal(ottla("config check -o num.partitions=0 %s", path), CLI_FAILED);
    assert_err("error:   -o: num.partitions=0: has to be");
    assert_out("is wrong: 1 error, 1 warning\n");
    assert_int_equal(ottla("config show -c %s -o num.partitions=0", path), CLI_FAILED);
    assert_int_equal(ottla("config check %s/nosuch", folder), CLI_FAILED);
    assert_err("cannot be read: not found");
    assert_string_equal(out_text, "");
}

/* What is shown is read back as the same. */
static void show_round_trip(void **state)
{
    UNUSED(state);
    const char *path =
        write_config("round.properties", "controller.quorum.voters=1@localhost:9093\n"
                                         "broker.rack=a\\\\b \\n# c\\u00e9\n"
                                         "log.dirs=a b, c\n");
    assert_int_equal(ottla("config show -c %s", path), CLI_OK);
    char *first = strdup(out_text);
    path = write_file("again.properties", first);
    assert_int_equal(ottla("config show -c %s", path), CLI_OK);
    assert_string_equal(out_text, first);
    free(first);
}

static void explain(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("config explain log.retention.ms"), CLI_OK);
    assert_out("log.retention.ms (broker)\n  Milliseconds");
    assert_out("changes: cluster-wide\n");
    assert_int_equal(ottla("config explain retention.ms"), CLI_OK);
    assert_out("else:    log.retention.ms, log.retention.minutes, log.retention.hours\n");
    assert_int_equal(ottla("config explain --json compression.type"), CLI_OK);
    assert_out("{\"scope\":\"broker\",\"name\":\"compression.type\"");
    assert_out("{\"scope\":\"topic\",\"name\":\"compression.type\"");
    assert_int_equal(ottla("config explain retention.msec"), CLI_FAILED);
    assert_err("did you mean retention.ms?");
    assert_int_equal(ottla("config doc"), CLI_OK);
    assert_out("# Settings\n");
}

/* ---- Completion ---- */

static void completion(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("completion bash"), CLI_OK);
    assert_out("complete -F _ottla ottla");
    assert_int_equal(ottla("completion zsh"), CLI_OK);
    assert_out("compdef _ottla ottla");
    assert_int_equal(ottla("completion fish"), CLI_OK);
    assert_out("complete -c ottla");
    assert_int_equal(ottla("completion tcsh"), CLI_USAGE);
    assert_int_equal(ottla("__complete -- ''"), CLI_OK);
    assert_out("start\trun a node\n");
    assert_out("storage\t...\n");
    assert_no_out("__complete");
    assert_int_equal(ottla("__complete -- st"), CLI_OK);
    assert_string_equal(out_text, "start\trun a node\nstorage\t...\n");
    assert_int_equal(ottla("__complete -- storage i"), CLI_OK);
    assert_string_equal(out_text, "info\twhose a node's log directories are\n");
    assert_int_equal(ottla("__complete -- help storage ran"), CLI_OK);
    assert_string_equal(out_text, "random-uuid\ta new id, for a cluster or a directory\n");
    assert_int_equal(ottla("__complete -- storage format --ig"), CLI_OK);
    assert_string_equal(out_text, "--ignore-formatted\tleave folders that are formatted already "
                                  "as they are\n");
    assert_int_equal(ottla("__complete -- start -o log.segment.by"), CLI_OK);
    assert_string_equal(out_text, "log.segment.bytes=\tMost bytes of one segment file.\n");
    assert_int_equal(ottla("__complete -- start --config ''"), CLI_OK);
    assert_string_equal(out_text, ":files\n");
    assert_int_equal(ottla("__complete -- config check ''"), CLI_OK);
    assert_string_equal(out_text, ":files\n");
    assert_int_equal(ottla("__complete -- config explain retention.m"), CLI_OK);
    assert_out("retention.ms\t");
    assert_int_equal(ottla("__complete -- storage format -r 4.3"), CLI_OK);
    assert_string_equal(out_text, "4.3-IV0\trelease\n");
    assert_int_equal(ottla("__complete -- storage format -f group"), CLI_OK);
    assert_string_equal(out_text, "group.version=\tfeature\n");
    assert_int_equal(ottla("__complete -- completion z"), CLI_OK);
    assert_string_equal(out_text, "zsh\tshell\n");
    assert_int_equal(ottla("__complete -- nosuch x"), CLI_OK);
    assert_string_equal(out_text, "");
}

/* ---- Storage ---- */

#define ID "MkU3OEVBNTcwNTJENDM2Qg"

static bool exists(const char *name)
{
    char path[300];
    struct stat stat_;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &stat_) == 0;
}

static const char *write_storage_config(const char *name, const char *dirs, const char *quorum)
{
    char more[1000];
    snprintf(more, sizeof more, "%s\nlog.dirs=%s/%s\n", quorum, folder, dirs);
    return write_config(name, more);
}

static void random_uuid(void **state)
{
    UNUSED(state);
    char first[UUID_TEXT_BYTES];
    struct uuid uuid;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ottla("storage random-uuid"), CLI_OK);
        assert_int_equal(strlen(out_text), 23);
        assert_int_equal(uuid_from_text(out_text, 22, &uuid), ERR_OK);
        assert_true(out_text[0] != '-');
        assert_true(i == 0 || strncmp(first, out_text, 22) != 0);
        memcpy(first, out_text, 22);
    }
}

static void format_and_info(void **state)
{
    UNUSED(state);
    const char *path = write_storage_config("s.properties", "a",
                                            "controller.quorum.bootstrap.servers=localhost:9093");
    char config_path[200];
    strcpy(config_path, path);
    assert_int_equal(ottla("storage info -c %s", config_path), CLI_FAILED);
    assert_out("Found problem:\n");
    assert_out("/a does not exist\n");
    assert_int_equal(ottla("storage format -c %s", config_path), CLI_USAGE);
    assert_err("needs --cluster-id");
    assert_int_equal(ottla("storage format -t " ID), CLI_USAGE);
    assert_err("needs --config");
    assert_int_equal(ottla("storage format -t " ID " -c %s", config_path), CLI_FAILED);
    assert_err("one of these has to say who votes");
    assert_int_equal(ottla("storage format -t " ID " -c %s -s -N", config_path), CLI_FAILED);
    assert_err("exclude each other");
    assert_int_equal(ottla("storage format -t " ID " -c %s -s -r 99", config_path), CLI_FAILED);
    assert_err("there is no release 99");
    assert_int_equal(ottla("storage format -t " ID " -c %s -s -f nosuch=1", config_path),
                     CLI_FAILED);
    assert_err("there is no feature nosuch");
    assert_int_equal(ottla("storage format -t " ID " -c %s -s -f group.version", config_path),
                     CLI_FAILED);
    assert_err("is not of the form feature=level");
    assert_int_equal(
        ottla("storage format -t " ID " -c %s -s -r 4.0 -f metadata.version=20", config_path),
        CLI_FAILED);
    assert_err("say the same thing");
    assert_false(exists("a"));
    assert_int_equal(ottla("storage format -t " ID " -c %s --standalone", config_path), CLI_OK);
    assert_out("with metadata.version 4.3-IV0.\n");
    assert_true(exists("a/meta.properties"));
    assert_true(exists("a/bootstrap.checkpoint"));
    assert_true(exists("a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"));
    assert_int_equal(ottla("storage format -t " ID " -c %s --standalone", config_path), CLI_FAILED);
    assert_err("already formatted");
    assert_int_equal(ottla("storage format -t " ID " -c %s -sg", config_path), CLI_OK);
    assert_int_equal(ottla("storage info -c %s", config_path), CLI_OK);
    assert_out("Found log directory:\n");
    assert_out("Found metadata: {cluster.id=" ID ", directory.id=");
    assert_out(", node.id=1, version=1}\n");
    assert_int_equal(ottla("storage info --json -c %s", config_path), CLI_OK);
    assert_out("\"formatted\":true,\"cluster.id\":\"" ID "\",\"node.id\":1,\"version\":1,");
    /* A second directory is added by another run. */
    assert_int_equal(ottla("storage format -t " ID " -c %s -sg -o log.dirs=%s/a,%s/b", config_path,
                           folder, folder),
                     CLI_OK);
    assert_true(exists("b/meta.properties"));
    assert_int_equal(ottla("storage info -c %s -o log.dirs=%s/a,%s/b", config_path, folder, folder),
                     CLI_OK);
    assert_out("Found log directories:\n");
}

static void voters(void **state)
{
    UNUSED(state);
    char config_path[200];
    strcpy(config_path,
           write_storage_config("v.properties", "v", "controller.quorum.voters=1@localhost:9093"));
    assert_int_equal(ottla("storage format -t " ID " -c %s -s", config_path), CLI_FAILED);
    assert_err("controller.quorum.voters fixes the voters");
    assert_int_equal(ottla("storage format -t " ID " -c %s", config_path), CLI_OK);
    assert_true(exists("v/bootstrap.checkpoint"));
    assert_false(exists("v/__cluster_metadata-0"));
    strcpy(config_path, write_storage_config("i.properties", "i",
                                             "controller.quorum.bootstrap.servers=localhost:9093"));
    static const char *const bad[] = {"1@h:1",
                                      "1@h:x:JEXY6aqzQY-32P5TStzaFg",
                                      "x@h:1:JEXY6aqzQY-32P5TStzaFg",
                                      "1@:1:JEXY6aqzQY-32P5TStzaFg",
                                      "1@h:1:JEXY6aqzQY",
                                      "1h:1:JEXY6aqzQY-32P5TStzaFg",
                                      ":",
                                      "@",
                                      "1@h:1:AAAAAAAAAAAAAAAAAAAAAA",
                                      ",",
                                      "1@h:1:JEXY6aqzQY-32P5TStzaFg,"
                                      "1@g:2:MvDxzVmcRsaTz33bUuRU6A"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(ottla("storage format -t " ID " -c %s -I %s", config_path, bad[i]),
                         CLI_FAILED);
        assert_true(strlen(err_text_) > 0);
        assert_false(exists("i"));
    }
    assert_int_equal(ottla("storage format -t " ID " -c %s "
                           "-I 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg,"
                           "2@[::1]:9:MvDxzVmcRsaTz33bUuRU6A",
                           config_path),
                     CLI_OK);
    assert_out("dynamic metadata voter directory");
    assert_int_equal(ottla("storage info -c %s", config_path), CLI_OK);
    assert_out("directory.id=JEXY6aqzQY-32P5TStzaFg");
    /* The same for all, also for one that does not vote. */
    assert_int_equal(ottla("storage format -t " ID " -c %s -o log.dirs=%s/j "
                           "-I 2@[::1]:9:MvDxzVmcRsaTz33bUuRU6A",
                           config_path, folder),
                     CLI_OK);
    assert_out("dynamic metadata directory");
    assert_true(exists("j/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"));
}

/* What Apache Kafka's tool derives from the password "x", the salt 00 and 4096 iterations, and from
 * the salted password 60 21. */
static const uint8_t kafka_stored_key[32] = {11,  119, 76,  187, 52,  184, 76,  147, 152, 229, 124,
                                             11,  220, 122, 117, 127, 97,  110, 133, 45,  206, 222,
                                             119, 158, 76,  241, 231, 108, 10,  117, 102, 48};
static const uint8_t kafka_server_key[32] = {187, 59,  137, 250, 170, 12,  74,  208, 232, 233, 247,
                                             35,  146, 115, 143, 105, 253, 20,  61,  63,  57,  215,
                                             182, 103, 246, 233, 94,  252, 168, 169, 228, 103};
static const uint8_t kafka_salted_key[32] = {232, 237, 126, 121, 168, 128, 49, 106, 24,  165, 161,
                                             143, 99,  161, 9,   144, 44,  45, 253, 149, 138, 41,
                                             166, 110, 123, 180, 135, 235, 95, 211, 69,  90};

static void users(void **state)
{
    UNUSED(state);
    char config_path[200], path[300], content[4096];
    strcpy(config_path, write_storage_config("u.properties", "u",
                                             "controller.quorum.bootstrap.servers=localhost:9093"));
    static const struct {
        const char *argument;
        const char *message;
    } bad[] = {
        {"SCRAM-SHA-256", "Failed to find equals sign in SCRAM argument 'SCRAM-SHA-256'"},
        {"SCRAM-SHA-1=[name=a,password=x]", "mechanism SCRAM-SHA-1 is not supported."},
        {"SCRAM-SHA-256=[name=a", "Expected configuration string to end with ]"},
        {"SCRAM-SHA-256=name=a]", "Expected configuration string to start with ["},
        {"SCRAM-SHA-256=", "Expected configuration string to start with ["},
        {"SCRAM-SHA-256=[", "Expected configuration string to end with ]"},
        {"SCRAM-SHA-256=[]", "has no equals sign"},
        {"SCRAM-SHA-256=[name,password=x]", "has no equals sign"},
        {"SCRAM-SHA-256=[password=x]", "You must supply 'name' to add-scram"},
        {"SCRAM-SHA-256=[name=a]", "one of 'password' or 'saltedpassword'"},
        {"SCRAM-SHA-256=[name=a,saltedpassword=AAAA]", "'salt' with 'saltedpassword'"},
        {"SCRAM-SHA-256=[name=a,salt=AAAA,saltedpassword=AAAA,password=b]", "exclude"},
        {"SCRAM-SHA-256=[name=a,password=x,iterations=1]", "must be >= 4096 for add-scram using"},
        {"SCRAM-SHA-512=[name=a,password=x,iterations=20000]", "must be <= 16384"},
        {"SCRAM-SHA-256=[name=a,password=x,iterations=z]", "Failed to parse iterations count: z"},
        {"SCRAM-SHA-256=[name=a,password=x,foo=1]", "Unknown SCRAM configurations: foo"},
        {"SCRAM-SHA-256=[name=a,password=x,salt=!!]", "the salt is no base64"},
        {"SCRAM-SHA-256=[name=a,password=x,salt=]", "the salt is no base64"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(
            ottla("storage format -t " ID " -c %s -s -S %s", config_path, bad[i].argument),
            CLI_FAILED);
        assert_err(bad[i].message);
        assert_false(exists("u"));
    }
    assert_int_equal(ottla("storage format -t " ID " -c %s -s "
                           "--add-scram SCRAM-SHA-256=[name=alice,password=x,salt=AA==] "
                           "--add-scram SCRAM-SHA-512=[name=bob,password=x=y,iterations=8192] "
                           "-S SCRAM-SHA-256=[name=carol,salt=\"AA==\",saltedpassword=\"YCE=\"]",
                           config_path),
                     CLI_OK);
    assert_no_out("alice");
    snprintf(path, sizeof path, "%s/u/bootstrap.checkpoint", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(content, 1, sizeof content, file);
    fclose(file);
    assert_non_null(memmem(content, size, kafka_stored_key, 32));
    assert_non_null(memmem(content, size, kafka_server_key, 32));
    assert_non_null(memmem(content, size, kafka_salted_key, 32));
    assert_non_null(memmem(content, size, "bob", 3));
    assert_null(memmem(content, size, "x=y", 3));
}

static void info_problems(void **state)
{
    UNUSED(state);
    char config_path[200];
    strcpy(config_path, write_storage_config("p.properties", "p1",
                                             "controller.quorum.bootstrap.servers=localhost:9093"));
    char path[300];
    for (int i = 1; i <= 5; i++) {
        snprintf(path, sizeof path, "%s/p%d", folder, i);
        assert_int_equal(i == 3 ? 0 : mkdir(path, 0755), 0);
    }
    write_file("p3", "a file");
    write_file("p1/meta.properties",
               "version=1\ncluster.id=one\nnode.id=1\ndirectory.id=JEXY6aqzQY-32P5TStzaFg\n");
    write_file("p2/meta.properties",
               "version=1\ncluster.id=two\nnode.id=1\ndirectory.id=MvDxzVmcRsaTz33bUuRU6A\n");
    write_file("p4/meta.properties", "version=9\n");
    write_file("p5/meta.properties",
               "version=1\ncluster.id=one\nnode.id=1\ndirectory.id=JEXY6aqzQY-32P5TStzaFg\n");
    assert_int_equal(ottla("storage info -c %s -o log.dirs=%s/p1,%s/p2,%s/p3,%s/p4,%s/p5",
                           config_path, folder, folder, folder, folder, folder),
                     CLI_FAILED);
    assert_out("Found problems:\n");
    assert_out("/p2 is of the cluster two, but ");
    assert_out("/p3 is not a directory\n");
    assert_out("Unable to read ");
    assert_out("/p5 has the same directory.id as ");
}

static void features(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("storage version-mapping"), CLI_OK);
    assert_out("metadata.version=30 (4.3-IV0)\n");
    assert_out("transaction.version=2\n");
    assert_int_equal(ottla("storage version-mapping --json -r 3.9"), CLI_OK);
    assert_out("{\"release\":\"3.9-IV0\",\"metadata.version\":21,");
    assert_int_equal(ottla("storage version-mapping -r x"), CLI_FAILED);
    assert_int_equal(ottla("storage feature-dependencies -f eligible.leader.replicas.version=1 "
                           "-f group.version=1"),
                     CLI_OK);
    assert_string_equal(out_text, "eligible.leader.replicas.version=1 requires:\n"
                                  "    metadata.version=23 (4.0-IV1)\n"
                                  "group.version=1 has no dependencies.\n");
    assert_int_equal(ottla("storage feature-dependencies -f group.version=99"), CLI_FAILED);
    assert_err("group.version has levels from 0 to 1");
    assert_int_equal(ottla("storage feature-dependencies"), CLI_USAGE);
}

static void json_text(void **state)
{
    UNUSED(state);
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cli_json_text(out, "a\"b\\c\nd\x01\x7f\xc3\xa9");
    cli_json_text(out, NULL);
    cli_json_text(out, "");
    fclose(out);
    assert_string_equal(text, "\"a\\\"b\\\\c\\nd\\u0001\\u007f\xc3\xa9\"null\"\"");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dispatch),        cmocka_unit_test(help),
        cmocka_unit_test(options),         cmocka_unit_test(config),
        cmocka_unit_test(show_round_trip), cmocka_unit_test(explain),
        cmocka_unit_test(completion),      cmocka_unit_test(random_uuid),
        cmocka_unit_test(format_and_info), cmocka_unit_test(voters),
        cmocka_unit_test(users),           cmocka_unit_test(info_problems),
        cmocka_unit_test(features),        cmocka_unit_test(json_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
