/* `ottla metrics doc`: docs/metrics.md, as the node's table has it. */
#include "broker/metrics.h"
#include "main/start.h"

#include <stdio.h>

int metrics_doc_main(int argc, char **argv)
{
    UNUSED(argc);
    UNUSED(argv);
    struct buf text = BUF_EMPTY;
    broker_metrics_document(&text);
    fputs(buf_text(&text), stdout);
    buf_deinit(&text);
    return 0;
}
