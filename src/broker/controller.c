/*
 * The controller on shard 0: quorum (the log), control (decisions) and coord (their runtime).
 *
 * 1. `delta` is the tentative image. While this node does not lead it is the last committed one.
 * 2. The owner is told of an image before any reply that builds on it leaves, and never of an older
 *    one after a newer.
 * 3. Each append is in `appends` until the quorum is done with it.
 */
#define LOG_ROOM "controller"
#include "broker/controller.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "control/control.h"
#include "meta/features.h"
#include "wire/api_keys.h"
#include "wire/errors.h"
#include "wire/messages.h"

struct controller_append {
    struct quorum_append append;
    struct controller *controller;
    struct list node; /* in controller->appends */
};

struct controller {
    struct controller_options options;
    struct quorum *quorum;
    struct control *control;
    struct coord *coord;
    struct meta_delta *delta;
    struct meta_image *told; /* the last image that the owner was told of */
    struct env_timer timer;
    struct list appends;
    bool active;
    bool stopping;
    int32_t epoch;
    struct arena arena; /* of what is decided without a request */
    struct uuid incarnation_id;
    struct controller_call register_call; /* of this controller, once per leadership */
    struct arena register_arena;
    bool registering;
    void (*stopped)(void *context, enum err err);
};

static int64_t now_ms(const struct controller *controller)
{
    return (int64_t)(env_now_ns(controller->options.env) / 1000000);
}

/* ---- Images ------------------------------------------------------------------------------ */

static void image_tell(struct controller *controller, struct meta_image *image)
{
    int64_t told_offset = controller->told == NULL ? -1 : controller->told->offset;
    if (image->offset <= told_offset)
        return;
    meta_image_unref(controller->told);
    controller->told = meta_image_ref(image);
    controller->options.image(controller->options.context, image);
}

/* ---- Decisions --------------------------------------------------------------------------- */

static void random_draw(void *context, void *out, size_t size)
{
    struct controller *controller = context;
    env_random(controller->options.env, out, size);
}

/* The image is the caller's to release. */
static struct control_input input_of(struct controller *controller, struct arena *arena)
{
    return (struct control_input){
        .image = meta_delta_image(controller->delta),
        .next_offset = quorum_end_offset(controller->quorum),
        .committed_offset = quorum_high_watermark(controller->quorum) - 1,
        .now_ms = now_ms(controller),
        .wall_ms = env_wall_ms(controller->options.env),
        .kraft_version = quorum_kraft_version(controller->quorum),
        .random = random_draw,
        .random_context = controller,
        .arena = arena,
    };
}

static void decision_of(const struct control_output *output, struct coord_decision *out)
{
    out->records = output->records;
    out->count = output->count;
    out->reply_at_once = output->reply_at_once;
}

static void decide_call(void *machine, void *request, struct coord_decision *out)
{
    struct controller *controller = machine;
    struct controller_call *call = request;
    struct control_input input = input_of(controller, call->arena);
    struct control_output output;
    control_decide(controller->control, &input, call->api_key, call->version, call->request,
                   &output);
    meta_image_unref(input.image);
    call->response = output.reply;
    decision_of(&output, out);
}

static void decide_activate(void *machine, void *request, struct coord_decision *out)
{
    struct controller *controller = machine;
    UNUSED(request);
    size_t count = 0;
    const struct meta_record *bootstrap = quorum_bootstrap_records(controller->quorum, &count);
    if (bootstrap == NULL)
        count = 0;
    arena_reset(&controller->arena);
    struct control_input input = input_of(controller, &controller->arena);
    struct control_output output;
    control_activate(controller->control, &input, bootstrap, count, false, &output);
    meta_image_unref(input.image);
    decision_of(&output, out);
}

static void decide_tick(void *machine, void *request, struct coord_decision *out)
{
    struct controller *controller = machine;
    UNUSED(request);
    arena_reset(&controller->arena);
    struct control_input input = input_of(controller, &controller->arena);
    struct control_output output;
    control_tick(controller->control, &input, &output);
    meta_image_unref(input.image);
    decision_of(&output, out);
}

