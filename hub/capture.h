/* A capture of the air in a file, or through a pipe to a program that shows it. */
#ifndef WOAD_CAPTURE_H
#define WOAD_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records are whole: one for which there is no room while a pipe's reader pauses is left out. */
struct capture {
    int fd; /* -1: none */
    uint8_t *buf;
    size_t written, filled; /* of `mem`: not written yet */
    bool record_lost;       /* a record, since the last capture_flush() */
};

/* Opens it, without waiting for a pipe's reader, and puts a header of `len` octets.  Only what is
 * empty, or begins with that header and is written by no other program, is written over.  With
 * `keys` a new file is its user's alone.  0 or a negative errno (-EEXIST: it is something else). */
int capture_open(struct capture *c, const char *path, const uint8_t *header, size_t len, bool keys);
void capture_put(struct capture *c, const uint8_t *record, size_t len);
/* Writes what the file takes.  0, or a negative errno; the capture is closed then. */
int capture_flush(struct capture *c);
/* Whether something waits until the descriptor can be written. */
bool capture_waits(const struct capture *c);
/* The same for the last time: a pipe's reader has some time for it. */
int capture_close(struct capture *c);

#endif
