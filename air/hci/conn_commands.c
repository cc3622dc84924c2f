/* HCI commands about connections, in the simulated controller: disconnecting, parameters, PHYs,
 * data length, encryption. Vol 4, Part E, 7.1, 7.5, 7.8
 *
 * A comment above a function has its command's parameters, then, behind a semicolon, the return
 * parameters behind status. A function returns the status, for Command Complete or, with
 * CMD_STATUS, Command Status; CMD_ANSWERED: it has sent that event itself, because another must
 * follow it.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   s: a stream (struct iso, ll.h)
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   channel_map: the host's channel classification: a bit each, 1: not known to be bad
 *   chm: channel map, a bit each
 *   cis_cancel(): ends a stream of a central that is not established
 *   cis_on_link(): a stream of the connection exists or is being created
 *   cis_terminate(): sends LL_CIS_TERMINATE_IND; the stream ends when it is acknowledged
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_SECRET: flag of a command: unknown without the feature LE Encryption
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   control_pending(): the procedure P_… is wanted or runs
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   control_terminate(): sends LL_TERMINATE_IND; the connection ends when it is acknowledged
 *   controller_has(): the controller has this feature
 *   creating: the stream is being created
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   default_rx_phys: sets of PHYs that the host prefers, for requests of peers
 *   default_tx: octets in a packet that the host suggests for new connections
 *   default_tx_phys: sets of PHYs that the host prefers, for requests of peers
 *   default_tx_time: us of a packet that the host suggests for new connections
 *   encrypt_key(): the host's LTK, or NULL: it has none
 *   encrypting: encryption is being started or paused: no data are sent
 *   established: a packet has been received; until then it is lost after six events
 *   FEATURE_2M: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   host_coded_s2: our host prefers S=2 to S=8
 *   host_max_tx: octets that our host wants in a packet
 *   host_params: the parameters that our host wants
 *   host_rx_phys: sets of PHYs that the host has asked for on this connection
 *   host_tx_phys: sets of PHYs that the host has asked for on this connection
 *   iso_by_handle(): the stream with HCI's handle; NULL: none
 *   ISO_CIS: kind of a stream: connected
 *   length_max_time(): us of the longest packet of the PHYs that the controller has
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   ltk_requested: the host has not answered LE Long Term Key Request
 *   on: of a stream: its events are scheduled
 *   params_answer(): answers the peer's request with an error, 0: with peer_params
 *   params_read(): reads interval min, max, latency, timeout
 *   params_valid(): these are in the specification's ranges
 *   payload_timeout: 10 ms: the authenticated payload timeout
 *   payload_timeout_restart(): a packet with a MIC has been received: sets auth_payload_by and
 *       ping_at
 *   peer_has(): the peer has this feature; valid when features_known
 *   peer_params: the parameters of the peer's request, then those that our host has answered
 *   phy_event_due: the host gets an event when that procedure ends
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   remote_procedure: P_… that the peer has begun
 *   rx_encrypted: packets from the peer are encrypted
 *   terminating: the end is being sent to the peer
 *   update_event_due: the host gets an event when the procedure ends */
#include "hci.h"

/* interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16 */
bool params_from_host(struct rd *in, struct params *p)
{
    *p = params_read(in);
    uint16_t ce_min = rd_le16(in), ce_max = rd_le16(in);
    return !in->bad && params_valid(p) && ce_min <= ce_max;
}

/* Disconnect of a CIS. The central may cancel one that is being created: it ends with LE CIS
 * Established. */
static int cis_disconnect(controller *c, struct iso *s, uint8_t reason)
{
    bool known_to_host = s->central ? s->creating || s->on : s->established;
    if (s->terminating || !known_to_host) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_DISCONNECT, 0);
    if (s->established) {
        cis_terminate(c, s, reason);
    } else {
        cis_cancel(c, s, reason);
    }
    return CMD_ANSWERED;
}

/* handle u16, reason u8.  7.1.6 */
static int cmd_disconnect(controller *c, struct rd *in, struct wr *ret)
{
    static const uint8_t reasons[] = { 0x05, 0x13, 0x14, 0x15, 0x1a, 0x29, 0x3b };
    uint8_t i;
    uint16_t handle = rd_le16(in);
    uint8_t reason = rd_u8(in);
    (void)ret;
    struct link *l = link_by_handle(c, handle, &i);
    struct iso *s = NULL;
    if (!l) {
        s = iso_by_handle(c, handle);
    }
    if (s && s->kind == ISO_CIS && memchr(reasons, reason, sizeof reasons)) {
        return cis_disconnect(c, s, reason);
    }
    if (s && s->kind == ISO_CIS) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = WOAD_HCI_UNKNOWN_CONNECTION;
    if (l) {
        status = 0;
    }
    if (l && !memchr(reasons, reason, sizeof reasons)) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    } else if (l && l->terminating) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_DISCONNECT, (uint8_t)status);
    if (!status) {
        control_terminate(c, i, reason);
    }
    return CMD_ANSWERED;
}