/* ---- The machine under coord ------------------------------------------------------------- */

static int64_t machine_end_offset(void *machine)
{
    return quorum_end_offset(((struct controller *)machine)->quorum);
}

static void machine_apply(void *machine, const void *records, size_t count, int64_t first_offset)
{
    struct controller *controller = machine;
    const struct meta_record *record = records;
    struct meta_image *before = meta_delta_image(controller->delta);
    meta_delta_seek(controller->delta, first_offset, controller->epoch,
                    env_wall_ms(controller->options.env));
    for (size_t i = 0; i < count; i++) {
        char why[META_ERROR_BYTES] = "";
        enum err err = meta_delta_apply(controller->delta, &record[i], why);
        if (err != ERR_OK) /* our own decision */
            PANIC("a record of type %d does not follow: %s (%s)", record[i].key, why,
                  err_text(err));
    }
    struct meta_image *after = meta_delta_image(controller->delta);
    control_applied(controller->control, before, after, now_ms(controller));
    meta_image_unref(before);
    meta_image_unref(after);
}

static void append_done(struct quorum_append *append, enum quorum_outcome outcome)
{
    struct controller_append *own = CONTAINER_OF(append, struct controller_append, append);
    struct controller *controller = own->controller;
    int64_t end_offset = append->last_offset + 1;
    list_remove(&own->node);
    mem_free(own);
    if (outcome != QUORUM_COMMITTED)
        return; /* on_resign follows, and answers everybody */
    coord_committed(controller->coord, end_offset);
}

static enum err machine_append(void *machine, const void *records, size_t count, void *state)
{
    struct controller *controller = machine;
    struct controller_append *own = mem_zalloc(sizeof *own);
    own->controller = controller;
    own->append.done = append_done;
    list_init(&own->node);
    list_push_back(&controller->appends, &own->node);
    enum err err = quorum_append_records(controller->quorum, &own->append, records, count, state,
                                         env_wall_ms(controller->options.env));
    if (err != ERR_OK) {
        LOG_WARN("a decision of %zu records was not appended: %s", count, err_text(err));
        list_remove(&own->node);
        mem_free(own);
    }
    return err;
}

static void *machine_state_ref(void *machine)
{
    return meta_delta_image(((struct controller *)machine)->delta);
}

static void machine_state_unref(void *machine, void *state)
{
    UNUSED(machine);
    meta_image_unref(state);
}

static void machine_state_restore(void *machine, void *state)
{
    struct controller *controller = machine;
    struct meta_image *before = meta_delta_image(controller->delta);
    meta_delta_reset(controller->delta, state);
    /* What was decided and is not to be: the soft state goes back with it. */
    if (controller->active)
        control_applied(controller->control, before, state, now_ms(controller));
    meta_image_unref(before);
}

static void machine_state_publish(void *machine, void *state)
{
    image_tell(machine, state);
}

static int64_t machine_deadline_ms(void *machine)
{
    return control_deadline_ms(((struct controller *)machine)->control);
}

static const struct coord_ops machine_ops = {
    .end_offset = machine_end_offset,
    .apply = machine_apply,
    .append = machine_append,
    .state_ref = machine_state_ref,
    .state_unref = machine_state_unref,
    .state_restore = machine_state_restore,
    .state_publish = machine_state_publish,
    .deadline_ms = machine_deadline_ms,
    .tick = decide_tick,
};

static void timer_arm(struct controller *controller)
{
    int64_t deadline = coord_deadline_ms(controller->coord);
    if (deadline == COORD_NO_DEADLINE || controller->stopping)
        env_timer_cancel(controller->options.env, &controller->timer);
    else
        env_timer_set(controller->options.env, &controller->timer, (uint64_t)deadline * 1000000);
}

static void timer_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct controller *controller = CONTAINER_OF(timer, struct controller, timer);
    coord_tick(controller->coord, now_ms(controller));
    timer_arm(controller);
}

/* ---- Calls ------------------------------------------------------------------------------- */

