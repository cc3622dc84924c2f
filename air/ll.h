/* The air's structs, and what its files ask of each other.
 *
 *   air.c                   the world: clock, queue of controllers by their next deadline
 *   snapshot.c fault.c      the world as octets, and back; controllers that fail
 *   medium.c path.c         who hears what: channels, collisions; what is lost on the way
 *   radio.c                 one controller's transceiver: send at, listen until
 *   arbiter.c               which activity of a controller has it
 *
 *   the link layer: Vol 6, Part B
 *   ll_adv.c ll_scan.c ll_accept.c ll_privacy.c           without connections
 *   ll_ext_adv.c ll_ext_scan.c                            the same with extended PDUs
 *   ll_periodic.c ll_sync.c ll_past.c                     periodic advertising
 *   ll_channels.c                                         new channel maps of what is broadcast
 *   ll_conn.c ll_data.c                                   connections
 *   ll_control.c ll_info.c ll_update.c ll_encrypt.c ll_power.c ll_subrate.c
 *                                                         what their two sides agree on
 *   ll_iso.c ll_cis.c ll_bis.c                            isochronous streams
 *
 *   the host interface: Vol 4, Part E
 *   hci_cmd.c hci_conn.c hci_ext.c hci_periodic.c hci_iso.c hci_evt.c
 *   Commands that belong to one of the link layer's files alone are in that. */
#ifndef WOAD_AIR_LL_H
#define WOAD_AIR_LL_H

#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>

#include "../src/base/buf.h"
#include "../src/base/fifo.h"
#include "activity.h"

typedef struct woad_air_controller
    controller; /* spelled out it would hide what the lines are about */

#define NEVER UINT64_MAX
enum { T_IFS = 150, CHANNELS = 40, COLLISIONS_MAX = 8 };
#define ADV_AA 0x8e89bed6u

/* Where a train of periodic advertising is.  2.3.4.6 */
struct sync_info {
    uint32_t offset;                  /* us, 0: not known */
    uint16_t unit, interval, counter; /* unit: it may be so much later */
    uint8_t chm[5], sca;
    uint32_t aa, crc_init;
};

/* The common extended advertising payload.  2.3.4 */
struct address {
    uint8_t type, octet[6];
};
struct ext {
    uint8_t mode; /* bits: connectable, scannable */
    bool has_adv, has_target, has_adi, has_aux, has_power;
    struct address adv, target;
    uint16_t did;
    uint8_t sid;
    uint8_t aux_channel, aux_phy;
    uint32_t aux_offset; /* us from the start of the packet, +0 to +29 or +299 */
    uint16_t aux_unit;
    int8_t power;
    bool has_sync;
    struct sync_info sync;
    struct rd acad;
    struct rd data;
};

/* --- the medium ------------------------------------------------------------------------------- */

struct emitter {
    int32_t x_mm, y_mm;
    int8_t power;
    const controller *sender;
};

/* A packet on the air.  Those that overlap it are remembered: they may spoil it. */
struct air_packet {
    struct air_packet *next; /* on the same channel */
    controller *from;
    uint64_t start, end;
    uint8_t channel;
    uint32_t aa, crc_init;
    uint8_t phy, kind;
    int8_t power;
    uint16_t len;
    struct emitter emitter;
    uint8_t collisions, farthest; /* of them, once there are as many as can be remembered */
    uint64_t farthest_mm2;        /* how far off that one is, squared */
    struct emitter collider[COLLISIONS_MAX];
    uint8_t pdu[2 + 255];
    uint16_t plain_len; /* for the sniffer: what it was before it was sealed */
    uint8_t plain[2 + 251];
};
enum {
    KIND_ADV = 0,
    KIND_AUX = 1,
    KIND_CENTRAL = 2,
    KIND_PERIPHERAL = 3,
    KIND_CIS_CENTRAL = 4,
    KIND_CIS_PERIPHERAL = 5,
    KIND_BIS = 6
};
#define ADV_CRC_INIT 0x555555u

