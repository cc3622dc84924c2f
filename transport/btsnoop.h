/* btsnoop logs of HCI, which Wireshark opens. */
#ifndef WOAD_BTSNOOP_H
#define WOAD_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* L2CAP PDUs of which more packets follow: how many octets have come, and the first five, which
 * say where a key is.  The peer decides how its PDUs are cut.  All zero at the beginning. */
enum { BTSNOOP_CUTS = 16, BTSNOOP_PDU_HEAD = 5 };
struct btsnoop_cuts {
    struct btsnoop_cut {
        bool used, from_controller;
        uint16_t handle, received_len;
        uint8_t head[BTSNOOP_PDU_HEAD];
    } pdu[BTSNOOP_CUTS];
    unsigned next; /* replaced when there is no room */
};

struct btsnoop {
    int fd;    /* -1: none */
    bool keys; /* are logged as they are */
    struct btsnoop_cuts cuts;
};

/* Opens the log, or makes it; what is in it stays, and programs may share it.  With `keys` a new
 * one is its user's alone, and keys are logged; else there are zeros in their place.  0, or a
 * negative errno: -EBADMSG: the file is something else, and is left as it is. */
int btsnoop_open(struct btsnoop *log, const char *path, bool keys);
void btsnoop_close(struct btsnoop *log);
/* The wall clock: microseconds since 1970. */
uint64_t btsnoop_now(void);
/* The record of one packet with its H4 type octet, at such a time; `received`: from the controller.
 * With `cuts` there are zeros in the place of every key, in packets in their order; NULL: keys as
 * they are.  Returns its length. */
enum { BTSNOOP_RECORD = 24 + 4096 };
size_t btsnoop_record(uint8_t r[BTSNOOP_RECORD], struct btsnoop_cuts *cuts, uint64_t us,
                      bool received, const uint8_t *packet, size_t len);
/* Writes it.  0, or a negative errno: nothing of it is in the log then. */
int btsnoop_put(struct btsnoop *log, uint64_t us, bool received, const uint8_t *packet, size_t len);

#endif
