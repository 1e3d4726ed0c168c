/* A node's shards and disk threads: making, running, stopping. */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define DISK_THREADS_DEFAULT 2
/* Each may hang for as long as a name server does not answer. */
#define RESOLVE_THREADS 2
/* As much as shard 0 has by default would do no harm (address space); this is plenty. */
#define SHARD_STACK_BYTES ((size_t)4 << 20)
/* For the compiler's eyes; the system takes 15 characters, which our limits keep to. */
#define THREAD_NAME_BYTES 32
STATIC_ASSERT(OS_SHARDS_MAX < 10000 && OS_DEVICES_MAX <= 10000, "thread names have room for them");

static uint32_t pools_count(const struct os *os)
{
    return os->device_count + 1;
}

static void malloc_tune(uint32_t shard_count)
{
    /* An arena for each shard, that they do not wait for each other, and one for the disk threads.
     */
    mallopt(M_ARENA_MAX, (int)shard_count + 1);
    /* Large blocks are their own mappings and go back to the system when freed; set, these no
     * longer grow with what was freed before. */
    mallopt(M_MMAP_THRESHOLD, 512 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

static void pools_make(struct os *os, const struct os_options *options)
{
    uint32_t per_device = options->disk_threads_per_device;
    uint32_t common = options->disk_threads_common;
    char name[THREAD_NAME_BYTES];

    os->pools = mem_zalloc(pools_count(os) * sizeof os->pools[0]);
    for (uint32_t i = 0; i < os->device_count; i++) {
        snprintf(name, sizeof name, "ottla-disk-%u", i);
        os->pools[i] = os_pool_new(os, name, per_device > 0 ? per_device : DISK_THREADS_DEFAULT);
    }
    os->pools[os->device_count] =
        os_pool_new(os, "ottla-disk", common > 0 ? common : DISK_THREADS_DEFAULT);
    os->resolve_pool = os_pool_new(os, "ottla-resolve", RESOLVE_THREADS);
}

struct os *os_new(const struct os_options *options)
{
    ASSERT(options->shard_count >= 1 && options->shard_count <= OS_SHARDS_MAX);
    ASSERT(options->device_count <= OS_DEVICES_MAX);
    ASSERT(options->disk_threads_per_device <= OS_DISK_THREADS_MAX);
    ASSERT(options->disk_threads_common <= OS_DISK_THREADS_MAX);

    os_signals_ignore();
    malloc_tune(options->shard_count);

    struct os *os = mem_zalloc(sizeof *os);
    os->shard_count = options->shard_count;
    os->device_count = options->device_count;
    atomic_init(&os->stopping, false);
    atomic_init(&os->signals, 0);
    pools_make(os, options);
    os->shards = mem_zalloc(os->shard_count * sizeof os->shards[0]);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < os->shard_count; i++) {
        enum err shard_err = os_shard_init(&os->shards[i], os, i, os->shard_count);
        err = err != ERR_OK ? err : shard_err;
    }
    if (err != ERR_OK) {
        LOG_ERROR("%u event loops cannot be made: raise the limit of open files (ulimit -n)",
                  os->shard_count);
        os_free(os);
        return NULL;
    }
    return os;
}

struct env *os_env(struct os *os, uint32_t shard)
{
    ASSERT(shard < os->shard_count);
    return &os->shards[shard].env;
}

void os_stop(struct os *os)
{
    atomic_store(&os->stopping, true);
    for (uint32_t i = 0; i < os->shard_count; i++)
        os_shard_wake(&os->shards[i]);
}

static void *shard_main(void *argument)
{
    os_shard_loop(argument);
    return NULL;
}

enum err os_run(struct os *os)
{
    ASSERT(!os->running);
    os->running = true;
    enum err err = ERR_OK;
    uint32_t started_count = 1; /* shard 0 needs no thread */
    for (; started_count < os->shard_count; started_count++) {
        struct os_shard *shard = &os->shards[started_count];
        char name[THREAD_NAME_BYTES];
        snprintf(name, sizeof name, "ottla-%u", started_count);
        int code = os_thread_start(&shard->thread, SHARD_STACK_BYTES, shard_main, shard, name);
        if (code == 0)
            continue;
        LOG_ERROR("thread %u of %u cannot be started: %s", started_count + 1, os->shard_count,
                  os_err_sentence(code));
        err = ERR_LIMIT;
        os_stop(os);
        break;
    }
    os_shard_loop(&os->shards[0]);
    for (uint32_t i = 1; i < started_count; i++)
        pthread_join(os->shards[i].thread, NULL);
    for (uint32_t i = 0; i < pools_count(os); i++)
        os_pool_stop(os->pools[i]);
    os_pool_stop(os->resolve_pool);
    os->running = false;
    return err;
}

void os_free(struct os *os)
{
    if (os == NULL)
        return;
    ASSERT(!os->running);
    os_signals_detach(os);
    os_http_stop(os);
    for (uint32_t i = 0; i < pools_count(os); i++) {
        os_pool_stop(os->pools[i]);
        os_pool_free(os->pools[i]);
    }
    os_pool_stop(os->resolve_pool);
    os_pool_free(os->resolve_pool);
    for (uint32_t i = 0; i < os->shard_count; i++)
        os_shard_deinit(&os->shards[i]);
    os_http_free(os);
    mem_free(os->pools);
    mem_free(os->shards);
    mem_free(os);
}
