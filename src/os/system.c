/* What the machine and the process are like. */
#include "os/os_int.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* ---- Cores */

static uint32_t cores_by_affinity(void)
{
    /* Machines with more processors than a cpu_set_t holds need a larger set. */
    for (int count = CPU_SETSIZE; count <= 1 << 20; count *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)count);
        size_t size = CPU_ALLOC_SIZE((size_t)count);
        if (set == NULL)
            break;
        int code = sched_getaffinity(0, size, set);
        int found = code == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (code == 0 && found > 0)
            return (uint32_t)found;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

/* One line of a file, without its newline; false when there is none. */
static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(out, (int)size, file) != NULL;
    fclose(file);
    if (got)
        out[strcspn(out, "\n")] = 0;
    return got;
}

static uint32_t cores_of_quota(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0)
        return UINT32_MAX;
    int64_t cores = (quota + period - 1) / period;
    return cores < UINT32_MAX ? (uint32_t)cores : UINT32_MAX;
}

/* cgroup v2: cpu.max is "max 100000" or "150000 100000". */
static uint32_t quota_v2(const char *folder)
{
    char path[PATH_BYTES + 64];
    char line[128];
    int64_t quota = 0;
    int64_t period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof line) ||
        sscanf(line, "%" SCNd64 " %" SCNd64, &quota, &period) != 2)
        return UINT32_MAX;
    return cores_of_quota(quota, period);
}

static uint32_t quota_v1(const char *folder)
{
    char path[PATH_BYTES + 64];
    char quota[128];
    char period[128];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(path, quota, sizeof quota))
        return UINT32_MAX;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_line(path, period, sizeof period))
        return UINT32_MAX;
    return cores_of_quota(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* The smallest quota of a group and those above it. */
static uint32_t quota_upwards(const char *root, const char *group, uint32_t (*quota)(const char *))
{
    char folder[PATH_BYTES];
    int size = snprintf(folder, sizeof folder, "%s%s", root, group);
    if (size < 0 || (size_t)size >= sizeof folder)
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    for (;;) {
        uint32_t cores = quota(folder);
        least = cores < least ? cores : least;
        char *last = strrchr(folder, '/');
        if (last == NULL || (size_t)(last - folder) < strlen(root))
            return least;
        *last = 0;
    }
}

/* Is `word` one of the words of a list with commas? */
static bool list_has(const char *list, size_t list_size, const char *word)
{
    size_t word_size = strlen(word);
    for (size_t begin = 0; begin < list_size;) {
        size_t end = begin;
        while (end < list_size && list[end] != ',')
            end++;
        if (end - begin == word_size && memcmp(list + begin, word, word_size) == 0)
            return true;
        begin = end + 1;
    }
    return false;
}

/* /proc/self/cgroup has lines "hierarchy:controllers:group"; in v2 "0::group". */
uint32_t os_cores_by_quota(const char *groups_path, const char *root)
{
    FILE *file = fopen(groups_path, "re");
    if (file == NULL)
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    char line[PATH_BYTES];
    char cpu_root[PATH_BYTES];
    snprintf(cpu_root, sizeof cpu_root, "%s/cpu", root); /* where v1 mounts this controller */
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        controllers++;
        size_t controllers_size = (size_t)(group - controllers);
        group++;
        uint32_t cores = UINT32_MAX;
        if (controllers_size == 0)
            cores = quota_upwards(root, group, quota_v2);
        else if (list_has(controllers, controllers_size, "cpu"))
            cores = quota_upwards(cpu_root, group, quota_v1);
        least = cores < least ? cores : least;
    }
    fclose(file);
    return least;
}

uint32_t os_cores(void)
{
    uint32_t cores = cores_by_affinity();
    uint32_t quota = os_cores_by_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    cores = quota < cores ? quota : cores;
    return cores > 0 ? cores : 1;
}

/* ---- The rest */

uint64_t os_descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return (uint64_t)limit.rlim_cur;
}

void os_hostname(char *out, size_t size)
{
    ASSERT(size > 0);
    char name[256];
    if (gethostname(name, sizeof name - 1) != 0)
        name[0] = 0;
    name[sizeof name - 1] = 0;
    snprintf(out, size, "%s", name[0] != 0 ? name : "localhost");
}

bool os_is_terminal(int descriptor)
{
    return isatty(descriptor) == 1;
}

uint64_t os_memory_resident_bytes(void)
{
    char line[256];
    uint64_t total_pages = 0;
    uint64_t resident_pages = 0;
    if (!read_line("/proc/self/statm", line, sizeof line) ||
        sscanf(line, "%" SCNu64 " %" SCNu64, &total_pages, &resident_pages) != 2)
        return 0;
    return resident_pages * os_page_bytes();
}

size_t os_page_bytes(void)
{
    long bytes = sysconf(_SC_PAGESIZE);
    return bytes > 0 ? (size_t)bytes : 4096;
}
