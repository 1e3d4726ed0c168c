#ifndef CLI_STORAGE_INT_H
#define CLI_STORAGE_INT_H
/* What the commands about storage share. */
#include "cli/cli_int.h"

#include "quorum/storage.h"

/* The folders that make a node's storage: log.dirs, and metadata.log.dir where it is none of them.
 * In the call's arena. */
size_t cli_storage_dirs(struct cli_call *call, const struct conf *conf, const char *const **out);

/* A level of metadata.version from "4.3-IV0" or "4.3"; 0 and a complaint otherwise. */
int16_t cli_release_level(const struct cli_call *call, const char *name);
/* name=level. False and a complaint otherwise. The name is in the call's arena. */
bool cli_parse_feature(struct cli_call *call, const char *text, const char **name, int16_t *level);
/* A user from "SCRAM-SHA-256=[name=alice,password=secret]". False and a complaint otherwise. What
 * it points to is in the call's arena. */
bool cli_parse_scram(struct cli_call *call, const char *text, struct quorum_format_scram *out);

#endif
