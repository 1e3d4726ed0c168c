#ifndef CONF_CHANGE_H
#define CONF_CHANGE_H
/*
 * May settings be changed to this while the node runs? What AlterConfigs and
 * IncrementalAlterConfigs refuse, in Kafka's words where clients show or match them (topics:
 * conf/topic.h).
 */
#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

enum conf_refusal {
    CONF_REFUSAL_NONE,
    CONF_REFUSAL_REQUEST, /* INVALID_REQUEST: `message` says why */
    CONF_REFUSAL_VALUE,   /* INVALID_CONFIG: likewise */
};

/* Of type LIST, so that values can be appended and subtracted. */
bool conf_row_is_list(enum conf_scope scope, const char *name);

/* More entries than settings have. */
#define CONF_LIST_ITEMS_MAX 1000
/* `now` (NULL: empty) with the entries of `given` added at its end, or taken out of it; neither is
 * checked. In the arena; NULL when it would have more than CONF_LIST_ITEMS_MAX. */
const char *conf_list_change(const char *now, const char *given, bool append, struct arena *arena);

/*
 * All that the metadata are to say of one broker, or (`all_brokers`) of all of them; `others` is
 * what they say of the other of the two. `conf` is what the node runs on.
 */
struct conf_change {
    const struct conf_pair *pairs;
    size_t count;
    bool all_brokers;
    const struct conf_pair *others;
    size_t other_count;
};
enum conf_refusal conf_check_dynamic(const struct conf *conf, const struct conf_change *change,
                                     struct buf *message) MUST_USE;

/* All that a group (KIP-848, KIP-932, KIP-1071), or a client metrics subscription (KIP-714), is to
 * have. The limits of groups are settings of the broker. */
enum conf_refusal conf_check_group(const struct conf *conf, const struct conf_pair *pairs,
                                   size_t count, struct buf *message) MUST_USE;
enum conf_refusal conf_check_client_metrics(const struct conf_pair *pairs, size_t count,
                                            struct buf *message) MUST_USE;

#endif
