/*
 * quorum-state's text, names of snapshots, formatting, and whose directories they are; what we
 * write against what Apache Kafka 4.3.1 wrote with the same options.
 */
#include "quorum/quorum_state.h"
#include "quorum_fixture.h"

static enum err parse(const char *text, struct raft_election *out, int *version)
{
    return quorum_state_parse(text, strlen(text), out, version);
}

static void quorum_state_of_both_versions(void **state)
{
    UNUSED(state);
    struct raft_election election;
    int version;
    /* As the peer writes them. */
    const char *v0 = "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":7,\"votedId\":-1,"
                     "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1},{\"voterId\":2}],"
                     "\"data_version\":0}";
    assert_int_equal(parse(v0, &election, &version), ERR_OK);
    assert_int_equal(version, 0);
    assert_int_equal(election.leader_id, 1);
    assert_int_equal(election.epoch, 7);
    assert_int_equal(election.voted_id, RAFT_NOBODY);
    struct buf out = BUF_EMPTY;
    const struct raft_voter voters[] = {{1, UUID_ZERO}, {2, UUID_ZERO}};
    quorum_state_print(&election, 0, voters, 2, &out);
    assert_string_equal(buf_text(&out), v0);
    buf_clear(&out);

    const char *v1 = "{\"leaderId\":-1,\"leaderEpoch\":3,\"votedId\":4,"
                     "\"votedDirectoryId\":\"IYSTpIRdSoa2mV7rV7tQsQ\",\"data_version\":1}";
    assert_int_equal(parse(v1, &election, &version), ERR_OK);
    assert_int_equal(version, 1);
    assert_int_equal(election.voted_id, 4);
    quorum_state_print(&election, 1, NULL, 0, &out);
    assert_string_equal(buf_text(&out), v1);
    buf_deinit(&out);
}

static void quorum_state_that_is_none(void **state)
{
    UNUSED(state);
    struct raft_election election;
    int version;
    const char *bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"leaderEpoch\":1}",
        "{\"leaderEpoch\":\"x\",\"data_version\":0}",
        "{\"leaderEpoch\":-1,\"data_version\":0}",
        "{\"leaderEpoch\":1,\"data_version\":0} x",
        "{\"leaderEpoch\":99999999999,\"data_version\":0}",
        "{\"leaderEpoch\":1,\"data_version\":0",
        "{\"leaderId\":-2,\"data_version\":0}",
        "{\"votedDirectoryId\":\"short\",\"data_version\":1}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]],\"data_version\":0}",
        "{\"a\":\"\\",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (parse(bad[i], &election, &version) != ERR_CORRUPT)
            fail_msg("%s is taken", bad[i]);
    assert_int_equal(parse("{\"data_version\":2}", &election, &version), ERR_VERSION);
    assert_int_equal(parse(" { \"x\" : {\"y\":[1,\"]\",null]} , \"leaderEpoch\" : 5 ,\n"
                           "\"data_version\":1 } \n",
                           &election, &version),
                     ERR_OK);
    assert_int_equal(election.epoch, 5);
}

