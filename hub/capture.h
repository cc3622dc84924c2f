/* A capture of the air, buffered, to a file or through a pipe to a program that shows it. */
#ifndef WOAD_CAPTURE_H
#define WOAD_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../transport/private_names.h"

/* Records are never cut.  If a pipe's reader is too slow, records without room are dropped. */
struct capture {
    int fd; /* -1: none */
    uint8_t *buf;
    size_t written, filled; /* buf[written] to buf[filled] are to be written */
    bool record_lost;       /* a record was dropped since the last capture_flush() */
};

/* Opens `path` and adds a header of `len` octets; does not wait for a pipe's reader.  An existing
 * file is overwritten only if it is empty, or begins with that header and no other program writes
 * it.  With `keys` only this user may read it.  0 or a negative errno; -EEXIST: another file. */
int capture_open(struct capture *c, const char *path, const uint8_t *header, size_t len, bool keys);
void capture_put(struct capture *c, const uint8_t *record, size_t len);
/* Writes without blocking.  0, or a negative errno after which the capture is closed. */
int capture_flush(struct capture *c);
/* Whether there is something to write: poll() the descriptor for POLLOUT. */
bool capture_waits(const struct capture *c);
/* Writes the rest, waiting for a pipe's reader for at most LAST_MS, and closes.  0 or a negative
 * errno. */
int capture_close(struct capture *c);

#endif