enum { PHY_1M = 1, PHY_2M = 2, PHY_CODED = 3, PHY_CODED_S2 = 4 };
/* As HCI counts them: the two codings are one PHY. */
static inline uint8_t phy_number(uint8_t phy)
{
    return phy > PHY_CODED ? PHY_CODED : phy;
}

enum radio_state { RADIO_OFF, RADIO_WAIT, RADIO_TX, RADIO_RX };

struct radio {
    uint8_t state, owner, channel;
    uint8_t index; /* of ACTIVITY_CONN, ACTIVITY_SYNC, ACTIVITY_ISO: which */
    uint8_t phy;
    uint32_t aa;
    uint64_t at;    /* begin, end, or give up */
    uint64_t since; /* listening */
    struct air_packet packet;
    controller *prev, *next; /* the listeners of a channel */
};

/* A packet that has been on the air and arrives later. */
struct delayed_packet {
    controller *to;
    uint64_t at;
    int8_t rssi;
    struct air_packet packet;
};
enum { DELAYED_MAX = 16 };

/* --- the link layer --------------------------------------------------------------------------- */

enum { CH_SEL = 0x20 }; /* of an advertising PDU's header.  2.3 */
enum { ACCEPT_LIST = 16, RESOLVING_LIST = 16 };
enum { RESOLVED = 2 }; /* of an address's type: it stands for an RPA */

struct resolving_entry {
    struct address identity;
    uint8_t peer_irk[16], local_irk[16], peer_rpa[6], local_rpa[6];
    uint8_t target_rpa[6]; /* what directed advertising calls the peer */
    bool has_target, has_peer, has_local, device_mode;
};

enum {
    ADV_KIND_IND = 0,
    ADV_KIND_DIRECT_HIGH = 1,
    ADV_KIND_SCAN = 2,
    ADV_KIND_NONCONN = 3,
    ADV_KIND_DIRECT_LOW = 4
}; /* as HCI numbers them: Vol 4, Part E, 7.8.5 */
enum { ADV_FILTER_SCAN = 1, ADV_FILTER_CONNECT = 2 };

/* A channel map that is to come: see ll_channels.c. */
struct remap {
    bool pending;
    uint8_t chm[5];
    uint16_t instant;
};

/* Periodic advertising of a set. */
struct periodic_adv {
    bool configured, enabled, sending,
        data_partial; /* set: it has parameters; partial: not all its data */
    uint8_t *data, channel, chm[5];
    uint16_t interval, props, len, sent_len, counter;
    uint32_t aa, crc_init;
    uint64_t next_at, chain_at;
    uint64_t last_sent_at; /* the end of the last AUX_SYNC_IND */
    struct remap remap;
    int32_t carry;
};

/* Periodic advertising of somebody. */
struct sync {
    bool used, established, reporting, by_host; /* asked: by our host */
    bool in_chain;
    uint8_t sid, phy, sca, chm[5], tries;
    struct address advertiser;
    uint16_t interval, counter, skip, timeout;
    uint32_t aa, crc_init, widening, window;
    uint64_t ref, at, lost_at, last_rx_at;
    int32_t carry;
    uint64_t chain_at;
    uint8_t chain_channel;
    uint16_t chain_unit;
    struct remap remap;
    uint8_t past_conn; /* it came by that connection */
    uint16_t past_data;
};
struct past {
    uint8_t mode;
    uint16_t skip, timeout;
};
enum { SYNCS = 4, PERIODIC_LIST = 8, NO_LINK = 0xff, NO_SYNC_HANDLE = 0xff };

