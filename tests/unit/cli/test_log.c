/* `ottla log dump` and `ottla log verify` over logs that are whole and logs that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka's header needs those before it. */
#include "cli/cli_int.h"
#include "cli/log_int.h"

#include "env/disk.h"
#include "os/os.h"
#include "wire/batch.h"

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE OTTLA_TESTS_DIR "/fixtures/kafka-4.3.1"
#define SEGMENT "00000000000000000000"
#define ID "JEXY6aqzQY-32P5TStzaFg"

static const struct cli_program program = {"1.2.3", NULL, 0};
static char folder[] = "/tmp/ottla-log-XXXXXX";
static char *out_text;
static char *err_text_;

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
        words[count++] = word;
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

static size_t lines_with(const char *text)
{
    size_t count = 0;
    for (const char *at = out_text; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* ---- Files ---- */

static const char *in_folder(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static size_t read_file(const char *path, uint8_t *out, size_t limit)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(out, 1, limit, file);
    fclose(file);
    return size;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *ftw)
{
    UNUSED(about);
    UNUSED(kind);
    UNUSED(ftw);
    return remove(path);
}

/* A log directory with t-0: ten batches of ten records. */
#define BATCHES 10
static struct buf segment;
static size_t batch_at[BATCHES + 1];

static void add_batch(int64_t base_offset, int count)
{
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    struct batch_builder builder;
    options.base_offset = base_offset;
    options.leader_epoch = 3;
    batch_builder_init(&builder, &options);
    for (int i = 0; i < count; i++) {
        char key[20], value[200];
        snprintf(key, sizeof key, "key-%d", i);
        memset(value, 'v', sizeof value);
        struct batch_record record = {
            .offset = base_offset + i,
            .timestamp = 1700000000000 + base_offset + i,
            .key = (const uint8_t *)key,
            .key_size = strlen(key),
            .value = i == 3 ? NULL : (const uint8_t *)value,
            .value_size = i == 3 ? 0 : sizeof value,
        };
        assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    }
    assert_int_equal(batch_builder_finish(&builder, NULL, &segment), ERR_OK);
    batch_builder_deinit(&builder);
}

static void write_segment(void)
{
    write_file("data/t-0/" SEGMENT ".log", segment.data, segment.size);
}

static int make(void **state)
{
    UNUSED(state);
    static const char text[] = "version=1\ncluster.id=one\nnode.id=1\ndirectory.id=" ID "\n";
    static const char metadata[] = "version: 0\ntopic_id: " ID;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(in_folder("data"), 0755), 0);
    assert_int_equal(mkdir(in_folder("data/t-0"), 0755), 0);
    write_file("data/meta.properties", text, sizeof text - 1);
    write_file("data/t-0/partition.metadata", metadata, sizeof metadata - 1);
    buf_clear(&segment);
    for (int i = 0; i < BATCHES; i++) {
        batch_at[i] = segment.size;
        add_batch(10 * i, 10);
    }
    batch_at[BATCHES] = segment.size;
    write_segment();
    return 0;
}

static int clear(void **state)
{
    UNUSED(state);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    buf_deinit(&segment);
    return 0;
}

/* With indexes: what a first repair builds. */
static void make_whole(void)
{
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out(SEGMENT ".index: is missing");
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_OK);
    assert_out("repaired: 0 bytes cut off");
    assert_int_equal(ottla("log verify %s/data", folder), CLI_OK);
    assert_out("1 partition, 1 segments, 10 batches, 100 records, 0 MiB: whole");
}

/* ---- Dump ---- */

