/* The lines of `woad run`: see run.h.
 *
 * Names of other files:
 *   closed: of the output: its reader has gone
 *   filled: of the output: octets in `buf`
 *   name_width: of the output: columns of the longest name
 *   RUN_NAME_MAX: octets of a program's name, its 0 included
 *   run_output: lines that wait for standard output: run.h
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   written: of the output: octets of `buf` that are written */
#define _GNU_SOURCE
#include "run.h"

#include "../transport/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe that is ready takes PIPE_BUF octets without blocking. */
enum {
    PIECE = 4096,   /* octets of one write() */
    FULL = 4 << 20, /* octets that wait, above which the programs wait, too */
    TAB = 8         /* columns */
};

/* Room for `len` more octets.  False: no memory. */
static bool output_reserve(struct run_output *out, size_t len)
{
    if (out->written) {
        memmove(out->buf, out->buf + out->written, out->filled - out->written);
        out->filled -= out->written;
        out->written = 0;
    }
    if (out->filled + len > out->room) {
        size_t room = (out->filled + len) * 2;
        char *more = realloc(out->buf, room);
        if (!more) {
            return false;
        }
        out->buf = more;
        out->room = room;
    }
    return true;
}

/* Appends text, for which there is room. */
static void output_put(struct run_output *out, const char *text, size_t len)
{
    if (len) {
        memcpy(out->buf + out->filled, text, len);
    }
    out->filled += len;
}

/* Adds the text; tabs become blanks. */
static void output_clean(struct run_output *out, const uint8_t *text, size_t len)
{
    size_t begin = out->filled;
    while (len) {
        const uint8_t *tab = memchr(text, '\t', len);
        size_t n = len;
        if (tab) {
            n = (size_t)(tab - text);
        }
        out->filled += text_clean(out->buf + out->filled, text, n);
        if (tab) {
            size_t blanks = TAB - (out->filled - begin) % TAB;
            memset(out->buf + out->filled, ' ', blanks);
            out->filled += blanks;
            n++;
        }
        text += n;
        len -= n;
    }
}

/* A control character becomes a question mark, and a tab spaces. */
void output_line(struct run_output *out, uint64_t us, const char *name, unsigned paint,
                 const uint8_t *text, size_t len)
{
    static const char *const colors[] = { "\033[2m",  "\033[36m", "\033[33m", "\033[35m",
                                          "\033[32m", "\033[34m", "\033[31m" };
    enum { COLORS = sizeof colors / sizeof *colors };
    const char *begin = "", *end = "";
    char head[64 + RUN_NAME_MAX];
    if (out->colors) {
        begin = paint ? colors[1 + (paint - 1) % (COLORS - 1)] : colors[0];
        end = "\033[0m";
    }
    int n = snprintf(head, sizeof head, "%s%3u.%06u %-*s | ", begin, (unsigned)(us / 1000000),
                     (unsigned)(us % 1000000), (int)out->name_width, name);
    if (out->closed || !output_reserve(out, (size_t)n + len * TAB + 8)) {
        return;
    }
    output_put(out, head, (size_t)n);
    output_clean(out, text, len);
    output_put(out, end, strlen(end));
    output_put(out, "\n", 1);
}

/* With its line feed. */
void output_plain(struct run_output *out, const uint8_t *text, size_t len)
{
    if (!out->closed && output_reserve(out, len + 1)) {
        output_put(out, (const char *)text, len);
        output_put(out, "\n", 1);
    }
}

/* Writes one piece.  False: nothing is left, or the reader has gone. */
static bool output_write(struct run_output *out)
{
    size_t len = out->filled - out->written;
    if (len > PIECE) {
        len = PIECE;
    }
    ssize_t n = write(out->fd, out->buf + out->written, len);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        out->closed = true;
        out->written = out->filled;
    } else if (n > 0) {
        out->written += (size_t)n;
    }
    return output_waits(out);
}

/* Standard output can be written to, within `ms`; -1: no limit. */
static bool output_is_ready(const struct run_output *out, int ms)
{
    struct pollfd p = { out->fd, POLLOUT, 0 };
    return poll(&p, 1, ms) > 0;
}

/* POLLERR: of a pipe; POLLHUP: of a terminal. */
void output_look(struct run_output *out)
{
    struct pollfd p = { out->fd, 0, 0 };
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP))) {
        out->closed = true;
        out->written = out->filled;
    }
}

/* Until it would block. */
void output_flush(struct run_output *out)
{
    while (output_waits(out) && output_is_ready(out, 0) && output_write(out)) {
    }
}

/* The buffer is freed. */
void output_finish(struct run_output *out)
{
    while (output_waits(out)) {
        if (output_is_ready(out, -1)) {
            output_write(out);
        }
    }
    free(out->buf);
    *out = (struct run_output){ .closed = true };
}

/* Octets that are not written. */
bool output_waits(const struct run_output *out)
{
    return out->written < out->filled;
}

/* More than FULL octets wait. */
bool output_is_full(const struct run_output *out)
{
    return out->filled - out->written > FULL;
}
