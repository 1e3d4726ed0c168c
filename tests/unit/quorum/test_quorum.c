/*
 * A quorum of one: formatting, the first leader, appends that are durable before they are told,
 * restarts, snapshots and their removal, directories that Apache Kafka wrote, and every failure of
 * every disk operation.
 */
#include "quorum_fixture.h"

static void a_new_cluster(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 1);
    format_standalone(&f);
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.leads, 1);
    assert_int_equal(quorum_epoch(f.quorum), 1);
    assert_int_equal(quorum_leader_id(f.quorum), 1);
    assert_int_equal(quorum_kraft_version(f.quorum), 1);
    assert_int_equal(quorum_end_offset(f.quorum), 3); /* leader change, kraft.version, voters */
    assert_int_equal(quorum_high_watermark(f.quorum), 3);
    assert_int_equal(f.image->offset, 2);
    append_bootstrap(&f);
    assert_int_equal(append_topic(&f, 1), ERR_OK);
    assert_int_equal(append_topic(&f, 2), ERR_OK);
    assert_int_equal(f.committed, 0); /* nothing is told from inside of the call */
    uint64_t syncs = f.e.syncs;
    plog_env_run(&f.e);
    assert_int_equal(f.committed, 3);
    assert_int_equal(f.e.syncs, syncs + 1); /* one for all of a turn */
    assert_int_equal(f.image->topic_count, 2);
    assert_int_equal(meta_image_metadata_version(f.image), META_VERSION_LATEST_PRODUCTION);
    assert_int_equal(f.image->offset, quorum_end_offset(f.quorum) - 1);
    struct meta_image *last = meta_image_ref(f.image);
    end(&f);
    assert_int_equal(f.stop_err, ERR_OK);

    begin(&f);
    assert_int_equal(f.leads, 1);
    assert_int_equal(quorum_epoch(f.quorum), 2);
    assert_true(meta_image_content_equal(f.image, last));
    assert_int_equal(f.image->offset, last->offset + 1);
    assert_int_equal(append_topic(&f, 3), ERR_OK);
    plog_env_run(&f.e);
    assert_int_equal(f.image->topic_count, 3);
    end(&f);
    meta_image_unref(last);
    fixture_deinit(&f);
}

static void what_is_under_way_is_lost_at_a_stop(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 2);
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    plog_env_run(&f.e);
    f.committed = 0;
    assert_int_equal(append_topic(&f, 1), ERR_OK);
    end(&f);
    assert_int_equal(f.committed, 0);
    assert_int_equal(f.lost, 1);
    begin(&f);
    assert_int_equal(f.leads, 1);
    end(&f);

    /* At once after the start, at every step of it. */
    for (int steps = 0; steps < 60; steps++) {
        const char *dirs[] = {f.e.root};
        f.host = plog_host_new(&(struct plog_host_options){
            .env = &f.e.env, .dirs = dirs, .dir_count = 1, .dir_failed = dir_failed});
        f.options.host = f.host;
        f.quorum = quorum_new(&f.options);
        f.loads = f.leads = f.resigns = 0;
        quorum_start(f.quorum);
        for (int i = 0; i < steps; i++)
            plog_env_step(&f.e);
        end(&f);
        assert_int_equal(f.stop_err, ERR_OK);
        meta_image_unref(f.image);
        f.image = NULL;
    }
    fixture_deinit(&f);
}