static void dump_kafkas(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("log dump %s", FIXTURE), CLI_OK);
    assert_out("bootstrap.checkpoint: metadata snapshot, 411 bytes");
    assert_out("  1..6                        6          83       253  none");
    assert_out("cluster KcEpcw8BTr2qdcxOwCJ3mw  node 1  directory MsetubQ8vMOAmCkep7ZXEQ");
    assert_no_out("FeatureLevel");
    assert_int_equal(ottla("log dump --records %s/__cluster_metadata-0", FIXTURE), CLI_OK);
    assert_out("LeaderChange {");
    assert_out("FeatureLevel {name: \"metadata.version\", featureLevel: 30}");
    assert_out("SnapshotFooter {");
    assert_out("epoch 1  leader 1  version 0");
    assert_out("topic id AAAAAAAAAAAAAAAAAAAAAQ");
    assert_out("epoch 1      from offset 0");
    assert_int_equal(ottla("log dump --json -r %s/__cluster_metadata-0/" SEGMENT ".log", FIXTURE),
                     CLI_OK);
    assert_out("\"value\":{\"type\":\"FeatureLevel\",\"version\":0,\"data\":{\"name\":"
               "\"metadata.version\",\"featureLevel\":30}}}");
    assert_out("\"baseOffset\":1,\"lastOffset\":9,\"count\":9,");
    /* As Kafka's tool is asked. */
    assert_int_equal(ottla("log dump --files %s/bootstrap.checkpoint,%s/meta.properties "
                           "--cluster-metadata-decoder",
                           FIXTURE, FIXTURE),
                     CLI_OK);
    assert_out("FeatureLevel {");
    assert_out("node 1");
}

static void dump_text(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("log dump -r %s/data/t-0", folder), CLI_OK);
    assert_out("| 0            2023-11-14T22:13:20.000Z  key-0 = vvv");
    assert_out("key-3 = null");
    assert_out("10 batches, 100 records");
    assert_out("topic id " ID);
    assert_int_equal(ottla("log dump --deep %s/data/t-0/" SEGMENT ".log", folder), CLI_OK);
    assert_out("key 5  value 200  headers 0");
    assert_no_out("vvv");
    assert_int_equal(ottla("log dump -r --json %s/data/t-0/" SEGMENT ".log", folder), CLI_OK);
    assert_out("\"keySize\":5,\"valueSize\":-1,\"key\":\"key-3\",\"value\":null}");
    assert_int_equal(ottla("log dump --max-bytes 1 %s/data/t-0/" SEGMENT ".log", folder), CLI_OK);
    assert_out("1 batch, 10 records");
}

static void dump_arguments(void **state)
{
    UNUSED(state);
    assert_int_equal(ottla("log dump"), CLI_USAGE);
    assert_int_equal(ottla("log dump -d nonsense %s", FIXTURE), CLI_USAGE);
    assert_int_equal(ottla("log dump --max-bytes x %s", FIXTURE), CLI_USAGE);
    assert_int_equal(ottla("log dump %s/none.log", folder), CLI_FAILED);
    assert_out("not found");
    assert_int_equal(ottla("log dump %s/data/t-0/partition.metadata %s/none.index", folder, folder),
                     CLI_FAILED);
    assert_out("topic id");
    write_file("strange", "x", 1);
    assert_int_equal(ottla("log dump %s/strange", folder), CLI_FAILED);
    assert_out("is none of a log's files");
    assert_int_equal(ottla("log --help"), CLI_OK);
    assert_out("log verify");
    assert_int_equal(ottla("__complete -- log dump x"), CLI_OK);
    assert_out(":files");
    assert_int_equal(ottla("__complete -- log dump -d meta"), CLI_OK);
    assert_out("metadata\tdecoder");
}

/* A damage is told with its position, and what comes after it is read. */
static void dump_damaged(void **state)
{
    UNUSED(state);
    char position[60];
    segment.data[batch_at[4] + 100] ^= 1;
    write_segment();
    assert_int_equal(ottla("log dump -r %s/data/t-0/" SEGMENT ".log", folder), CLI_FAILED);
    snprintf(position, sizeof position, "problem at position %zu: the checksum", batch_at[4]);
    assert_out(position);
    assert_out("9 batches, 90 records");
    assert_out("| 50  ");
    assert_no_out("| 40  ");
    segment.data[batch_at[4] + 100] ^= 1;
    /* A length that leads nowhere: the next batch is found all the same. */
    segment.data[batch_at[4] + 10] ^= 4;
    write_segment();
    assert_int_equal(ottla("log dump %s/data/t-0/" SEGMENT ".log", folder), CLI_FAILED);
    snprintf(position, sizeof position, "at position %zu: a batch begins here again", batch_at[5]);
    assert_out(position);
    assert_out("9 batches, 90 records");
    segment.data[batch_at[4] + 10] ^= 4;
    /* Cut in the middle; garbage; zeros. */
    segment.size = batch_at[9] + 70;
    write_segment();
    assert_int_equal(ottla("log dump %s/data/t-0/" SEGMENT ".log", folder), CLI_FAILED);
    assert_out("the batch that begins here is cut off");
    assert_out("9 batches, 90 records");
    segment.size = batch_at[2];
    buf_put_zeros(&segment, 10000);
    write_segment();
    assert_int_equal(ottla("log dump %s/data/t-0/" SEGMENT ".log", folder), CLI_OK);
    assert_out("of which the last 10000 are zeros");
}

