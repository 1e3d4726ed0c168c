#ifndef CLI_DOCTOR_INT_H
#define CLI_DOCTOR_INT_H
/* ottla doctor: what it finds, and the nodes that it visits. */
#include "cli/cli_int.h"

#include "base/list.h"
#include "base/rcbuf.h"
#include "env/env.h"
#include "link/link.h"
#include "os/os.h"

enum doctor_severity { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor_finding {
    enum doctor_severity severity;
    const char *subject; /* an address, a folder, "clock" */
    const char *text;
    const char *advice; /* NULL: there is nothing to do */
};

struct doctor {
    struct cli_call *call; /* its arena holds every text here */
    struct doctor_finding *findings;
    size_t finding_count;
    size_t finding_capacity;

    struct os *os;
    struct env *env;
    struct rcbuf_pool *pool;
    struct env_timer timer; /* between two visits */
    struct list visits;     /* to come */
    struct list seen;       /* over */
    struct doctor_visit *visit;
    uint32_t timeout_ms;

    const char *cluster_id; /* of the first node that told one */
    int32_t broker_count;   /* that it told */
    bool asked_quorum;
};

void doctor_find(struct doctor *doctor, enum doctor_severity severity, const char *subject,
                 const char *advice, const char *format, ...) PRINTF_LIKE(5, 6);
/* A text in the doctor's arena. */
const char *doctor_text(struct doctor *doctor, const char *format, ...) PRINTF_LIKE(2, 3);

/* An address that was given to the command. */
void doctor_visit_bootstrap(struct doctor *doctor, const char *host, uint16_t port);
/* Visits them and all that they tell of, one after the other. False: the machine has no descriptors
 * for it. */
bool doctor_visit_all(struct doctor *doctor);

#endif
