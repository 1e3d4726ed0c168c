/* Blocking files: what each call does, and how the system's errors come out. */
#include "os_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *folder;

static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    UNUSED(state);
    folder = test_folder_make();
    return 0;
}

static int tear_down(void **state)
{
    UNUSED(state);
    test_folder_remove(folder);
    return 0;
}

static struct env_file *must_open(const char *name, unsigned flags)
{
    struct env_file *file;
    assert_int_equal(disk_open(os_disk(), in_folder(name), flags, &file), ERR_OK);
    return file;
}

static void test_open_flags(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct env_file *file;
    uint64_t size;
    assert_int_equal(disk_open(disk, in_folder("a"), DISK_READ, &file), ERR_NOTFOUND);
    assert_null(file);
    assert_int_equal(disk_open(disk, in_folder("no/a"), DISK_WRITE | DISK_CREATE, &file),
                     ERR_NOTFOUND);
    file = must_open("a", DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE);
    assert_int_equal(disk_write(disk, file, "hello", 5, 0), ERR_OK);
    disk_close(disk, file);
    assert_int_equal(
        disk_open(disk, in_folder("a"), DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE, &file),
        ERR_EXISTS);
    assert_int_equal(disk_open(disk, in_folder("a/b"), DISK_READ, &file), ERR_NOTFOUND);
    assert_int_equal(disk_open(disk, folder, DISK_WRITE, &file), ERR_IO);
    file = must_open("a", DISK_READ | DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_size(disk, file, &size), ERR_OK);
    assert_int_equal(size, 5);
    disk_close(disk, file);
    file = must_open("a", DISK_WRITE | DISK_TRUNCATE);
    assert_int_equal(disk_size(disk, file, &size), ERR_OK);
    assert_int_equal(size, 0);
    disk_close(disk, file);
    disk_close(disk, NULL);
}

static void test_read_write(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct env_file *file = must_open("rw", DISK_READ | DISK_WRITE | DISK_CREATE);
    char bytes[32];
    size_t size;
    uint64_t file_size;
    assert_int_equal(disk_write(disk, file, "abcdef", 6, 10), ERR_OK);
    assert_int_equal(disk_read(disk, file, bytes, sizeof bytes, 8, &size), ERR_OK);
    assert_int_equal(size, 8);
    assert_memory_equal(bytes, "\0\0abcdef", 8);
    assert_int_equal(disk_read(disk, file, bytes, 3, 12, &size), ERR_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "cde", 3);
    assert_int_equal(disk_read(disk, file, bytes, sizeof bytes, 16, &size), ERR_OK);
    assert_int_equal(size, 0);
    assert_int_equal(disk_read(disk, file, bytes, sizeof bytes, 1000, &size), ERR_OK);
    assert_int_equal(size, 0);
    assert_int_equal(disk_write(disk, file, "", 0, 0), ERR_OK);
    assert_int_equal(disk_truncate(disk, file, 12), ERR_OK);
    assert_int_equal(disk_truncate(disk, file, 1 << 20), ERR_OK);
    assert_int_equal(disk_size(disk, file, &file_size), ERR_OK);
    assert_int_equal(file_size, 1 << 20);
    assert_int_equal(disk_read(disk, file, bytes, 4, 10, &size), ERR_OK);
    assert_memory_equal(bytes, "ab\0\0", 4);
    assert_int_equal(disk_sync(disk, file), ERR_OK);
    disk_close(disk, file);
}

static void test_wrong_mode(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    char byte;
    size_t size;
    struct env_file *file = must_open("m", DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_read(disk, file, &byte, 1, 0, &size), ERR_IO);
    disk_close(disk, file);
    file = must_open("m", DISK_READ);
    assert_int_equal(disk_write(disk, file, &byte, 1, 0), ERR_IO);
    disk_close(disk, file);
}

