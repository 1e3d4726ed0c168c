#ifndef CONF_FINDINGS_H
#define CONF_FINDINGS_H
/*
 * What is wrong with a configuration: all of it, not only the first. A finding names the setting,
 * its value, what is allowed and where the value came from.
 */
#include "base/arena.h"
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

enum conf_severity { CONF_SEVERITY_WARNING, CONF_SEVERITY_ERROR };

struct conf_finding {
    enum conf_severity severity;
    const char *name;   /* of the setting; "" when it is about none */
    const char *value;  /* as it was written, "[hidden]" for a secret, NULL when there is none */
    const char *origin; /* "server.properties:12", "-o", ""; never NULL */
    const char *text;   /* what is wrong and what would be right, a sentence without a full stop */
};

struct conf_findings {
    struct arena arena;
    struct conf_finding *items;
    size_t count;
    size_t capacity;
    size_t error_count;
    size_t dropped_count; /* past CONF_FINDINGS_MAX */
};

#define CONF_FINDINGS_MAX 1000

void conf_findings_init(struct conf_findings *findings);
void conf_findings_deinit(struct conf_findings *findings);
void conf_findings_add(struct conf_findings *findings, enum conf_severity severity,
                       const char *name, const char *value, const char *origin, const char *format,
                       ...) PRINTF_LIKE(6, 7);
/* The finding as one line: "server.properties:12: log.segment.bytes=abc: has to be ...". */
struct buf;
void conf_finding_print(const struct conf_finding *finding, struct buf *out);

#endif