static void names_of_snapshots(void **state)
{
    UNUSED(state);
    char name[QUORUM_SNAPSHOT_NAME_BYTES];
    int64_t end_offset;
    int32_t epoch;
    quorum_snapshot_name(INT64_MAX, INT32_MAX, name);
    assert_string_equal(name, "09223372036854775807-2147483647.checkpoint");
    assert_true(quorum_snapshot_name_parse(name, &end_offset, &epoch));
    assert_true(end_offset == INT64_MAX && epoch == INT32_MAX);
    const char *bad[] = {
        "",
        "00000000000000000000-0000000000.checkpoint.part",
        "00000000000000000000-0000000000.checkpoin",
        "0000000000000000000x-0000000000.checkpoint",
        "00000000000000000000-9999999999.checkpoint",
        "99999999999999999999-0000000000.checkpoint",
        "00000000000000000000_0000000000.checkpoint",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(quorum_snapshot_name_parse(bad[i], &end_offset, &epoch));
}

/* ---- Formatting -------------------------------------------------------------------------- */

static char *read_text(const char *folder, const char *name, size_t *size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *data = mem_alloc(1 << 16);
    *size = fread(data, 1, 1 << 16, file);
    fclose(file);
    return data;
}

/* The same bytes, but for what may differ: checksums and timestamps of batches. */
static void assert_same_batches(const char *folder_a, const char *folder_b, const char *name,
                                size_t skip_from, size_t skip_size)
{
    size_t size_a, size_b;
    char *a = read_text(folder_a, name, &size_a);
    char *b = read_text(folder_b, name, &size_b);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(size_a, size_b);
    struct batch_walk walk = batch_walk_begin(a, size_a);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch)) {
        size_t at = (size_t)(batch.data - (const uint8_t *)a);
        memset(a + at + 17, 0, 4);
        memset(b + at + 17, 0, 4);
        memset(a + at + 27, 0, 16);
        memset(b + at + 27, 0, 16);
    }
    assert_int_equal(walk.err, ERR_OK);
    memset(a + skip_from, 0, skip_size);
    memset(b + skip_from, 0, skip_size);
    assert_memory_equal(a, b, size_a);
    mem_free(a);
    mem_free(b);
}

static enum err format(struct fixture *f, const struct quorum_format_options *options,
                       char error[QUORUM_ERROR_BYTES])
{
    error[0] = '\0';
    return quorum_format(&f->e.disk, options, error);
}

static void the_same_files_as_the_peer(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 1);
    const char *dirs[] = {f.e.root};
    char error[QUORUM_ERROR_BYTES];
    struct quorum_format_options options = format_options(&f, dirs);
    assert_int_equal(format(&f, &options, error), ERR_OK);
    assert_same_batches(f.e.root, OTTLA_TESTS_DIR "/fixtures/kafka-4.3.1", "bootstrap.checkpoint",
                        0, 0);
    fixture_deinit(&f);

    fixture_init(&f, 2);
    options = format_options(&f, dirs);
    const struct quorum_endpoint endpoint = {"CONTROLLER", "127.0.0.1", 23292};
    const struct quorum_format_voter voter = {.id = 1, .endpoints = &endpoint, .endpoint_count = 1};
    options.voters = &voter;
    options.voter_count = 1;
    /* The SCRAM credential of the fixture, as it is. */
    char path[512];
    struct meta_image *theirs;
    snprintf(path, sizeof path, "%s/fixtures/kafka-4.3.1-standalone/bootstrap.checkpoint",
             OTTLA_TESTS_DIR);
    assert_int_equal(quorum_snapshot_load(&f.e.disk, path, &theirs, error), ERR_OK);
    const struct meta_scram *alice = meta_image_scram(theirs, 1, "alice", 5);
    struct quorum_format_scram scram = {
        .user = "alice",
        .mechanism = 1,
        .salt = alice->salt.data,
        .salt_size = alice->salt.size,
        .stored_key = alice->stored_key.data,
        .stored_key_size = alice->stored_key.size,
        .server_key = alice->server_key.data,
        .server_key_size = alice->server_key.size,
        .iterations = alice->iterations,
    };
    options.scram = &scram;
    options.scram_count = 1;
    assert_int_equal(format(&f, &options, error), ERR_OK);
    assert_same_batches(f.e.root, OTTLA_TESTS_DIR "/fixtures/kafka-4.3.1-standalone",
                        "bootstrap.checkpoint", 0, 0);
    /* In the header record: the time; in the voter: the directory's id. */
    char folder_a[256], folder_b[512];
    size_t size;
    snprintf(folder_a, sizeof folder_a, "%s/%s", f.e.root, QUORUM_FOLDER);
    snprintf(folder_b, sizeof folder_b, "%s/fixtures/kafka-4.3.1-standalone/%s", OTTLA_TESTS_DIR,
             QUORUM_FOLDER);
    char *ours = read_text(folder_a, "00000000000000000000-0000000000.checkpoint", &size);
    char *peers = read_text(folder_b, "00000000000000000000-0000000000.checkpoint", &size);
    assert_non_null(ours);
    memcpy(ours + 75, peers + 75, 8);        /* last contained timestamp */
    memcpy(ours + 0x75, peers + 0x75, 0x11); /* directory id */
    mem_free(peers);
    mem_free(ours);
    assert_same_batches(folder_a, folder_b, "00000000000000000000-0000000000.checkpoint", 75,
                        0x75 + 0x12 - 75);
    meta_image_unref(theirs);
    fixture_deinit(&f);
}