bool controller_serves(int16_t api_key)
{
    return control_serves(api_key);
}

static void call_fail(struct controller_call *call, int16_t error, const char *message)
{
    void *response = control_error_reply(call->api_key, call->version, call->request, error,
                                         message, call->arena);
    call->done(call, response);
}

static void call_done(struct coord_reply *reply, enum coord_outcome outcome)
{
    struct controller_call *call = CONTAINER_OF(reply, struct controller_call, reply);
    switch (outcome) {
    case COORD_COMMITTED:
        call->done(call, call->response);
        break;
    case COORD_LOST:
        call_fail(call, WIRE_ERROR_NOT_CONTROLLER,
                  "The active controller changed while it decided.");
        break;
    case COORD_REFUSED:
        call_fail(call, WIRE_ERROR_UNKNOWN_SERVER_ERROR,
                  "The metadata log does not take the change; the controller's log says why.");
        break;
    }
}

void controller_submit(struct controller *controller, struct controller_call *call)
{
    ASSERT(control_serves(call->api_key));
    call->controller = controller;
    if (!controller->active) {
        call_fail(call, WIRE_ERROR_NOT_CONTROLLER, NULL);
        return;
    }
    call->reply.done = call_done;
    coord_run(controller->coord, decide_call, call, &call->reply);
    timer_arm(controller);
}

/* ---- This controller's own registration (KIP-919) ---------------------------------------- */

static void register_done(struct controller_call *call, const void *response)
{
    struct controller *controller = CONTAINER_OF(call, struct controller, register_call);
    const struct wire_controller_registration_response *reply = response;
    controller->registering = false;
    if (reply->error_code != WIRE_ERROR_NONE && reply->error_code != WIRE_ERROR_NOT_CONTROLLER)
        LOG_WARN("this controller could not register: %s", wire_error_name(reply->error_code));
}

static void *register_new(struct controller *controller, const struct wire_schema *schema,
                          size_t size, size_t count)
{
    char *items = arena_must_alloc_array(&controller->register_arena, count, size);
    for (size_t i = 0; i < count; i++)
        wire_default(schema, items + i * size);
    return items;
}

static void register_self(struct controller *controller)
{
    struct meta_image *image = meta_delta_image(controller->delta);
    bool registers = meta_image_metadata_version(image) >= META_VERSION_3_7_IV0;
    meta_image_unref(image);
    if (controller->registering || !registers)
        return;
    const struct controller_options *options = &controller->options;
    arena_reset(&controller->register_arena);
    struct wire_controller_registration_request *request =
        register_new(controller, &wire_controller_registration_request_schema, sizeof *request, 1);
    request->controller_id = conf_node_id(options->conf);
    request->incarnation_id = controller->incarnation_id;
    request->listeners.count = (int32_t)options->endpoint_count;
    request->listeners.items =
        register_new(controller, &wire_controller_registration_request_listener_schema,
                     sizeof request->listeners.items[0], options->endpoint_count);
    for (size_t i = 0; i < options->endpoint_count; i++) {
        const struct quorum_endpoint *endpoint = &options->endpoints[i];
        const struct conf_listener *listener =
            conf_listener_find(options->conf, endpoint->listener);
        request->listeners.items[i].name = wire_string_from(endpoint->listener);
        request->listeners.items[i].host = wire_string_from(endpoint->host);
        request->listeners.items[i].port = endpoint->port;
        request->listeners.items[i].security_protocol =
            listener == NULL ? 0 : (int16_t)listener->protocol;
    }
    request->features.count = (int32_t)meta_feature_count;
    request->features.items =
        register_new(controller, &wire_controller_registration_request_feature_schema,
                     sizeof request->features.items[0], meta_feature_count);
    for (size_t i = 0; i < meta_feature_count; i++) {
        request->features.items[i].name = wire_string_from(meta_features[i].name);
        request->features.items[i].min_supported_version = meta_features[i].version_min;
        request->features.items[i].max_supported_version = meta_features[i].version_max;
    }
    controller->registering = true;
    controller->register_call = (struct controller_call){
        .api_key = WIRE_API_CONTROLLER_REGISTRATION,
        .request = request,
        .arena = &controller->register_arena,
        .done = register_done,
    };
    controller_submit(controller, &controller->register_call);
}

