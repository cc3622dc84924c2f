/* The host interface of a controller: Vol 4, Part E.  Commands in tables, events out; what several
 * commands ask of the controller. */
#ifndef WOAD_AIR_HCI_H
#define WOAD_AIR_HCI_H

#include "hci_numbers.h"
#include "ll.h"

/* hci_evt.c */
bool evt_room(const controller *c, size_t n);
void evt_put(controller *c, uint8_t code, const struct wr *params);
void evt_put_2(controller *c, uint8_t code, const struct wr *params);
void evt_le(controller *c, uint8_t sub, const struct wr *params);
bool evt_le_enabled(const controller *c, uint8_t sub);
void evt_complete(controller *c, uint16_t opcode, uint8_t status, const struct wr *ret);
void evt_status(controller *c, uint16_t opcode, uint8_t status);
enum { OVERFLOW_ACL = 1, OVERFLOW_ISO = 2 };
void evt_overflow(controller *c, uint8_t link_type);
void evt_completed(controller *c, uint16_t handle, uint16_t count);
void evt_connected(controller *c, uint8_t status, uint8_t i);
void evt_disconnected(controller *c, uint16_t handle, uint8_t reason);
void evt_channel_selection(controller *c, uint8_t i);
void evt_updated(controller *c, uint8_t status, uint8_t i);
void evt_report(controller *c, uint8_t kind, const struct address *a, const uint8_t *data,
                size_t len, int8_t rssi);
/* hci_cmd.c hci_conn.c ll_accept.c: tables of commands, each ends with run NULL */
enum { CMD_ANSWERED = -1 };
/* Statuses beyond those of woad/hci.h.  Vol 1, Part F, 1.3 */
enum { UNKNOWN_ADVERTISER = 0x42, CANCELLED = 0x44, PACKET_TOO_LONG = 0x45 };
struct command {
    uint16_t opcode;
    uint8_t octet, bit; /* in Supported_Commands */
    int16_t len;        /* of the parameters; -1: it varies */
    /* Writes the return parameters; the result is the status, or CMD_ANSWERED. */
    int (*run)(controller *c, struct rd *in, struct wr *ret);
    uint8_t feature; /* a feature; 0: none */
    uint8_t flags;   /* CMD_LEGACY … */
    uint8_t since;   /* the first version that has it; 0: 4.0 */
};
/* LEGACY, EXTENDED: of one of the two families that do not mix (3.1.1).  STATUS: answered by
 * Command Status.  SECRET: needs encryption, which is feature 0. */
enum { CMD_LEGACY = 1, CMD_EXTENDED = 2, CMD_STATUS = 4, CMD_SECRET = 8 };
enum {
    VERSION_4_0 = 6,
    VERSION_4_1,
    VERSION_4_2,
    VERSION_5_0,
    VERSION_5_1,
    VERSION_5_2,
    VERSION_5_3,
    VERSION_5_4
}; /* Assigned Numbers, 2.1 */
extern const struct command air_conn_commands[], air_crypto_commands[], air_accept_commands[],
    air_ext_commands[], air_privacy_commands[], air_periodic_commands[], air_past_commands[],
    air_power_commands[], air_subrate_commands[], air_iso_commands[], air_data_commands[];
enum {
    FEATURE_ENCRYPTION = 0,
    FEATURE_PARAM_REQ = 1,
    FEATURE_REJECT_EXT = 2,
    FEATURE_PERIPHERAL = 3,
    FEATURE_PING = 4,
    FEATURE_LENGTH = 5,
    FEATURE_PRIVACY = 6,
    FEATURE_2M = 8,
    FEATURE_CODED = 11,
    FEATURE_EXT_ADV = 12,
    FEATURE_PERIODIC = 13,
    FEATURE_CSA2 = 14,
    FEATURE_PAST_SENDER = 24,
    FEATURE_PAST_RECIPIENT = 25,
    FEATURE_SCA = 26,
    FEATURE_CIS_CENTRAL = 28,
    FEATURE_CIS_PERIPHERAL = 29,
    FEATURE_ISO = FEATURE_CIS_PERIPHERAL,
    FEATURE_BROADCASTER = 30,
    FEATURE_RECEIVER = 31,
    FEATURE_CIS_HOST = 32,
    FEATURE_POWER = 33,
    FEATURE_POWER_CHANGE = 34,
    FEATURE_PATH_LOSS = 35,
    FEATURE_SUBRATE = 37,
    FEATURE_SUBRATE_HOST = 38
};
uint8_t phys_supported(const controller *c);
int own_type_check(const controller *c, uint8_t type);
int scan_filter_status(const controller *c, uint8_t filter);
/* What a host says of the peer that it wants to connect to, and of itself. */
struct conn_command {
    uint8_t filter, peer_type, own_type;
    struct address peer;
};
int conn_command_check(controller *c, const struct conn_command *p);
bool params_from_host(struct rd *in, struct params *p);
bool has_own_address(const controller *c, uint8_t type, const uint8_t random[6],
                     const struct address *peer);
bool address_is_zero(const uint8_t address[6]);
uint64_t controller_features(const controller *c);
bool controller_has(const controller *c, uint8_t feature);
static inline bool peer_has(const struct link *l, uint8_t feature)
{
    return l->features[feature / 8] >> feature % 8 & 1;
}
uint8_t controller_version(const controller *c);
uint64_t version_features(uint8_t version);
uint64_t version_le_events(uint8_t version);
uint8_t controller_sca(const controller *c);
uint32_t clock_widening(const controller *c, uint8_t peer_sca, uint64_t us);
void cmd_reset(controller *c);
int cmd_rx(controller *c, struct rd *in);
void controller_address(const controller *c, uint8_t type, struct address *a);

#endif
