/* The simulated disk: what survives a power loss, and what must not be relied on. */
#include "../unit/unit.h"
#include "sim_fault.h"
#include "sim_node.h"

#include <stdio.h>
#include <string.h>

static int64_t no_clock(void *context)
{
    UNUSED(context);
    return 0;
}

struct rig {
    struct sim_world *world;
    struct sim_storage *storage;
    struct env_disk *disk;
};

static struct rig rig_new(uint64_t seed)
{
    struct rig rig;
    rig.world = sim_world_new(seed);
    sim_options_draw(&rig.world->options, &rig.world->prng);
    rig.storage = sim_storage_new(rig.world, 0, no_clock, NULL);
    rig.disk = sim_storage_disk(rig.storage);
    return rig;
}

static void rig_free(struct rig *rig)
{
    sim_storage_free(rig->storage);
    sim_world_free(rig->world);
}

static struct env_file *must_open(struct rig *rig, const char *path, unsigned flags)
{
    struct env_file *file = NULL;
    assert_int_equal(disk_open(rig->disk, path, flags, &file), ERR_OK);
    return file;
}

static void power_loss(struct rig *rig)
{
    sim_storage_process_gone(rig->storage);
    sim_storage_power_loss(rig->storage);
}

#define MAKE (DISK_READ | DISK_WRITE | DISK_CREATE)

static void test_files(void **state)
{
    UNUSED(state);
    struct rig rig = rig_new(1);
    struct env_file *file = NULL;
    uint8_t bytes[10000];
    size_t size;
    assert_int_equal(disk_open(rig.disk, "/a/b", MAKE, &file), ERR_NOTFOUND);
    assert_int_equal(disk_mkdir(rig.disk, "/a"), ERR_OK);
    assert_int_equal(disk_mkdir(rig.disk, "/a/"), ERR_EXISTS);
    assert_int_equal(disk_mkdir(rig.disk, "/"), ERR_EXISTS);
    assert_int_equal(disk_open(rig.disk, "/a/b", DISK_READ, &file), ERR_NOTFOUND);
    file = must_open(&rig, "a/.//../a/b", MAKE);
    assert_int_equal(disk_write(rig.disk, file, "hello", 5, 6000), ERR_OK);
    assert_int_equal(disk_read(rig.disk, file, bytes, sizeof bytes, 0, &size), ERR_OK);
    assert_int_equal(size, 6005);
    assert_int_equal(bytes[5999], 0);
    assert_memory_equal(bytes + 6000, "hello", 5);
    assert_int_equal(disk_truncate(rig.disk, file, 6002), ERR_OK);
    assert_int_equal(disk_truncate(rig.disk, file, 6005), ERR_OK);
    assert_int_equal(disk_read(rig.disk, file, bytes, 5, 6000, &size), ERR_OK);
    assert_memory_equal(bytes, "he\0\0\0", 5);
    struct disk_stat stat;
    assert_int_equal(disk_stat(rig.disk, "/a/b", &stat), ERR_OK);
    assert_int_equal(stat.size_bytes, 6005);
    assert_int_equal(disk_stat(rig.disk, "/a/b/c", &stat), ERR_NOTFOUND);
    assert_int_equal(disk_rmdir(rig.disk, "/a"), ERR_NOTEMPTY);
    assert_int_equal(disk_unlink(rig.disk, "/a"), ERR_IO);
    assert_int_equal(disk_rename(rig.disk, "/a/b", "/a/c"), ERR_OK);
    assert_int_equal(disk_unlink(rig.disk, "/a/b"), ERR_NOTFOUND);
    assert_int_equal(disk_unlink(rig.disk, "/a/c"), ERR_OK);
    /* An open file lives on without a name. */
    assert_int_equal(disk_read(rig.disk, file, bytes, 5, 6000, &size), ERR_OK);
    disk_close(rig.disk, file);
    assert_int_equal(disk_rmdir(rig.disk, "/a"), ERR_OK);
    rig_free(&rig);
}

