/*
 * Signals. The handler notes the signal and wakes shard 0, which calls back in its next turn. A
 * second SIGTERM or SIGINT ends the process in the handler itself, so it works when shard 0 does
 * not. Threads of ours other than shard 0's block these signals.
 */
#include "os/os_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct {
    enum os_signal signal;
    int number;
    bool ends; /* the second one ends the process */
} os_signal_table[] = {
    {OS_SIGNAL_TERMINATE, SIGTERM, true},
    {OS_SIGNAL_INTERRUPT, SIGINT, true},
    {OS_SIGNAL_HANGUP, SIGHUP, false},
};

/* Whom the handler tells. */
static _Atomic(struct os *) signal_os;
static atomic_bool signal_ending;

static void signal_handle(int number)
{
    int errno_before = errno;
    struct os *os = atomic_load(&signal_os);
    for (size_t i = 0; os != NULL && i < ARRAY_COUNT(os_signal_table); i++) {
        if (os_signal_table[i].number != number)
            continue;
        if (os_signal_table[i].ends && atomic_exchange(&signal_ending, true)) {
            static const char line[] = "a second signal: the process ends at once\n";
            ssize_t done = write(STDERR_FILENO, line, sizeof line - 1);
            UNUSED(done);
            _exit(128 + number);
        }
        atomic_fetch_or(&os->signals, (unsigned)os_signal_table[i].signal);
        os_shard_wake(&os->shards[0]);
    }
    errno = errno_before;
}

static void signals_ours(sigset_t *out)
{
    sigemptyset(out);
    for (size_t i = 0; i < ARRAY_COUNT(os_signal_table); i++)
        sigaddset(out, os_signal_table[i].number);
}

void os_on_signal(struct os *os, unsigned signals, os_signal_fn *fn, void *context)
{
    ASSERT(fn != NULL);
    ASSERT(atomic_load(&signal_os) == NULL || atomic_load(&signal_os) == os);
    os->signal_fn = fn;
    os->signal_context = context;
    atomic_store(&signal_os, os);
    for (size_t i = 0; i < ARRAY_COUNT(os_signal_table); i++) {
        if ((signals & (unsigned)os_signal_table[i].signal) == 0)
            continue;
        struct sigaction action = {.sa_handler = signal_handle, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(os_signal_table[i].number, &action, NULL);
    }
    /* Those that were held come now. */
    sigset_t all;
    signals_ours(&all);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

void os_signals_hold(void)
{
    sigset_t before;
    os_signals_block(&before);
}

void os_signals_report(struct os_shard *shard)
{
    struct os *os = shard->os;
    if (atomic_load_explicit(&os->signals, memory_order_relaxed) == 0)
        return;
    unsigned signals = atomic_exchange(&os->signals, 0);
    for (size_t i = 0; i < ARRAY_COUNT(os_signal_table); i++)
        if ((signals & (unsigned)os_signal_table[i].signal) != 0)
            os->signal_fn(&shard->env, os->signal_context, os_signal_table[i].signal);
}

void os_signals_detach(struct os *os)
{
    if (atomic_load(&signal_os) != os)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(os_signal_table); i++) {
        struct sigaction action;
        sigaction(os_signal_table[i].number, NULL, &action);
        if (action.sa_handler == signal_handle)
            signal(os_signal_table[i].number, SIG_DFL);
    }
    atomic_store(&signal_os, NULL);
    atomic_store(&signal_ending, false);
}

void os_signals_ignore(void)
{
    signal(SIGPIPE, SIG_IGN); /* a write to a broken connection is an error code */
    signal(SIGXFSZ, SIG_IGN); /* as is one past the limit of a file's size */
}

void os_signals_block(sigset_t *before)
{
    sigset_t ours;
    signals_ours(&ours);
    pthread_sigmask(SIG_BLOCK, &ours, before);
}
