/* The log: why a call was refused, a packet dropped, a connection closed, for people.  Compiled
 * with WOAD_LOG; without it nothing of it remains, and config.log is not called.  Values are
 * formatted by base/text.h, which knows %s, %d, %u, %x and %c. */
#ifndef WOAD_CORE_LOG_H
#define WOAD_CORE_LOG_H

#include <woad/woad.h>

#include "../base/private_names.h"

#ifdef __GNUC__
#define LOG_FORMAT(text, values) __attribute__((format(printf, text, values)))
#else
#define LOG_FORMAT(text, values)
#endif
/* Functions that log: LOG_RARE does so whenever it is called, and the compiler keeps the calls out
 * of the way of what is not logged; LOG_APART is not merged with a function that is called often.
 */
#if defined WOAD_LOG && defined __GNUC__
#define LOG_RARE __attribute__((cold, noinline))
#define LOG_APART __attribute__((noinline))
#else
#define LOG_RARE
#define LOG_APART
#endif

/* Both pass a message to config.log, if there is one.  The second puts the function's name before
 * it, if it is a public one, and returns `err`. */
void log_write(const struct woad *h, enum woad_log_level level, const char *format, ...)
    LOG_FORMAT(3, 4) LOG_RARE;
int log_refused(const struct woad *h, int err, const char *function, const char *format, ...)
    LOG_FORMAT(4, 5) LOG_RARE;

/* The result of feature_for_call(), an error, and the feature's name. */
int log_call_error(const struct woad *h, int err, const char *feature,
                   const char *function) LOG_RARE;

/* A malformed packet from the controller, behind its H4 type, with its first octets: returns
 * WOAD_EBADMSG. */
int log_malformed(const struct woad *h, unsigned type, const uint8_t *packet, size_t len) LOG_RARE;

/* The same, at once where there is no error. */
static inline int log_if_refused(const struct woad *h, int err, const char *feature,
                                 const char *function)
{
    if (err) {
        return log_call_error(h, err, feature, function);
    }
    return 0;
}

#ifdef WOAD_LOG
#define LOG(h, level, ...) log_write(h, level, __VA_ARGS__)
/* `err` itself is the value, so that the compiler knows that it is not 0. */
#define REFUSED(h, err, ...) (log_refused(h, err, __func__, __VA_ARGS__), (err))
#define CALL_ERROR(h, err, feature) log_if_refused(h, err, feature, __func__)
#define MALFORMED(h, type, packet, len) log_malformed(h, type, packet, len)
#else /* the compiler checks the arguments, and drops them */
#define LOG(h, level, ...) ((void)(0 ? log_write(h, level, __VA_ARGS__) : (void)0))
#define REFUSED(h, err, ...) (0 ? log_refused(h, err, __func__, __VA_ARGS__) : (err))
#define CALL_ERROR(h, err, feature) (err)
#define MALFORMED(h, type, packet, len) WOAD_EBADMSG
#endif

#define NO_CONNECTION "no open connection has the number 0x%x"
#define NO_FEATURE "config.features has no %s"
#define INSIDE_CALLBACK "not inside the event callback: the program's loop calls it"
#define NOT_UP "the host is not up: wait for WOAD_EV_UP"

#endif
