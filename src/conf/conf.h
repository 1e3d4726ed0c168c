#ifndef CONF_CONF_H
#define CONF_CONF_H
/*
 * A node's settings, parsed and checked. A struct conf does not change once it is made, so that all
 * shards may read one; a dynamic change makes another (conf_with_dynamic).
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/findings.h"
#include "conf/ids.h"
#include "conf/listener.h"
#include "conf/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;

struct conf_list {
    const char *const *items;
    size_t count;
};

struct conf_pair {
    const char *name;
    const char *value;
};

/* ---- Loading ---- */

struct conf_args {
    /* server.properties; file_data NULL: none, the node runs on conf_standalone's settings. */
    const char *file_name;
    const void *file_data;
    size_t file_size;
    /* -o key=value, in their order; they win over the file. */
    const char *const *overrides;
    size_t override_count;
    /* Replaces an empty host of an advertised listener: the machine's name. (Without a file it is
     * localhost.) */
    const char *host_name;
    /* Without a file: where the data goes when nothing says otherwise (log.dirs). */
    const char *data_folder;
};

/*
 * ERR_INVALID when a finding is an error (*out is NULL then); warnings are findings as well. All
 * findings are told at once, not only the first.
 */
enum err conf_load(const struct conf_args *args, struct conf_findings *findings,
                   struct conf **out) MUST_USE;
/* What a node that is given no file runs on: a broker and controller on localhost:9092, one
 * replica of everything. `data_folder` is log.dirs. */
size_t conf_standalone(const char *data_folder, struct conf_pair *out, size_t out_max);
#define CONF_STANDALONE_MAX 16
/* The data folder of a node that is told none, in the folder it is started in. */
#define CONF_DATA_FOLDER_DEFAULT "ottla-data"
/* From name and value pairs, for tests and the simulator; required settings that are absent come
 * from conf_standalone. Stops the process when one is wrong. */
struct conf *conf_of(const struct conf_pair *pairs, size_t count);
void conf_free(struct conf *conf);

/*
 * A new conf: `base` with the dynamic settings of this broker and of all brokers over its static
 * ones. A dynamic value that is wrong is left out, with a finding, as the broker has to run.
 */
struct conf *conf_with_dynamic(const struct conf *base, const struct conf_pair *broker,
                               size_t broker_count, const struct conf_pair *defaults,
                               size_t default_count, struct conf_findings *findings);

/* ---- Reading: constant time; the getter has to fit the row's type ---- */

/* INT, SHORT, LONG. Not null. */
int64_t conf_int(const struct conf *conf, enum conf_broker_id id);
double conf_real(const struct conf *conf, enum conf_broker_id id);
bool conf_bool(const struct conf *conf, enum conf_broker_id id);
/* STRING, CLASS, PASSWORD. NULL when null. */
const char *conf_text(const struct conf *conf, enum conf_broker_id id);
/* Empty when null. */
struct conf_list conf_list(const struct conf *conf, enum conf_broker_id id);
bool conf_is_null(const struct conf *conf, enum conf_broker_id id);
/* Set explicitly, to whatever value. */
bool conf_is_set(const struct conf *conf, enum conf_broker_id id);
enum conf_source conf_source_of(const struct conf *conf, enum conf_broker_id id);
/* The value in the form in which Kafka prints it; NULL when null. Do not show secrets. */
const char *conf_printed(const struct conf *conf, enum conf_broker_id id);
/* A setting that has no row (listener.name.x.y, a plugin's): its text or NULL. */
const char *conf_extra(const struct conf *conf, const char *name);
/* listener.name.<name>.<key>, else <key>. The text as it was given, or the default. */
const char *conf_listener_text(const struct conf *conf, const char *listener,
                               enum conf_broker_id id);

/* ---- What several settings say together ---- */

int32_t conf_node_id(const struct conf *conf);
bool conf_is_broker(const struct conf *conf);
bool conf_is_controller(const struct conf *conf);
/* log.dirs, or log.dir. At least one. */
struct conf_list conf_log_dirs(const struct conf *conf);
/* metadata.log.dir, or the first of the log directories. */
const char *conf_metadata_dir(const struct conf *conf);
/* log.flush.interval.ms, or the scheduler's. */
int64_t conf_flush_ms(const struct conf *conf);

/* Where to listen: brokers' and controllers'. */
const struct conf_listener *conf_listeners(const struct conf *conf, size_t *count);
/* What to tell others: an entry for each listener that is advertised, ports of 0 still 0. */
const struct conf_listener *conf_advertised(const struct conf *conf, size_t *count);
/* By name in upper case; NULL when there is none. */
const struct conf_listener *conf_listener_find(const struct conf *conf, const char *name);
/* The listener over which brokers talk to each other, upper case. "" on a node that is no broker.
 */
const char *conf_inter_broker_listener(const struct conf *conf);

struct conf_voter {
    int32_t id;
    const char *host;
    uint16_t port;
};
/* controller.quorum.voters, by id. */
const struct conf_voter *conf_voters(const struct conf *conf, size_t *count);

#endif
