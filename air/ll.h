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
 *   ll_control.c ll_know.c ll_update.c ll_encrypt.c ll_power.c ll_subrate.c
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

typedef struct woad_air_controller ctl; /* spelled out it would hide what the lines are about */

#define NEVER UINT64_MAX
enum { T_IFS = 150, CHANNELS = 40, HITS = 8 };
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

struct place {
    int32_t x_mm, y_mm;
    int8_t power;
    const ctl *who;
};

/* A packet on the air.  Those that overlap it are remembered: they may spoil it. */
struct flight {
    struct flight *next; /* on the same channel */
    ctl *from;
    uint64_t start, end;
    uint8_t channel;
    uint32_t aa, crc_init;
    uint8_t phy, kind;
    int8_t power;
    uint16_t len;
    struct place place;
    uint8_t hits, farthest; /* of them, once there are as many as can be remembered */
    uint64_t reach;         /* how far off that one is, squared */
    struct place hit[HITS];
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
enum radio_owner { FOR_NOBODY, FOR_ADV, FOR_SCAN, FOR_CONN, FOR_TRAIN, FOR_SYNC, FOR_ISO };

struct radio {
    uint8_t state, owner, channel;
    uint8_t link; /* of FOR_CONN, FOR_SYNC, FOR_ISO: which */
    uint8_t phy;
    uint32_t aa;
    uint64_t at;    /* begin, end, or give up */
    uint64_t since; /* listening */
    struct flight flight;
    ctl *prev, *next; /* the listeners of a channel */
};

/* A packet that has been on the air and arrives later. */
struct echo {
    ctl *to;
    uint64_t at;
    int8_t rssi;
    struct flight flight;
};
enum { ECHOES = 16 };

/* --- the link layer --------------------------------------------------------------------------- */

enum { CH_SEL = 0x20 }; /* of an advertising PDU's header.  2.3 */
enum { ACCEPT_LIST = 16, RESOLVING_LIST = 16 };
enum { RESOLVED = 2 }; /* of an address's type: it stands for an RPA */

struct resolving {
    struct address id;
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
struct train {
    bool set, enabled, on, partial; /* set: it has parameters; partial: not all its data */
    uint8_t *data, channel, chm[5];
    uint16_t interval, props, len, sent, counter;
    uint32_t aa, crc_init;
    uint64_t next, chain_at;
    uint64_t sent_at; /* the end of the last AUX_SYNC_IND */
    struct remap remap;
    int32_t carry;
};

/* Periodic advertising of somebody. */
struct sync {
    bool used, established, reports, asked; /* asked: by our host */
    bool chaining;
    uint8_t sid, phy, sca, chm[5], tries;
    struct address who;
    uint16_t interval, counter, skip, timeout;
    uint32_t aa, crc_init, widening, window;
    uint64_t ref, at, lost_at, heard_at;
    int32_t carry;
    uint64_t chain_at;
    uint8_t chain_channel;
    uint16_t chain_unit;
    struct remap remap;
    uint8_t past_link; /* it came by that connection */
    uint16_t past_data;
};
struct past {
    uint8_t mode;
    uint16_t skip, timeout;
};
enum { SYNCS = 4, PERIODIC_LIST = 8, NO_LINK = 0xff, NO_TRAIN = 0xff };

struct ll_adv {
    bool on, extended;         /* extended: its PDUs are */
    bool used, tells_requests; /* by extended commands */
    uint8_t kind, own_type, channels, channel, filter;
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
    bool power_asked; /* its host wants no more than `power` */
    int8_t power;
    uint8_t max_events, missed; /* missed: events in a row that gave way */
    uint32_t events;
    /* what is on its way on the secondary channels */
    uint64_t aux_at;
    uint8_t aux_channel, next_channel, stage;
    uint16_t sent;
    uint8_t joins, join[22];
    struct address joined, joined_air;
    uint64_t join_end;
    struct train train;
};

struct ll_scan {
    bool on, connecting, active, filter;
    bool rests;                        /* `on`, and between the durations of two periods */
    bool by_list;                      /* the accept list is for who is heard */
    bool requested, asked_connectable; /* a SCAN_REQ is out, to who can be connected to */
    bool joining;                      /* a CONNECT_IND is */
    uint8_t own_type, channel;
    uint16_t interval, window;
    int32_t carry;
    uint64_t next, window_end;
    uint8_t backoff, upper, good, bad;                 /* 4.4.3.2 */
    struct address asked, joins, joins_own, joins_who; /* who: not as it is on the air */
    struct address target;                             /* of the ADV_DIRECT_IND that is heard */
    uint8_t seen_n;
    uint32_t seen[64]; /* the duplicate filter: hashes */
    /* extended */
    bool extended;
    uint8_t phys, phy; /* bits; the one that is listened to */
    struct {
        uint16_t interval, window;
        bool active;
    } of[2]; /* 1M, coded */
    uint64_t aux_at, until, period_at;
    uint64_t duration, period;
    uint8_t aux_channel, aux_phy, primary_phy;
    uint16_t aux_unit, type;
    bool following, chaining, responding, joining_aux;
    uint64_t join_end;
    /* connecting */
    struct address peer;
    uint16_t conn_min, latency, supervision;
    uint8_t link;
};

/* Isochronous streams. */
enum { ISO_NONE, ISO_CIS, ISO_BIS_OUT, ISO_BIS_IN };
enum { ISO_SDU = 502, ISO_SDUS = 4, ISO_PACKET = 255, GROUP_MAX = 8, BIGS = 2, BIG_INFO = 33 };
struct sdu {
    uint16_t want, len, packets;
    uint8_t data[ISO_SDU];
};

struct iso {
    uint8_t kind;
    bool central, asked, agreed, on, established, ending, path_in, path_out;
    bool requested, fixed;           /* its LL_CIS_REQ is out; its group's streams are used */
    uint8_t group, id, link, reason; /* id: of the CIS, number of the BIS; reason: `ending` */
    uint8_t tx_phy, rx_phy, nse, bn_tx, bn_rx, chm[5], tries;
    uint16_t max_sdu_tx, max_sdu_rx, interval; /* interval: 1.25 ms */
    uint32_t sdu_interval, sub_interval, position, group_delay, sync_delay;
    uint32_t aa, crc_init, widening;
    uint64_t anchor, at, heard_at, served_at, lost_at, event;
    int32_t carry;
    uint8_t sub, tx_done, rx_done; /* payloads of this event */
    bool sending, sent, filling, rx_bad, rx_end;
    uint16_t rx_len, sdus;
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
    bool used, on, listens, waits, established, terminating, hears_control;
    uint8_t handle, set, sync, sca, tries, reason, streams, stream[GROUP_MAX];
    uint8_t control_channel;
    uint8_t cssn; /* of the control PDU that is sent, or was heard */
    uint16_t timeout, instant;
    struct remap remap;
    struct big_info info;
    uint64_t anchor, event, heard_at, control_at, lost_at;
    uint32_t widening, window;
    int32_t carry;
};

/* What a packet is sealed with. */
struct cipher {
    uint8_t key[16], iv[8];
    uint64_t counter;
    bool from_central;
    uint8_t head_mask;
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
    bool set, on, known;
    uint8_t high, high_hyst, low, low_hyst, zone;
    uint16_t min_events, events;
};

struct link {
    bool used, central, established;
    bool told;                              /* the host knows of it */
    struct address peer, peer_air, own_air; /* air: as they were on the air */
    uint32_t aa, crc_init;
    uint8_t hop, chm[5];
    bool csa2; /* channel selection algorithm 2.  4.5.8.3 */
    uint8_t tx_phy, rx_phy;
    int8_t rssi;
    uint16_t interval, latency, supervision;
    uint32_t count;     /* of connection events; its low 16 bits are the counter */
    uint32_t ref_count; /* the last one attended, and when it was */
    uint64_t ref_anchor, anchor, lost_at;
    uint64_t served_at;       /* the end of the last exchange: see arbiter.c */
    uint64_t known_at;        /* the end of the last that the peer has certainly had */
    bool doubted;             /* it has heard us, and not the packet before */
    int32_t ref_carry, carry; /* what is below a microsecond of them */
    uint64_t sync_at;         /* when the peer's clock was last heard */
    uint32_t widening;        /* what both clocks may be off by since.  4.2.4 */
    uint8_t peer_sca;
    struct past past; /* what becomes of trains it tells us of */
    uint32_t window;  /* extra listening at the first anchor */
    /* acknowledgement.  4.5.9 */
    uint8_t sn, nesn;
    bool unacked;                   /* `out` has been sent and not acknowledged */
    bool heard, md, peer_md, ended; /* in this event; md: of our last packet */
    uint8_t out[2 + 251 + 4];
    uint8_t out_len, out_plain[251], out_plain_len; /* plain: kept for a sniffer */
    bool out_data, out_last; /* it carries data; the last of its HCI packet */
    uint8_t out_opcode;      /* of a control PDU, else 0xff */
    /* data from the host */
    uint8_t first, last; /* buffers, 0xff: none */
    uint16_t with_host;  /* packets that the host has not said it is done with */
    /* control procedures.  5.1 */
    struct control control[4], held; /* held: came while encryption was being started */
    uint8_t controls;
    uint8_t rough;         /* the more events are missed, the larger */
    uint8_t cis_ending;    /* stream + 1 whose LL_CIS_TERMINATE_IND is out */
    uint8_t local, remote; /* the procedure of either side that is under way */
    uint16_t wanted;       /* bits: procedures of ours to be begun */
    uint64_t answer_by;    /* or the link is lost */
    uint8_t instant_of;    /* what changes at `instant` */
    uint16_t instant, new_interval, new_latency, new_supervision;
    uint16_t new_offset; /* of the transmit window, 1.25 ms */
    uint8_t new_window;
    uint8_t new_chm[5], new_tx_phy, new_rx_phy;
    struct params want, asked; /* what our host wants, what the peer asks for */
    uint8_t want_tx_phys, want_rx_phys;
    bool want_coded_s2, phy_asked, update_asked; /* asked: our host waits to hear */
    bool version_sent, version_known, features_known;
    /* subrating.  4.5.1 */
    uint16_t factor, continuation;
    uint32_t base_event, new_base, active_until; /* active: used because of data */
    struct subrate want_subrate, new_subrate, accept_subrate;
    bool subrate_sent; /* and the peer may not know yet */
    /* powers */
    int8_t tx_power, peer_power;                          /* 127: not known */
    bool power_read, sca_read, tells_local, tells_remote; /* read: our host waits */
    struct path_loss loss;
    /* encryption.  5.1.3 */
    bool encrypting, guarded, key_asked; /* guarded: nothing else may come */
    bool tx_encrypted, rx_encrypted, rx_pausing, was_encrypted;
    uint8_t rand[8], skd[16], iv[8], ltk[16], session_key[16];
    uint16_t ediv;
    uint64_t tx_counter, rx_counter;
    uint16_t payload_timeout; /* 10 ms: for an encrypted packet to come.  5.4 */
    uint64_t payload_by, ping_at;
    uint8_t closing;   /* reason we were told */
    uint8_t terminate; /* reason we tell */
    bool terminate_sent;
    uint64_t terminate_by; /* or it is over without an acknowledgement */
    /* data length, 4.5.10: what both sides can do, and what fits into a packet now */
    uint8_t max_tx, max_rx, wanted_tx, fit_tx, fit_rx;
    uint16_t wanted_time, peer_rx_time, peer_tx_time, tx_time, rx_time; /* us */
    uint8_t features[8], version[5];
};

struct acl_buffer {
    uint8_t next;
    uint8_t link;
    bool start;
    uint16_t len, off;
    uint8_t *data;
};

/* A turn of an activity: see arbiter.c. */
struct lot {
    uint32_t aa;
    uint16_t every, turn;
};

struct woad_air_controller {
    struct woad_air *air;
    ctl *heap_child, *heap_next, *heap_prev; /* pairing heap by `due` */
    ctl *all_next, *all_prev, *ready_next, *ready_prev;
    bool ready;
    uint64_t due;
    uint32_t id;
    struct woad_air_controller_config cfg;
    struct radio radio;
    bool extended; /* its host uses extended commands, or has used neither */
    bool commands_chosen;
    struct ll_adv *sets, *adv_now;
    uint8_t n_sets;
    struct ll_scan scan;
    struct ext scan_first; /* whose chain is followed */
    struct link *links;
    struct acl_buffer *buffers;
    struct sync sync[SYNCS];
    uint8_t syncing; /* how many of them are used */
    struct {
        bool on, by_list, reports;
        uint8_t sid;
        struct address who;
        uint16_t skip, timeout;
    } sync_wanted;
    struct {
        struct address who;
        uint8_t sid;
    } periodic_list[PERIODIC_LIST];
    uint8_t periodics;
    struct past past; /* of connections to come */
    struct iso *iso;
    uint8_t isos; /* how many of them are on */
    struct big big[BIGS];
    struct fifo out; /* to the host */
    bool host_flow;  /* it says when its buffers are free */
    uint16_t host_room, host_len;
    uint8_t random[6];
    uint64_t event_mask, event_mask_2, le_mask;
    uint16_t default_tx, default_tx_time; /* suggested data length */
    uint8_t default_tx_phys, default_rx_phys;
    struct subrate subrate; /* of connections to come */
    uint64_t host_features;
    uint8_t channels[5]; /* that the host has not called bad */
    struct address accept[ACCEPT_LIST];
    uint8_t accepts;
    struct resolving resolving[RESOLVING_LIST];
    uint8_t resolvings;
    bool resolves;
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
    uint8_t worse_clock; /* it is told to be so many classes worse than it is */
};

struct woad_air {
    struct woad_air_config cfg;
    uint64_t now, seed;
    uint32_t next_id;
    ctl *heap, *all, *ready, *ready_last;
    ctl *listeners[CHANNELS];
    struct flight *flights[CHANNELS];
    uint8_t echoes; /* how many of them there are */
    struct echo echo[ECHOES];
};

/* air.c */
uint32_t air_random(struct woad_air *air);
uint32_t air_random_below(struct woad_air *air, uint32_t n);
void air_plan(ctl *c);
void air_tell(ctl *c);
uint64_t ctl_after(const ctl *c, uint64_t us, int32_t *carry);
/* medium.c */
void medium_begin(ctl *c);
void medium_end(ctl *c);
bool medium_busy(const ctl *c, uint64_t *end);
uint64_t medium_next(const struct woad_air *air);
void medium_due(struct woad_air *air);
void medium_forget(struct woad_air *air, const ctl *gone);
void medium_listen(ctl *c);
void medium_deafen(ctl *c);
/* path.c */
int8_t path_rssi(const struct place *from, const ctl *to);
uint32_t path_delay(const ctl *from, const ctl *to);
bool path_clear(const struct flight *f, const ctl *to, int8_t rssi);
/* radio.c */
uint32_t radio_airtime(size_t pdu_len, uint8_t phy);
struct wr radio_pdu(ctl *c);
void radio_send(ctl *c, uint8_t owner, uint64_t at, uint8_t channel, uint32_t aa, uint8_t phy,
                const struct wr *pdu);
void radio_listen(ctl *c, uint8_t owner, uint8_t channel, uint32_t aa, uint8_t phy, uint64_t until);
void radio_off(ctl *c);
void radio_run(ctl *c);
/* arbiter.c */
struct turn { /* of an activity: when, how often, for how long */
    uint8_t owner, index;
    uint64_t at, phase; /* phase: an anchor, past or to come */
    uint32_t every_us, lasts_us;
};
bool radio_claim(ctl *c, uint8_t owner, uint8_t index);
bool radio_claim_adv(ctl *c);
bool radio_clear(const ctl *c, uint64_t end, uint8_t missed);
uint64_t turn_next(const ctl *c, uint8_t owner, uint8_t index);
uint16_t turn_place(const ctl *c, const struct turn *mine, unsigned steps);
void link_turn(const ctl *c, uint8_t i, struct turn *t);
void iso_turn(const ctl *c, uint8_t n, struct turn *t);
void train_turn(const ctl *c, uint8_t n, struct turn *t);
void sync_turn(const ctl *c, uint8_t n, struct turn *t);
/* ll_adv.c */
int8_t adv_power(const ctl *c, const struct ll_adv *a);
bool adv_any_on(const ctl *c);
uint64_t adv_next(const ctl *c);
bool adv_connectable(const struct ll_adv *a);
void adv_enable(ctl *c, struct ll_adv *a, bool on);
void adv_catch_up(ctl *c);
void adv_due(ctl *c);
void adv_sent(ctl *c);
void adv_quiet(ctl *c);
void adv_heard(ctl *c, struct rd pdu, uint64_t end);
/* ll_scan.c */
static inline bool scan_running(const ctl *c)
{
    return (c->scan.on && !c->scan.rests) || c->scan.connecting;
}
void scan_enable(ctl *c, bool on);
void scan_due(ctl *c);
void scan_resume(ctl *c);
void scan_sent(ctl *c);
void scan_quiet(ctl *c);
void scan_heard(ctl *c, struct rd pdu, int8_t rssi, uint64_t start, uint64_t end);
void scan_join_aux(ctl *c, const struct address *air, const struct address *who, uint64_t end);
void scan_joined_aux(ctl *c);
bool scan_is_new_ext(ctl *c, const struct ext *e);
/* ll_ext_scan.c */
void ext_scan_clock(ctl *c);
void ext_scan_due(ctl *c);
void ext_lost(ctl *c);
void scan_break(ctl *c);
uint32_t ll_access_address(ctl *c);
/* ll_periodic.c ll_sync.c */
uint64_t train_next(const struct ll_adv *a);
void train_enable(ctl *c, struct ll_adv *a);
void train_due(ctl *c, struct ll_adv *a);
void train_sent(ctl *c);
void train_cut(ctl *c);
uint64_t sync_next(const ctl *c);
void sync_due(ctl *c);
void sync_catch_up(ctl *c);
void sync_quiet(ctl *c);
void sync_heard(ctl *c, const struct flight *f, int8_t rssi);
void sync_offer(ctl *c, const struct ext *e, uint64_t start);
/* hci_periodic.c */
bool periodic_list_has(const ctl *c, const struct address *who, uint8_t sid);
void periodic_reset(ctl *c);
/* ll_privacy.c */
bool privacy_resolve(ctl *c, const struct address *air, struct address *who);
void privacy_own(const ctl *c, uint8_t own_type, const struct address *peer, struct address *own);
bool privacy_is_own(const ctl *c, uint8_t own_type, const struct address *target);
void privacy_target(ctl *c, uint8_t own_type, const struct address *peer, struct address *target);
void privacy_due(ctl *c);
bool privacy_has_local(const ctl *c, const struct address *peer);
/* hci_crypto.c */
void p256_due(ctl *c);
void p256_reset(ctl *c);
void privacy_reset(ctl *c);
/* ll_accept.c */
bool address_is(const struct address *a, const struct address *b);
bool accept_has(const ctl *c, const struct address *a);
bool accept_has_anonymous(const ctl *c);
/* ll_conn.c */
enum { LINK_TRIES = 6 };  /* events without a packet: not established.  4.5 */
enum { LAST_EVENTS = 4 }; /* with fewer left a connection misses none of its own */
struct link *link_free(ctl *c, uint8_t *i);
bool link_with(const ctl *c, const struct address *peer);
struct link *link_by_handle(ctl *c, uint16_t handle, uint8_t *i);
uint16_t link_handle(uint8_t i);
struct join {
    bool central, csa2;
    uint8_t phy;
    struct address peer, peer_air, own_air;
    bool aux;
};
void link_begin(ctl *c, uint8_t i, const struct join *how, struct rd data, uint64_t end);
void link_close(ctl *c, uint8_t i, uint8_t reason);
void link_wake(ctl *c, uint8_t i);
uint64_t link_next(const ctl *c);
uint8_t csa2_channel(uint32_t aa, uint16_t event, const uint8_t chm[5]);
uint8_t csa2_first(uint32_t aa, uint16_t event, const uint8_t chm[5], uint16_t *prn);
uint16_t csa2_next(uint16_t prn, uint16_t id);
void link_catch_up(ctl *c);
void link_due(ctl *c);
void link_sent(ctl *c);
void link_quiet(ctl *c);
uint32_t link_supervision(const struct link *l);
uint64_t link_limit(const struct link *l);
uint32_t link_chances(const struct link *l, uint64_t since, uint64_t at);
void link_heard(ctl *c, const struct flight *f, int8_t rssi);
bool link_time_for(const ctl *c, uint8_t i, uint64_t end);
/* ll_data.c */
int data_from_host(ctl *c, struct rd *in);
void data_next(ctl *c, struct link *l);
void data_none(struct link *l);
bool data_more(const ctl *c, const struct link *l);
uint16_t data_next_len(const ctl *c, const struct link *l);
void data_acked(ctl *c, struct link *l, uint8_t i);
bool data_to_host(ctl *c, uint8_t i, uint8_t llid, struct rd *in);
bool data_waiting(const struct link *l);
void data_drop(ctl *c, struct link *l);
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
bool control_room(const struct link *l);
bool control_spare(const struct link *l);
void control_send(struct link *l, const struct wr *pdu);
void control_want(ctl *c, uint8_t i, uint8_t kind);
bool control_has(const struct link *l, uint8_t kind);
void control_heard(ctl *c, uint8_t i, struct rd *in);
void control_terminate(ctl *c, uint8_t i, uint8_t reason);
void control_instant(ctl *c, uint8_t i);
/* ll_know.c */
void length_begin_link(const ctl *c, struct link *l);
void length_changed(ctl *c, uint8_t i);
uint16_t length_max_time(const ctl *c);
/* ll_update.c */
bool params_valid(const struct params *p);
struct params params_read(struct rd *in);
void params_answer(ctl *c, uint8_t i, uint8_t error);
/* ll_power.c ll_subrate.c */
enum { POWER_LEAST = -40, POWER_MOST = 20 };
void power_changed(ctl *c, int8_t power);
void loss_heard(ctl *c, uint8_t i);
uint32_t subrate_ahead(const struct link *l);
void subrate_acked(ctl *c, uint8_t i);
void subrate_defaults(struct subrate *s);
/* ll_encrypt.c */
void payload_heard(ctl *c, struct link *l);
void payload_due(ctl *c, uint8_t i);
void encrypt_key(ctl *c, uint8_t i, const uint8_t *ltk);
void crypt_seal_with(const ctl *c, const struct cipher *k, uint8_t head, uint8_t *data, size_t len);
bool crypt_open_with(const ctl *c, const struct cipher *k, uint8_t head, uint8_t *data, size_t len);
void crypt_seal(ctl *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
bool crypt_open(ctl *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
/* ll_iso.c ll_cis.c ll_bis.c */
int iso_from_host(ctl *c, struct rd *in);
uint64_t iso_next(const ctl *c);
void iso_due(ctl *c);
void iso_sent(ctl *c);
void iso_quiet(ctl *c);
void iso_cut(ctl *c);
void iso_heard(ctl *c, const struct flight *f);
void iso_catch_up(ctl *c);
void iso_reset(ctl *c);
bool cis_on_link(const ctl *c, uint8_t i);
bool cis_begins(const ctl *c, uint8_t i);
void cis_supervise(ctl *c, uint8_t i);
void cis_link_gone(ctl *c, uint8_t i, uint8_t reason);
void cis_terminate(ctl *c, struct iso *s, uint8_t reason);
void cis_cancel(ctl *c, struct iso *s, uint8_t reason);
void cis_terminated(ctl *c, uint8_t i);
struct iso *iso_of(ctl *c, uint16_t handle);
uint64_t big_next(const ctl *c);
bool big_of_set(const ctl *c, const struct ll_adv *a);
void big_due(ctl *c);
void big_terminate(ctl *c, struct big *b, uint8_t reason);
void big_catch_up(ctl *c);
void big_train_gone(ctl *c, uint8_t sync);
size_t big_acad(const ctl *c, const struct ll_adv *a, uint64_t at, uint8_t acad[2 + BIG_INFO]);
void big_offer(ctl *c, const struct sync *train, struct rd acad, uint64_t start);

#endif
