/* Converts octets and events to text. */
#include "run.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

size_t unhex(const char *s, uint8_t *to, size_t room)
{
    size_t n = 0;
    while (*s) {
        unsigned v;
        if (isspace((unsigned char)*s)) {
            s++;
        } else if (n < room && sscanf(s, "%2x", &v) == 1 && isxdigit((unsigned char)s[1])) {
            to[n++] = (uint8_t)v;
            s += 2;
        } else {
            return SIZE_MAX;
        }
    }
    return n;
}

void hex(char *to, size_t room, const uint8_t *p, size_t n)
{
    size_t at = strlen(to);
    for (size_t i = 0; i < n && at + 4 < room; i++) {
        at += (size_t)snprintf(to + at, room - at, "%02x", p[i]);
    }
}

static const char *const names[] = {
    [WOAD_EV_UP] = "up",
    [WOAD_EV_DOWN] = "down",
    [WOAD_EV_ADV_STARTED] = "adv_started",
    [WOAD_EV_ADV_FAILED] = "adv_failed",
    [WOAD_EV_ADV_STOPPED] = "adv_stopped",
    [WOAD_EV_REPORT] = "report",
    [WOAD_EV_SCAN_DONE] = "scan_done",
    [WOAD_EV_CONNECT] = "connect",
    [WOAD_EV_CONNECT_FAILED] = "connect_failed",
    [WOAD_EV_DISCONNECT] = "disconnect",
    [WOAD_EV_CONN_UPDATE] = "conn_update",
    [WOAD_EV_LINK] = "link",
    [WOAD_EV_ACCEPT_LIST] = "accept_list",
    [WOAD_EV_TX_DONE] = "tx_done",
    [WOAD_EV_TX_READY] = "tx_ready",
    [WOAD_EV_MTU] = "mtu",
    [WOAD_EV_GATT_READ] = "read",
    [WOAD_EV_GATT_WRITE] = "write",
    [WOAD_EV_SUBSCRIBE] = "subscribe",
    [WOAD_EV_INDICATED] = "indicated",
    [WOAD_EV_SERVICE] = "service",
    [WOAD_EV_INCLUDED] = "included",
    [WOAD_EV_CHARACTERISTIC] = "characteristic",
    [WOAD_EV_DESCRIPTOR] = "descriptor",
    [WOAD_EV_COC_REQUEST] = "coc_request",
    [WOAD_EV_COC_OPEN] = "coc_open",
    [WOAD_EV_COC_CHANGED] = "coc_changed",
    [WOAD_EV_COC_CLOSED] = "coc_closed",
    [WOAD_EV_COC_DATA] = "coc_data",
    [WOAD_EV_COC_RECEIVED] = "coc_received",
    [WOAD_EV_COC_SENT] = "coc_sent",
    [WOAD_EV_READ] = "value",
    [WOAD_EV_NOTIFIED] = "notified",
    [WOAD_EV_INDICATION] = "indication",
    [WOAD_EV_GATTC_DONE] = "done",
};

static void describe_link(char *at, size_t room, const struct woad_link_value *v)
{
    size_t n = (size_t)snprintf(at, room, " %u %d ", v->item, v->status);
    switch (v->status ? WOAD_LINK_VERSION + 1 : (int)v->item) {
    case WOAD_LINK_CHANNEL_MAP: hex(at, room, v->channel_map, sizeof v->channel_map); break;
    case WOAD_LINK_PHY: snprintf(at + n, room - n, "%u %u", v->tx_phy, v->rx_phy); break;
    case WOAD_LINK_DATA_LENGTH:
        snprintf(at + n, room - n, "%u %u", v->tx_octets, v->rx_octets);
        break;
    case WOAD_LINK_FEATURES: hex(at, room, v->features, sizeof v->features); break;
    case WOAD_LINK_VERSION:
        snprintf(at + n, room - n, "%u %u %u", v->version, v->company, v->subversion);
        break;
    case WOAD_LINK_RSSI:
    case WOAD_LINK_TX_POWER: snprintf(at + n, room - n, "%d", v->dbm); break;
    default: break;
    }
}

