#include "base/err.h"

#include "base/assert.h"

static const char *const texts[] = {
    [ERR_OK] = "ok",
    [ERR_AGAIN] = "would wait",
    [ERR_NOMEM] = "out of memory",
    [ERR_LIMIT] = "over the limit",
    [ERR_TRUNCATED] = "ends too early",
    [ERR_CORRUPT] = "corrupt",
    [ERR_VERSION] = "version not served",
    [ERR_INVALID] = "invalid value",
    [ERR_NOTFOUND] = "not found",
    [ERR_EXISTS] = "already exists",
    [ERR_NOTEMPTY] = "not empty",
    [ERR_IO] = "input/output error",
    [ERR_NOSPACE] = "no space left",
    [ERR_DENIED] = "permission denied",
    [ERR_BUSY] = "in use",
    [ERR_CLOSED] = "closed",
    [ERR_RESET] = "connection reset",
    [ERR_TIMEOUT] = "timed out",
    [ERR_OFFLINE] = "offline",
    [ERR_UNSUPPORTED] = "not supported",
};
STATIC_ASSERT(ARRAY_COUNT(texts) == ERR_COUNT, "a text for each error");

const char *err_text(enum err err)
{
    return (unsigned)err < ERR_COUNT ? texts[err] : "unknown error";
}