struct ll_adv {
    bool on, extended;               /* extended: its PDUs are */
    bool used, report_scan_requests; /* by extended commands */
    uint8_t kind, own_type, channel_bits, channel, filter;
    uint32_t interval;
    int32_t carry;
    uint64_t next, until;
    struct address peer;
    uint8_t *data, *rsp;
    uint16_t data_len, rsp_len, room;
    /* extended commands */
    uint8_t handle, sid, primary, secondary, random[6];
    bool random_set, partial_data, partial_rsp; /* partial: the last part is missing */
    uint16_t props, did;
    bool power_limited; /* its host wants no more than `power` */
    int8_t power;
    uint8_t max_events, missed; /* missed: events in a row that gave way */
    uint32_t events;
    /* what is on its way on the secondary channels */
    uint64_t aux_at;
    uint8_t aux_channel, next_channel, stage;
    uint16_t sent_len;
    uint8_t conn_index, conn_lldata[22];
    struct address conn_peer, conn_peer_air;
    uint64_t conn_request_end;
    struct periodic_adv periodic;
};

struct ll_scan {
    bool on, connecting, active, filter_duplicates;
    bool between_periods;                    /* `on`, and between the durations of two periods */
    bool use_accept_list;                    /* the accept list is for who is heard */
    bool scan_req_out, scan_req_connectable; /* a SCAN_REQ is out, to who can be connected to */
    bool connect_ind_out;                    /* a CONNECT_IND is */
    uint8_t own_type, channel;
    uint16_t interval, window;
    int32_t carry;
    uint64_t next, window_end;
    uint8_t backoff, upper_limit, successes, failures; /* 4.4.3.2 */
    struct address scan_req_to, conn_peer_air, conn_own_air,
        conn_peer;         /* who: not as it is on the air */
    struct address target; /* of the ADV_DIRECT_IND that is heard */
    uint8_t n_seen;
    uint32_t seen[64]; /* the duplicate filter: hashes */
    /* extended */
    bool extended;
    uint8_t phys, phy; /* bits; the one that is listened to */
    struct {
        uint16_t interval, window;
        bool active;
    } per_phy[2]; /* 1M, coded */
    uint64_t aux_at, until, period_at;
    uint64_t duration, period;
    uint8_t aux_channel, aux_phy, primary_phy;
    uint16_t aux_unit, report_type;
    bool listening_aux, in_chain, in_scan_response, connect_req_out;
    uint64_t conn_request_end;
    /* connecting */
    struct address peer;
    uint16_t conn_min, latency, supervision;
    uint8_t conn_index;
};

/* Isochronous streams. */
enum { ISO_NONE, ISO_CIS, ISO_BIS_OUT, ISO_BIS_IN };
enum { ISO_SDU = 502, ISO_SDUS = 4, ISO_PACKET = 255, GROUP_MAX = 8, BIGS = 2, BIG_INFO = 33 };
struct sdu {
    uint16_t total_len, len, packets;
    uint8_t data[ISO_SDU];
};

struct iso {
    uint8_t kind;
    bool central, creating, accepted, on, established, terminating, path_in, path_out;
    bool cis_req_out, config_locked; /* its LL_CIS_REQ is out; its group's streams are used */
    uint8_t group, id, link, reason; /* id: of the CIS, number of the BIS; reason: `ending` */
    uint8_t tx_phy, rx_phy, nse, bn_tx, bn_rx, chm[5], tries;
    uint16_t max_sdu_tx, max_sdu_rx, interval; /* interval: 1.25 ms */
    uint32_t sdu_interval, sub_interval, position, group_delay, sync_delay;
    uint32_t aa, crc_init, widening;
    uint64_t anchor, at, last_rx_at, last_exchange_at, lost_at, event;
    int32_t carry;
    uint8_t subevent, tx_done, rx_done; /* payloads of this event */
    bool sending, payload_unacked, sdu_partial, rx_bad, rx_end;
    uint16_t rx_len, n_sdus;
    uint8_t rx[ISO_SDU];
    struct sdu sdu[ISO_SDUS];
};

struct big_info {
    uint32_t offset, sub_interval, spacing, seed, sdu_interval;
    uint16_t unit, interval, max_sdu, crc_base;
    uint8_t num, nse, bn, irc, phy, chm[5];
    bool encrypted;
    uint64_t event;
};