/* Read Remote Version Information: Command Status, and the procedure begins. */
static int cmd_remote_version(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    (void)ret;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    evt_status(c, OP_READ_REMOTE_VERSION, l ? 0 : WOAD_HCI_UNKNOWN_CONNECTION);
    if (l) {
        control_request(c, i, P_VERSION);
    }
    return CMD_ANSWERED;
}

/* LE Read Remote Features. A peripheral may ask only with Peripheral-initiated Features
 * Exchange. */
static int cmd_remote_features(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    (void)ret;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    bool may = l && (l->central || controller_has(c, FEATURE_PERIPHERAL));
    int refused = WOAD_HCI_UNKNOWN_CONNECTION;
    if (l) {
        refused = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_LE_READ_REMOTE_FEATURES, (uint8_t)(may ? 0 : refused));
    if (may) {
        control_request(c, i, P_FEATURES);
    }
    return CMD_ANSWERED;
}

/* handle u16, the parameters. A peripheral requests them of its central, from 4.1 on. 7.8.18 */
static int cmd_update(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    struct params p;
    bool good = params_from_host(in, &p);
    int status = 0;
    (void)ret;
    if (!l) {
        status = WOAD_HCI_UNKNOWN_CONNECTION;
    } else if (!good) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    } else if (!l->central && !controller_has(c, FEATURE_PARAM_REQ)) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    } else if (!l->central && l->features_known && !peer_has(l, FEATURE_PARAM_REQ)) {
        status = WOAD_HCI_UNSUPPORTED_REMOTE;
    } else if (control_pending(l, l->central ? P_UPDATE : P_PARAMS)) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_LE_CONNECTION_UPDATE, (uint8_t)status);
    if (!status) {
        l->update_event_due = true;
        l->host_params = p;
        control_request(c, i, l->central ? P_UPDATE : P_PARAMS);
    }
    return CMD_ANSWERED;
}

/* handle u16; RSSI i8, of the last packet received. 7.5.4 */
static int cmd_rssi(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    uint8_t rssi;
    if (l && l->established) {
        rssi = (uint8_t)l->rssi;
    } else {
        rssi = DBM_UNKNOWN;
    }
    wr_u8(ret, rssi);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    return 0;
}

/* handle u16, type u8: 0 current, 1 maximum; level i8.  7.3.35 */
static int cmd_power(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    uint8_t type = rd_u8(in);
    bool known = link_by_handle(c, handle, &i) != NULL;
    wr_le16(ret, handle);
    wr_u8(ret, (uint8_t)c->cfg.tx_power_dbm);
    if (!known) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (type <= 1) {
        return 0;
    }
    return WOAD_HCI_INVALID_PARAMETERS;
}

/* handle u16; channels 5.  7.8.20 */
static int cmd_channel_map(controller *c, struct rd *in, struct wr *ret)
{
    static const uint8_t none[5] = { 0 };
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    const uint8_t *chm;
    if (l) {
        chm = l->chm;
    } else {
        chm = none;
    }
    wr_bytes(ret, chm, sizeof none);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    return 0;
}

/* channels 5: those that are not bad. Connections of which this is the central get them as channel
 * map. 7.8.19 */
static int cmd_host_channels(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t chm[5], n = 0;
    (void)ret;
    rd_copy(in, chm, sizeof chm);
    for (unsigned k = 0; k < DATA_CHANNELS; k++) {
        n = (uint8_t)(n + (chm[k / 8] >> (k % 8) & 1));
    }
    if (n < 2 || chm[4] & 0xe0) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    memcpy(c->ll->channel_map, chm, sizeof chm);
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used && c->links[i].central) {
            control_request(c, i, P_CHANNELS);
        }
    }
    return 0;
}

/* handle u16, octets u16, time u16.  7.8.33 */
static int cmd_data_len(controller *c, struct rd *in, struct wr *ret)
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
    l->host_max_tx = (uint8_t)octets;
    l->host_max_tx_time = time;
    control_request(c, i, P_LENGTH);
    return 0;
}