/* ---- What the quorum tells --------------------------------------------------------------- */

static void on_load(void *context, struct meta_image *image)
{
    struct controller *controller = context;
    meta_delta_reset(controller->delta, image);
    image_tell(controller, image);
}

static void on_commit(void *context, struct meta_image *image)
{
    struct controller *controller = context;
    if (!controller->active)
        meta_delta_reset(controller->delta, image);
    image_tell(controller, image);
}

static void on_leader(void *context, int32_t epoch, struct meta_image *image)
{
    struct controller *controller = context;
    LOG_INFO("node %d is the active controller, epoch %d", conf_node_id(controller->options.conf),
             epoch);
    controller->epoch = epoch;
    meta_delta_reset(controller->delta, image);
    coord_load_begin(controller->coord);
    coord_activate(controller->coord);
    controller->active = true;
    coord_run(controller->coord, decide_activate, NULL, NULL);
    register_self(controller);
    timer_arm(controller);
}

static void on_resign(void *context, int32_t epoch)
{
    struct controller *controller = context;
    LOG_INFO("node %d is not the active controller any more, epoch %d",
             conf_node_id(controller->options.conf), epoch);
    controller->active = false;
    control_deactivate(controller->control);
    coord_unload(controller->coord);
    timer_arm(controller);
}

static void on_leader_change(void *context, int32_t leader_id, int32_t epoch)
{
    UNUSED(context);
    if (leader_id < 0)
        LOG_INFO("the metadata quorum has no leader, epoch %d", epoch);
    else
        LOG_INFO("controller %d leads the metadata quorum, epoch %d", leader_id, epoch);
}

static void on_fatal(void *context, const char *why)
{
    struct controller *controller = context;
    controller->options.failed(controller->options.context, why);
}

/* ---- Life -------------------------------------------------------------------------------- */

static const struct quorum_endpoint *endpoints_copy(const struct quorum_endpoint *from,
                                                    size_t count)
{
    struct quorum_endpoint *to = mem_alloc((count + 1) * sizeof *to);
    for (size_t i = 0; i < count; i++) {
        to[i].listener = mem_strdup(from[i].listener);
        to[i].host = mem_strdup(from[i].host);
        to[i].port = from[i].port;
    }
    return to;
}

static struct quorum *controller_make_quorum(struct controller *controller)
{
    const struct controller_options *options = &controller->options;
    const struct conf *conf = options->conf;
    size_t voter_count;
    const struct conf_voter *conf_voters_list = conf_voters(conf, &voter_count);
    struct quorum_static_voter *voters = mem_alloc((voter_count + 1) * sizeof *voters);
    for (size_t i = 0; i < voter_count; i++)
        voters[i] = (struct quorum_static_voter){conf_voters_list[i].id, conf_voters_list[i].host,
                                                 conf_voters_list[i].port};
    struct quorum_options quorum = {
        .env = options->env,
        .host = options->host,
        .dir = options->metadata_dir,
        .dir_path = options->metadata_dir_path,
        .node_id = conf_node_id(conf),
        .directory_id = options->directory_id,
        .is_controller = conf_is_controller(conf),
        .static_voters = voters,
        .static_voter_count = voter_count,
        .endpoints = options->endpoints,
        .endpoint_count = options->endpoint_count,
        .segment_bytes = conf_int(conf, CONF_BROKER_METADATA_LOG_SEGMENT_BYTES),
        .segment_ms = conf_int(conf, CONF_BROKER_METADATA_LOG_SEGMENT_MS),
        .snapshot_bytes =
            conf_int(conf, CONF_BROKER_METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS),
        .snapshot_interval_ms = conf_int(conf, CONF_BROKER_METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS),
        .retention_bytes = conf_int(conf, CONF_BROKER_METADATA_MAX_RETENTION_BYTES),
        .retention_ms = conf_int(conf, CONF_BROKER_METADATA_MAX_RETENTION_MS),
        .election_timeout_ms = conf_int(conf, CONF_BROKER_CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS),
        .election_backoff_max_ms =
            conf_int(conf, CONF_BROKER_CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS),
        .fetch_timeout_ms = conf_int(conf, CONF_BROKER_CONTROLLER_QUORUM_FETCH_TIMEOUT_MS),
        .listener = {.on_load = on_load,
                     .on_commit = on_commit,
                     .on_leader = on_leader,
                     .on_resign = on_resign,
                     .on_leader_change = on_leader_change,
                     .on_fatal = on_fatal},
        .context = controller,
    };
    struct quorum *made = quorum_new(&quorum);
    mem_free(voters);
    return made;
}