static void test_locks_and_space(void **state)
{
    UNUSED(state);
    struct rig rig = rig_new(2);
    struct env_file *lock = NULL;
    struct env_file *second = NULL;
    assert_int_equal(disk_lock(rig.disk, "/.lock", &lock), ERR_OK);
    assert_int_equal(disk_lock(rig.disk, "/.lock", &second), ERR_BUSY);
    disk_close(rig.disk, lock);
    sim_storage_foreign_lock(rig.storage, "/.lock", true);
    assert_int_equal(disk_lock(rig.disk, "/.lock", &lock), ERR_BUSY);
    sim_storage_foreign_lock(rig.storage, "/.lock", false);
    assert_int_equal(disk_lock(rig.disk, "/.lock", &lock), ERR_OK);
    sim_storage_process_gone(rig.storage);
    assert_int_equal(disk_lock(rig.disk, "/.lock", &lock), ERR_OK);

    sim_storage_add_volume(rig.storage, "/small", 3 * 4096);
    struct env_file *file = must_open(&rig, "/small/f", MAKE);
    /* A hole costs nothing. */
    assert_int_equal(disk_truncate(rig.disk, file, 10485760), ERR_OK);
    struct disk_space space;
    assert_int_equal(disk_space(rig.disk, "/small", &space), ERR_OK);
    assert_int_equal(space.free_bytes, 3 * 4096);
    uint8_t bytes[4096 * 4] = {1};
    assert_int_equal(disk_write(rig.disk, file, bytes, sizeof bytes, 0), ERR_NOSPACE);
    assert_int_equal(disk_space(rig.disk, "/small", &space), ERR_OK);
    assert_int_equal(space.free_bytes, 0);
    /* What has its place may be written again; nothing new may. */
    assert_int_equal(disk_write(rig.disk, file, bytes, 4096, 0), ERR_OK);
    assert_int_equal(disk_open(rig.disk, "/small/g", MAKE, &second), ERR_NOSPACE);
    assert_int_equal(disk_rename(rig.disk, "/small/f", "/f"), ERR_IO);
    disk_close(rig.disk, file);
    assert_int_equal(disk_unlink(rig.disk, "/small/f"), ERR_OK);
    assert_int_equal(sim_storage_used_bytes(rig.storage, "/small"), 0);
    rig_free(&rig);
}

/* One sync of the volume covers contents and names in all its folders; one that fails promises
 * nothing. */
static void test_volume_sync(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rig rig = rig_new(seed);
        struct env_file *volume;
        assert_int_equal(disk_volume_open(rig.disk, "/none", &volume), ERR_NOTFOUND);
        assert_int_equal(disk_volume_open(rig.disk, "/", &volume), ERR_OK);
        assert_int_equal(disk_mkdir(rig.disk, "/d"), ERR_OK);
        struct env_file *file = must_open(&rig, "/d/f", MAKE);
        assert_int_equal(disk_write(rig.disk, file, "abc", 3, 0), ERR_OK);
        assert_int_equal(disk_volume_sync(rig.disk, volume), ERR_OK);
        disk_close(rig.disk, volume);
        power_loss(&rig);
        char found[4];
        size_t size;
        file = must_open(&rig, "/d/f", DISK_READ);
        assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
        assert_int_equal(size, 3);
        assert_memory_equal(found, "abc", 3);
        rig_free(&rig);
    }
}

/* What was synced is there after any power loss, byte for byte; the rest is any mixture. */
static void test_power_loss_content(void **state)
{
    UNUSED(state);
    unsigned kept = 0;
    unsigned lost = 0;
    unsigned torn = 0;
    unsigned garbage = 0;
    unsigned zeros = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct rig rig = rig_new(seed);
        struct env_file *file = must_open(&rig, "/f", MAKE);
        static uint8_t a[5000];
        static uint8_t b[5000];
        static uint8_t found[10000];
        memset(a, 'a', sizeof a);
        memset(b, 'b', sizeof b);
        assert_int_equal(disk_write(rig.disk, file, a, sizeof a, 0), ERR_OK);
        assert_int_equal(disk_sync(rig.disk, file), ERR_OK);
        assert_int_equal(disk_sync_folder(rig.disk, "/"), ERR_OK);
        assert_int_equal(disk_write(rig.disk, file, b, sizeof b, sizeof a), ERR_OK);
        power_loss(&rig);
        file = must_open(&rig, "/f", DISK_READ);
        size_t size;
        assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
        assert_true(size >= sizeof a);
        assert_memory_equal(found, a, sizeof a);
        size_t n_b = 0;
        size_t n_0 = 0;
        for (size_t i = sizeof a; i < size; i++) {
            n_b += found[i] == 'b';
            n_0 += found[i] == 0;
        }
        if (n_b == sizeof b)
            kept++;
        else if (size == sizeof a)
            lost++;
        else if (n_0 == sizeof b)
            zeros++;
        else if (n_b + n_0 == size - sizeof a)
            torn++;
        else
            garbage++;
        rig_free(&rig);
    }
    assert_true(kept > 10 && lost > 10 && torn > 10 && zeros > 10 && garbage > 10);
}