/* handle u16, interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16.
 * 7.8.31 */
static int cmd_param_reply(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    struct params p;
    bool good = params_from_host(in, &p);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (l->remote_procedure != P_PARAMS || l->params_accepted) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!good) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    l->peer_params = p;
    params_answer(c, i, 0);
    return 0;
}

/* handle u16, reason u8.  7.8.32 */
static int cmd_param_refuse(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    uint8_t reason = rd_u8(in);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (l->remote_procedure != P_PARAMS || l->params_accepted) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    params_answer(c, i, reason ? reason : WOAD_HCI_UNACCEPTABLE_PARAMETERS);
    return 0;
}

/* --- PHYs ------------------------------------------------------------------------------------- */

/* handle u16; tx u8, rx u8.  7.8.47 */
static int cmd_read_phy(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    uint8_t tx_phy = 0, rx_phy = 0;
    if (l) {
        tx_phy = phy_number(l->tx_phy);
        rx_phy = phy_number(l->rx_phy);
    }
    wr_u8(ret, tx_phy);
    wr_u8(ret, rx_phy);
    if (l) {
        return 0;
    }
    return WOAD_HCI_UNKNOWN_CONNECTION;
}

/* Reads all PHYs u8, tx u8, rx u8: a direction without preference gets all that are supported.
 * Returns the status. */
static int phys_read(const controller *c, struct rd *in, uint8_t *tx, uint8_t *rx)
{
    uint8_t any = rd_u8(in), there = phys_supported(c);
    *tx = rd_u8(in);
    *rx = rd_u8(in);
    if (any & 1) {
        *tx = there;
    }
    if (any & 2) {
        *rx = there;
    }
    if (!*tx || !*rx) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if ((*tx | *rx) & ~there) {
        return WOAD_HCI_UNSUPPORTED;
    }
    return 0;
}

/* 7.8.48 */
static int cmd_default_phy(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t tx, rx;
    (void)ret;
    int status = phys_read(c, in, &tx, &rx);
    if (!status) {
        c->ll->default_tx_phys = tx;
        c->ll->default_rx_phys = rx;
    }
    return status;
}

/* handle u16, the sets, coding u16: 1 S=2 preferred.  7.8.49 */
static int cmd_set_phy(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i, tx, rx;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    int status = phys_read(c, in, &tx, &rx);
    uint16_t coding = rd_le16(in);
    (void)ret;
    if (!l) {
        status = WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (!status && (coding & 3) == 3) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!status && l->phy_event_due) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_LE_SET_PHY, (uint8_t)status);
    if (!status) {
        l->phy_event_due = true;
        l->host_tx_phys = tx;
        l->host_rx_phys = rx;
        l->host_coded_s2 = (coding & 3) == 1;
        control_request(c, i, P_PHY);
    }
    return CMD_ANSWERED;
}

/* --- encryption ------------------------------------------------------------------------------- */

/* handle u16, random 8, diversifier u16, key 16. Not with a CIS, which uses the connection's key.
 * 7.8.24 */
static int cmd_encrypt_link(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i, ltk[16];
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    (void)ret;
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (!l->central || l->encrypting || control_pending(l, P_ENCRYPT) || cis_on_link(c, i)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_LE_ENABLE_ENCRYPTION, 0);
    rd_copy(in, l->rand, 8);
    l->ediv = rd_le16(in);
    rd_copy(in, ltk, 16);
    for (size_t n = 0; n < 16; n++) {
        l->ltk[n] = ltk[15 - n];
    }
    control_request(c, i, P_ENCRYPT);
    return CMD_ANSWERED;
}

/* handle u16, key 16.  7.8.25 */
static int cmd_ltk(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i, ltk[16];
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    rd_copy(in, ltk, 16);
    if (!l || !l->ltk_requested) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = WOAD_HCI_COMMAND_DISALLOWED;
        }
        return status;
    }
    encrypt_key(c, i, ltk);
    return 0;
}

/* handle u16.  7.8.26 */
static int cmd_no_ltk(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    if (!l || !l->ltk_requested) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = WOAD_HCI_COMMAND_DISALLOWED;
        }
        return status;
    }
    encrypt_key(c, i, NULL);
    return 0;
}

/* handle u16; timeout u16 in 10 ms.  7.3.93 */
static int cmd_read_payload_timeout(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    uint16_t timeout;
    if (l) {
        timeout = l->payload_timeout;
    } else {
        timeout = 0;
    }
    wr_le16(ret, timeout);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    return 0;
}

