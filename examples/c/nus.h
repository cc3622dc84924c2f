/* Nordic's UART Service, and a look at standard input. */
#ifndef NUS_H
#define NUS_H

#include <poll.h>
#include <unistd.h>

#include <woad/woad.h>

#define NUS(n) \
    { \
        16, \
        { \
            0x9e, 0xca, 0xdc, 0x24, 0x0e, 0xe5, 0xa9, 0xe0, 0x93, 0xf3, 0xa3, 0xb5, n, 0, 0x40, \
                0x6e \
        } \
    }
static const struct woad_uuid nus = NUS(1), nus_to_server = NUS(2), nus_to_client = NUS(3);

/* Octets that wait in standard input, at most `room`, without waiting; -1: it has ended. */
static inline int input(uint8_t *to, size_t room)
{
    struct pollfd fd = { .fd = 0, .events = POLLIN };
    if (poll(&fd, 1, 0) <= 0)
        return 0;
    int n = (int)read(0, to, room);
    return n > 0 ? n : -1;
}

#endif
