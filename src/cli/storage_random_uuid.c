#include "cli/cli_int.h"

#include "base/uuid.h"
#include "os/os.h"

static int run(struct cli_call *call)
{
    struct uuid uuid;
    uint8_t random[16];
    do
        os_random(random, sizeof random);
    while (!uuid_from_random(random, &uuid));
    char text[UUID_TEXT_BYTES];
    fprintf(call->out, "%s\n", uuid_to_text(&uuid, text));
    return CLI_OK;
}

const struct cli_command cli_storage_random_uuid = {
    .name = "storage random-uuid",
    .summary = "a new id, for a cluster or a directory",
    .examples = "  ID=$(ottla storage random-uuid)\n",
    .run = run,
};
