#define LOG_ROOM "broker"
#include "broker/node_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/conn.h"

#include <stdio.h>
#include <string.h>

static void listener_accept(struct env *env, void *context, struct env_stream *stream)
{
    struct broker_listener *listener = context;
    broker_conn_accept(broker_node_shard(listener->node, env->shard), listener, stream);
}

static const struct conf_listener *advertised_find(const struct conf *conf, const char *name)
{
    size_t count = 0;
    const struct conf_listener *advertised = conf_advertised(conf, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(advertised[i].name, name) == 0)
            return &advertised[i];
    }
    return NULL;
}

void broker_listeners_init(struct broker_node *node)
{
    const struct conf_listener *all = conf_listeners(node->conf, &node->listener_count);
    node->listeners = mem_zalloc(node->listener_count * sizeof node->listeners[0]);
    for (size_t i = 0; i < node->listener_count; i++) {
        node->listeners[i] = (struct broker_listener){
            .node = node,
            .conf = &all[i],
            .advertised = advertised_find(node->conf, all[i].name),
            .name = all[i].name,
            .controller = all[i].controller,
        };
    }
}

const char *broker_listener_host(const struct broker_listener *listener)
{
    const struct conf_listener *told =
        listener->advertised != NULL ? listener->advertised : listener->conf;
    return told->host[0] != '\0' ? told->host : listener->node->options.hostname;
}

uint16_t broker_listener_port(const struct broker_listener *listener)
{
    if (listener->advertised != NULL && listener->advertised->port != 0)
        return listener->advertised->port;
    return listener->port != 0 ? listener->port : listener->conf->port;
}

static void listener_text(const struct broker_listener *listener, struct buf *out)
{
    struct conf_listener real = *listener->conf;
    if (listener->port != 0)
        real.port = listener->port;
    conf_listener_print(&real, out);
}

static void listener_log(const struct broker_listener *listener)
{
    struct buf own = BUF_EMPTY;
    struct buf told = BUF_EMPTY;
    listener_text(listener, &own);
    conf_address_print(broker_listener_host(listener), broker_listener_port(listener), &told);
    if (listener->controller)
        LOG_INFO("listening on %s for controllers", buf_text(&own));
    else
        LOG_INFO("listening on %s, advertised as %s", buf_text(&own), buf_text(&told));
    buf_deinit(&own);
    buf_deinit(&told);
}

static enum err listener_failed(const struct broker_listener *listener, enum err err, char *why,
                                size_t why_size)
{
    struct buf text = BUF_EMPTY;
    listener_text(listener, &text);
    snprintf(why, why_size, "cannot listen on %s: %s", buf_text(&text),
             err == ERR_BUSY      ? "another process has the port"
             : err == ERR_INVALID ? "this machine has no such address"
             : err == ERR_DENIED  ? "the port is reserved for the superuser"
                                  : err_text(err));
    buf_deinit(&text);
    return err;
}

static enum err listener_bind(struct broker_listener *listener, char *why, size_t why_size)
{
    struct broker_node *node = listener->node;
    const struct conf_listener *conf = listener->conf;
    if (conf->protocol != CONF_PROTOCOL_PLAINTEXT) {
        struct buf text = BUF_EMPTY;
        listener_text(listener, &text);
        snprintf(why, why_size,
                 "listener %s wants %s, which this release does not speak yet; use PLAINTEXT",
                 buf_text(&text), conf_protocol_text(conf->protocol));
        buf_deinit(&text);
        return ERR_UNSUPPORTED;
    }
    struct env_listen_options options = {
        .held = true,
        .host = conf->host,
        .port = conf->port,
        .backlog = (int)conf_int(node->conf, CONF_BROKER_SOCKET_LISTEN_BACKLOG_SIZE),
        .send_buffer_bytes = (int)conf_int(node->conf, CONF_BROKER_SOCKET_SEND_BUFFER_BYTES),
        .receive_buffer_bytes = (int)conf_int(node->conf, CONF_BROKER_SOCKET_RECEIVE_BUFFER_BYTES),
        .admit = broker_admit,
        .accept = listener_accept,
        .context = listener,
    };
    enum err err = env_listen(broker_node_env(node), &options, &listener->listener);
    if (err != ERR_OK) {
        listener->listener = NULL;
        return listener_failed(listener, err, why, why_size);
    }
    listener->port = env_listener_port(broker_node_env(node), listener->listener);
    return ERR_OK;
}

static enum err listener_open(struct broker_listener *listener, char *why, size_t why_size)
{
    struct env *env = broker_node_env(listener->node);
    enum err err = env_listener_accepting(env, listener->listener, true);
    if (err != ERR_OK)
        return listener_failed(listener, err, why, why_size);
    listener->open = true;
    listener->accepting = true;
    listener_log(listener);
    return ERR_OK;
}

enum err broker_listeners_bind(struct broker_node *node, char *why, size_t why_size)
{
    for (size_t i = 0; i < node->listener_count; i++) {
        struct broker_listener *listener = &node->listeners[i];
        enum err err = listener_bind(listener, why, why_size);
        if (err == ERR_OK && listener->controller)
            err = listener_open(listener, why, why_size);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err broker_listeners_open(struct broker_node *node, char *why, size_t why_size)
{
    for (size_t i = 0; i < node->listener_count; i++) {
        if (node->listeners[i].open)
            continue;
        enum err err = listener_open(&node->listeners[i], why, why_size);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

void broker_listeners_close(struct broker_node *node)
{
    broker_admission_stop(node);
    for (size_t i = 0; i < node->listener_count; i++) {
        if (node->listeners[i].listener != NULL)
            env_listener_close(broker_node_env(node), node->listeners[i].listener);
        node->listeners[i].listener = NULL;
        node->listeners[i].open = false;
    }
}

uint16_t broker_node_port(const struct broker_node *node, const char *listener)
{
    for (size_t i = 0; i < node->listener_count; i++) {
        if (strcmp(node->listeners[i].name, listener) == 0)
            return node->listeners[i].port;
    }
    return 0;
}