static void snapshots_come_and_go(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 3);
    f.options.snapshot_bytes = 20000;
    f.options.retention_bytes = 60000;
    f.options.segment_bytes = 16384;
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(append_topic(&f, i), ERR_OK);
        if (i % 3 == 0)
            plog_env_advance(&f.e, 10);
    }
    plog_env_advance(&f.e, 120000);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.committed, 2001);
    assert_int_equal(f.image->topic_count, 2000);
    struct quorum_stats stats;
    quorum_stats(f.quorum, &stats);
    assert_true(stats.snapshots >= 5);
    struct meta_image *last = meta_image_ref(f.image);
    end(&f);

    begin(&f);
    assert_int_equal(f.leads, 1);
    assert_true(meta_image_content_equal(f.image, last));
    /* An hour with something new: one more. */
    assert_int_equal(append_topic(&f, 5000), ERR_OK);
    plog_env_run(&f.e);
    plog_env_advance(&f.e, 3600001);
    quorum_stats(f.quorum, &stats);
    assert_int_equal(stats.snapshots, 1);
    assert_int_equal(stats.snapshot_end_offset, f.image->offset + 1);
    plog_env_advance(&f.e, 3600001); /* nothing new: none */
    quorum_stats(f.quorum, &stats);
    assert_int_equal(stats.snapshots, 1);
    end(&f);

    /* From the snapshot alone: the image is there at load. */
    const char *dirs[] = {f.e.root};
    UNUSED(dirs);
    begin(&f);
    assert_int_equal(f.image->topic_count, 2001);
    end(&f);
    meta_image_unref(last);
    fixture_deinit(&f);
}

static void no_topic_is_lost(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic-%06u", i);
        if (meta_image_topic(f->image, name, strlen(name)) == NULL)
            fail_msg("%s was committed and is lost", name);
    }
}

/* The Nth operation of the disk fails, for each N: what was committed is there afterwards. */
static void any_failure_of_the_disk(void **state)
{
    UNUSED(state);
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        for (int full = 0; full < 2; full++) {
            struct fixture f;
            fixture_init(&f, nth);
            f.e.fail_err = full ? ERR_NOSPACE : ERR_IO;
            f.options.snapshot_bytes = 1500;
            f.options.retention_bytes = 5000;
            f.options.segment_bytes = 4096;
            format_standalone(&f);
            f.e.failed = false;
            f.e.fail_countdown = nth;
            begin(&f);
            bool bootstrapped = false;
            uint32_t next = 0;
            uint32_t safe = 0;
            for (int round = 0; round < 40 && f.fatal[0] == '\0'; round++) {
                size_t before = f.committed;
                size_t appended = 0;
                if (quorum_is_leader(f.quorum) && !bootstrapped &&
                    meta_image_metadata_version(f.image) == 0) {
                    append_bootstrap(&f);
                    appended++;
                } else if (quorum_is_leader(f.quorum)) {
                    /* What was lost may be there after all. */
                    for (int i = 0; i < 3; i++) {
                        char name[32];
                        snprintf(name, sizeof name, "topic-%06u", next);
                        if (meta_image_topic(f.image, name, strlen(name)) == NULL) {
                            if (append_topic(&f, next) != ERR_OK)
                                break;
                            appended++;
                        }
                        next++;
                    }
                }
                plog_env_advance(&f.e, 700);
                if (f.committed == before + appended)
                    safe = next;
                else
                    next = safe;
            }
            failed = f.e.failed;
            f.e.fail_countdown = 0;
            if (full && failed)
                assert_true(f.fatal[0] == '\0' || f.leads <= 1);
            if (!failed)
                assert_string_equal(f.fatal, "");
            end(&f);
            plog_env_current = &f.e;
            begin(&f);
            if (f.fatal[0] != '\0')
                fail_msg("nth %llu: %s", (unsigned long long)nth, f.fatal);
            plog_env_advance(&f.e, 5000);
            assert_int_equal(f.leads, 1);
            no_topic_is_lost(&f, safe);
            end(&f);
            fixture_deinit(&f);
        }
        assert_true(nth < 3000);
    }
}

/* ---- Apache Kafka's directories ---------------------------------------------------------- */

static void copy_fixture(struct fixture *f, const char *which)
{
    char command[1024];
    snprintf(command, sizeof command, "cp -r %s/fixtures/%s/. %s/", OTTLA_TESTS_DIR, which,
             f->e.root);
    assert_int_equal(system(command), 0);
    find_directory(f);
}