void describe(char *to, const struct woad_event *ev)
{
    char uuid[37];
    size_t n = (size_t)snprintf(to, TEXT, "%s", names[ev->type]);
    char *at = to + n;
    size_t room = TEXT - n;
    switch (ev->type) {
    case WOAD_EV_DOWN: snprintf(at, room, " %d", ev->u.down.error); break;
    case WOAD_EV_ADV_FAILED:
    case WOAD_EV_ADV_STOPPED:
    case WOAD_EV_SCAN_DONE:
    case WOAD_EV_ACCEPT_LIST: snprintf(at, room, " %d", ev->u.adv.status); break;
    case WOAD_EV_REPORT:
        snprintf(at, room, " %u %d ", ev->u.report.kind, ev->u.report.rssi);
        hex(to, TEXT, ev->u.report.data, ev->u.report.len);
        break;
    case WOAD_EV_CONNECT_FAILED: snprintf(at, room, " %d", ev->u.connect_failed.status); break;
    case WOAD_EV_DISCONNECT: snprintf(at, room, " %02x", ev->u.disconnect.reason); break;
    case WOAD_EV_CONN_UPDATE:
        snprintf(at, room, " %d %u %u %u", ev->u.conn_update.status,
                 ev->u.conn_update.interval_1250us, ev->u.conn_update.latency,
                 ev->u.conn_update.supervision_10ms);
        break;
    case WOAD_EV_LINK: describe_link(at, room, &ev->u.link); break;
    case WOAD_EV_COC_REQUEST:
    case WOAD_EV_COC_OPEN:
    case WOAD_EV_COC_CHANGED:
    case WOAD_EV_COC_CLOSED:
        snprintf(at, room, " %04x %02x %u %u %d", ev->u.coc.cid, ev->u.coc.psm, ev->u.coc.mtu,
                 ev->u.coc.peer_mtu, ev->u.coc.status);
        break;
    case WOAD_EV_COC_DATA:
    case WOAD_EV_COC_RECEIVED:
    case WOAD_EV_COC_SENT:
        snprintf(at, room, " %04x %u%s ", ev->u.coc_data.cid, (unsigned)ev->u.coc_data.len,
                 ev->u.coc_data.end ? "" : " more");
        if (ev->u.coc_data.data) {
            hex(to, TEXT, ev->u.coc_data.data, ev->u.coc_data.len);
        }
        break;
    case WOAD_EV_MTU: snprintf(at, room, " %u", ev->u.mtu.mtu); break;
    case WOAD_EV_GATT_READ:
        snprintf(at, room, " %04x %u", ev->u.gatt_read.handle, ev->u.gatt_read.offset);
        break;
    case WOAD_EV_GATT_WRITE:
        snprintf(at, room, " %04x %u ", ev->u.gatt_write.handle, ev->u.gatt_write.offset);
        hex(to, TEXT, ev->u.gatt_write.data, ev->u.gatt_write.len);
        break;
    case WOAD_EV_SUBSCRIBE:
        snprintf(at, room, " %04x %u", ev->u.subscribe.value_handle, ev->u.subscribe.cccd);
        break;
    case WOAD_EV_SERVICE:
        woad_uuid_format(&ev->u.service.uuid, uuid);
        snprintf(at, room, " %04x %04x %s", ev->u.service.start, ev->u.service.end, uuid);
        break;
    case WOAD_EV_INCLUDED:
        woad_uuid_format(&ev->u.included.uuid, uuid);
        snprintf(at, room, " %04x %04x %04x %s", ev->u.included.declaration, ev->u.included.start,
                 ev->u.included.end, uuid);
        break;
    case WOAD_EV_CHARACTERISTIC:
        woad_uuid_format(&ev->u.characteristic.uuid, uuid);
        snprintf(at, room, " %04x %04x %04x %02x %s", ev->u.characteristic.declaration,
                 ev->u.characteristic.value, ev->u.characteristic.end, ev->u.characteristic.props,
                 uuid);
        break;
    case WOAD_EV_DESCRIPTOR:
        woad_uuid_format(&ev->u.descriptor.uuid, uuid);
        snprintf(at, room, " %04x %s", ev->u.descriptor.handle, uuid);
        break;
    case WOAD_EV_READ:
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_INDICATION:
        snprintf(at, room, " %04x %u ", ev->u.value.handle, ev->u.value.offset);
        hex(to, TEXT, ev->u.value.data, ev->u.value.len);
        break;
    case WOAD_EV_INDICATED:
    case WOAD_EV_GATTC_DONE:
        snprintf(at, room, " %04x %d", ev->u.done.handle, ev->u.done.status);
        break;
    default: break;
    }
    for (size_t len = strlen(to); len && to[len - 1] == ' '; len--) {
        to[len - 1] = '\0';
    }
}
