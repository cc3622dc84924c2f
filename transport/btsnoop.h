/* Files of btsnoop logs, which programs may share; woad/btsnoop.h writes the records. */
#ifndef WOAD_BTSNOOP_FILE_H
#define WOAD_BTSNOOP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <woad/btsnoop.h>

#include "private_names.h"

struct btsnoop {
    int fd;                          /* -1: closed */
    bool keys;                       /* log keys instead of zeros */
    struct woad_btsnoop_keys zeroed; /* !keys: of PDUs in several packets */
};

/* Opens or creates the log, to append to it; programs may share one.  With `keys`, keys are logged,
 * and a new log is readable only by this user; without, they are zeros.  0 or a negative errno;
 * -EBADMSG: the file is no such log, and is not changed. */
int btsnoop_open(struct btsnoop *log, const char *path, bool keys);
void btsnoop_close(struct btsnoop *log);
/* The wall clock: microseconds since 1970. */
uint64_t btsnoop_now(void);
/* Appends a record.  0, or a negative errno: nothing of it is in the log then. */
int btsnoop_put(struct btsnoop *log, uint64_t us, bool received, const uint8_t *packet, size_t len);

#endif
