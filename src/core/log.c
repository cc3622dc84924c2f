/* The log: messages for people to config.log, if that is set.  Compiled with WOAD_LOG; the macros
 * of log.h add `function`, which is __func__ of the caller.
 *
 * Names of other files:
 *   cfg: the config that the application gave to woad_init()
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   NOT_UP: for REFUSED(): the host is not up
 *   text_format(): as vsnprintf(), for %s, %d, %u, %x and %c only */
#include "../base/bytes.h"
#include "../base/text.h"
#include "host.h"
#include "log.h"

enum { MESSAGE = 240 };

void log_write(const struct woad *h, enum woad_log_level level, const char *format, ...)
{
    char message[MESSAGE];
    va_list values;
    if (h->cfg.log) {
        va_start(values, format);
        text_format(message, sizeof message, format, values);
        va_end(values);
        h->cfg.log(h->cfg.ctx, level, message);
    }
}

/* Why a call is refused; returns `err`. */
int log_refused(const struct woad *h, int err, const char *function, const char *format, ...)
{
    char message[MESSAGE];
    va_list values;
    if (h->cfg.log) {
        va_start(values, format);
        text_format(message, sizeof message, format, values);
        va_end(values);
        /* Names of the host's own functions (base/private_names.h) mean nothing to its user. */
        if (memcmp(function, "woad_", 5) == 0 && function[5] != '_') {
            log_write(h, WOAD_LOG_WARNING, "%s: %s", function, message);
        } else {
            h->cfg.log(h->cfg.ctx, WOAD_LOG_WARNING, message);
        }
    }
    return err;
}

/* `err` is an error of feature_for_call(), and is returned. */
int log_call_error(const struct woad *h, int err, const char *feature, const char *function)
{
    if (err == WOAD_ENOTSUP) {
        return log_refused(h, err, function, NO_FEATURE, feature);
    }
    return log_refused(h, err, function, NOT_UP);
}

int log_malformed(const struct woad *h, unsigned type, const uint8_t *packet, size_t len)
{
    uint8_t head[4] = { 0 };
    memcpy(head, packet, min_size(len, sizeof head));
    log_write(h, WOAD_LOG_WARNING,
              "a packet of the controller is dropped: type 0x%x, %u octets: %x %x %x %x...", type,
              (unsigned)len, head[0], head[1], head[2], head[3]);
    return WOAD_EBADMSG;
}
