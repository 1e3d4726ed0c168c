/* `load idle`: connections that have said ApiVersions and nothing more, until SIGTERM. Says how
 * many when all are there. */
#include "load.h"
#include "os/os.h"

#include <stdio.h>

/* A node's backlog is short (socket.listen.backlog.size: 50); what finds it full waits for a
 * second. */
#define CONNECTING_MAX 32

static int32_t ready_count;
static int32_t connecting_count;

static void on_ready(void *context, struct link *link)
{
    UNUSED(link);
    struct load *load = context;
    if (connecting_count < load->options.connections) {
        connecting_count++;
        (void)load_connect(load, load, on_ready);
    }
    if (++ready_count == load->options.connections) {
        printf("{\"connections\": %d, \"seconds\": %.3f}\n", ready_count, load_seconds(load));
        (void)fflush(stdout);
    }
}

static void on_signal(struct env *env, void *context, enum os_signal signal)
{
    UNUSED(env);
    UNUSED(signal);
    load_end(context);
}

static void start(struct load *load)
{
    os_on_signal(load->os, OS_SIGNAL_TERMINATE | OS_SIGNAL_INTERRUPT, on_signal, load);
    while (connecting_count < load->options.connections && connecting_count < CONNECTING_MAX) {
        connecting_count++;
        (void)load_connect(load, load, on_ready);
    }
}

const struct load_command load_idle = {"idle", "connections that do nothing, until SIGTERM", false,
                                       start};
