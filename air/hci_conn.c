/* Commands about connections: their end, their parameters, what they are like.
 * Vol 4, Part E, 7.1, 7.5, 7.8 */
#include "ll.h"

enum { CMD_DISCONNECT = 0x0406, CMD_READ_REMOTE_VERSION = 0x041d, CMD_LE_UPDATE = 0x2013,
       CMD_LE_READ_REMOTE_FEATURES = 0x2016 };

static int cmd_disconnect(ctl *c, struct rd *in, struct wr *ret)
{
    static const uint8_t reasons[] = { 0x05, 0x13, 0x14, 0x15, 0x1a, 0x29, 0x3b };
    uint8_t i;
    uint16_t handle = rd_le16(in);
    uint8_t reason = rd_u8(in);
    (void)ret;
    struct link *l = link_by_handle(c, handle, &i);
    int status = l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION;
    if (l && !memchr(reasons, reason, sizeof reasons)) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    } else if (l && l->terminate_sent) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, CMD_DISCONNECT, (uint8_t)status);
    if (!status) {
        control_terminate(c, i, reason);
    }
    return CMD_ANSWERED;
}

static int cmd_remote_version(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    (void)ret;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    evt_status(c, CMD_READ_REMOTE_VERSION, l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION);
    if (l) {
        control_ask_version(c, i);
    }
    return CMD_ANSWERED;
}

static int cmd_remote_features(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    (void)ret;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    evt_status(c, CMD_LE_READ_REMOTE_FEATURES, l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION);
    if (l) {
        control_ask_features(c, i);
    }
    return CMD_ANSWERED;
}

static int cmd_update(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    uint16_t min = rd_le16(in), max = rd_le16(in), latency = rd_le16(in), timeout = rd_le16(in);
    int status = 0;
    (void)ret;
    if (!l) {
        status = WOAD_HCI_UNKNOWN_CONNECTION;
    } else if (min < 6 || max > 3200 || min > max || latency > 499 || timeout < 10 ||
               timeout > 3200 || timeout * 4u <= (1u + latency) * max) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    } else if (!l->central) {
        status = WOAD_HCI_UNSUPPORTED;   /* that would be the parameter request procedure */
    } else if (l->updating) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, CMD_LE_UPDATE, (uint8_t)status);
    if (!status) {
        control_ask_update(c, i, min, latency, timeout);
    }
    return CMD_ANSWERED;
}

/* handle u16; RSSI i8: of the last packet heard.  7.5.4 */
static int cmd_rssi(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    wr_u8(ret, (uint8_t)(l && l->established ? l->rssi : 127));
    return l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION;
}

/* handle u16, type u8: 0 current, 1 maximum; level i8.  7.3.35 */
static int cmd_power(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    uint8_t type = rd_u8(in);
    bool known = link_by_handle(c, handle, &i) != NULL;
    wr_le16(ret, handle);
    wr_u8(ret, (uint8_t)c->cfg.tx_power_dbm);
    return !known ? WOAD_HCI_UNKNOWN_CONNECTION : type > 1 ? WOAD_HCI_INVALID_PARAMETERS : 0;
}

/* handle u16; channels 5.  7.8.20 */
static int cmd_channel_map(ctl *c, struct rd *in, struct wr *ret)
{
    static const uint8_t none[5] = { 0 };
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    wr_bytes(ret, l ? l->chm : none, sizeof none);
    return l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION;
}

/* channels 5: those that are not bad.  Connections of ours go on without the others.  7.8.19 */
static int cmd_host_channels(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t chm[5], n = 0;
    (void)ret;
    rd_copy(in, chm, sizeof chm);
    for (unsigned k = 0; k < 37; k++) {
        n = (uint8_t)(n + (chm[k / 8] >> (k % 8) & 1));
    }
    if (n < 2 || chm[4] & 0xe0) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    memcpy(c->channels, chm, sizeof chm);
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used && c->links[i].central) {
            control_ask_channels(c, i);
        }
    }
    return 0;
}

/* handle u16, octets u16, time u16.  7.8.33 */
static int cmd_data_len(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in), octets = rd_le16(in), time = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (octets < 27 || octets > 251 || time < 328 || time > 17040) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    l->wanted_tx = (uint8_t)octets;
    control_ask_length(c, i);
    return 0;
}

static int cmd_read_data_len(ctl *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->default_tx);
    wr_le16(ret, (uint16_t)((c->default_tx + 14) * 8));
    return 0;
}

static int cmd_write_data_len(ctl *c, struct rd *in, struct wr *ret)
{
    uint16_t octets = rd_le16(in), time = rd_le16(in);
    (void)ret;
    if (octets < 27 || octets > 251 || time < 328 || time > 17040) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->default_tx = octets;
    return 0;
}

static int cmd_max_data_len(ctl *c, struct rd *in, struct wr *ret)
{
    (void)c;
    (void)in;
    for (int n = 0; n < 2; n++) {
        wr_le16(ret, 251);
        wr_le16(ret, 2120);
    }
    return 0;
}

const struct command air_conn_commands[] = {
    { CMD(0x01, 0x06), 0, 5, 3, cmd_disconnect },
    { CMD(0x01, 0x1d), 2, 7, 2, cmd_remote_version },
    { CMD(0x03, 0x2d), 10, 2, 3, cmd_power },
    { CMD(0x05, 0x05), 15, 5, 2, cmd_rssi },
    { CMD(0x08, 0x13), 27, 2, 14, cmd_update },
    { CMD(0x08, 0x14), 27, 3, 5, cmd_host_channels },
    { CMD(0x08, 0x15), 27, 4, 2, cmd_channel_map },
    { CMD(0x08, 0x16), 27, 5, 2, cmd_remote_features },
    { CMD(0x08, 0x22), 33, 6, 6, cmd_data_len },
    { CMD(0x08, 0x23), 33, 7, 0, cmd_read_data_len },
    { CMD(0x08, 0x24), 34, 0, 4, cmd_write_data_len },
    { CMD(0x08, 0x2f), 35, 3, 0, cmd_max_data_len },
    { 0, 0, 0, 0, NULL },
};
