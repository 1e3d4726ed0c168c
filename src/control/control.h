#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H
/*
 * The controller's decisions: a request and the tentative image in, records and a reply out. Time
 * and randomness are arguments. What is not in the log (when which broker was last heard of) is
 * here, and goes with the leadership.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "meta/delta.h"
#include "meta/image.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct control;

struct control_options {
    const struct conf *conf; /* borrowed: the node's static settings */
    int32_t node_id;
    const char *cluster_id; /* copied */
};

struct control *control_new(const struct control_options *options);
void control_free(struct control *control);

/* What a decision may look at. */
struct control_input {
    struct meta_image *image; /* tentative */
    int64_t next_offset;      /* the first record's */
    int64_t committed_offset; /* of the last committed record */
    int64_t now_ms;           /* monotonic */
    int64_t wall_ms;
    int16_t kraft_version; /* finalized; the quorum's own feature, which no image has */
    /* As if from env_random. */
    void (*random)(void *context, void *out, size_t size);
    void *random_context;
    struct arena *arena; /* for the records and the reply */
};

struct control_output {
    struct meta_record *records; /* in the arena; in the order to append, atomically */
    size_t count;
    void *reply;        /* the response struct of the request's API, in the arena */
    bool reply_at_once; /* does not build on the image */
};

/* The APIs that are decided here, ascending by key. */
bool control_serves(int16_t api_key);
/* `request` is the decoded struct of that API and version. */
void control_decide(struct control *control, const struct control_input *input, int16_t api_key,
                    int16_t version, const void *request, struct control_output *out);
/* The reply of a controller that is none (NOT_CONTROLLER), or whose decision was lost before it was
 * committed, in the shape of that API. `error` is a code of wire/errors.h. */
void *control_error_reply(int16_t api_key, int16_t version, const void *request, int16_t error,
                          const char *message, struct arena *arena);

/*
 * A new leadership. `bootstrap`: the records of bootstrap.checkpoint, for an empty log. The output
 * has the records with which the log (and an unfinished transaction) is put in order, no reply.
 */
void control_activate(struct control *control, const struct control_input *input,
                      const struct meta_record *bootstrap, size_t bootstrap_count,
                      bool in_transaction, struct control_output *out);
/* The leadership is over: soft state goes. */
void control_deactivate(struct control *control);
/* Records of anybody's were applied: soft state follows (brokers that came and went). */
void control_applied(struct control *control, const struct meta_image *before,
                     const struct meta_image *after, int64_t now_ms);

/* What time brings: brokers to fence. INT64_MAX: nothing ever. In now_ms. (A quorum of one has
 * nobody whom the NoOp records of metadata.max.idle.interval.ms would tell that it lives.) */
int64_t control_deadline_ms(const struct control *control);
void control_tick(struct control *control, const struct control_input *input,
                  struct control_output *out);

#endif