struct big {
    bool used, on, is_receiver, awaits_info, established, terminating, rx_control;
    uint8_t handle, adv_set, sync, sca, tries, reason, n_streams, stream[GROUP_MAX];
    uint8_t control_channel;
    uint8_t cssn; /* of the control PDU that is sent, or was heard */
    uint16_t timeout, instant;
    struct remap remap;
    struct big_info info;
    uint64_t anchor, event, last_rx_at, control_at, lost_at;
    uint32_t widening, window;
    int32_t carry;
};

/* What a packet is sealed with. */
struct cipher {
    uint8_t key[16], iv[8];
    uint64_t counter;
    bool from_central;
    uint8_t header_mask;
};

enum { CONTROL_MAX = 42 };
struct control {
    uint8_t len, pdu[CONTROL_MAX];
};

/* Of a connection: intervals in 1.25 ms, latency in events, supervision timeout in 10 ms. */
struct params {
    uint16_t min, max, latency, timeout;
};

struct subrate {
    uint16_t min, max, latency, continuation, timeout;
};

struct path_loss {
    bool configured, on, zone_known;
    uint8_t high, high_hyst, low, low_hyst, zone;
    uint16_t min_events, events_outside;
};

struct link {
    bool used, central, established;
    struct address peer, peer_air, own_air; /* air: as they were on the air */
    uint32_t aa, crc_init;
    uint8_t hop, chm[5];
    bool csa2; /* channel selection algorithm 2.  4.5.8.3 */
    uint8_t tx_phy, rx_phy;
    int8_t rssi;
    uint16_t interval, latency, supervision;
    uint32_t event;     /* of connection events; its low 16 bits are the counter */
    uint32_t ref_event; /* the last one attended, and when it was */
    uint64_t ref_anchor, anchor, lost_at;
    uint64_t last_exchange_at; /* the end of the last exchange: see arbiter.c */
    uint64_t confirmed_at;     /* the end of the last that the peer has certainly had */
    bool unconfirmed;          /* it has heard us, and not the packet before */
    int32_t ref_carry, carry;  /* what is below a microsecond of them */
    uint64_t last_rx_at;       /* when the peer's clock was last heard */
    uint32_t widening;         /* what both clocks may be off by since.  4.2.4 */
    uint8_t peer_sca;
    struct past past; /* what becomes of trains it tells us of */
    uint32_t window;  /* extra listening at the first anchor */
    /* acknowledgement.  4.5.9 */
    uint8_t sn, nesn;
    bool unacked;                                /* `out` has been sent and not acknowledged */
    bool rx_in_event, md, peer_md, closes_event; /* in this event; md: of our last packet */
    uint8_t tx_pdu[2 + 251 + 4];
    uint8_t tx_len, tx_plain[251], tx_plain_len; /* plain: kept for a sniffer */
    bool tx_is_data, tx_is_last;                 /* it carries data; the last of its HCI packet */
    uint8_t tx_opcode;                           /* of a control PDU, else 0xff */
    /* data from the host */
    uint8_t acl_first, acl_last; /* buffers, 0xff: none */
    uint16_t host_pending;       /* packets that the host has not said it is done with */
    /* control procedures.  5.1 */
    struct control control[4], held_control; /* held: came while encryption was being started */
    uint8_t n_controls;
    uint8_t miss_score;                        /* the more events are missed, the larger */
    uint8_t cis_terminating;                   /* stream + 1 whose LL_CIS_TERMINATE_IND is out */
    uint8_t local_procedure, remote_procedure; /* the procedure of either side that is under way */
    uint16_t queued_procedures;                /* bits: procedures of ours to be begun */
    uint64_t response_by;                      /* or the link is lost */
    uint8_t instant_procedure;                 /* what changes at `instant` */
    uint16_t instant, new_interval, new_latency, new_supervision;
    uint16_t new_offset; /* of the transmit window, 1.25 ms */
    uint8_t new_window;
    uint8_t new_chm[5], new_tx_phy, new_rx_phy;
    struct params host_params, peer_params; /* what our host wants, what the peer asks for */
    uint8_t host_tx_phys, host_rx_phys;
    bool host_coded_s2, phy_event_due, update_event_due; /* asked: our host waits to hear */
    bool version_sent, version_known, features_known;
    /* subrating.  4.5.1 */
    uint16_t subrate_factor, continuation;
    uint32_t subrate_base, new_subrate_base, active_until_event; /* active: used because of data */
    struct subrate host_subrate, new_subrate, acceptable_subrate;
    bool subrate_ind_out; /* and the peer may not know yet */
    /* powers */
    int8_t tx_power, peer_power; /* 127: not known */
    bool power_event_due, sca_event_due, report_local_power,
        report_remote_power; /* read: our host waits */
    struct path_loss loss;
    /* encryption.  5.1.3 */
    bool encrypting, encryption_pdus_only, ltk_requested; /* guarded: nothing else may come */
    bool tx_encrypted, rx_encrypted, rx_pausing, was_encrypted;
    uint8_t rand[8], skd[16], iv[8], ltk[16], session_key[16];
    uint16_t ediv;
    uint64_t tx_counter, rx_counter;
    uint16_t payload_timeout; /* 10 ms: for an encrypted packet to come.  5.4 */
    uint64_t auth_payload_by, ping_at;
    uint8_t close_reason;     /* reason we were told */
    uint8_t terminate_reason; /* reason we tell */
    bool terminating;
    uint64_t terminate_by; /* or it is over without an acknowledgement */
    /* data length, 4.5.10: what both sides can do, and what fits into a packet now */
    uint8_t max_tx, max_rx, host_max_tx, effective_tx, effective_rx;
    uint16_t host_max_tx_time, peer_rx_time, peer_tx_time, tx_time, rx_time; /* us */
    uint8_t features[8], version[5];
};

