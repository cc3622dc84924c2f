/* The host interface, as the link layer needs it: what the controller can do (capabilities.c), and
 * events (events.c).  A file of the link layer with commands of its own gives them to hci/ as a
 * table.  Vol 4, Part E */
#ifndef WOAD_AIR_HOST_H
#define WOAD_AIR_HOST_H

#include "hci_numbers.h"
#include "ll.h"

/* --- what the controller can do --------------------------------------------------------------- */

/* Bits of the LE features.  Vol 6, Part B, 4.6 */
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
/* HCI_Version.  Assigned Numbers, 2.1 */
enum {
    VERSION_4_0 = 6,
    VERSION_4_1,
    VERSION_4_2,
    VERSION_5_0,
    VERSION_5_1,
    VERSION_5_2,
    VERSION_5_3,
    VERSION_5_4
};

/* Features of the link layer, of the configuration and of the version, and host features. */
uint64_t controller_features(const controller *c);
bool controller_has(const controller *c, uint8_t feature);
uint8_t controller_version(const controller *c);
/* What a version of the specification has: LE features, LE events. */
uint64_t version_features(uint8_t version);
uint64_t version_le_events(uint8_t version);
/* Whether the peer has a feature: valid when l->features_known. */
static inline bool peer_has(const struct link *l, uint8_t feature)
{
    return l->features[feature / 8] >> feature % 8 & 1;
}
/* The PHYs, bits: 1M, 2M, coded. */
uint8_t phys_supported(const controller *c);
/* The device address of a type: 0 public, 1 random. */
void controller_address(const controller *c, uint8_t type, struct address *a);
bool address_is_zero(const uint8_t address[6]);

/* --- events ----------------------------------------------------------------------------------- */

/* Whether the queue to the host has room for `n` octets of events.  When it fills, reports of
 * advertising are dropped first (ROOM_FOR_REPORT is missing), then data are not acknowledged
 * (ROOM_FOR_DATA), then commands wait (ROOM_FOR_ANSWER). */
enum { ROOM_FOR_REPORT = 1536, ROOM_FOR_DATA = 1024, ROOM_FOR_ANSWER = 300 };
enum { DBM_UNKNOWN = 127 }; /* HCI: a power or an RSSI that is not available */
bool evt_room(const controller *c, size_t n);
/* An event, unless the host has masked it: by the first mask, by the second, by the LE mask. */
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

/* --- commands --------------------------------------------------------------------------------- */

/* Statuses beyond those of woad/hci.h.  Vol 1, Part F, 1.3 */
enum { UNKNOWN_ADVERTISER = 0x42, CANCELLED = 0x44, PACKET_TOO_LONG = 0x45 };

enum { CMD_ANSWERED = -1 }; /* run() has sent Command Complete or Command Status itself */
struct command {
    uint16_t opcode;
    uint8_t octet, bit; /* in Supported_Commands.  6.27 */
    int16_t len;        /* of the parameters; -1: it varies, and run() checks it */
    /* Writes the return parameters.  Returns the status, or CMD_ANSWERED. */
    int (*run)(controller *c, struct rd *in, struct wr *ret);
    uint8_t feature; /* FEATURE_… without which the command is unknown; 0: none */
    uint8_t flags;   /* CMD_LEGACY … */
    uint8_t since;   /* the first version that has it; 0: 4.0 */
};
enum {
    CMD_LEGACY = 1, /* these two families do not mix until a reset.  3.1.1 */
    CMD_EXTENDED = 2,
    CMD_STATUS = 4, /* answered by Command Status */
    CMD_SECRET = 8  /* needs FEATURE_ENCRYPTION, which is 0 */
};

#endif
