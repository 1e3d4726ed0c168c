#ifndef OS_OS_INT_H
#define OS_OS_INT_H
/* What the files of os/ share. */
#include "os/mailbox_int.h"

#include "os/os.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- Errors of the system */

enum err os_err(int code);
/* Its sentence, from any thread. */
const char *os_err_sentence(int code);
/* A line about a failed file operation, one each second at most; `path` or else `fd` says which. */
void os_disk_complain(const char *what, const char *path, int fd, int code);

/* ---- Shards (loop.c) */

struct os_shard;

/* What epoll hands back to us. Embedded in what it watches. */
struct os_watch {
    void (*ready)(struct os_shard *shard, struct os_watch *watch, uint32_t epoll_events);
};

struct os_shard {
    struct env env;
    struct os *os;
    int epoll_fd;
    int wake_fd;      /* eventfd; edge-triggered, so it is never read */
    uint64_t turn_ns; /* when this turn began */
    uint64_t now_ns;  /* turn_ns or later */
    struct heap timers;
    struct list streams;   /* all that are open, lingering ones included */
    struct list changed;   /* streams whose interest is to be looked at before the next wait */
    struct list ready;     /* streams without a socket that have something to tell */
    struct list closed;    /* streams to free at the end of the turn */
    struct list lingering; /* oldest first */
    size_t lingering_count;
    struct env_timer linger_timer;
    struct list listeners;        /* shard 0's */
    struct list listeners_closed; /* to free at the end of the turn */
    pthread_t thread;
    char pad_before[64]; /* others write the mailboxes: keep them off the lines above */
    struct mailbox messages;
    char pad_between[64];
    struct mailbox completions;
    char pad_after[64];
};

enum err os_shard_init(struct os_shard *shard, struct os *os, uint32_t index, uint32_t count);
void os_shard_deinit(struct os_shard *shard);
void os_shard_loop(struct os_shard *shard);
void os_shard_wake(struct os_shard *shard);
/* Calls on an env come from its shard's thread. */
void os_shard_check(const struct os_shard *shard);

static inline struct os_shard *os_shard_of(struct env *env)
{
    return CONTAINER_OF(env, struct os_shard, env);
}

/* ---- Disk threads (jobs.c) */

struct os_pool;

struct os_pool *os_pool_new(struct os *os, const char *thread_name, uint32_t threads_max);
void os_pool_submit(struct os_pool *pool, struct env_job *job);
/* Waits for running jobs; those that wait, and those to come, are not run any more. */
void os_pool_stop(struct os_pool *pool);
/* Stopped before. */
void os_pool_free(struct os_pool *pool);

void os_env_submit(struct env *env, struct env_queue *queue, struct env_job *job);
/* Name resolution, which has threads of its own: it may hang for long. */
void os_submit_resolve(struct os_shard *shard, struct env_queue *queue, struct env_job *job);
void os_jobs_report(struct os_shard *shard);
void os_jobs_drop(struct os_shard *shard);

/* Threads of ours do not take the signals of os_on_signal. */
int os_thread_start(pthread_t *thread, size_t stack_bytes, void *(*main)(void *), void *argument,
                    const char *name);

/* ---- Addresses (address.c) */

union os_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

#define OS_ADDRESSES_MAX 16

struct os_addresses {
    size_t count;
    union os_address list[OS_ADDRESSES_MAX];
};

socklen_t os_address_size(const union os_address *address);
/* "1.2.3.4:5" or "[::1]:5"; IPv4 in IPv6 is written as IPv4. */
void os_address_text(const union os_address *address, char out[ENV_ADDRESS_BYTES]);
/* May block unless `numeric`. ERR_NOTFOUND: there is none of this name. */
enum err os_address_resolve(const char *host, uint16_t port, bool numeric, bool passive,
                            struct os_addresses *out);

/* ---- Streams (stream.c), listeners (listen.c), connecting (connect.c) */

enum os_stream_state {
    OS_STREAM_RESOLVING,  /* connect.c: a job looks the name up */
    OS_STREAM_CONNECTING, /* connect.c: the socket is on its way */
    OS_STREAM_OPEN,
    OS_STREAM_FAILED, /* never opened; no socket */
    OS_STREAM_LINGERING,
    OS_STREAM_CLOSED,
};

struct os_connect;