static void times(void **state)
{
    UNUSED(state);
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{-1, "-"},
                 {-2, "-2"},
                 {0, "1970-01-01T00:00:00.000Z"},
                 {951782399999, "2000-02-28T23:59:59.999Z"},
                 {951782400000, "2000-02-29T00:00:00.000Z"},
                 {1709251199000, "2024-02-29T23:59:59.000Z"},
                 {1735689599999, "2024-12-31T23:59:59.999Z"},
                 {4107542400000, "2100-03-01T00:00:00.000Z"},
                 {253402300799999, "9999-12-31T23:59:59.999Z"},
                 {253402300800000, "253402300800000"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char out[LOG_TIME_BYTES];
        assert_string_equal(log_time(cases[i].ms, out), cases[i].text);
    }
}

/* Any byte of any of Kafka's files changed, and any length: an answer, and no crash. */
static void dump_anything(void **state)
{
    UNUSED(state);
    static const char *const names[] = {
        "bootstrap.checkpoint", "meta.properties", "__cluster_metadata-0/quorum-state",
        "__cluster_metadata-0/leader-epoch-checkpoint", "__cluster_metadata-0/partition.metadata"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        static uint8_t data[4096];
        char path[300], name[100];
        snprintf(path, sizeof path, "%s/%s", FIXTURE, names[i]);
        size_t size = read_file(path, data, sizeof data);
        const char *slash = strrchr(names[i], '/');
        snprintf(name, sizeof name, "data/%s", slash != NULL ? slash + 1 : names[i]);
        for (size_t at = 0; at < size; at++) {
            data[at] ^= (uint8_t)(1u << at % 8);
            write_file(name, data, size);
            int status = ottla("log dump -r %s", in_folder(name));
            assert_true(status == CLI_OK || status == CLI_FAILED);
            data[at] ^= (uint8_t)(1u << at % 8);
            write_file(name, data, at);
            status = ottla("log dump -r --json %s", in_folder(name));
            assert_true(status == CLI_OK || status == CLI_FAILED);
        }
    }
}

/* ---- Verify ---- */

static void verify_tail(void **state)
{
    UNUSED(state);
    make_whole();
    assert_int_equal(ottla("log verify --deep --json %s/data", folder), CLI_OK);
    assert_out("\"partition\":\"t-0\",\"segments\":1,\"batches\":10,\"records\":100,");
    assert_out("\"startOffset\":0,\"endOffset\":100,\"damages\":0,\"topicId\":\"" ID "\"}");
    assert_out("\"whole\":true");
    /* Not synced: a start cuts it off, and so does --repair. */
    static const char none[] = "0\n0\n";
    write_file("data/recovery-point-offset-checkpoint", none, sizeof none - 1);
    segment.size = batch_at[9] + 70;
    write_segment();
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("after offset 89: not synced yet, a start cuts it off");
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_OK);
    assert_out("repaired: 70 bytes cut off");
    assert_out("whole");
    assert_int_equal(ottla("log verify %s/data/t-0", folder), CLI_OK);
    assert_out("9 batches, 90 records");
}

/* Synced and damaged: nothing is dropped for it. */
static void verify_rot(void **state)
{
    UNUSED(state);
    make_whole();
    static const char rows[] = "0\n1\nt 0 100\n";
    write_file("data/recovery-point-offset-checkpoint", rows, sizeof rows - 1);
    segment.data[batch_at[4] + 100] ^= 1;
    write_segment();
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("this was synced, so it is left as it is");
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_FAILED);
    static uint8_t found[100000];
    assert_int_equal(read_file(in_folder("data/t-0/" SEGMENT ".log"), found, sizeof found),
                     segment.size);
    segment.data[batch_at[4] + 100] ^= 1;
    segment.size = batch_at[9];
    write_segment();
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("ends at offset 90, but was synced up to 100: records are missing");
}