/* Overlapping writes and truncations, syncs anywhere between: the model is the last synced state.
 */
static void test_power_loss_many_writes(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rig rig = rig_new(seed);
        struct prng prng;
        sim_prng_init(rig.world, &prng, "test", 0);
        struct env_file *file = must_open(&rig, "/f", MAKE);
        assert_int_equal(disk_sync_folder(rig.disk, "/"), ERR_OK);
        static uint8_t model[40000];
        size_t model_size = 0;
        for (int step = 0; step < 40; step++) {
            uint64_t position = prng_below(&prng, 20000);
            uint8_t data[9000];
            size_t size = (size_t)prng_below(&prng, sizeof data);
            memset(data, (int)prng_below(&prng, 256), sizeof data);
            if (prng_chance(&prng, 1, 4)) {
                assert_int_equal(disk_truncate(rig.disk, file, position), ERR_OK);
                if (position > model_size)
                    memset(model + model_size, 0, position - model_size);
                model_size = position;
                continue;
            }
            assert_int_equal(disk_write(rig.disk, file, data, size, position), ERR_OK);
            if (size > 0 && position > model_size)
                memset(model + model_size, 0, position - model_size);
            memcpy(model + position, data, size);
            if (size > 0 && position + size > model_size)
                model_size = position + size;
        }
        static uint8_t found[40000];
        size_t size;
        assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
        assert_int_equal(size, model_size);
        assert_memory_equal(found, model, size);
        assert_int_equal(disk_sync(rig.disk, file), ERR_OK);
        power_loss(&rig);
        file = must_open(&rig, "/f", DISK_READ);
        assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
        assert_int_equal(size, model_size);
        assert_memory_equal(found, model, size);
        rig_free(&rig);
    }
}

/* Replacing a file: new content under a second name, synced, renamed, the folder synced. `omit`
 * leaves one step out (1: the sync of the file, 2: that of the folder). Returns whether the new
 * content is there after a power loss. */
static bool replace_survives(uint64_t seed, int omit)
{
    struct rig rig = rig_new(seed);
    struct env_file *file = must_open(&rig, "/cp", MAKE);
    bool good = disk_write(rig.disk, file, "old-old-old", 11, 0) == ERR_OK &&
                disk_sync(rig.disk, file) == ERR_OK && disk_sync_folder(rig.disk, "/") == ERR_OK;
    disk_close(rig.disk, file);
    assert_true(good);
    file = must_open(&rig, "/cp.tmp", MAKE | DISK_TRUNCATE);
    good = disk_write(rig.disk, file, "new-new-new", 11, 0) == ERR_OK &&
           (omit == 1 || disk_sync(rig.disk, file) == ERR_OK);
    disk_close(rig.disk, file);
    good = good && disk_rename(rig.disk, "/cp.tmp", "/cp") == ERR_OK &&
           (omit == 2 || disk_sync_folder(rig.disk, "/") == ERR_OK);
    assert_true(good);
    power_loss(&rig);
    file = NULL;
    char found[32] = {0};
    size_t size = 0;
    if (disk_open(rig.disk, "/cp", DISK_READ, &file) == ERR_OK)
        assert_int_equal(disk_read(rig.disk, file, found, 31, 0, &size), ERR_OK);
    bool is_new = strcmp(found, "new-new-new") == 0;
    if (omit == 2)
        assert_true(is_new || strcmp(found, "old-old-old") == 0); /* never both lost */
    disk_close(rig.disk, file);
    rig_free(&rig);
    return is_new;
}