struct acl_buffer {
    uint8_t next;
    uint8_t link;
    bool is_start;
    uint16_t len, sent_len;
    uint8_t *data;
};

/* A turn of an activity: see arbiter.c. */
struct lot {
    uint32_t aa;
    uint16_t interval, turn;
};

struct woad_air_controller {
    struct woad_air *air;
    controller *heap_child, *heap_next, *heap_prev; /* pairing heap by `due` */
    controller *all_next, *all_prev, *ready_next, *ready_prev;
    bool ready;
    uint64_t deadline;
    uint32_t id;
    struct woad_air_controller_config cfg;
    struct radio radio;
    bool extended_commands; /* its host uses extended commands, or has used neither */
    bool commands_chosen;
    struct ll_adv *sets, *adv_now;
    uint8_t n_sets;
    struct ll_scan scan;
    struct ext scan_first; /* whose chain is followed */
    struct link *links;
    struct acl_buffer *buffers;
    struct sync sync[SYNCS];
    uint8_t n_syncs; /* how many of them are used */
    struct {
        bool on, use_list, reporting;
        uint8_t sid;
        struct address advertiser;
        uint16_t skip, timeout;
    } sync_create;
    struct {
        struct address advertiser;
        uint8_t sid;
    } periodic_list[PERIODIC_LIST];
    uint8_t n_periodic_list;
    struct past past; /* of connections to come */
    struct iso *iso;
    uint8_t n_isos_on; /* how many of them are on */
    struct big big[BIGS];
    struct fifo host_queue; /* to the host */
    bool host_flow;         /* it says when its buffers are free */
    uint16_t host_credits, host_acl_len;
    uint8_t random[6];
    uint64_t event_mask, event_mask_2, le_mask;
    uint16_t default_tx, default_tx_time; /* suggested data length */
    uint8_t default_tx_phys, default_rx_phys;
    struct subrate subrate; /* of connections to come */
    uint64_t host_features;
    uint8_t channel_map[5]; /* that the host has not called bad */
    struct address accept_list[ACCEPT_LIST];
    uint8_t n_accept_list;
    struct resolving_entry resolving_list[RESOLVING_LIST];
    uint8_t n_resolving_list;
    bool address_resolution;
    uint16_t rpa_timeout_s;
    uint64_t rpa_at;
    uint8_t p256[32]; /* the private half of the key pair that was read last */
    bool has_p256, p256_debug;
    uint8_t p256_event; /* what is being calculated, until: */
    uint64_t p256_at;
    uint8_t p256_peer[64];
    uint16_t rf_path[2];
    struct lot lot; /* of the activity that has the radio */
    bool leaving, hung;
    uint8_t sca_worsened; /* it is told to be so many classes worse than it is */
};