static void verify_indexes(void **state)
{
    UNUSED(state);
    make_whole();
    static uint8_t data[1000];
    size_t size = read_file(in_folder("data/t-0/" SEGMENT ".index"), data, sizeof data);
    assert_true(size >= 16);
    for (size_t at = 0; at < size; at++) {
        data[at] ^= 0x11;
        write_file("data/t-0/" SEGMENT ".index", data, size);
        assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
        assert_out(SEGMENT ".index at position");
        data[at] ^= 0x11;
    }
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_OK);
    assert_out("1 indexes built anew");
    /* Preallocated, as Kafka leaves them after a kill. */
    memset(data + size, 0, sizeof data - size);
    write_file("data/t-0/" SEGMENT ".index", data, 800);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_OK);
    write_file("data/t-0/" SEGMENT ".index", data, size - 1);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    size = read_file(in_folder("data/t-0/" SEGMENT ".timeindex"), data, sizeof data);
    assert_true(size >= 12);
    data[7]++;
    write_file("data/t-0/" SEGMENT ".timeindex", data, size);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("has a timestamp for offset");
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_OK);
}

static void verify_directory(void **state)
{
    UNUSED(state);
    make_whole();
    /* A foreign folder stops a node, plain files do not. */
    assert_int_equal(mkdir(in_folder("data/strange"), 0755), 0);
    write_file("data/notes.txt", "x", 1);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("strange: is a folder that is no partition's");
    assert_int_equal(rmdir(in_folder("data/strange")), 0);
    /* Leftovers that a start removes. */
    write_file("data/t-0/" SEGMENT ".log.deleted", "x", 1);
    assert_int_equal(mkdir(in_folder("data/u-0.0123456789abcdef0123456789abcdef-delete"), 0755), 0);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_OK);
    assert_int_equal(lines_with("a start removes it"), 2);
    write_file("data/t-0/leader-epoch-checkpoint", "0\n1\n3 500\n", 10);
    write_file("data/t-0/00000000000000000200.snapshot", "x", 1);
    write_file("data/replication-offset-checkpoint", "0\n2\nt 0 5\n", 10);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("epoch 3 begins at offset 500, behind the end of the log");
    assert_out("00000000000000000200.snapshot: is no snapshot of producers");
    assert_out("replication-offset-checkpoint: ");
    assert_int_equal(unlink(in_folder("data/meta.properties")), 0);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    assert_out("meta.properties: is missing");
    assert_int_equal(ottla("log verify %s/nowhere", folder), CLI_FAILED);
    assert_err("cannot be listed");
    assert_int_equal(ottla("log verify"), CLI_USAGE);
}

/* While a node has the directory it is not repaired. */
static void verify_locked(void **state)
{
    UNUSED(state);
    make_whole();
    struct env_file *held;
    assert_int_equal(disk_lock(os_disk(), in_folder("data/.lock"), &held), ERR_OK);
    segment.size = batch_at[9] + 70;
    write_segment();
    assert_int_equal(ottla("log verify --repair %s/data", folder), CLI_FAILED);
    assert_true(strlen(err_text_) > 0);
    static uint8_t found[100000];
    assert_int_equal(read_file(in_folder("data/t-0/" SEGMENT ".log"), found, sizeof found),
                     segment.size);
    assert_int_equal(ottla("log verify %s/data", folder), CLI_FAILED);
    disk_close(os_disk(), held);
}

#define with_files(test) cmocka_unit_test_setup_teardown(test, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_files(dump_kafkas),   with_files(dump_text),      with_files(dump_arguments),
        with_files(dump_damaged),  with_files(dump_anything),  with_files(verify_tail),
        with_files(verify_rot),    with_files(verify_indexes), with_files(verify_directory),
        with_files(verify_locked), cmocka_unit_test(times),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(out_text);
    free(err_text_);
    return failed;
}
