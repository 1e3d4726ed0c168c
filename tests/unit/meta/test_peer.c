/*
 * Metadata that Apache Kafka 4.3.1 wrote (tests/fixtures): its log replayed up to where one of its
 * snapshots ends gives what the snapshot says, and our snapshot of it says the same again.
 */
#include "../unit.h"
#include "base/mem.h"
#include "meta/delta.h"
#include "meta/properties.h"
#include "meta/snapshot.h"
#include "wire/batch.h"
#include "wire/records.h"

#include <stdio.h>
#include <string.h>

#define FIXTURES OTTLA_TESTS_DIR "/fixtures/"

static uint8_t *read_file(const char *name, size_t *size)
{
    char path[512];
    snprintf(path, sizeof path, FIXTURES "%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    uint8_t *data = mem_alloc(1 << 20);
    *size = fread(data, 1, 1 << 20, file);
    assert_int_equal(fclose(file), 0);
    return data;
}

static struct meta_delta *empty_delta(void)
{
    struct meta_image *empty = meta_image_new();
    struct meta_delta *delta = meta_delta_new(empty);
    meta_image_unref(empty);
    return delta;
}

/* Applies the data batches below end_offset; returns how many records there were. */
static size_t replay(struct meta_delta *delta, const uint8_t *data, size_t size, int64_t end_offset,
                     struct arena *arena)
{
    struct batch_walk walk = batch_walk_begin(data, size);
    struct batch_view batch;
    size_t count = 0;
    char error[META_ERROR_BYTES] = "";
    while (batch_walk_next(&walk, &batch)) {
        if (batch.header.base_offset >= end_offset)
            break;
        if (batch_is_control(&batch.header))
            continue;
        meta_delta_seek(delta, batch.header.base_offset, batch.header.leader_epoch,
                        batch.header.max_timestamp);
        struct batch_records records;
        struct batch_record record;
        assert_int_equal(batch_records_init(&records, NULL, &batch, 1 << 20), ERR_OK);
        while (batch_records_next(&records, &record)) {
            struct wire_record decoded;
            assert_int_equal(
                wire_metadata_record_decode(record.value, record.value_size, arena, &decoded),
                ERR_OK);
            struct meta_record one = {decoded.type->id, decoded.version, decoded.message};
            enum err err = meta_delta_apply(delta, &one, error);
            if (err != ERR_OK)
                fail_msg("offset %lld: %s", (long long)record.offset, error);
            count++;
        }
        assert_int_equal(records.err, ERR_OK);
        batch_records_deinit(&records);
    }
    assert_int_equal(walk.err, ERR_OK);
    return count;
}

struct rewrite {
    struct meta_delta *delta;
    char error[META_ERROR_BYTES];
};

static enum err rewrite_one(void *context, const struct meta_record *record)
{
    struct rewrite *rewrite = context;
    return meta_delta_apply(rewrite->delta, record, rewrite->error);
}

static void log_and_snapshot_agree(const char *log_name, const char *snapshot_name,
                                   int64_t end_offset)
{
    struct arena arena;
    arena_init(&arena, 1 << 26);
    size_t size;
    uint8_t *log = read_file(log_name, &size);
    struct meta_delta *from_log = empty_delta();
    assert_true(replay(from_log, log, size, end_offset, &arena) > 10);
    size_t snapshot_size;
    uint8_t *snapshot = read_file(snapshot_name, &snapshot_size);
    struct meta_delta *from_snapshot = empty_delta();
    assert_true(replay(from_snapshot, snapshot, snapshot_size, INT64_MAX, &arena) > 5);

    struct meta_image *a = meta_delta_image(from_log);
    struct meta_image *b = meta_delta_image(from_snapshot);
    assert_true(meta_image_content_equal(a, b));

    struct rewrite rewrite = {.delta = empty_delta()};
    assert_int_equal(meta_snapshot_write(a, rewrite_one, &rewrite), ERR_OK);
    struct meta_image *c = meta_delta_image(rewrite.delta);
    assert_true(meta_image_content_equal(a, c));
    meta_image_unref(a);
    meta_image_unref(b);
    meta_image_unref(c);
    meta_delta_free(rewrite.delta);
    meta_delta_free(from_log);
    meta_delta_free(from_snapshot);
    mem_free(log);
    mem_free(snapshot);
    arena_deinit(&arena);
}

#define LOG "kafka-4.3.1/__cluster_metadata-0/00000000000000000000.log"

static void its_snapshots_say_what_its_log_says(void **state)
{
    UNUSED(state);
    log_and_snapshot_agree(
        LOG, "kafka-4.3.1/__cluster_metadata-0/00000000000000000038-0000000001.checkpoint", 38);
    log_and_snapshot_agree(
        LOG, "kafka-4.3.1/__cluster_metadata-0/00000000000000000065-0000000001.checkpoint", 65);
}

static void its_whole_log(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, 1 << 26);
    size_t size;
    uint8_t *log = read_file(LOG, &size);
    struct meta_delta *delta = empty_delta();
    replay(delta, log, size, INT64_MAX, &arena);
    struct meta_image *image = meta_delta_image(delta);
    const struct meta_topic *topic = meta_image_topic(image, "beta.x", 6);
    assert_non_null(topic);
    assert_int_equal(topic->partition_count, 4);
    assert_null(meta_image_topic(image, "gone", 4));
    assert_string_equal(
        meta_image_config(image, META_RESOURCE_TOPIC, "alpha", 5, "max.message.bytes"), "70000");
    assert_null(meta_image_config(image, META_RESOURCE_TOPIC, "alpha", 5, "retention.ms"));
    assert_string_equal(meta_image_config(image, META_RESOURCE_BROKER, "", 0, "log.retention.ms"),
                        "123456789");
    assert_non_null(meta_image_scram(image, 2, "bob", 3));
    assert_non_null(meta_image_scram(image, 1, "dave", 4));
    assert_null(meta_image_scram(image, 1, "carol", 5));
    assert_int_equal(pmap_count(image->acls), 2);
    assert_int_equal(pmap_count(image->quotas), 3);
    const struct meta_broker *broker = meta_image_broker(image, 1);
    assert_non_null(broker);
    assert_int_equal(broker->log_dir_count, 1);
    assert_int_equal(meta_image_controller(image, 1)->endpoint_count, 1);
    assert_int_equal(meta_image_metadata_version(image), 30);
    assert_int_equal(meta_image_feature(image, "transaction.version"), 2);
    assert_int_equal(image->next_producer_id, 1000);
    meta_image_unref(image);
    meta_delta_free(delta);
    mem_free(log);
    arena_deinit(&arena);
}

