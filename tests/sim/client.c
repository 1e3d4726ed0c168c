#include "client.h"

#include "base/mem.h"
#include "codec/codec.h"
#include "wire/api.h"

#include <stdio.h>

static void client_tick(struct env *env, struct env_timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    client->step(client);
    env_timer_set_ms(env, timer, client->tick_ms);
}

static void client_on_state(void *context, struct link *link, enum link_state state, enum err why)
{
    struct client *client = context;
    UNUSED(link);
    if (state == LINK_STATE_WAITING) {
        SIM_CHECK(client->world, why != ERR_CORRUPT && why != ERR_LIMIT && why != ERR_VERSION,
                  "client %u: the node's answer cannot be read: %s", client->options.id,
                  err_text(why));
        if (client->disconnected != NULL)
            client->disconnected(client);
    }
    if (state == LINK_STATE_READY)
        client->step(client);
}

void client_init(struct client *client, struct env *env, const struct client_options *options,
                 const char *kind, void (*step)(struct client *client))
{
    client->options = *options;
    client->env = env;
    client->world = options->model->world;
    client->model = options->model;
    client->step = step;
    sim_prng_init(client->world, &client->prng, kind, options->id);
    client->tick_ms = 1 + prng_below(&client->prng, 20);
    client->pool = rcbuf_pool_new(1 << 20);
    client->codec = codec_context_new();
    char name[64];
    (void)snprintf(name, sizeof name, "%s-%u", kind, options->id);
    struct link_options link = {
        .host = options->host,
        .port = options->port,
        .client_id = name,
        .software_version = "1",
        .connect_timeout_ms = 1000 + (uint32_t)prng_below(&client->prng, 10000),
        .request_timeout_ms = 2000 + (uint32_t)prng_below(&client->prng, 30000),
        .pool = client->pool,
        .context = client,
        .on_state = client_on_state,
    };
    client->link = link_new(env, &link);
    link_open(client->link);
    env_timer_init(&client->timer, client_tick);
    env_timer_set_ms(env, &client->timer, client->tick_ms);
}

void client_tell(const struct client *client, const char *name)
{
    static const char *const states[] = {"idle", "connecting", "negotiating", "ready", "waiting"};
    sim_log(client->world, "%s: its link is %s, %zu requests in flight", name,
            states[link_state(client->link)], link_in_flight(client->link));
}

bool client_may_send(const struct client *client)
{
    return link_state(client->link) == LINK_STATE_READY &&
           (client->options.audits || !client->model->gate_closed);
}

static void client_done(struct link *link, struct link_request *link_request,
                        const struct link_response *response)
{
    UNUSED(link);
    struct client_request *request = CONTAINER_OF(link_request, struct client_request, link);
    struct client *client = request->client;
    SIM_CHECK(client->world, response->err != ERR_CORRUPT && response->err != ERR_NOMEM,
              "client %u: a response that cannot be read: %s", client->options.id,
              err_text(response->err));
    /* What a node said before it lost its power says nothing about what is there now. */
    struct link_response stale = {.err = ERR_RESET};
    bool is_stale = request->generation != client->model->generation;
    request->done(client, request, is_stale ? &stale : response);
}

static bool send_any(struct client *client, struct client_request *request, int16_t key,
                     int16_t version_min, const void *message, bool silent,
                     void (*done)(struct client *client, struct client_request *request,
                                  const struct link_response *response))
{
    const struct wire_api *api = wire_api_find(key);
    ASSERT(api != NULL);
    if (!client_may_send(client))
        return false;
    int16_t low;
    int16_t high;
    enum err err = link_node_versions(client->link, key, &low, &high);
    SIM_CHECK(client->world, err == ERR_OK, "the node does not serve %s", api->name);
    if (err != ERR_OK)
        return false;
    low = low > api->version_min ? low : api->version_min;
    low = low > version_min ? low : version_min;
    int16_t top = high < api->version_max ? high : api->version_max;
    SIM_CHECK(client->world, low <= top, "%s: no version from %d on is served", api->name, low);
    int16_t version =
        prng_chance(&client->prng, 1, 2) ? top : (int16_t)prng_range(&client->prng, low, top);
    if (client->version_pinned > 0 && client->version_pinned <= top)
        version = client->version_pinned;
    request->client = client;
    request->generation = client->model->generation;
    request->done = done;
    request->link.done = client_done;
    request->link.silent = silent;
    err = link_send(client->link, &request->link, key, version, message, 0);
    SIM_CHECK(client->world, err == ERR_OK || err == ERR_AGAIN, "%s cannot be sent: %s", api->name,
              err_text(err));
    return err == ERR_OK;
}

bool client_send(struct client *client, struct client_request *request, int16_t key,
                 int16_t version_min, const void *message,
                 void (*done)(struct client *client, struct client_request *request,
                              const struct link_response *response))
{
    return send_any(client, request, key, version_min, message, false, done);
}

bool client_send_silent(struct client *client, struct client_request *request, int16_t key,
                        int16_t version_min, const void *message,
                        void (*done)(struct client *client, struct client_request *request,
                                     const struct link_response *response))
{
    return send_any(client, request, key, version_min, message, true, done);
}
