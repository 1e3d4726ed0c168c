/* Files on the shard: whole writes or errors, reads that never wait. */
#include "os_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statfs.h>

static const char *folder;
static struct env *env;
static struct env_file *file;
static char path[256];

static int set_up(void **state)
{
    UNUSED(state);
    folder = test_folder_make();
    test_begin(1, 0);
    env = os_env(test_os, 0);
    snprintf(path, sizeof path, "%s/f", folder);
    assert_int_equal(disk_open(os_disk(), path, DISK_READ | DISK_WRITE | DISK_CREATE, &file),
                     ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    UNUSED(state);
    disk_close(os_disk(), file);
    test_end();
    test_folder_remove(folder);
    return 0;
}

static void assert_content(const char *expected, size_t size, uint64_t position)
{
    char bytes[64];
    size_t got;
    assert_true(size <= sizeof bytes);
    assert_int_equal(disk_read(os_disk(), file, bytes, size, position, &got), ERR_OK);
    assert_int_equal(got, size);
    assert_memory_equal(bytes, expected, size);
}

static void test_write(void **state)
{
    UNUSED(state);
    struct env_iov iov[] = {{.base = (char[]){"ab"}, .size = 2},
                            {.base = NULL, .size = 0},
                            {.base = (char[]){"cde"}, .size = 3},
                            {.base = NULL, .size = 0}};
    assert_int_equal(env_file_write(env, file, iov, 4, 3), ERR_OK);
    assert_content("\0\0\0abcde", 8, 0);
    assert_int_equal(env_file_write(env, file, iov, 0, 3), ERR_OK);
    assert_int_equal(env_file_write(env, file, iov + 1, 1, 3), ERR_OK);
}

/* More pieces than the system takes at once. */
static void test_write_many_pieces(void **state)
{
    UNUSED(state);
    enum { PIECES = 5000 };
    static char bytes[PIECES * 2];
    static struct env_iov iov[PIECES];
    for (int i = 0; i < PIECES; i++) {
        bytes[2 * i] = (char)i;
        bytes[2 * i + 1] = (char)(i >> 8);
        iov[i] = (struct env_iov){.base = bytes + 2 * i, .size = 2};
    }
    assert_int_equal(env_file_write(env, file, iov, PIECES, 0), ERR_OK);
    static char back[PIECES * 2 + 1];
    size_t got;
    assert_int_equal(disk_read(os_disk(), file, back, sizeof back, 0, &got), ERR_OK);
    assert_int_equal(got, sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
}

/* The system writes a part and says so; the next try says why. */
static void test_short_write(void **state)
{
    UNUSED(state);
    static char bytes[3000];
    struct rlimit before;
    struct env_iov iov[] = {{.base = bytes, .size = 1000},
                            {.base = bytes + 1000, .size = 500},
                            {.base = bytes + 1500, .size = 1500}};
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t limit = 100; limit < sizeof bytes; limit += 700) {
        struct rlimit small = {.rlim_cur = limit, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_int_equal(env_file_write(env, file, iov, 3, 0), ERR_NOSPACE);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(env_file_write(env, file, iov, 3, 0), ERR_OK);
    struct env_file *full;
    if (disk_open(os_disk(), "/dev/full", DISK_WRITE, &full) == ERR_OK) {
        assert_int_equal(env_file_write(env, full, iov, 3, 0), ERR_NOSPACE);
        disk_close(os_disk(), full);
    }
}

static void test_write_error(void **state)
{
    UNUSED(state);
    struct env_file *reader;
    struct env_iov iov = {.base = (char[]){"x"}, .size = 1};
    assert_int_equal(disk_open(os_disk(), path, DISK_READ, &reader), ERR_OK);
    assert_int_equal(env_file_write(env, reader, &iov, 1, 0), ERR_IO);
    disk_close(os_disk(), reader);
}

/* What was just written is in memory: read at once, or refused by this filesystem each time. */
static void test_read(void **state)
{
    UNUSED(state);
    char bytes[16];
    size_t size;
    struct env_iov iov = {.base = (char[]){"abcdef"}, .size = 6};
    assert_int_equal(env_file_write(env, file, &iov, 1, 0), ERR_OK);
    enum err err = env_file_read(env, file, bytes, sizeof bytes, 2, &size);
    print_message("reads of what is in memory in %s: %s\n", folder, err_text(err));
    if (err == ERR_AGAIN) {
        assert_int_equal(env_file_read(env, file, bytes, sizeof bytes, 2, &size), ERR_AGAIN);
        assert_int_equal(env_file_read(env, file, bytes, sizeof bytes, 6, &size), ERR_AGAIN);
        return;
    }
    assert_int_equal(err, ERR_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(bytes, "cdef", 4);
    assert_int_equal(env_file_read(env, file, bytes, sizeof bytes, 6, &size), ERR_OK);
    assert_int_equal(size, 0);
    assert_int_equal(env_file_read(env, file, bytes, sizeof bytes, 600, &size), ERR_OK);
    assert_int_equal(size, 0);
}

/* tmpfs has no disk to wait for. */
static void test_read_in_memory(void **state)
{
    UNUSED(state);
    struct statfs about;
    if (statfs("/dev/shm", &about) != 0 || about.f_type != TMPFS_MAGIC)
        skip();
    char name[] = "/dev/shm/ottla-unit-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        skip();
    struct env_file *shm;
    char bytes[16];
    size_t size;
    assert_int_equal(write(fd, "abcdef", 6), 6);
    assert_int_equal(disk_open(os_disk(), name, DISK_READ, &shm), ERR_OK);
    assert_int_equal(env_file_read(env, shm, bytes, sizeof bytes, 1, &size), ERR_OK);
    assert_int_equal(size, 5);
    disk_close(os_disk(), shm);
    close(fd);
    unlink(name);
}

/* What is not in memory is not waited for. */
static void test_read_not_in_memory(void **state)
{
    UNUSED(state);
    enum { SIZE = 8 << 20 };
    static char bytes[SIZE];
    size_t size;
    struct env_iov iov = {.base = bytes, .size = SIZE};
    assert_int_equal(env_file_write(env, file, &iov, 1, 0), ERR_OK);
    assert_int_equal(disk_sync(os_disk(), file), ERR_OK);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(posix_fadvise(fd, 0, SIZE, POSIX_FADV_DONTNEED), 0);
    close(fd);
    enum err err = env_file_read(env, file, bytes, SIZE, 0, &size);
    print_message("reads of what is not in memory in %s: %s, %zu bytes\n", folder, err_text(err),
                  size);
    assert_true(err == ERR_AGAIN || err == ERR_OK);
    assert_true(err == ERR_AGAIN ? size == 0 : size > 0);
    /* After the job it is there, unless this filesystem refuses for good. */
    size_t got;
    assert_int_equal(disk_read(os_disk(), file, bytes, SIZE, 0, &got), ERR_OK);
    assert_int_equal(got, SIZE);
    err = env_file_read(env, file, bytes, SIZE, 0, &size);
    assert_true(err == ERR_AGAIN || size > 0);
}

static void test_read_error(void **state)
{
    UNUSED(state);
    struct env_file *writer;
    char byte;
    size_t size;
    assert_int_equal(disk_open(os_disk(), path, DISK_WRITE, &writer), ERR_OK);
    assert_int_equal(env_file_read(env, writer, &byte, 1, 0, &size), ERR_IO);
    disk_close(os_disk(), writer);
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_many_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_not_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