static void kafkas_directory_with_static_voters(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 4);
    copy_fixture(&f, "kafka-4.3.1");
    struct quorum_static_voter voter = {1, "127.0.0.1", 24192};
    f.options.static_voters = &voter;
    f.options.static_voter_count = 1;
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.leads, 1);
    assert_int_equal(quorum_kraft_version(f.quorum), 0);
    assert_int_equal(quorum_epoch(f.quorum), 2);
    assert_int_equal(f.image->topic_count, 2);
    assert_non_null(meta_image_scram(f.image, 1, "dave", 4));
    assert_int_equal(append_topic(&f, 7), ERR_OK);
    plog_env_run(&f.e);
    assert_int_equal(f.image->topic_count, 3);
    quorum_snapshot_now(f.quorum);
    plog_env_run(&f.e);
    struct meta_image *last = meta_image_ref(f.image);
    end(&f);

    char path[512];
    char name[QUORUM_SNAPSHOT_NAME_BYTES];
    char error[QUORUM_ERROR_BYTES];
    struct meta_image *loaded;
    quorum_snapshot_name(last->offset + 1, last->epoch, name);
    snprintf(path, sizeof path, "%s/%s/%s", f.e.root, QUORUM_FOLDER, name);
    assert_int_equal(quorum_snapshot_load(&f.e.disk, path, &loaded, error), ERR_OK);
    assert_true(meta_image_equal(loaded, last));
    meta_image_unref(loaded);
    begin(&f);
    assert_true(meta_image_content_equal(f.image, last));
    end(&f);
    meta_image_unref(last);

    /* Somebody else's voters. */
    voter.id = 5;
    begin(&f);
    assert_true(strstr(f.fatal, "no voter") != NULL);
    end(&f);
    fixture_deinit(&f);
}

static void kafkas_directory_with_voters_in_the_log(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 5);
    copy_fixture(&f, "kafka-4.3.1-standalone");
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.leads, 1);
    assert_int_equal(quorum_kraft_version(f.quorum), 1);
    assert_non_null(meta_image_scram(f.image, 1, "alice", 5));
    struct quorum_voter_info voters[4];
    assert_int_equal(quorum_voters(f.quorum, voters, 4), 1);
    assert_int_equal(voters[0].id, 1);
    assert_true(uuid_equal(&voters[0].directory_id, &f.directory_id));
    end(&f);
    fixture_deinit(&f);
}

/* A controller that stopped within a metadata transaction: the next one aborts it. */
static void a_transaction_that_was_left_open(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 9);
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    struct wire_begin_transaction_record transaction = {.name = WIRE_STRING("large")};
    struct meta_record record = {WIRE_METADATA_RECORD_BEGIN_TRANSACTION, 0, &transaction};
    assert_int_equal(append_topic(&f, 1), ERR_OK);
    /* Through the leader's own images nobody sees less; what counts is what is in the log. */
    assert_int_equal(append_records(&f, &record, 1), ERR_OK);
    assert_int_equal(append_topic(&f, 2), ERR_OK);
    plog_env_run(&f.e);
    end(&f);
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.leads, 1);
    assert_int_equal(f.image->topic_count, 1);
    assert_int_equal(f.image->offset, quorum_end_offset(f.quorum) - 1);
    assert_int_equal(append_topic(&f, 2), ERR_OK);
    plog_env_run(&f.e);
    end(&f);
    begin(&f);
    assert_int_equal(f.image->topic_count, 2);
    end(&f);
    fixture_deinit(&f);
}

/* ---- Damage ------------------------------------------------------------------------------ */

static void shell(struct fixture *f, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s/%s && %s", f->e.root, QUORUM_FOLDER, command);
    assert_int_equal(system(line), 0);
}