static size_t said;
static void say(void *context, const char *line)
{
    UNUSED(context);
    assert_true(strlen(line) > 10);
    said++;
}

static void several_directories(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 3);
    char paths[3][128];
    const char *dirs[3];
    char error[QUORUM_ERROR_BYTES];
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/deep/er/d%d", f.e.root, i);
        dirs[i] = paths[i];
    }
    struct quorum_format_options options = format_options(&f, dirs);
    options.dir_count = 3;
    options.metadata_dir = dirs[1];
    options.say = say;
    said = 0;
    assert_int_equal(format(&f, &options, error), ERR_OK);
    assert_int_equal(said, 3);
    struct quorum_identity identity;
    assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 3, -1, &identity, error), ERR_OK);
    assert_int_equal(identity.formatted_count, 3);
    assert_int_equal(identity.node_id, 1);
    assert_string_equal(identity.cluster_id, options.cluster_id);
    assert_false(uuid_equal(&identity.dirs[0].directory_id, &identity.dirs[2].directory_id));
    quorum_identity_deinit(&identity);

    assert_int_equal(format(&f, &options, error), ERR_EXISTS);
    assert_non_null(strstr(error, "is already formatted. Use --ignore-formatted to ignore this "
                                  "directory and format the others."));
    options.ignore_formatted = true;
    assert_int_equal(format(&f, &options, error), ERR_OK);
    options.cluster_id = "another";
    assert_int_equal(format(&f, &options, error), ERR_INVALID);

    /* One directory was replaced. */
    options.cluster_id = "Im5Zbex2TLWZjS9vXvhVAQ";
    char command[512];
    snprintf(command, sizeof command, "rm -r %s", paths[2]);
    assert_int_equal(system(command), 0);
    assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 3, 1, &identity, error), ERR_OK);
    assert_int_equal(identity.formatted_count, 2);
    assert_false(identity.dirs[2].formatted);
    quorum_identity_deinit(&identity);
    assert_int_equal(format(&f, &options, error), ERR_OK);

    assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 3, 9, &identity, error), ERR_INVALID);
    assert_non_null(strstr(error, "belongs to node 1, not 9"));
    snprintf(command, sizeof command, "cp %s/meta.properties %s/", paths[0], paths[2]);
    assert_int_equal(system(command), 0);
    assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 3, 1, &identity, error), ERR_INVALID);
    assert_non_null(strstr(error, "two log directories have the directory.id"));
    snprintf(command, sizeof command, "echo version=3 > %s/meta.properties", paths[2]);
    assert_int_equal(system(command), 0);
    assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 3, 1, &identity, error), ERR_VERSION);
    fixture_deinit(&f);
}

static void what_cannot_be_formatted(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 4);
    const char *dirs[] = {f.e.root};
    char error[QUORUM_ERROR_BYTES];
    const struct {
        int16_t metadata_version;
        struct quorum_format_feature feature;
        bool voter;
        bool scram;
        const char *says;
    } rows[] = {
        {31, {0}, false, false, "not known"},
        {6, {0}, false, false, "not known"},
        {0, {"no.such.feature", 1}, false, false, "no feature"},
        {0, {"group.version", 2}, false, false, "0 to 1"},
        {22, {"eligible.leader.replicas.version", 1}, false, false, "needs metadata.version 23"},
        {20, {0}, true, false, "kraft.version 1"},
        {0, {"kraft.version", 0}, true, false, "kraft.version 1"},
        {10, {0}, false, true, "SCRAM"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct quorum_format_options options = format_options(&f, dirs);
        const struct quorum_format_voter voter = {
            .id = 1, .endpoints = &ENDPOINT, .endpoint_count = 1};
        const struct quorum_format_scram scram = {.user = "a", .mechanism = 1};
        options.metadata_version = rows[i].metadata_version;
        options.features = &rows[i].feature;
        options.feature_count = rows[i].feature.name != NULL;
        options.voters = &voter;
        options.voter_count = rows[i].voter;
        options.scram = &scram;
        options.scram_count = rows[i].scram;
        assert_int_equal(format(&f, &options, error), ERR_INVALID);
        if (strstr(error, rows[i].says) == NULL)
            fail_msg("row %zu says: %s", i, error);
    }
    fixture_deinit(&f);
}