static void test_replace(void **state)
{
    UNUSED(state);
    unsigned caught[3] = {0};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        for (int omit = 0; omit < 3; omit++)
            caught[omit] += !replace_survives(seed, omit);
    }
    assert_int_equal(caught[0], 0);
    assert_true(caught[1] > 20);
    assert_true(caught[2] > 20);
}

/* A synced file whose name was not is not there. */
static void test_new_name_needs_folder_sync(void **state)
{
    UNUSED(state);
    unsigned lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct rig rig = rig_new(seed);
        struct env_file *file = must_open(&rig, "/f", MAKE);
        assert_int_equal(disk_write(rig.disk, file, "x", 1, 0), ERR_OK);
        assert_int_equal(disk_sync(rig.disk, file), ERR_OK);
        power_loss(&rig);
        file = NULL;
        lost += disk_open(rig.disk, "/f", DISK_READ, &file) == ERR_NOTFOUND;
        rig_free(&rig);
    }
    assert_true(lost > 20 && lost < 95);
}

/* After a killed process all is there; the writeback makes it last without a sync. */
static void test_kill_and_writeback(void **state)
{
    UNUSED(state);
    struct rig rig = rig_new(7);
    struct env_file *file = must_open(&rig, "/f", MAKE);
    assert_int_equal(disk_write(rig.disk, file, "x", 1, 0), ERR_OK);
    sim_storage_process_gone(rig.storage);
    file = must_open(&rig, "/f", DISK_READ);
    uint64_t size = 0;
    assert_int_equal(disk_size(rig.disk, file, &size), ERR_OK);
    assert_int_equal(size, 1);
    assert_int_equal(sim_storage_pending_writes(rig.storage), 1);
    assert_int_equal(sim_storage_pending_names(rig.storage), 1);
    sim_world_run_for(rig.world, 200 * SIM_S);
    assert_int_equal(sim_storage_pending_writes(rig.storage), 0);
    assert_int_equal(sim_storage_pending_names(rig.storage), 0);
    power_loss(&rig);
    file = must_open(&rig, "/f", DISK_READ);
    assert_int_equal(disk_size(rig.disk, file, &size), ERR_OK);
    assert_int_equal(size, 1);
    rig_free(&rig);
}

static void test_failed_sync_drops(void **state)
{
    UNUSED(state);
    unsigned dropped = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct rig rig = rig_new(seed);
        struct env_file *file = must_open(&rig, "/f", MAKE);
        assert_int_equal(disk_sync_folder(rig.disk, "/"), ERR_OK);
        assert_int_equal(disk_write(rig.disk, file, "x", 1, 0), ERR_OK);
        sim_storage_plan(rig.storage, &(struct sim_fault){.kind = SIM_FAULT_ERROR,
                                                          .err = ERR_IO,
                                                          .ops = 1u << SIM_OP_SYNC,
                                                          .countdown = 1});
        assert_int_equal(disk_sync(rig.disk, file), ERR_IO);
        assert_true(sim_storage_plan_hit(rig.storage));
        assert_int_equal(disk_sync(rig.disk, file), ERR_OK); /* a lie, as on a real machine */
        power_loss(&rig);
        file = must_open(&rig, "/f", DISK_READ);
        uint64_t size = 0;
        assert_int_equal(disk_size(rig.disk, file, &size), ERR_OK);
        dropped += size == 0;
        rig_free(&rig);
    }
    assert_true(dropped > 10 && dropped < 90);
}

static void test_rot(void **state)
{
    UNUSED(state);
    struct rig rig = rig_new(3);
    struct env_file *file = must_open(&rig, "/f", MAKE);
    uint8_t bytes[2048];
    uint8_t found[2048];
    size_t size;
    memset(bytes, 7, sizeof bytes);
    assert_int_equal(disk_write(rig.disk, file, bytes, sizeof bytes, 0), ERR_OK);
    assert_true(sim_storage_rot(rig.storage, "/f", 600));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
        assert_memory_equal(found, bytes, 512);
        assert_memory_not_equal(found + 512, bytes + 512, 512);
        assert_memory_equal(found + 1024, bytes + 1024, 1024);
    }
    assert_int_equal(
        sim_storage_truth_read(rig.storage, "/f", false, found, sizeof found, 0, &size), ERR_OK);
    assert_memory_equal(found, bytes, sizeof bytes);
    assert_int_equal(disk_write(rig.disk, file, bytes, 512, 512), ERR_OK);
    assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
    assert_memory_equal(found, bytes, sizeof bytes);
    char *path = sim_storage_rot_some(rig.storage, "/", NULL);
    assert_non_null(path);
    sim_free(path);
    sim_storage_heal(rig.storage);
    assert_int_equal(disk_read(rig.disk, file, found, sizeof found, 0, &size), ERR_OK);
    assert_memory_equal(found, bytes, sizeof bytes);
    rig_free(&rig);
}