/* handle u16, timeout u16.  7.3.94 */
static int cmd_write_payload_timeout(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in), timeout = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (!timeout || timeout * 8u < (l->latency + 1u) * l->interval) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    l->payload_timeout = timeout;
    if (l->rx_encrypted) {
        payload_timeout_restart(c, l);
    }
    return 0;
}

/* LE Read Suggested Default Data Length; octets u16, us u16.  7.8.34 */
static int cmd_read_data_len(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->ll->default_tx);
    wr_le16(ret, c->ll->default_tx_time);
    return 0;
}

/* LE Write Suggested Default Data Length: octets u16, us u16. The bounds are those of 7.8.35. */
static int cmd_write_data_len(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t octets = rd_le16(in), time = rd_le16(in);
    (void)ret;
    if (octets < 27 || octets > 251 || time < 328 || time > 17040) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->default_tx = octets;
    c->ll->default_tx_time = time;
    return 0;
}

/* LE Read Maximum Data Length: 251 octets and their time, sent and received. */
static int cmd_max_data_len(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    for (int n = 0; n < 2; n++) {
        wr_le16(ret, 251);
        wr_le16(ret, length_max_time(c));
    }
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_conn_commands[] = {
    { OP_DISCONNECT, 0, 5, 3, cmd_disconnect, 0, CMD_STATUS, 0 },
    { OP_READ_REMOTE_VERSION, 2, 7, 2, cmd_remote_version, 0, CMD_STATUS, 0 },
    { OP_READ_TX_POWER, 10, 2, 3, cmd_power, 0, 0, 0 },
    { OP_READ_PAYLOAD_TIMEOUT, 32, 4, 2, cmd_read_payload_timeout, FEATURE_PING, 0, 0 },
    { OP_WRITE_PAYLOAD_TIMEOUT, 32, 5, 4, cmd_write_payload_timeout, FEATURE_PING, 0, 0 },
    { OP_READ_RSSI, 15, 5, 2, cmd_rssi, 0, 0, 0 },
    { OP_LE_CONNECTION_UPDATE, 27, 2, 14, cmd_update, 0, CMD_STATUS, 0 },
    { OP_LE_SET_HOST_CHANNELS, 27, 3, 5, cmd_host_channels, 0, 0, 0 },
    { OP_LE_READ_CHANNEL_MAP, 27, 4, 2, cmd_channel_map, 0, 0, 0 },
    { OP_LE_READ_REMOTE_FEATURES, 27, 5, 2, cmd_remote_features, 0, CMD_STATUS, 0 },
    { OP_LE_SET_DATA_LENGTH, 33, 6, 6, cmd_data_len, FEATURE_LENGTH, 0, 0 },
    { OP_LE_READ_DEFAULT_DATA_LEN, 33, 7, 0, cmd_read_data_len, FEATURE_LENGTH, 0, 0 },
    { OP_LE_WRITE_DEFAULT_DATA_LEN, 34, 0, 4, cmd_write_data_len, FEATURE_LENGTH, 0, 0 },
    { OP_LE_READ_MAX_DATA_LEN, 35, 3, 0, cmd_max_data_len, FEATURE_LENGTH, 0, 0 },
    { OP_LE_ENABLE_ENCRYPTION, 28, 0, 28, cmd_encrypt_link, 0, CMD_STATUS | CMD_SECRET, 0 },
    { OP_LE_LTK_REPLY, 28, 1, 18, cmd_ltk, 0, CMD_SECRET, 0 },
    { OP_LE_LTK_NEGATIVE_REPLY, 28, 2, 2, cmd_no_ltk, 0, CMD_SECRET, 0 },
    { OP_LE_CONN_PARAM_REPLY, 33, 4, 14, cmd_param_reply, FEATURE_PARAM_REQ, 0, 0 },
    { OP_LE_CONN_PARAM_NEGATIVE, 33, 5, 3, cmd_param_refuse, FEATURE_PARAM_REQ, 0, 0 },
    { OP_LE_READ_PHY, 35, 4, 2, cmd_read_phy, FEATURE_2M, 0, 0 },
    { OP_LE_SET_DEFAULT_PHY, 35, 5, 3, cmd_default_phy, FEATURE_2M, 0, 0 },
    { OP_LE_SET_PHY, 35, 6, 7, cmd_set_phy, FEATURE_2M, CMD_STATUS, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
