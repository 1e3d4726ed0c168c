/* Anything as quorum-state: what is taken, printed and read again, is the same. And as
 * meta.properties likewise. */
#include "base/assert.h"
#include "meta/properties.h"
#include "quorum/quorum_state.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_state(const char *text, size_t size)
{
    struct raft_election election, again;
    int version, version_again;
    if (quorum_state_parse(text, size, &election, &version) != ERR_OK)
        return;
    struct buf out = BUF_EMPTY;
    struct raft_voter voter = {1, UUID_ZERO};
    quorum_state_print(&election, version, &voter, 1, &out);
    enum err err = quorum_state_parse((const char *)out.data, out.size, &again, &version_again);
    ASSERT(err == ERR_OK);
    ASSERT(version == version_again);
    ASSERT(election.epoch == again.epoch && election.leader_id == again.leader_id);
    ASSERT(election.voted_id == again.voted_id);
    buf_deinit(&out);
}

static void as_properties(const char *text, size_t size)
{
    struct meta_properties properties, again;
    char error[META_PROPERTIES_ERROR_BYTES];
    if (meta_properties_parse(text, size, &properties, error) != ERR_OK) {
        ASSERT(strlen(error) > 0);
        return;
    }
    if (properties.version == 0)
        return;
    struct buf out = BUF_EMPTY;
    meta_properties_print(&properties, &out);
    enum err err = meta_properties_parse((const char *)out.data, out.size, &again, error);
    ASSERT(err == ERR_OK);
    ASSERT(strcmp(properties.cluster_id, again.cluster_id) == 0);
    ASSERT(properties.node_id == again.node_id);
    ASSERT(uuid_equal(&properties.directory_id, &again.directory_id));
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_state((const char *)data, size);
    as_properties((const char *)data, size);
    return 0;
}
