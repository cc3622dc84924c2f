/* Texts of errors: see error_text.h. */
#include "error_text.h"

#include <woad/woad.h>

static const struct {
    int error;
    const char *text;
} negative[] = {
    { WOAD_ENOENT, "no such thing" },
    { WOAD_EIO, "the controller failed" },
    { WOAD_EAGAIN, "a queue is full: try again after WOAD_EV_TX_READY" },
    { WOAD_ENOMEM, "a capacity of the config is used up" },
    { WOAD_EACCES, "the connection is not secure enough" },
    { WOAD_EBUSY, "a procedure of this kind is pending" },
    { WOAD_ENODEV, "the host is not up" },
    { WOAD_EINVAL, "an argument is not valid" },
    { WOAD_EBADMSG, "the protocol was violated" },
    { WOAD_ENOTSUP, "not supported: config.features, or the controller" },
    { WOAD_EISCONN, "already connected to this peer" },
    { WOAD_ENOTCONN, "no such connection" },
    { WOAD_ETIMEDOUT, "timed out" },
    { WOAD_EALREADY, "already done, or in progress" },
    { WOAD_ECANCELED, "cancelled" },
};

const char *error_text(const char *const *table, size_t n, int code)
{
    if (code >= 0 && (size_t)code < n && table[code]) {
        return table[code];
    }
    for (size_t k = 0; k < sizeof negative / sizeof *negative; k++) {
        if (negative[k].error == code) {
            return negative[k].text;
        }
    }
    return "unknown error";
}
