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
    r->extended = false;
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

/* Where the fragment belongs: behind those of the same set, or into an empty place.  If there is
 * none, the oldest report is given up. */
static struct report_parts *report_parts(struct tool_report *r, const struct woad_ext_report *e)
{
    struct report_parts *empty = NULL;
    enum { PARTS = sizeof r->parts / sizeof r->parts[0] };
    for (struct report_parts *p = r->parts; p < r->parts + PARTS; p++) {
        if (!p->len) {
            empty = p;
        } else if (p->sid == e->sid && memcmp(&p->addr, &e->addr, sizeof e->addr) == 0) {
            return p;
        }
    }
    if (!empty) {
        empty = &r->parts[r->oldest++ % PARTS];
    }
    empty->addr = e->addr;
    empty->sid = e->sid;
    empty->len = 0;
    return empty;
}

/* A report of extended advertising; true: its last fragment. */
static bool report_extended(struct tool_report *r, const struct woad_ext_report *e)
{
    struct report_parts *p = report_parts(r, e);
    size_t n = sizeof p->data - p->len;
    if (n > e->len) {
        n = e->len;
    }
    memcpy(p->data + p->len, e->data, n);
    p->len += n;
    if (e->more && !e->truncated) {
        return false;
    }
    memcpy(r->data, p->data, p->len);
    r->len = p->len;
    p->len = 0;
    r->extended = true;
    r->addr = e->addr;
    r->rssi = e->rssi;
    r->sid = e->sid;
    r->connectable = (e->props & PROP_CONNECTABLE) != 0;
    r->scan_response = (e->props & PROP_SCAN_RESPONSE) != 0;
    r->was_connectable = r->connectable;
    return true;
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