static void test_names(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct disk_stat about;
    assert_int_equal(disk_mkdir(disk, in_folder("d")), ERR_OK);
    assert_int_equal(disk_mkdir(disk, in_folder("d")), ERR_EXISTS);
    assert_int_equal(disk_mkdir(disk, in_folder("x/y")), ERR_NOTFOUND);
    disk_close(disk, must_open("d/f", DISK_WRITE | DISK_CREATE));
    assert_int_equal(disk_rmdir(disk, in_folder("d")), ERR_NOTEMPTY);
    assert_int_equal(disk_rmdir(disk, in_folder("d/f")), ERR_IO);
    assert_int_equal(disk_rmdir(disk, in_folder("d/f/g")), ERR_NOTFOUND);
    assert_int_equal(disk_rename(disk, in_folder("d"), in_folder("d/f")), ERR_IO);
    assert_int_equal(disk_sync_folder(disk, in_folder("d/f")), ERR_IO);
    assert_int_equal(disk_unlink(disk, in_folder("d/none")), ERR_NOTFOUND);

    struct env_file *file = must_open("g", DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_write(disk, file, "g", 1, 0), ERR_OK);
    disk_close(disk, file);
    assert_int_equal(disk_rename(disk, in_folder("g"), in_folder("d/f")), ERR_OK);
    assert_int_equal(disk_stat(disk, in_folder("g"), &about), ERR_NOTFOUND);
    assert_int_equal(disk_stat(disk, in_folder("d/f"), &about), ERR_OK);
    assert_int_equal(about.kind, DISK_KIND_FILE);
    assert_int_equal(about.size_bytes, 1);
    assert_int_equal(disk_rename(disk, in_folder("g"), in_folder("h")), ERR_NOTFOUND);
    assert_int_equal(disk_rename(disk, in_folder("d"), in_folder("e")), ERR_OK);
    assert_int_equal(disk_mkdir(disk, in_folder("d")), ERR_OK);
    assert_int_equal(disk_rename(disk, in_folder("d"), in_folder("e")), ERR_NOTEMPTY);
    assert_int_equal(disk_stat(disk, in_folder("e"), &about), ERR_OK);
    assert_int_equal(about.kind, DISK_KIND_FOLDER);

    assert_int_equal(disk_sync_folder(disk, in_folder("e")), ERR_OK);
    assert_int_equal(disk_sync_folder(disk, in_folder("none")), ERR_NOTFOUND);
    struct env_file *volume;
    enum err volume_err = disk_volume_open(disk, in_folder("e"), &volume);
    if (volume_err == ERR_OK) {
        assert_int_equal(disk_volume_sync(disk, volume), ERR_OK);
        disk_close(disk, volume);
        assert_int_equal(disk_volume_open(disk, in_folder("none"), &volume), ERR_NOTFOUND);
    } else {
        assert_int_equal(volume_err, ERR_UNSUPPORTED); /* a kernel before 5.8 */
    }
    assert_int_equal(disk_unlink(disk, in_folder("e/f")), ERR_OK);
    assert_int_equal(disk_rmdir(disk, in_folder("e")), ERR_OK);
    assert_int_equal(disk_rmdir(disk, in_folder("d")), ERR_OK);
}

static int listed_files;
static int listed_folders;
static int listed_others;
static int list_limit;

static bool list_one(void *context, const char *name, enum disk_kind kind)
{
    assert_ptr_equal(context, &list_limit);
    assert_string_not_equal(name, ".");
    assert_string_not_equal(name, "..");
    listed_files += kind == DISK_KIND_FILE;
    listed_folders += kind == DISK_KIND_FOLDER;
    listed_others += kind == DISK_KIND_OTHER;
    return --list_limit > 0;
}

static enum err list(const char *path, int limit)
{
    listed_files = listed_folders = listed_others = 0;
    list_limit = limit;
    return disk_list(os_disk(), path, list_one, &list_limit);
}

static void test_list(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    assert_int_equal(disk_mkdir(disk, in_folder("l")), ERR_OK);
    assert_int_equal(list(in_folder("l"), 100), ERR_OK);
    assert_int_equal(list_limit, 100);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "l/f%d", i);
        disk_close(disk, must_open(name, DISK_WRITE | DISK_CREATE));
    }
    assert_int_equal(disk_mkdir(disk, in_folder("l/d")), ERR_OK);
    assert_int_equal(mkfifo(in_folder("l/p"), 0600), 0);
    /* Links are what they lead to. */
    assert_int_equal(symlink("d", in_folder("l/to-d")), 0);
    assert_int_equal(symlink("f1", in_folder("l/to-f")), 0);
    assert_int_equal(symlink("nowhere", in_folder("l/to-nothing")), 0);
    assert_int_equal(list(in_folder("l"), 1000), ERR_OK);
    assert_int_equal(listed_files, 51);
    assert_int_equal(listed_folders, 2);
    assert_int_equal(listed_others, 2);
    assert_int_equal(list(in_folder("l"), 3), ERR_OK);
    assert_int_equal(listed_files + listed_folders + listed_others, 3);
    assert_int_equal(list(in_folder("none"), 3), ERR_NOTFOUND);
    assert_int_equal(list(in_folder("l/f1"), 3), ERR_IO);
    assert_int_equal(list(in_folder("l/f1/x"), 3), ERR_NOTFOUND);
}