struct woad_air {
    struct woad_air_config cfg;
    uint64_t now, seed;
    uint32_t next_id;
    controller *heap, *all, *ready, *ready_last;
    controller *listeners[CHANNELS];
    struct air_packet *packets[CHANNELS];
    uint8_t n_delayed; /* how many of them there are */
    struct delayed_packet delayed[DELAYED_MAX];
};

/* air.c */
uint32_t air_random(struct woad_air *air);
uint32_t air_random_below(struct woad_air *air, uint32_t n);
void controller_schedule(controller *c);
void controller_ready(controller *c);
uint64_t controller_us_to_air(const controller *c, uint64_t us, int32_t *carry);
/* medium.c */
void medium_begin(controller *c);
void medium_end(controller *c);
bool medium_busy(const controller *c, uint64_t *end);
uint64_t medium_next(const struct woad_air *air);
void medium_on_timer(struct woad_air *air);
void medium_forget(struct woad_air *air, const controller *gone);
void medium_listen(controller *c);
void medium_stop_listening(controller *c);
/* path.c */
int8_t path_rssi(const struct emitter *from, const controller *to);
uint32_t path_delay(const controller *from, const controller *to);
bool path_clear(const struct air_packet *f, const controller *to, int8_t rssi);
/* radio.c */
uint32_t radio_airtime(size_t pdu_len, uint8_t phy);
struct wr radio_pdu(controller *c);
void radio_send(controller *c, uint8_t owner, uint64_t at, uint8_t channel, uint32_t aa,
                uint8_t phy, const struct wr *pdu);
void radio_listen(controller *c, uint8_t owner, uint8_t channel, uint32_t aa, uint8_t phy,
                  uint64_t until);
void radio_off(controller *c);
void radio_run(controller *c);
/* arbiter.c */
struct turn { /* of an activity: when, how often, for how long */
    uint8_t owner, index;
    uint64_t at, phase; /* phase: an anchor, past or to come */
    uint32_t interval_us, duration_us;
};
bool radio_claim(controller *c, uint8_t owner, uint8_t index);
bool radio_claim_adv(controller *c);
bool radio_clear(const controller *c, uint64_t end, uint8_t missed);
uint64_t turn_next(const controller *c, uint8_t owner, uint8_t index);
uint16_t turn_place(const controller *c, const struct turn *mine, unsigned steps);
void link_turn(const controller *c, uint8_t i, struct turn *t);
void iso_turn(const controller *c, uint8_t n, struct turn *t);
void periodic_adv_turn(const controller *c, uint8_t n, struct turn *t);
void sync_turn(const controller *c, uint8_t n, struct turn *t);
/* ll_adv.c */
int8_t adv_power(const controller *c, const struct ll_adv *a);
bool adv_any_on(const controller *c);
uint64_t adv_next(const controller *c);
bool adv_connectable(const struct ll_adv *a);
void adv_enable(controller *c, struct ll_adv *a, bool on);
void adv_catch_up(controller *c);
void adv_on_timer(controller *c);
void adv_on_tx_done(controller *c);
void adv_on_rx_timeout(controller *c);
void adv_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
/* ll_scan.c */
static inline bool scan_running(const controller *c)
{
    return (c->scan.on && !c->scan.between_periods) || c->scan.connecting;
}
void scan_enable(controller *c, bool on);
uint64_t scan_next(const controller *c);
void scan_on_timer(controller *c);
void scan_catch_up(controller *c);
void scan_resume(controller *c);
void scan_on_tx_done(controller *c);
void scan_on_rx_timeout(controller *c);
void scan_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
void scan_send_aux_connect_req(controller *c, const struct address *air, const struct address *who,
                               uint64_t end);
