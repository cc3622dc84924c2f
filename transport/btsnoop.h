/* btsnoop: logs of HCI packets, which Wireshark opens. */
#ifndef WOAD_BTSNOOP_H
#define WOAD_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

/* To blank keys in a log, PDUs of the Security Manager must be recognised even when they are cut
 * into several ACL packets, as the peer likes.  For each PDU of which more packets follow: how many
 * octets have arrived, and the first five, which tell where a key is.  Initially all zero. */
enum { BTSNOOP_CUTS = 16, BTSNOOP_PDU_HEAD = 5 };
struct btsnoop_cuts {
    struct btsnoop_cut {
        bool used, from_controller;
        uint16_t handle, received_len;
        uint8_t head[BTSNOOP_PDU_HEAD];
    } pdu[BTSNOOP_CUTS];
    unsigned next; /* the entry to replace when all are used */
};

struct btsnoop {
    int fd;    /* -1: closed */
    bool keys; /* log keys instead of zeros */
    struct btsnoop_cuts cuts;
};

/* Opens or creates the log, to append to it; programs may share one.  With `keys`, keys are logged,
 * and a new log is readable only by this user; without, they are zeros.  0 or a negative errno;
 * -EBADMSG: the file is no such log, and is not changed. */
int btsnoop_open(struct btsnoop *log, const char *path, bool keys);
void btsnoop_close(struct btsnoop *log);
/* The wall clock: microseconds since 1970. */
uint64_t btsnoop_now(void);
/* Formats the record of one packet, H4 type octet first; `received`: from the controller.  With
 * `cuts` keys become zeros, and packets must be passed in order; NULL: keys stay.  Returns its
 * length. */
enum { BTSNOOP_RECORD = 24 + 4096 };
size_t btsnoop_record(uint8_t r[BTSNOOP_RECORD], struct btsnoop_cuts *cuts, uint64_t us,
                      bool received, const uint8_t *packet, size_t len);
/* Appends a record.  0, or a negative errno: nothing of it is in the log then. */
int btsnoop_put(struct btsnoop *log, uint64_t us, bool received, const uint8_t *packet, size_t len);

#endif