static void damaged_files(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 6);
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(append_topic(&f, i), ERR_OK);
    plog_env_run(&f.e);
    quorum_snapshot_now(f.quorum);
    plog_env_run(&f.e);
    assert_int_equal(append_topic(&f, 10), ERR_OK);
    plog_env_run(&f.e);
    end(&f);

    /* The newest snapshot is broken: the log has it all. */
    shell(&f, "for s in *-0000000001.checkpoint; do printf X | dd of=$s bs=1 seek=200 conv=notrunc "
              "2>/dev/null; done");
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.image->topic_count, 11);
    end(&f);
    shell(&f, "for s in *-0000000001.checkpoint; do truncate -s 100 $s; done");
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.image->topic_count, 11);
    end(&f);

    /* Leftovers of a crash. */
    shell(&f, "touch 00000000000000000999-0000000001.checkpoint.part quorum-state.tmp");
    begin(&f);
    assert_string_equal(f.fatal, "");
    end(&f);
    shell(&f, "test ! -e 00000000000000000999-0000000001.checkpoint.part -a ! -e quorum-state.tmp");

    /* A quorum-state that cannot be read is no reason to vote anew. */
    shell(&f, "cp quorum-state keep && echo '{' > quorum-state");
    begin(&f);
    assert_true(strstr(f.fatal, "quorum-state") != NULL);
    end(&f);
    shell(&f, "mv keep quorum-state");

    /* The tail of the log is torn off. */
    shell(&f, "truncate -s -10 00000000000000000000.log");
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(f.image->topic_count, 11);
    end(&f);
    fixture_deinit(&f);
}

static void a_full_disk_is_waited_for(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 7);
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    plog_env_run(&f.e);
    f.e.fail_err = ERR_NOSPACE;
    f.e.fail_countdown = 1;
    f.committed = 0;
    assert_int_equal(append_topic(&f, 1), ERR_OK);
    assert_int_equal(append_topic(&f, 2), ERR_OK);
    plog_env_run(&f.e);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.resigns, 1);
    assert_string_equal(f.fatal, "");
    assert_int_equal(append_topic(&f, 3), ERR_CLOSED);
    plog_env_advance(&f.e, 3000);
    assert_int_equal(f.leads, 2);
    assert_int_equal(quorum_epoch(f.quorum), 2);
    assert_int_equal(append_topic(&f, 3), ERR_OK);
    plog_env_run(&f.e);
    assert_int_equal(f.committed, 1);
    assert_int_equal(f.image->topic_count, 1);
    end(&f);
    begin(&f);
    assert_int_equal(f.image->topic_count, 1);
    end(&f);
    fixture_deinit(&f);
}

static void limits_of_an_append(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 8);
    format_standalone(&f);
    begin(&f);
    append_bootstrap(&f);
    plog_env_run(&f.e);
    char *large = mem_alloc(30000);
    memset(large, 'x', 30000);
    struct meta_record *records = mem_alloc(300 * sizeof *records);
    struct wire_config_record *configs = mem_zalloc(300 * sizeof *configs);
    char names[300][12];
    for (int i = 0; i < 300; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        configs[i] = (struct wire_config_record){.resource_type = 4,
                                                 .resource_name = WIRE_STRING("1"),
                                                 .name = wire_string_from(names[i]),
                                                 .value = wire_string_of(large, 30000)};
        records[i] = (struct meta_record){WIRE_METADATA_RECORD_CONFIG, 0, &configs[i]};
    }
    int64_t end_offset = quorum_end_offset(f.quorum);
    assert_int_equal(append_records(&f, records, 300), ERR_LIMIT);
    assert_int_equal(quorum_end_offset(f.quorum), end_offset);
    assert_int_equal(append_records(&f, records, 250), ERR_OK);
    records[0].version = 9;
    assert_int_equal(append_records(&f, records, 1), ERR_INVALID);
    plog_env_run(&f.e);
    assert_int_equal(quorum_end_offset(f.quorum), end_offset + 250);
    end(&f);
    begin(&f);
    assert_string_equal(f.fatal, "");
    assert_int_equal(pmap_count(f.image->configs), 250);
    end(&f);
    mem_free(large);
    mem_free(records);
    mem_free(configs);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cluster),
        cmocka_unit_test(what_is_under_way_is_lost_at_a_stop),
        cmocka_unit_test(snapshots_come_and_go),
        cmocka_unit_test(any_failure_of_the_disk),
        cmocka_unit_test(kafkas_directory_with_static_voters),
        cmocka_unit_test(kafkas_directory_with_voters_in_the_log),
        cmocka_unit_test(a_transaction_that_was_left_open),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(a_full_disk_is_waited_for),
        cmocka_unit_test(limits_of_an_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
