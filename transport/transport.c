/* Helpers that all kinds of transport share: failure messages, descriptors, options in a name.
 *
 * Names of other files:
 *   hci_transport: an open transport: transport.h
 *   ops: functions in the place of read(), write() and close(); NULL: none
 *   usb: of a transport: what usb.c keeps */
#define _GNU_SOURCE
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Also one that is closed already. */
void transport_close(struct hci_transport *transport)
{
    if (transport->ops) {
        transport->ops->close(transport->usb);
    } else if (transport->fd >= 0) {
        close(transport->fd);
    }
    transport->fd = -1;
}

/* Its result is what the caller returns. */
int transport_fail(char message[WOAD_PORT_MESSAGE_MAX], int error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, WOAD_PORT_MESSAGE_MAX, format, ap);
    va_end(ap);
    if (error) {
        return -error;
    }
    return -EIO;
}

/* For what open() or socket() has returned: on failure errno is still theirs. */
int fd_above_stdio(int fd)
{
    if (fd < 0) {
        return -errno;
    }
    if (fd > 2) {
        return fd;
    }
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3), err = errno;
    close(fd);
    if (above < 0) {
        return -err;
    }
    return above;
}

/* A pipe or a terminal is left alone: the user chose its reader. */
int fd_make_private(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode) || !(st.st_mode & 077)) {
        return 0;
    }
    if (fchmod(fd, 0600) < 0) {
        return -errno;
    }
    return 0;
}

/* Options are taken from the end, until none is one that the caller knows. */
bool spec_take_word(char *spec, const char *word)
{
    char *comma = strrchr(spec, ',');
    if (!comma || strcmp(comma + 1, word) != 0) {
        return false;
    }
    *comma = '\0';
    return true;
}

/* The value lies in `spec`, behind its new end. */
const char *spec_take_value(char *spec, const char *word)
{
    char *comma = strrchr(spec, ',');
    size_t n = strlen(word);
    if (!comma || strncmp(comma + 1, word, n) != 0 || comma[1 + n] != '=') {
        return NULL;
    }
    *comma = '\0';
    return comma + 2 + n;
}