static void its_meta_properties(void **state)
{
    UNUSED(state);
    size_t size;
    uint8_t *text = read_file("kafka-4.3.1/meta.properties", &size);
    struct meta_properties properties;
    char error[META_PROPERTIES_ERROR_BYTES];
    assert_int_equal(meta_properties_parse((const char *)text, size, &properties, error), ERR_OK);
    assert_int_equal(properties.version, 1);
    assert_int_equal(properties.node_id, 1);
    assert_int_equal(strlen(properties.cluster_id), 22);
    assert_true(properties.has_directory_id);
    struct buf out = BUF_EMPTY;
    meta_properties_print(&properties, &out);
    struct meta_properties again;
    assert_int_equal(meta_properties_parse((const char *)out.data, out.size, &again, error),
                     ERR_OK);
    assert_string_equal(again.cluster_id, properties.cluster_id);
    assert_true(uuid_equal(&again.directory_id, &properties.directory_id));
    buf_deinit(&out);
    mem_free(text);
}

static enum err parse(const char *text, struct meta_properties *out, char *error)
{
    return meta_properties_parse(text, strlen(text), out, error);
}

static void properties_of_all_kinds(void **state)
{
    UNUSED(state);
    struct meta_properties out;
    char error[META_PROPERTIES_ERROR_BYTES];
    assert_int_equal(parse("version=0\nbroker.id=3\n", &out, error), ERR_OK);
    assert_int_equal(out.node_id, 3);
    assert_int_equal(out.version, 0);
    assert_string_equal(out.cluster_id, "");
    assert_int_equal(
        parse("# c\r\n! d\r\n\r\n  version : 1\r\ncluster.id = a\\=b\\:c\r\nnode.id 7\r\nx=y", &out,
              error),
        ERR_OK);
    assert_string_equal(out.cluster_id, "a=b:c");
    assert_int_equal(out.node_id, 7);
    assert_false(out.has_directory_id);
    struct buf printed = BUF_EMPTY;
    meta_properties_print(&out, &printed);
    assert_int_equal(meta_properties_parse((const char *)printed.data, printed.size, &out, error),
                     ERR_OK);
    assert_string_equal(out.cluster_id, "a=b:c");
    buf_deinit(&printed);
    assert_int_equal(parse("version=1\ncluster.id=a\\\n   b\nnode.id=1", &out, error), ERR_OK);
    assert_string_equal(out.cluster_id, "ab");
    assert_int_equal(parse("", &out, error), ERR_INVALID);
    assert_string_equal(error, "version is missing");
    assert_int_equal(parse("version=2", &out, error), ERR_VERSION);
    assert_int_equal(parse("version=x", &out, error), ERR_INVALID);
    assert_int_equal(parse("version=1\nnode.id=1", &out, error), ERR_INVALID);
    assert_int_equal(parse("version=1\ncluster.id=x", &out, error), ERR_INVALID);
    assert_int_equal(parse("version=1\ncluster.id=x\nnode.id=99999999999", &out, error),
                     ERR_INVALID);
    assert_int_equal(parse("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=short", &out, error),
                     ERR_INVALID);
    assert_int_equal(
        parse("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ", &out,
              error),
        ERR_INVALID);
    char longer[2000] = "version=1\ncluster.id=";
    memset(longer + strlen(longer), 'x', 1500);
    assert_int_equal(parse(longer, &out, error), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_snapshots_say_what_its_log_says),
        cmocka_unit_test(its_whole_log),
        cmocka_unit_test(its_meta_properties),
        cmocka_unit_test(properties_of_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