struct controller *controller_new(const struct controller_options *options)
{
    struct controller *controller = mem_zalloc(sizeof *controller);
    controller->options = *options;
    controller->options.cluster_id = mem_strdup(options->cluster_id);
    controller->options.metadata_dir_path = mem_strdup(options->metadata_dir_path);
    controller->options.endpoints = endpoints_copy(options->endpoints, options->endpoint_count);
    env_timer_init(&controller->timer, timer_fire);
    list_init(&controller->appends);
    arena_init(&controller->arena, SIZE_MAX);
    arena_init(&controller->register_arena, SIZE_MAX);
    uint8_t draw[16];
    do
        env_random(options->env, draw, sizeof draw);
    while (!uuid_from_random(draw, &controller->incarnation_id));
    struct meta_image *empty = meta_image_new();
    controller->delta = meta_delta_new(empty);
    meta_image_unref(empty);
    struct control_options control = {
        .conf = options->conf,
        .node_id = conf_node_id(options->conf),
        .cluster_id = options->cluster_id,
    };
    controller->control = control_new(&control);
    controller->coord = coord_new(&machine_ops, controller);
    controller->quorum = controller_make_quorum(controller);
    return controller;
}

void controller_start(struct controller *controller)
{
    quorum_start(controller->quorum);
}

static void quorum_stopped(void *context, enum err err)
{
    struct controller *controller = context;
    controller->stopped(controller->options.context, err);
}

void controller_stop(struct controller *controller, void (*stopped)(void *context, enum err err))
{
    ASSERT(!controller->stopping);
    controller->stopping = true;
    controller->stopped = stopped;
    env_timer_cancel(controller->options.env, &controller->timer);
    quorum_stop(controller->quorum, quorum_stopped);
}

void controller_free(struct controller *controller)
{
    if (controller == NULL)
        return;
    env_timer_cancel(controller->options.env, &controller->timer);
    quorum_free(controller->quorum);
    coord_free(controller->coord);
    control_free(controller->control);
    meta_delta_free(controller->delta);
    meta_image_unref(controller->told);
    for (struct list *node; (node = list_pop_front(&controller->appends)) != NULL;)
        mem_free(LIST_ENTRY(node, struct controller_append, node));
    arena_deinit(&controller->arena);
    arena_deinit(&controller->register_arena);
    for (size_t i = 0; i < controller->options.endpoint_count; i++) {
        mem_free((char *)(uintptr_t)controller->options.endpoints[i].listener);
        mem_free((char *)(uintptr_t)controller->options.endpoints[i].host);
    }
    mem_free((void *)(uintptr_t)controller->options.endpoints);
    mem_free((char *)(uintptr_t)controller->options.cluster_id);
    mem_free((char *)(uintptr_t)controller->options.metadata_dir_path);
    mem_free(controller);
}

bool controller_is_active(const struct controller *controller)
{
    return controller->active;
}

int32_t controller_leader_id(const struct controller *controller)
{
    return quorum_leader_id(controller->quorum);
}

int32_t controller_leader_epoch(const struct controller *controller)
{
    return quorum_epoch(controller->quorum);
}

struct quorum *controller_quorum(struct controller *controller)
{
    return controller->quorum;
}