/* ---- A loop over all faults of a protocol ---- */

/* Writes "new" over "old" with each step checked; after the fault the file is one of the two. */
static bool replace_with_fault(void *context, const struct sim_fault *fault)
{
    unsigned *news = context;
    struct rig rig = rig_new(11);
    struct env_file *file = must_open(&rig, "/cp", MAKE);
    assert_int_equal(disk_write(rig.disk, file, "old", 3, 0), ERR_OK);
    assert_int_equal(disk_sync(rig.disk, file), ERR_OK);
    assert_int_equal(disk_sync_folder(rig.disk, "/"), ERR_OK);
    disk_close(rig.disk, file);
    sim_storage_plan(rig.storage, fault);

    file = NULL;
    enum err err = disk_open(rig.disk, "/cp.tmp", MAKE | DISK_TRUNCATE, &file);
    if (err == ERR_OK)
        err = disk_write(rig.disk, file, "new", 3, 0);
    if (err == ERR_OK)
        err = disk_sync(rig.disk, file);
    disk_close(rig.disk, file);
    if (err == ERR_OK)
        err = disk_rename(rig.disk, "/cp.tmp", "/cp");
    if (err == ERR_OK)
        err = disk_sync_folder(rig.disk, "/");
    bool hit = sim_storage_plan_hit(rig.storage);
    assert_true(hit == (err != ERR_OK));
    sim_storage_plan_clear(rig.storage);
    power_loss(&rig);

    file = must_open(&rig, "/cp", DISK_READ);
    char found[8] = {0};
    size_t size;
    assert_int_equal(disk_read(rig.disk, file, found, 7, 0, &size), ERR_OK);
    assert_true(strcmp(found, "new") == 0 || (hit && strcmp(found, "old") == 0));
    *news += strcmp(found, "new") == 0;
    rig_free(&rig);
    return hit;
}

static void test_for_each_fault(void **state)
{
    UNUSED(state);
    static const enum sim_fault_kind kinds[] = {SIM_FAULT_ERROR, SIM_FAULT_KILL, SIM_FAULT_POWER};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        unsigned news = 0;
        struct sim_fault fault = {.kind = kinds[i], .err = ERR_IO, .ops = SIM_OPS_ALL};
        assert_int_equal(sim_for_each_fault(&fault, replace_with_fault, &news), 5);
        assert_true(news >= 1);
    }
}

static bool list_one(void *context, const char *name, enum disk_kind kind)
{
    char *names = context;
    assert_int_equal(kind, DISK_KIND_FILE);
    (void)strcat(names, name);
    return true;
}

static void test_list_order_is_the_seeds(void **state)
{
    UNUSED(state);
    bool orders = false;
    char first[32] = {0};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rig rig = rig_new(seed);
        for (char c = 'a'; c <= 'h'; c++) {
            char path[3] = {'/', c, 0};
            disk_close(rig.disk, must_open(&rig, path, MAKE));
        }
        char names[32] = {0};
        assert_int_equal(disk_list(rig.disk, "/", list_one, names), ERR_OK);
        assert_int_equal(strlen(names), 8);
        if (seed == 1)
            (void)strcpy(first, names);
        orders |= strcmp(first, names) != 0;
        rig_free(&rig);
    }
    assert_true(orders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_locks_and_space),
        cmocka_unit_test(test_volume_sync),
        cmocka_unit_test(test_power_loss_content),
        cmocka_unit_test(test_power_loss_many_writes),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_new_name_needs_folder_sync),
        cmocka_unit_test(test_kill_and_writeback),
        cmocka_unit_test(test_failed_sync_drops),
        cmocka_unit_test(test_rot),
        cmocka_unit_test(test_for_each_fault),
        cmocka_unit_test(test_list_order_is_the_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