static void every_level_can_be_formatted(void **state)
{
    UNUSED(state);
    for (int16_t level = META_VERSION_MIN; level <= META_VERSION_LATEST_PRODUCTION; level++) {
        struct fixture f;
        fixture_init(&f, 5);
        const char *dirs[] = {f.e.root};
        char error[QUORUM_ERROR_BYTES];
        struct quorum_format_options options = format_options(&f, dirs);
        options.metadata_version = level;
        assert_int_equal(format(&f, &options, error), ERR_OK);
        struct meta_image *image;
        char path[256];
        snprintf(path, sizeof path, "%s/bootstrap.checkpoint", f.e.root);
        assert_int_equal(quorum_snapshot_load(&f.e.disk, path, &image, error), ERR_OK);
        assert_int_equal(meta_image_metadata_version(image), level);
        assert_int_equal(meta_image_feature(image, META_FEATURE_GROUP_VERSION), level >= 22);
        assert_int_equal(meta_image_feature(image, META_FEATURE_TRANSACTION_VERSION),
                         level >= 24 ? 2 : 0);
        assert_int_equal(meta_image_feature(image, META_FEATURE_KRAFT_VERSION), 0);
        meta_image_unref(image);
        fixture_deinit(&f);
    }
    assert_int_equal(meta_version_from_name("4.3", 3), 30);
    assert_int_equal(meta_version_from_name("4.3-IV0", 7), 30);
    assert_int_equal(meta_version_from_name("3.7", 3), 19);
    assert_int_equal(meta_version_from_name("3.7-IV2", 7), 17);
    assert_int_equal(meta_version_from_name("4.", 2), 0);
    assert_int_equal(meta_version_from_name("9.9", 3), 0);
}

/* Formatting that is cut off anywhere leaves nothing that looks formatted, and can be done again.
 */
static void formatting_is_cut_off(void **state)
{
    UNUSED(state);
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct fixture f;
        fixture_init(&f, nth);
        const char *dirs[] = {f.e.root};
        char error[QUORUM_ERROR_BYTES];
        struct quorum_format_options options = format_options(&f, dirs);
        const struct quorum_format_voter voter = {
            .id = 1, .endpoints = &ENDPOINT, .endpoint_count = 1};
        options.voters = &voter;
        options.voter_count = 1;
        f.e.fail_countdown = nth;
        enum err err = format(&f, &options, error);
        failed = f.e.failed;
        assert_true(failed == (err != ERR_OK));
        if (failed)
            assert_true(strlen(error) > 10);
        f.e.fail_countdown = 0;
        struct quorum_identity identity;
        assert_int_equal(quorum_identity_load(&f.e.disk, dirs, 1, 1, &identity, error), ERR_OK);
        options.ignore_formatted = identity.formatted_count > 0;
        quorum_identity_deinit(&identity);
        assert_int_equal(format(&f, &options, error), ERR_OK);
        find_directory(&f);
        begin(&f);
        assert_string_equal(f.fatal, "");
        assert_int_equal(f.leads, 1);
        end(&f);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_state_of_both_versions),
        cmocka_unit_test(quorum_state_that_is_none),
        cmocka_unit_test(names_of_snapshots),
        cmocka_unit_test(the_same_files_as_the_peer),
        cmocka_unit_test(several_directories),
        cmocka_unit_test(what_cannot_be_formatted),
        cmocka_unit_test(every_level_can_be_formatted),
        cmocka_unit_test(formatting_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
