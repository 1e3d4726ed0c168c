#ifndef BASE_ERR_H
#define BASE_ERR_H
/*
 * Errors of the system and of input. Kafka's protocol errors are another type (wire/errors.h); one
 * table maps between the two where a request is answered.
 */

enum err {
    ERR_OK = 0,
    ERR_AGAIN,     /* would wait; ask again when told */
    ERR_NOMEM,     /* a fallible allocation failed, or would pass its limit */
    ERR_LIMIT,     /* the input asks for more than a stated limit */
    ERR_TRUNCATED, /* the input ends too early */
    ERR_CORRUPT,   /* the input breaks its format or its checksum */
    ERR_VERSION,   /* a version that is not served */
    ERR_INVALID,   /* a value outside what is allowed */
    ERR_NOTFOUND,
    ERR_EXISTS,
    ERR_NOTEMPTY,
    ERR_IO,      /* a device or file operation failed */
    ERR_NOSPACE, /* the disk or the quota is full */
    ERR_DENIED,  /* no permission */
    ERR_BUSY,    /* a lock, an address or a file is in use */
    ERR_CLOSED,  /* the peer closed, or the object is shutting down */
    ERR_RESET,   /* the connection broke */
    ERR_TIMEOUT,
    ERR_OFFLINE, /* the log directory or the node is offline */
    ERR_UNSUPPORTED,
    ERR_COUNT,
};

/* A short lower-case phrase, e.g. "no space left". Never NULL. */
const char *err_text(enum err err);

#endif
