/* btsnoop logs of HCI, which Wireshark opens. */
#ifndef WOAD_BTSNOOP_H
#define WOAD_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Creates the file and writes its header; NULL with errno set. */
FILE *btsnoop_open(const char *path);
/* The wall clock: microseconds since 1970. */
uint64_t btsnoop_now(void);
/* One packet with its H4 type octet, at such a time; `received`: from the controller.  Without
 * `keys` there are zeros in the place of every key. */
void btsnoop_put(FILE *f, uint64_t us, bool received, const uint8_t *packet, size_t len, bool keys);

#endif
