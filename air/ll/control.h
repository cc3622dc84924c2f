/* Control procedures: their opcodes, the table of what each does, and the handlers of their PDUs.
 * A handler gets the PDU behind its opcode, its length checked by control.c. */
#ifndef WOAD_AIR_CONTROL_H
#define WOAD_AIR_CONTROL_H

#include "ll.h"

enum { /* Vol 6, Part B, 2.4.2 */
       LL_CONNECTION_UPDATE_IND = 0x00,
       LL_CHANNEL_MAP_IND = 0x01,
       LL_TERMINATE_IND = 0x02,
       LL_ENC_REQ = 0x03,
       LL_ENC_RSP = 0x04,
       LL_START_ENC_REQ = 0x05,
       LL_START_ENC_RSP = 0x06,
       LL_UNKNOWN_RSP = 0x07,
       LL_FEATURE_REQ = 0x08,
       LL_FEATURE_RSP = 0x09,
       LL_PAUSE_ENC_REQ = 0x0a,
       LL_PAUSE_ENC_RSP = 0x0b,
       LL_VERSION_IND = 0x0c,
       LL_REJECT_IND = 0x0d,
       LL_PERIPHERAL_FEATURE_REQ = 0x0e,
       LL_CONNECTION_PARAM_REQ = 0x0f,
       LL_CONNECTION_PARAM_RSP = 0x10,
       LL_REJECT_EXT_IND = 0x11,
       LL_PING_REQ = 0x12,
       LL_PING_RSP = 0x13,
       LL_LENGTH_REQ = 0x14,
       LL_LENGTH_RSP = 0x15,
       LL_PHY_REQ = 0x16,
       LL_PHY_RSP = 0x17,
       LL_PHY_UPDATE_IND = 0x18,
       LL_PERIODIC_SYNC_IND = 0x1c,
       LL_CLOCK_ACCURACY_REQ = 0x1d,
       LL_CLOCK_ACCURACY_RSP = 0x1e,
       LL_POWER_CONTROL_REQ = 0x23,
       LL_POWER_CONTROL_RSP = 0x24,
       LL_POWER_CHANGE_IND = 0x25,
       LL_SUBRATE_REQ = 0x26,
       LL_SUBRATE_IND = 0x27,
       LL_CIS_REQ = 0x1f,
       LL_CIS_RSP = 0x20,
       LL_CIS_IND = 0x21,
       LL_CIS_TERMINATE_IND = 0x22
};

struct procedure {
    uint8_t request[2]; /* opcodes, sent by this side, that a rejection may name */
    void (*begin)(controller *c, uint8_t i);
    void (*on_refused)(controller *c, uint8_t i, uint8_t error); /* NULL: the host gets no event */
    void (*on_instant)(controller *c, uint8_t i);
};
extern const struct procedure proc_version, proc_features, proc_length, proc_ping, proc_phy,
    proc_update, proc_params, proc_channels, proc_encrypt, proc_sca, proc_power, proc_subrate,
    proc_cis;

/* control.c */
void control_reject(const controller *c, struct link *l, uint8_t opcode, uint8_t error);
void control_start_timeout(controller *c, uint8_t i);
void control_done(controller *c, uint8_t i, uint8_t kind);
void control_release(controller *c, uint8_t i);
bool control_accept_remote(controller *c, uint8_t i, uint8_t kind, uint8_t opcode);
bool control_check_instant(struct link *l, uint16_t instant);
bool encrypt_expects(const struct link *l, uint8_t opcode);
bool control_event_at(const struct link *l, uint16_t event, uint64_t *at);
uint16_t control_choose_instant(const controller *c, uint8_t i);
/* info.c: version, features, length, ping */
void rx_feature_req(controller *c, uint8_t i, struct rd *in);
void rx_feature_rsp(controller *c, uint8_t i, struct rd *in);
void rx_version_ind(controller *c, uint8_t i, struct rd *in);
void rx_ping_req(controller *c, uint8_t i, struct rd *in);
void rx_ping_rsp(controller *c, uint8_t i, struct rd *in);
void rx_length_req(controller *c, uint8_t i, struct rd *in);
void rx_length_rsp(controller *c, uint8_t i, struct rd *in);
/* update.c: parameters, channels, PHYs */
void rx_update_ind(controller *c, uint8_t i, struct rd *in);
void rx_channel_map_ind(controller *c, uint8_t i, struct rd *in);
void rx_param_req(controller *c, uint8_t i, struct rd *in);
void rx_param_rsp(controller *c, uint8_t i, struct rd *in);
void rx_phy_req(controller *c, uint8_t i, struct rd *in);
void rx_phy_rsp(controller *c, uint8_t i, struct rd *in);
void rx_phy_update_ind(controller *c, uint8_t i, struct rd *in);
/* power.c */
void rx_sca_req(controller *c, uint8_t i, struct rd *in);
void rx_sca_rsp(controller *c, uint8_t i, struct rd *in);
void rx_power_req(controller *c, uint8_t i, struct rd *in);
void rx_power_rsp(controller *c, uint8_t i, struct rd *in);
void rx_power_change(controller *c, uint8_t i, struct rd *in);
/* subrate.c */
bool subrate_fits(const struct link *l, const struct subrate *s);
void rx_subrate_req(controller *c, uint8_t i, struct rd *in);
void rx_subrate_ind(controller *c, uint8_t i, struct rd *in);
/* cis.c */
void rx_cis_req(controller *c, uint8_t i, struct rd *in);
void rx_cis_rsp(controller *c, uint8_t i, struct rd *in);
void cis_on_cancelled(controller *c, uint8_t i, uint8_t error);
void rx_cis_ind(controller *c, uint8_t i, struct rd *in);
void rx_cis_terminate(controller *c, uint8_t i, struct rd *in);
/* past.c */
void rx_periodic_sync_ind(controller *c, uint8_t i, struct rd *in);
/* encrypt.c */
void rx_enc_req(controller *c, uint8_t i, struct rd *in);
void rx_enc_rsp(controller *c, uint8_t i, struct rd *in);
void rx_start_enc_req(controller *c, uint8_t i, struct rd *in);
void rx_start_enc_rsp(controller *c, uint8_t i, struct rd *in);
void rx_pause_enc_req(controller *c, uint8_t i, struct rd *in);
void rx_pause_enc_rsp(controller *c, uint8_t i, struct rd *in);

#endif
