/* Reports of a scan, put together: fragments of extended advertising, and which scan response
 * belongs to a connectable advertiser.
 *
 * Names of other files:
 *   last: of a report: the last connectable advertiser, whose scan response may follow
 *   tool_report: a report of a scan, put together: tool_report.h
 *   was_connectable: of a report: of a scan response: what it answers for was connectable */
#include "tool_report.h"

#include <string.h>

/* HCI: a kind of legacy report; bits of an extended report's properties. */
enum { SCAN_RSP = 4, PROP_CONNECTABLE = 1, PROP_SCAN_RESPONSE = 8 };

/* A report of legacy advertising, which is complete. */
static bool report_legacy(struct tool_report *r, const struct woad_event *ev)
{
    r->extended = r->more = false;
    r->addr = ev->u.report.addr;
    r->rssi = ev->u.report.rssi;
    r->connectable = ev->u.report.kind <= 1;
    r->scan_response = ev->u.report.kind == SCAN_RSP;
    if (r->connectable) {
        r->last = r->addr;
    }
    r->was_connectable = memcmp(&r->last, &r->addr, sizeof r->addr) == 0;
    r->len = ev->u.report.len;
    memcpy(r->data, ev->u.report.data, r->len);
    return true;
}

/* A report of extended advertising; true: its last fragment. */
static bool report_extended(struct tool_report *r, const struct woad_ext_report *e)
{
    size_t at = 0;
    if (r->more && r->sid == e->sid && memcmp(&r->addr, &e->addr, sizeof e->addr) == 0) {
        at = r->len;
    }
    size_t n = sizeof r->data - at;
    if (n > e->len) {
        n = e->len;
    }
    memcpy(r->data + at, e->data, n);
    r->extended = true;
    r->addr = e->addr;
    r->rssi = e->rssi;
    r->sid = e->sid;
    r->connectable = (e->props & PROP_CONNECTABLE) != 0;
    r->scan_response = (e->props & PROP_SCAN_RESPONSE) != 0;
    r->was_connectable = r->connectable;
    r->len = at + n;
    r->more = e->more && !e->truncated;
    return !r->more;
}

/* Other events are ignored. */
bool report_take(struct tool_report *r, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_REPORT) {
        return report_legacy(r, ev);
    }
    return ev->type == WOAD_EV_EXT_REPORT && report_extended(r, &ev->u.ext_report);
}

/* The complete name before the short one. */
const uint8_t *report_name(const struct tool_report *r, size_t *len)
{
    const uint8_t *name = woad_ad_find(r->data, r->len, WOAD_AD_NAME, len);
    if (!name) {
        name = woad_ad_find(r->data, r->len, WOAD_AD_NAME_SHORT, len);
    }
    return name;
}

/* A scan response counts as what it answers for. */
bool report_may_connect(const struct tool_report *r)
{
    return r->connectable || (r->scan_response && r->was_connectable);
}
