/* btsnoop logs of HCI, which Wireshark opens. */
#ifndef WOAD_BTSNOOP_H
#define WOAD_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the log, or makes it; what is in it stays, and programs may share it.  With `keys` a new
 * one is its user's alone.  The descriptor, or a negative errno: -EBADMSG: the file is something
 * else, and is left as it is. */
int btsnoop_open(const char *path, bool keys);
/* The wall clock: microseconds since 1970. */
uint64_t btsnoop_now(void);
/* The record of one packet with its H4 type octet, at such a time; `received`: from the controller.
 * Without `keys` there are zeros in the place of every key.  Returns its length. */
enum { BTSNOOP_RECORD = 24 + 4096 };
size_t btsnoop_record(uint8_t r[BTSNOOP_RECORD], uint64_t us, bool received, const uint8_t *packet,
                      size_t len, bool keys);
/* Writes it.  0, or a negative errno: nothing of it is in the log then. */
int btsnoop_put(int log, uint64_t us, bool received, const uint8_t *packet, size_t len, bool keys);

#endif
