#ifndef OS_OS_H
#define OS_OS_H
/*
 * The machine as our env: event loops on epoll, one thread each, and disk threads. Linux with
 * glibc.
 *
 *     struct os *os = os_new(&(struct os_options){.shard_count = os_cores(), .device_count = 1});
 *     ... set up through os_env(os, 0..n-1), on this thread ...
 *     enum err err = os_run(os);    returns after os_stop
 *     ... tear down what was set up ...
 *     os_free(os);
 *
 * Threads: os_stop may be called from any thread. Everything else here that takes an `os` is for
 * the thread that calls os_run, before or after that call. Before os_run has begun and after it has
 * returned, that thread may call on every shard's env (env.h); in between each env belongs to its
 * shard. The other functions here may be called from any thread.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/log.h"
#include "env/disk.h"
#include "env/env.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;

#define OS_SHARDS_MAX 1024
#define OS_DEVICES_MAX 1024
#define OS_DISK_THREADS_MAX 256

struct os_options {
    uint32_t shard_count;             /* 1..OS_SHARDS_MAX */
    uint32_t device_count;            /* log directories, 0..OS_DEVICES_MAX */
    uint32_t disk_threads_per_device; /* at most this many; 0: 2; ..OS_DISK_THREADS_MAX */
    uint32_t disk_threads_common;     /* for ENV_DEVICE_NONE; likewise */
};

/*
 * Ignores SIGPIPE and SIGXFSZ, and tunes malloc for a process that is small at rest, for good. NULL
 * (and a line in the log) when the system has no descriptors left.
 */
struct os *os_new(const struct os_options *options) MUST_USE;
struct env *os_env(struct os *os, uint32_t shard);

/*
 * Shard 0 on this thread, the others on threads of their own, until os_stop. Each shard then ends
 * its turn, running disk jobs are waited for, and this returns: from there on nothing is called
 * back. Messages not delivered, jobs not run and jobs not reported by then are dropped; they are
 * their owners' again. ERR_LIMIT: the threads could not be started, nothing ran.
 */
enum err os_run(struct os *os) MUST_USE;
/* Harmless when repeated, and before os_run, which then returns at once. */
void os_stop(struct os *os);
/* Closes the streams and listeners that are still open; their pointers end here. Files are their
 * openers' to close. */
void os_free(struct os *os);

/* ---- Signals */

enum os_signal {
    OS_SIGNAL_TERMINATE = 1, /* SIGTERM */
    OS_SIGNAL_INTERRUPT = 2, /* SIGINT */
    OS_SIGNAL_HANGUP = 4,    /* SIGHUP */
};

typedef void os_signal_fn(struct env *env, void *context, enum os_signal signal);

/* At the very start of a process: signals that come before os_on_signal wait for it. */
void os_signals_hold(void);

/*
 * Call fn on shard 0 for each of these signals (OR of os_signal). The first SIGTERM or SIGINT is
 * reported; the second, of either, ends the process at once with a line and status 128 + signal,
 * even when shard 0 is stuck. One os of a process can have signals, until it is freed.
 */
void os_on_signal(struct os *os, unsigned signals, os_signal_fn *fn, void *context);

/* ---- Without loops (the command line) */

/* Blocking file operations. Never freed. */
struct env_disk *os_disk(void);
/* Cryptographically strong bytes. */
void os_random(void *out, size_t size);
uint64_t os_now_ns(void); /* the clock of env_now_ns */
int64_t os_wall_ms(void);

/* ---- Hashes, by OpenSSL */

enum os_hash { OS_HASH_SHA256, OS_HASH_SHA512 };
#define OS_HASH_BYTES_MAX 64

/* 32 and 64. */
size_t os_hash_bytes(enum os_hash hash);
/* `out` has room for os_hash_bytes. */
void os_digest(enum os_hash hash, const void *data, size_t size, uint8_t *out);
void os_hmac(enum os_hash hash, const void *key, size_t key_size, const void *data, size_t size,
             uint8_t *out);
/* PBKDF2 with HMAC of this hash (RFC 8018), as long as the hash. iterations >= 1. */
void os_pbkdf2(enum os_hash hash, const void *password, size_t password_size, const void *salt,
               size_t salt_size, uint32_t iterations, uint8_t *out);

/* ---- Log */

/*
 * Log lines go to standard error, each with one write: local time with milliseconds, level, room,
 * line; in colour on a terminal (unless NO_COLOR is set). Control characters in a line are
 * replaced, so that a peer's text cannot forge lines.
 */
void os_log_init(enum log_level level_min);

/* ---- The machine and the process */

/* How many cores we may keep busy, at least 1: the affinity mask, and the cgroup's CPU quota
 * rounded up. */
uint32_t os_cores(void);
/* Raise the limit of open descriptors as far as is allowed, and return it. */
uint64_t os_descriptors_raise(void);
/* This machine's name, cut to fit; "localhost" when it has none. */
void os_hostname(char *out, size_t size);
bool os_is_terminal(int descriptor);
/* Resident memory of this process; 0 when unknown. */
uint64_t os_memory_resident_bytes(void);
size_t os_page_bytes(void);

#endif