static void test_times_and_space(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct disk_stat about;
    struct disk_space space;
    static const int64_t times[] = {0, 1, 999, 1000, 1700000000123, -1, -999, -1000, -1001};
    disk_close(disk, must_open("t", DISK_WRITE | DISK_CREATE));
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        assert_int_equal(disk_set_modified(disk, in_folder("t"), times[i]), ERR_OK);
        assert_int_equal(disk_stat(disk, in_folder("t"), &about), ERR_OK);
        assert_true(about.modified_ms == times[i]);
    }
    assert_int_equal(disk_set_modified(disk, in_folder("none"), 0), ERR_NOTFOUND);
    assert_int_equal(disk_space(disk, folder, &space), ERR_OK);
    assert_true(space.total_bytes > 0 && space.free_bytes <= space.total_bytes);
    assert_int_equal(disk_space(disk, in_folder("none"), &space), ERR_NOTFOUND);
}

/* A disk that is full, and one where writing ends in the middle. */
static void test_no_space(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct env_file *file;
    if (disk_open(disk, "/dev/full", DISK_WRITE, &file) == ERR_OK) {
        assert_int_equal(disk_write(disk, file, "x", 1, 0), ERR_NOSPACE);
        disk_close(disk, file);
    }
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN); /* as os_new does */
    struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char bytes[600] = {0};
    file = must_open("small", DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_write(disk, file, bytes, sizeof bytes, 0), ERR_OK);
    assert_int_equal(disk_write(disk, file, bytes, sizeof bytes, sizeof bytes), ERR_NOSPACE);
    assert_int_equal(disk_truncate(disk, file, 2000), ERR_NOSPACE);
    disk_close(disk, file);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

/* In a process of its own, since nothing is denied to the superuser, who may run this. */
static void test_denied(void **state)
{
    UNUSED(state);
    assert_int_equal(disk_mkdir(os_disk(), in_folder("closed")), ERR_OK);
    assert_int_equal(chmod(in_folder("closed"), 0), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct env_file *file;
        bool ok = geteuid() != 0 || setuid(65534) == 0;
        ok = ok && disk_open(os_disk(), in_folder("closed/f"), DISK_READ, &file) == ERR_DENIED;
        ok = ok && disk_mkdir(os_disk(), in_folder("closed/d")) == ERR_DENIED;
        ok = ok && disk_lock(os_disk(), in_folder("closed/l"), &file) == ERR_DENIED;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(disk_rmdir(os_disk(), in_folder("closed")), ERR_OK);
}

/* ---- The lock */

/* As another process sees it, the way Java asks: 0 it gets the lock, 1 it does not. */
static int other_process_locks(const char *path)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _exit(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_lock(void **state)
{
    UNUSED(state);
    struct env_disk *disk = os_disk();
    struct env_file *lock;
    struct env_file *second;
    const char *path = in_folder(".lock");
    assert_int_equal(disk_lock(disk, path, &lock), ERR_OK);
    assert_int_equal(other_process_locks(path), 1);
    assert_int_equal(disk_lock(disk, path, &second), ERR_BUSY);
    assert_null(second);
    /* Nor does opening and closing it again here let it go. */
    disk_close(disk, must_open(".lock", DISK_READ));
    assert_int_equal(other_process_locks(path), 1);
    disk_close(disk, lock);
    assert_int_equal(other_process_locks(path), 0);
    assert_int_equal(disk_lock(disk, path, &lock), ERR_OK);
    disk_close(disk, lock);
    assert_int_equal(disk_lock(disk, in_folder("none/.lock"), &lock), ERR_NOTFOUND);
}

/* Another process has it, as Java takes it. */
static void test_lock_of_other_process(void **state)
{
    UNUSED(state);
    int go[2];
    int ready[2];
    char byte = 0;
    const char *path = in_folder(".lock2");
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        bool ok = fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], &byte, 1) == 1 &&
                  read(go[0], &byte, 1) == 1;
        _exit(ok ? 0 : 1);
    }
    struct env_file *lock;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(disk_lock(os_disk(), path, &lock), ERR_BUSY);
    assert_int_equal(write(go[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(disk_lock(os_disk(), path, &lock), ERR_OK);
    disk_close(os_disk(), lock);
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(ready[i]);
    }
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_flags), cmocka_unit_test(test_read_write),
        cmocka_unit_test(test_wrong_mode), cmocka_unit_test(test_names),
        cmocka_unit_test(test_list),       cmocka_unit_test(test_times_and_space),
        cmocka_unit_test(test_no_space),   cmocka_unit_test(test_denied),
        cmocka_unit_test(test_lock),       cmocka_unit_test(test_lock_of_other_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