void scan_on_aux_connect_rsp(controller *c);
bool scan_is_new_adi(controller *c, const struct ext *e);
/* ll_ext_scan.c */
void ext_scan_on_duration_timer(controller *c);
void ext_scan_on_aux_timer(controller *c);
void ext_scan_lost(controller *c);
void scan_abort(controller *c);
uint32_t ll_access_address(controller *c);
/* ll_periodic.c ll_sync.c */
uint64_t periodic_adv_next(const struct ll_adv *a);
void periodic_adv_enable(controller *c, struct ll_adv *a);
void periodic_adv_on_timer(controller *c, struct ll_adv *a);
void periodic_adv_on_tx_done(controller *c);
void periodic_adv_on_preempt(controller *c);
uint64_t sync_next(const controller *c);
void sync_on_timer(controller *c);
void sync_catch_up(controller *c);
void sync_on_rx_timeout(controller *c);
void sync_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
void sync_consider(controller *c, const struct ext *e, uint64_t start);
/* hci_periodic.c */
bool periodic_list_has(const controller *c, const struct address *who, uint8_t sid);
void periodic_reset(controller *c);
/* ll_privacy.c */
bool privacy_resolve(controller *c, const struct address *air, struct address *who);
void privacy_own(const controller *c, uint8_t own_type, const struct address *peer,
                 struct address *own);
bool privacy_is_own(const controller *c, uint8_t own_type, const struct address *target);
void privacy_target(controller *c, uint8_t own_type, const struct address *peer,
                    struct address *target);
void privacy_on_timer(controller *c);
bool privacy_has_local(const controller *c, const struct address *peer);
/* hci_crypto.c */
void p256_on_timer(controller *c);
void p256_reset(controller *c);
void privacy_reset(controller *c);
/* ll_accept.c */
bool address_equal(const struct address *a, const struct address *b);
bool accept_has(const controller *c, const struct address *a);
bool accept_has_anonymous(const controller *c);
/* ll_conn.c */
enum { LINK_TRIES = 6 };  /* events without a packet: not established.  4.5 */
enum { LAST_EVENTS = 4 }; /* with fewer left a connection misses none of its own */
struct link *link_free(controller *c, uint8_t *i);
bool link_with(const controller *c, const struct address *peer);
struct link *link_by_handle(controller *c, uint16_t handle, uint8_t *i);
uint16_t link_handle(uint8_t i);
struct conn_request {
    bool central, csa2;
    uint8_t phy;
    struct address peer, peer_air, own_air;
    bool aux;
};
void link_begin(controller *c, uint8_t i, const struct conn_request *how, struct rd data,
                uint64_t end);