struct env_stream {
    struct os_watch watch;
    struct os_shard *shard;
    struct list in_streams; /* or in shard->closed */
    struct list in_changed;
    struct list in_ready; /* or in shard->lingering */
    const struct env_stream_handler *handler;
    void *context;
    int fd; /* -1: none */
    uint8_t state;
    uint8_t status; /* enum err: of a stream that FAILED */
    uint8_t wanted; /* enum env_stream_event */
    bool untold;    /* the outcome of connecting is known and not yet told */
    bool watched;   /* fd is in the epoll set */
    bool wrote;
    uint32_t polled; /* with these events */
    union os_address peer;
    char *peer_text;
    char *local_text;
    union {
        struct os_connect *connect; /* until the outcome is known */
        uint64_t linger_deadline_ns;
        struct { /* on its way from the listener's shard */
            struct env_msg msg;
            void (*accept)(struct env *env, void *context, struct env_stream *stream);
            void *context;
        } arriving;
    };
};

struct env_stream *os_stream_new(struct os_shard *shard, int fd, enum os_stream_state state);
/* Interest may have changed: looked at before the next wait. */
void os_stream_changed(struct env_stream *stream);
void os_stream_tell(struct env_stream *stream, unsigned events);
/* Connecting came out: ERR_OK opens the stream, the rest fails it. */
void os_stream_outcome(struct env_stream *stream, enum err err);
void os_stream_destroy(struct env_stream *stream);
void os_socket_tune(int fd);

void os_streams_init(struct os_shard *shard);
void os_streams_apply_changes(struct os_shard *shard);
void os_streams_tell_ready(struct os_shard *shard);
void os_streams_free_closed(struct os_shard *shard);
void os_streams_deinit(struct os_shard *shard);

void os_connect_ready(struct env_stream *stream);
/* The stream is going away before the outcome is known. */
void os_connect_abandon(struct env_stream *stream);
bool os_connect_drop_job(struct env_job *job);

bool os_listen_drop_msg(struct env_msg *msg);
void os_listeners_free_closed(struct os_shard *shard);
void os_listeners_deinit(struct os_shard *shard);

enum err os_env_connect(struct env *env, const char *host, uint16_t port, struct env_stream **out);
enum err os_env_listen(struct env *env, const struct env_listen_options *options,
                       struct env_listener **out);
uint16_t os_env_listener_port(struct env_listener *listener);
enum err os_env_listener_accepting(struct env *env, struct env_listener *listener, bool on);
void os_env_listener_close(struct env *env, struct env_listener *listener);
void os_env_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                          void *context);
void os_env_stream_want(struct env_stream *stream, unsigned events);
enum err os_env_stream_status(struct env_stream *stream);
enum err os_env_stream_read(struct env_stream *stream, void *out, size_t size, size_t *out_size);
enum err os_env_stream_write(struct env_stream *stream, const struct env_iov *iov, size_t iov_count,
                             size_t *out_size);
const char *os_env_stream_peer(struct env_stream *stream);
const char *os_env_stream_local(struct env_stream *stream);
void os_env_stream_close(struct env_stream *stream);

/* ---- Files (file.c) */

enum os_nowait {
    OS_NOWAIT_UNKNOWN,    /* asked with each read, and not refused so far */
    OS_NOWAIT_NOT_NEEDED, /* a filesystem without a disk */
    OS_NOWAIT_REFUSED,    /* a filesystem that does not know RWF_NOWAIT: all reads are for jobs */
};

struct env_file {
    int fd;
    atomic_int nowait; /* enum os_nowait */
};

enum err os_env_file_write(struct env *env, struct env_file *file, const struct env_iov *iov,
                           size_t iov_count, uint64_t position);
enum err os_env_file_read(struct env *env, struct env_file *file, void *out, size_t size,
                          uint64_t position, size_t *out_size);

/* ---- Signals (signal.c) */

void os_signals_report(struct os_shard *shard);
void os_signals_detach(struct os *os);
void os_signals_ignore(void);
/* On this thread; *before is its mask so far. */
void os_signals_block(sigset_t *before);

/* ---- The machine (system.c) */

/* By the CPU quota of a process's groups, as `groups_path` (/proc/self/cgroup) lists them, in the
 * hierarchy mounted at `root`; UINT32_MAX: there is none. */
uint32_t os_cores_by_quota(const char *groups_path, const char *root);

/* ---- The node (os.c) */

struct os {
    uint32_t shard_count;
    uint32_t device_count;
    struct os_shard *shards;
    struct os_pool **pools; /* of the devices, then the common one */
    struct os_pool *resolve_pool;
    atomic_bool stopping;
    bool running;
    atomic_uint signals; /* arrived and not yet reported, OR of enum os_signal */
    os_signal_fn *signal_fn;
    void *signal_context;
    struct os_http *http; /* NULL: none is served */
};

/* ---- HTTP (http.c) */

/* Nothing comes from it to the shards any more: they may go. Then it. */
void os_http_stop(struct os *os);
void os_http_free(struct os *os);

#endif
