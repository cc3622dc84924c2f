/* Reports of a scan, put together: what one advertiser has sent in one go. */
#ifndef WOAD_TOOL_REPORT_H
#define WOAD_TOOL_REPORT_H

#include <woad/woad.h>

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
    bool more; /* fragments are missing */
};

/* Takes an event of a scan.  True: *r is a complete report. */
bool report_take(struct tool_report *r, const struct woad_event *ev);
/* The name in it, complete or short; NULL: none. */
const uint8_t *report_name(const struct tool_report *r, size_t *len);
/* Whether a connection may be made to it, as far as this report says. */
bool report_may_connect(const struct tool_report *r);

#endif