void link_close(controller *c, uint8_t i, uint8_t reason);
void link_wake(controller *c, uint8_t i);
uint64_t link_next(const controller *c);
uint8_t csa2_channel(uint32_t aa, uint16_t event, const uint8_t chm[5]);
uint8_t csa2_first(uint32_t aa, uint16_t event, const uint8_t chm[5], uint16_t *prn);
uint16_t csa2_next(uint16_t prn, uint16_t id);
void link_catch_up(controller *c);
void link_on_timer(controller *c);
void link_on_tx_done(controller *c);
void link_on_rx_timeout(controller *c);
uint32_t link_supervision(const struct link *l);
uint64_t link_silence_limit(const struct link *l);
uint32_t link_events_left(const struct link *l, uint64_t since, uint64_t at);
void link_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
bool link_time_for(const controller *c, uint8_t i, uint64_t end);
/* ll_data.c */
int data_from_host(controller *c, struct rd *in);
void data_next(controller *c, struct link *l);
void data_next_empty(struct link *l);
bool data_more(const controller *c, const struct link *l);
uint16_t data_next_len(const controller *c, const struct link *l);
void data_on_ack(controller *c, struct link *l, uint8_t i);
bool data_to_host(controller *c, uint8_t i, uint8_t llid, struct rd *in);
bool data_pending(const struct link *l);
void data_drop(controller *c, struct link *l);
/* ll_control.c: procedures, in the order in which those that are wanted begin */
enum {
    P_NONE,
    P_VERSION,
    P_FEATURES,
    P_LENGTH,
    P_PHY,
    P_UPDATE,
    P_PARAMS,
    P_CHANNELS,
    P_ENCRYPT,
    P_PING,
    P_SCA,
    P_POWER,
    P_SUBRATE,
    P_CIS,
    P_KINDS
};
bool control_has_room(const struct link *l);
bool control_has_spare(const struct link *l);
void control_send(struct link *l, const struct wr *pdu);
void control_request(controller *c, uint8_t i, uint8_t kind);
bool control_pending(const struct link *l, uint8_t kind);
void control_on_rx(controller *c, uint8_t i, struct rd *in);
void control_terminate(controller *c, uint8_t i, uint8_t reason);
void control_instant(controller *c, uint8_t i);
/* ll_info.c */
void length_begin_link(const controller *c, struct link *l);
void length_changed(controller *c, uint8_t i);
uint16_t length_max_time(const controller *c);
/* ll_update.c */
bool params_valid(const struct params *p);
struct params params_read(struct rd *in);
void params_answer(controller *c, uint8_t i, uint8_t error);
/* ll_power.c ll_subrate.c */
enum { POWER_MIN = -40, POWER_MAX = 20 };
void power_changed(controller *c, int8_t power);
void path_loss_on_rx(controller *c, uint8_t i);
uint32_t subrate_ahead(const struct link *l);
void subrate_on_ack(controller *c, uint8_t i);
void subrate_defaults(struct subrate *s);
/* ll_encrypt.c */
void payload_timeout_restart(controller *c, struct link *l);
void payload_on_timer(controller *c, uint8_t i);
void encrypt_key(controller *c, uint8_t i, const uint8_t *ltk);
void crypt_seal_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len);
bool crypt_open_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len);
void crypt_seal(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
bool crypt_open(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
/* ll_iso.c ll_cis.c ll_bis.c */
int iso_from_host(controller *c, struct rd *in);
uint64_t iso_next(const controller *c);
uint64_t iso_streams_next(const controller *c);
void iso_on_timer(controller *c);
void iso_on_tx_done(controller *c);
void iso_on_rx_timeout(controller *c);
void iso_on_preempt(controller *c);
void iso_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
void iso_catch_up(controller *c);
void iso_reset(controller *c);
bool cis_on_link(const controller *c, uint8_t i);
bool cis_being_created(const controller *c, uint8_t i);
void cis_supervise(controller *c, uint8_t i);
void cis_on_link_closed(controller *c, uint8_t i, uint8_t reason);
void cis_terminate(controller *c, struct iso *s, uint8_t reason);
void cis_cancel(controller *c, struct iso *s, uint8_t reason);
void cis_on_terminate_acked(controller *c, uint8_t i);
struct iso *iso_by_handle(controller *c, uint16_t handle);
uint64_t big_next(const controller *c);
bool set_has_big(const controller *c, const struct ll_adv *a);
void big_on_timer(controller *c);
void big_terminate(controller *c, struct big *b, uint8_t reason);
void big_catch_up(controller *c);
void big_on_sync_end(controller *c, uint8_t sync);
size_t big_acad(const controller *c, const struct ll_adv *a, uint64_t at,
                uint8_t acad[2 + BIG_INFO]);
void big_on_acad(controller *c, const struct sync *sync, struct rd acad, uint64_t start);

#endif
