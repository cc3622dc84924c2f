/* Reports of a scan, put together: what one advertiser has sent in one go. */
#ifndef WOAD_TOOL_REPORT_H
#define WOAD_TOOL_REPORT_H

#include <woad/woad.h>

/* Fragments of an extended report, the last of which is still to come; len 0: none.  Reports of
 * others may come between them. */
struct report_parts {
    struct woad_addr addr;
    uint8_t sid;
    size_t len;
    uint8_t data[WOAD_EXT_DATA_MAX];
};

struct tool_report {
    struct woad_addr addr; /* type 0xff: anonymous */
    int rssi;              /* dBm; 127: not known */
    bool extended, connectable, scan_response;
    bool was_connectable; /* of a scan response: what it answered for was */
    uint8_t sid;          /* of an extended one */
    uint8_t data[WOAD_EXT_DATA_MAX];
    size_t len;
    /* the last connectable advertiser, whose scan response may follow */
    struct woad_addr last;
    struct report_parts parts[4];
    unsigned oldest; /* of parts, if all are in use */
};

/* Takes an event of a scan.  True: *r is a complete report. */
bool report_take(struct tool_report *r, const struct woad_event *ev);
/* The name in it, complete or short; NULL: none. */
const uint8_t *report_name(const struct tool_report *r, size_t *len);
/* Whether a connection may be made to it, as far as this report says. */
bool report_may_connect(const struct tool_report *r);

#endif
