/* The link layer of one controller: Vol 6, Part B.  Above the world, below the host interface.
 *
 *   activities.c            the table by which the world calls the link layer
 *   arbiter.c               which activity has the radio
 *   adv.c scan.c            advertising, scanning, initiating with legacy PDUs
 *   ext_adv.c ext_scan.c    the same with extended PDUs
 *   accept.c privacy.c      filter accept list; resolving list and private addresses
 *   periodic.c sync.c past.c                 periodic advertising: sent, received, handed over
 *   channels.c              channel map updates of periodic advertising and of BIGs
 *   conn.c data.c           connection events and acknowledgement; data of the hosts
 *   channel_selection.c     the data channel of an event
 *   control.c               control procedures: order, collisions, time-outs; the procedures are in
 *   info.c update.c encrypt.c power.c subrate.c
 *   iso.c cis.c cis_event.c bis.c           isochronous streams, connected and broadcast
 *
 * Commands that concern one of these files alone stand in it; host.h has what the link layer needs
 * of the host interface.  Nothing here includes hci/. */
#ifndef WOAD_AIR_LL_H
#define WOAD_AIR_LL_H

#include <woad/crypto.h>
#include <woad/hci.h>

#include "../world/world.h"

/* SyncInfo: where the next event of periodic advertising is.  2.3.4.6 */
struct sync_info {
    uint32_t offset;   /* us from the packet that carries it; 0: too far away to say */
    uint16_t unit;     /* us: the event begins up to this much later */
    uint16_t interval; /* 1.25 ms */
    uint16_t counter;  /* of that event */
    uint8_t chm[5];    /* channel map, a bit each */
    uint8_t sca;       /* sleep clock accuracy of the advertiser, 0 to 7 */
    uint32_t aa, crc_init;
};

struct address {
    uint8_t type; /* 0 public, 1 random; with RESOLVED it is an identity */
    uint8_t octet[6];
};
enum { RESOLVED = 2 }; /* added to the type: the peer uses an RPA that stands for this address */

/* The Common Extended Advertising Payload, decoded.  A has_ field says whether the next is valid.
 * 2.3.4 */
struct ext {
    uint8_t mode; /* AdvMode, bits: connectable, scannable */
    bool has_adv, has_target, has_adi, has_aux, has_power;
    struct address adv, target;
    uint16_t did; /* ADI: data ID, set ID */
    uint8_t sid;
    uint8_t aux_channel, aux_phy;
    uint32_t aux_offset; /* us from the start of the packet, rounded down to aux_unit */
    uint16_t aux_unit;   /* us, 30 or 300 */
    int8_t power;        /* dBm */
    bool has_sync;
    struct sync_info sync;
    struct rd acad; /* additional controller advertising data */
    struct rd data; /* the host's */
};

/* --- advertising, scanning -------------------------------------------------------------------- */

enum { CH_SEL = 0x20 }; /* a bit in the header of an advertising PDU.  2.3 */
enum { ACCEPT_LIST = 16, RESOLVING_LIST = 16 };

/* An entry of the resolving list.  The addresses are those in use now.  6 */
struct resolving_entry {
    struct address identity;
    uint8_t peer_irk[16], local_irk[16];
    uint8_t peer_rpa[6];   /* the last one received from the peer; zero: none */
    uint8_t local_rpa[6];  /* ours towards this peer */
    uint8_t target_rpa[6]; /* TargetA of directed advertising, if has_target */
    bool has_target;
    bool has_peer, has_local; /* that IRK is not zero */
    bool device_mode;         /* device privacy mode: the identity address is accepted, too */
};

enum { /* as HCI numbers them: Vol 4, Part E, 7.8.5 */
       ADV_KIND_IND = 0,
       ADV_KIND_DIRECT_HIGH = 1,
       ADV_KIND_SCAN = 2,
       ADV_KIND_NONCONN = 3,
       ADV_KIND_DIRECT_LOW = 4
};
enum { ADV_FILTER_SCAN = 1, ADV_FILTER_CONNECT = 2 }; /* bits of the filter policy */

/* A channel map that counts from an instant on: see channels.c. */
struct remap {
    bool pending;
    uint8_t chm[5];
    uint16_t instant; /* event counter */
};

/* Periodic advertising of a set. */
struct periodic_adv {
    bool configured;   /* LE Set Periodic Advertising Parameters has been accepted */
    bool enabled;      /* by the host */
    bool sending;      /* enabled, and its set has been enabled meanwhile */
    bool data_partial; /* the last fragment of its data is missing */
    uint8_t *data;     /* 1,650 octets */
    uint8_t channel;   /* of the next packet */
    uint8_t chm[5];
    uint16_t interval;      /* 1.25 ms */
    uint16_t props;         /* PROP_TX_POWER */
    uint16_t len, sent_len; /* of data; sent_len: in this event's packets so far */
    uint16_t counter;       /* of the next event */
    uint32_t aa, crc_init;
    uint64_t next_at;      /* us: the next AUX_SYNC_IND */
    uint64_t chain_at;     /* us: the next AUX_CHAIN_IND; NEVER: none */
    uint64_t last_sent_at; /* us: the end of the last packet */
    struct remap remap;
    int32_t carry;
};

/* A sync with periodic advertising of another device. */
struct sync {
    bool used;
    bool established; /* an AUX_SYNC_IND has been received */
    bool reporting;   /* the host wants reports */
    bool by_host;     /* begun by the host; else by a peer's LL_PERIODIC_SYNC_IND */
    bool in_chain;    /* the last packet named another one */
    uint8_t sid, phy, sca, chm[5];
    uint8_t tries; /* events without a packet, until it is established */
    struct address advertiser;
    uint16_t interval; /* 1.25 ms */
    uint16_t counter;  /* of the next event listened to */
    uint16_t skip;     /* events that may be skipped after one that was received */
    uint16_t timeout;  /* 10 ms */
    uint32_t aa, crc_init;
    uint32_t widening, window; /* us: listening before and after; window: the first event's unit */
    uint64_t ref;              /* us: when that event is expected */
    uint64_t at;         /* us: when listening begins, ref less widening; NEVER: it is listening */
    uint64_t lost_at;    /* us: supervision */
    uint64_t last_rx_at; /* us: begin of the last packet */
    int32_t carry;
    uint64_t chain_at; /* us: the next AUX_CHAIN_IND; NEVER: none */
    uint8_t chain_channel;
    uint16_t chain_unit; /* us */
    struct remap remap;
    uint8_t past_conn; /* !by_host: the connection by which it came, and its Service Data */
    uint16_t past_data;
};
/* How a connection handles LL_PERIODIC_SYNC_IND. Vol 4, Part E, 7.8.91 */
struct past {
    uint8_t mode;
    uint16_t skip, timeout;
};
enum { SYNCS = 4, PERIODIC_LIST = 8, NO_SYNC_HANDLE = 0xff };

/* An advertising set.  Legacy commands use the first one. */
struct ll_adv {
    bool on;
    bool extended; /* its PDUs are extended */
    bool used;     /* created by an extended command */
    bool report_scan_requests;
    uint8_t kind; /* ADV_KIND_…, of legacy PDUs */
    uint8_t own_type, filter;
    uint8_t channel_bits; /* bits 0 to 2: 37, 38, 39 */
    uint8_t channel;      /* of the event under way; CHANNELS: behind the primary packets */
    uint32_t interval;    /* 625 us */
    int32_t carry;
    uint64_t next;  /* us: the next event */
    uint64_t until; /* us: the end of its duration */
    struct address peer;
    uint8_t *data, *rsp;
    uint16_t data_len, rsp_len;
    uint16_t room; /* octets in each of data, rsp, and periodic.data */
    uint8_t handle, sid;
    uint8_t primary, secondary; /* PHYs; 0: never set, 1M */
    uint8_t random[6];
    bool random_set;
    bool partial_data, partial_rsp; /* the last fragment is missing */
    uint16_t props;                 /* PROP_… */
    uint16_t did;                   /* changes with the data */
    bool power_limited;             /* the host limits it to `power` */
    int8_t power;                   /* dBm */
    uint8_t max_events;             /* 0: no limit */
    uint8_t missed;                 /* events in a row that gave way to another activity */
    uint32_t events;                /* since it was enabled */
    /* the packet that is next on the secondary channels */
    uint64_t aux_at; /* us; NEVER: none */
    uint8_t aux_channel, next_channel;
    uint8_t stage; /* AT_… of ext_adv.c */
    uint16_t sent_len;
    /* an AUX_CONNECT_REQ that was accepted: the connection begins when the response is sent */
    uint8_t conn_index, conn_lldata[22];
    struct address conn_peer, conn_peer_air; /* _air: not resolved */
    uint64_t conn_request_end;
    struct periodic_adv periodic;
};

/* The scanner, which is the initiator, too. */
/* What the host has set for scanning, while the same fields of struct ll_scan are the initiator's.
 */
struct scan_settings {
    bool active, use_accept_list, extended;
    uint8_t own_type, phys;
    uint16_t interval, window;
    struct {
        uint16_t interval, window;
        bool active;
    } per_phy[2];
};

struct ll_scan {
    bool on;              /* scanning, as the host sees it */
    bool between_periods; /* `on`, and not listening until period_at */
    bool connecting;      /* initiating */
    bool active;
    bool filter_duplicates;
    bool use_accept_list; /* for advertisers; initiating: in the place of `peer` */
    bool scan_req_out;    /* a SCAN_REQ or AUX_SCAN_REQ, to scan_req_to */
    bool scan_req_connectable;
    bool connect_ind_out; /* until it has been sent */
    bool connect_req_out; /* an AUX_CONNECT_REQ, until its response or the time-out */
    uint8_t own_type, channel;
    uint16_t interval, window; /* 625 us */
    int32_t carry;
    uint64_t next, window_end; /* us: the next window; the end of this one */
    uint8_t backoff, upper_limit, successes, failures;     /* of scan requests.  4.4.3.2 */
    struct address scan_req_to;                            /* as on the air */
    struct address conn_peer, conn_peer_air, conn_own_air; /* of the request that is out */
    struct address target; /* TargetA of the ADV_DIRECT_IND received last */
    uint8_t n_seen;
    uint32_t seen[64]; /* the duplicate filter: hashes */
    /* extended */
    bool extended; /* by extended commands */
    uint8_t phys;  /* bits 0 and 2: 1M, coded */
    uint8_t phy;   /* the one of this window */
    struct {
        uint16_t interval, window; /* 625 us */
        bool active;
    } per_phy[2];              /* 1M, coded */
    bool has_kept;             /* `kept` is valid: the host has initiated since it set them */
    struct scan_settings kept; /* for the next scan */
    uint64_t aux_at;           /* us: an auxiliary packet to be received; NEVER: none */
    uint64_t until, period_at; /* us: the end of this duration; the begin of the next period */
    uint64_t duration, period; /* us */
    uint8_t aux_channel, aux_phy, primary_phy;
    uint16_t aux_unit;         /* us: the packet may begin this much later */
    uint16_t report_type;      /* Event_Type of the reports of this chain */
    bool listening_aux;        /* on a secondary channel, for the packet at aux_at */
    bool in_chain;             /* the last packet named another one */
    bool in_scan_response;     /* the chain is that of an AUX_SCAN_RSP */
    struct ext chain_head;     /* the first packet of the chain */
    uint64_t conn_request_end; /* us */
    /* initiating */
    struct address peer;
    uint16_t conn_min, latency, supervision; /* 1.25 ms, events, 10 ms */
    uint8_t conn_index;                      /* the connection that begins */
};

/* --- isochronous streams ---------------------------------------------------------------------- */

enum { ISO_NONE, ISO_CIS, ISO_BIS_OUT, ISO_BIS_IN };
enum { ISO_SDU = 502, ISO_SDUS = 4, ISO_PACKET = 255, BIG_INFO = 33 };
enum { GROUP_MAX = 8, BIGS = 2, BIS_NUMBER_MAX = 31 };

/* An SDU of the host's, in one or more HCI packets. */
struct sdu {
    uint16_t total_len, len; /* len: received so far */
    uint16_t packets;        /* to be given back to the host */
    uint8_t data[ISO_SDU];
};

/* A stream.  BN, NSE and the like are those of the specification: payloads of an event,
 * subevents of an event.  4.5.13, 4.4.6 */
struct iso {
    uint8_t kind; /* ISO_NONE: free */
    bool central;
    bool creating;      /* CIS: from the host's command, or LL_CIS_REQ, until it is on */
    bool accepted;      /* CIS, peripheral: LL_CIS_RSP is sent; until LL_CIS_IND */
    bool on;            /* it has events */
    bool established;   /* a packet has been received */
    bool terminating;   /* LL_CIS_TERMINATE_IND is to be sent, with `reason` */
    bool path_in;       /* there is a data path from the host */
    bool path_out;      /* there is a data path to the host */
    bool cis_req_out;   /* central: LL_CIS_REQ is sent; until its answer */
    bool config_locked; /* central: a stream of its group has been created */
    uint8_t group;      /* CIG; of a BIS: index of the BIG */
    uint8_t id;         /* CIS ID, BIS number */
    uint8_t link;       /* CIS: index of its connection */
    uint8_t reason;
    uint8_t tx_phy, rx_phy, nse, bn_tx, bn_rx, chm[5];
    uint8_t tries;                       /* events without a packet, until it is established */
    uint16_t max_sdu_tx, max_sdu_rx;     /* octets */
    uint16_t interval;                   /* 1.25 ms */
    uint32_t sdu_interval, sub_interval; /* us */
    uint32_t position;                   /* us: behind the first stream of its group */
    uint32_t group_delay, sync_delay;    /* us: CIG_Sync_Delay, CIS_Sync_Delay */
    uint32_t aa, crc_init, widening;
    uint64_t anchor;           /* us: of this event */
    uint64_t at;               /* us: when the next subevent runs; NEVER: it runs */
    uint64_t last_rx_at;       /* us: begin of the last packet received */
    uint64_t last_exchange_at; /* us: see arbiter.c */
    uint64_t lost_at;          /* us: supervision */
    uint64_t event;
    int32_t carry;
    uint8_t subevent;
    uint8_t tx_done, rx_done; /* payloads of this event, acknowledged and received */
    bool sending;             /* sdu[0] is sent in this event */
    bool payload_unacked;     /* the last packet carried a payload */
    bool sdu_partial;         /* the last SDU is not complete yet */
    bool rx_bad, rx_end;      /* of the SDU received: does not fit; its last part is there */
    uint16_t rx_len, n_sdus;
    uint8_t rx[ISO_SDU];
    struct sdu sdu[ISO_SDUS];
};

/* BIGInfo.  4.4.5.2 */
struct big_info {
    uint32_t offset; /* us from the packet that carries it */
    uint32_t sub_interval, spacing, seed, sdu_interval;
    uint16_t unit, interval, max_sdu, crc_base;
    uint8_t num, nse, bn, irc, phy, chm[5];
    bool encrypted;
    uint64_t event;
};

/* A broadcast isochronous group, sent or received. */
struct big {
    bool used, on;
    bool is_receiver;
    bool awaits_info; /* receiver: until the sync brings a BIGInfo */
    bool established; /* receiver: a packet has been received */
    bool terminating; /* at `instant`, with `reason` */
    bool rx_control;  /* the radio listens for a control subevent */
    uint8_t handle;
    uint8_t adv_set; /* sender: index of its set */
    uint8_t sync;    /* receiver: index of its sync; NO_SYNC_HANDLE: that has ended */
    uint8_t sca, tries, reason, n_streams, stream[GROUP_MAX];
    uint8_t control_channel;
    uint8_t cssn;     /* of the last control PDU.  4.4.6.7 */
    uint16_t timeout; /* 10 ms */
    uint16_t instant;
    struct remap remap;
    struct big_info info;
    uint64_t anchor, event; /* of the next event */
    uint64_t last_rx_at;
    uint64_t control_at; /* us: the control subevent; NEVER: none */
    uint64_t lost_at;
    uint32_t widening, window; /* us */
    int32_t carry;
};

/* --- connections ------------------------------------------------------------------------------ */

/* Key and nonce of an encrypted packet.  Part E, 2.1 */
struct cipher {
    uint8_t key[16], iv[8];
    uint64_t counter;
    bool from_central;
    uint8_t header_mask; /* bits of the header that the MIC covers */
};

enum { MIC = 4 }; /* octets behind an encrypted payload */

enum { CONTROL_MAX = 42 };
struct control { /* a control PDU */
    uint8_t len, pdu[CONTROL_MAX];
};

struct params {
    uint16_t min, max; /* 1.25 ms */
    uint16_t latency;  /* events */
    uint16_t timeout;  /* 10 ms */
};

struct subrate {
    uint16_t min, max; /* subrate factor */
    uint16_t latency, continuation;
    uint16_t timeout; /* 10 ms */
};

struct path_loss {
    bool configured, on;
    bool zone_known;                        /* the host has got the zone */
    uint8_t high, high_hyst, low, low_hyst; /* dB */
    uint8_t zone;
    uint16_t min_events, events_outside; /* events in a row in another zone */
};

struct link {
    bool used, central;
    bool established;                 /* a packet has been received */
    struct address peer;              /* resolved */
    struct address peer_air, own_air; /* as in the connection request */
    uint32_t aa, crc_init;
    uint8_t hop, chm[5];
    bool csa2; /* channel selection algorithm 2.  4.5.8.3 */
    uint8_t tx_phy, rx_phy;
    int8_t rssi;               /* of the last packet */
    uint16_t interval;         /* 1.25 ms */
    uint16_t latency;          /* events */
    uint16_t supervision;      /* 10 ms */
    uint32_t event;            /* the next one; its low 16 bits are connEventCounter */
    uint32_t ref_event;        /* the last one attended, */
    uint64_t ref_anchor;       /* us: and its anchor */
    uint64_t anchor;           /* us: of `event`, less widening; NEVER: the event runs */
    uint64_t lost_at;          /* us: supervision */
    uint64_t last_exchange_at; /* us: the end of the last exchange: see arbiter.c */
    uint64_t confirmed_at;     /* us: of the last exchange that the peer has had for certain */
    bool unconfirmed;          /* the peer has not acknowledged the packet before the last */
    int32_t ref_carry, carry;  /* fractions of a microsecond of both anchors */
    uint64_t last_rx_at;       /* us: the peer's clock is known from then */
    uint32_t widening;         /* us: error of both clocks since last_rx_at.  4.2.4 */
    uint8_t peer_sca;          /* 0 to 7 */
    struct past past;
    uint32_t window; /* us: transmit window, of the first event and at an update */
    /* acknowledgement.  4.5.9 */
    uint8_t sn, nesn;
    bool unacked;      /* tx_pdu has been sent and not acknowledged */
    bool rx_in_event;  /* a packet has been received in this event */
    bool md, peer_md;  /* MD of the last packet sent, and received */
    bool closes_event; /* peripheral: its packet ends the event */
    uint8_t tx_pdu[2 + 251 + 4];
    uint8_t tx_len;                      /* payload, with MIC */
    uint8_t tx_plain[251], tx_plain_len; /* the payload before encryption, for a sniffer */
    bool tx_is_data, tx_is_last;         /* data; the last of its HCI packet */
    uint8_t tx_opcode;                   /* of a control PDU, else 0xff */
    uint8_t acl_first, acl_last;         /* buffers with data to be sent; 0xff: none */
    uint16_t host_pending;               /* packets that the host has not given back */
    /* control procedures.  5.1 */
    struct control control[4]; /* PDUs to be sent */
    bool waits_for_room;       /* something waits for room in `control`: control_on_room() */
    uint8_t n_controls;
    /* Encryption is being started or paused: PDUs that are sent after it, and that were received
     * before the peer knew of it and are handled after it. */
    struct control after_encryption[4], held[6];
    uint8_t n_after_encryption, n_held;
    bool params_accepted;    /* the update is made then: params_answer() */
    uint8_t miss_score;      /* grows with each missed event: see link_score_miss() */
    uint8_t cis_terminating; /* index + 1 of the stream with an LL_CIS_TERMINATE_IND under way */
    uint8_t local_procedure, remote_procedure; /* P_…, begun by us, by the peer */
    uint16_t queued_procedures;                /* bits 1 << P_…: to be begun by us */
    uint64_t response_by;                      /* us: or the connection is lost; NEVER */
    uint8_t instant_procedure;                 /* P_… that takes effect at `instant`; 0: none */
    uint16_t instant, new_interval, new_latency, new_supervision;
    uint16_t new_offset; /* 1.25 ms: of the transmit window */
    uint8_t new_window;  /* 1.25 ms */
    uint8_t new_chm[5], new_tx_phy, new_rx_phy;
    struct params host_params, peer_params; /* wanted by the host, by the peer */
    uint8_t host_tx_phys, host_rx_phys;     /* sets, that our host prefers */
    bool host_coded_s2;
    bool phy_event_due, update_event_due; /* the host gets an event when the procedure ends */
    bool version_sent, version_known, features_known;
    /* subrating.  4.5.1 */
    uint16_t subrate_factor, continuation;
    uint32_t subrate_base, new_subrate_base; /* events */
    uint32_t active_until_event;             /* all events until this one are used */
    struct subrate host_subrate, new_subrate, acceptable_subrate;
    bool subrate_ind_out; /* LL_SUBRATE_IND is not acknowledged: the peer may have it or not */
    /* transmit powers and clocks */
    int8_t tx_power, peer_power;         /* dBm; peer_power 127: not known */
    int8_t indicated_power;              /* dBm: what the peer knows of tx_power */
    bool power_event_due, sca_event_due; /* the host gets an event when the procedure ends */
    bool report_local_power, report_remote_power;
    struct path_loss loss;
    /* encryption.  5.1.3 */
    bool encrypting;           /* started or paused: no data are sent */
    bool encryption_pdus_only; /* any other control PDU, and any data, ends the connection */
    uint8_t encryption_next;   /* opcode of the PDU that the peer must send next; 0: no procedure */
    bool ltk_requested;        /* the host has not answered LE Long Term Key Request */
    bool tx_encrypted, rx_encrypted;
    bool rx_pausing;    /* the central's next packet is not encrypted */
    bool was_encrypted; /* the next success is a key refresh */
    uint8_t rand[8], skd[16], iv[8], ltk[16], session_key[16];
    uint16_t ediv;
    uint64_t tx_counter, rx_counter;
    uint16_t payload_timeout;          /* 10 ms: authenticated payload timeout.  5.4 */
    uint64_t auth_payload_by, ping_at; /* us: of that timeout; when LL_PING_REQ is sent */
    uint8_t close_reason;              /* the connection ends after this event; 0: it does not */
    uint8_t terminate_reason;
    bool terminating;      /* LL_TERMINATE_IND is queued or sent */
    uint64_t terminate_by; /* us: the connection ends without an acknowledgement */
    /* data length.  4.5.10 */
    uint8_t max_tx, max_rx; /* octets: what both sides can do */
    uint8_t host_max_tx;    /* octets and us: what our host wants */
    uint16_t host_max_tx_time;
    uint8_t effective_tx, effective_rx; /* octets: what fits into a packet on this PHY */
    uint16_t peer_rx_time, peer_tx_time, tx_time, rx_time; /* us */
    uint8_t features[8], version[5];                       /* the peer's */
};

/* A buffer for data from the host. */
struct acl_buffer {
    uint8_t next; /* of the same connection; 0xff: none */
    uint8_t link; /* index of the connection; 0xff: free */
    bool is_start;
    uint16_t len, sent_len;
    uint8_t *data; /* cfg.acl_len octets */
};

/* A turn of an activity in terms that its peer knows, too: see arbiter.c. */
struct lot {
    uint32_t aa;
    uint16_t interval, turn; /* 1.25 ms; event counter */
};

/* State of a controller's link layer and host interface besides its activities. */
struct ll {
    struct ll_scan scan;
    struct sync sync[SYNCS];
    struct big big[BIGS];
    uint8_t n_syncs;   /* used */
    uint8_t n_isos_on; /* streams that are on */
    struct lot lot;    /* of the activity that has the radio */
    struct {
        bool on;       /* until a sync is established, or the host cancels */
        bool use_list; /* the periodic advertiser list, in the place of the next two */
        uint8_t sid;
        struct address advertiser;
        bool reporting;
        uint16_t skip, timeout;
    } sync_create; /* LE Periodic Advertising Create Sync */
    struct {
        struct address advertiser;
        uint8_t sid;
    } periodic_list[PERIODIC_LIST];
    uint8_t n_periodic_list;
    struct address accept_list[ACCEPT_LIST];
    uint8_t n_accept_list;
    struct resolving_entry resolving_list[RESOLVING_LIST];
    uint8_t n_resolving_list;
    bool address_resolution; /* enabled by the host */
    uint16_t rpa_timeout_s;
    uint64_t rpa_at;        /* us: new private addresses; NEVER */
    uint8_t random[6];      /* the random device address; zero: none */
    uint8_t channel_map[5]; /* the host's channel classification */
    uint8_t sca_worsened;   /* classes by which LE Modify Sleep Clock Accuracy has lowered it */
    uint16_t rf_path[2];
    uint64_t host_features; /* bits set by LE Set Host Feature */
    /* of connections to be created */
    struct past past;
    struct subrate subrate;
    uint16_t default_tx, default_tx_time; /* octets, us: suggested data length */
    uint8_t default_tx_phys, default_rx_phys;
    /* towards the host */
    bool extended_commands; /* valid when one of the two families has been used: commands_chosen */
    bool commands_chosen;
    uint64_t event_mask, event_mask_2, le_mask;
    bool host_flow;        /* the host gives its buffers back by Host Number Of Completed Packets */
    uint16_t host_credits; /* buffers that the host has free */
    uint16_t host_acl_len; /* octets in each */
    uint8_t p256[32];      /* private key of LE Read Local P-256 Public Key, if has_p256 */
    bool has_p256;
    bool p256_debug;    /* this DHKey is calculated with the debug key */
    uint8_t p256_event; /* LE subevent that ends the calculation; 0: none runs */
    uint64_t p256_at;   /* us: when it ends */
    uint8_t p256_peer[64];
};

/* --- functions -------------------------------------------------------------------------------- */

/* arbiter.c */
struct turn { /* a turn of an activity: when, how often, for how long */
    uint8_t owner, index;
    uint64_t at, phase; /* us: its next begin; any anchor */
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
/* adv.c */
int8_t adv_power(const controller *c, const struct ll_adv *a);
bool adv_any_on(const controller *c);
uint64_t adv_next(const controller *c);
bool adv_connectable(const struct ll_adv *a);
/* The PHY of a set's packets on the secondary channels. */
static inline uint8_t adv_secondary(const struct ll_adv *a)
{
    if (a->secondary) {
        return a->secondary;
    }
    return PHY_1M;
}
void adv_enable(controller *c, struct ll_adv *a, bool on);
void adv_catch_up(controller *c);
void adv_on_timer(controller *c);
void adv_on_tx_done(controller *c);
void adv_on_rx_timeout(controller *c);
void adv_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
/* scan.c */
static inline bool scan_running(const controller *c)
{
    return (c->scan->on && !c->scan->between_periods) || c->scan->connecting;
}
void scan_keep_settings(struct ll_scan *s);
void scan_restore_settings(struct ll_scan *s);
void scan_enable(controller *c, bool on);
uint64_t scan_next(const controller *c);
void scan_on_timer(controller *c);
void scan_catch_up(controller *c);
void scan_resume(controller *c);
void scan_on_tx_done(controller *c);
void scan_on_rx_timeout(controller *c);
void scan_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
void scan_send_aux_connect_req(controller *c, const struct address *on_air,
                               const struct address *identity, uint64_t end);
void scan_on_aux_connect_rsp(controller *c);
bool scan_backoff_over(controller *c);
void scan_req_answered(controller *c);
bool scan_note_new_adi(controller *c, const struct ext *e);
/* ext_scan.c */
void ext_scan_on_duration_timer(controller *c);
void ext_scan_on_aux_timer(controller *c);
void ext_scan_lost(controller *c);
void scan_abort(controller *c);
/* access_address.c */
/* A random access address that fits the rules and is not in use. */
uint32_t ll_access_address(const controller *c);
/* A random seed of a BIG's access addresses: all of them fit the rules. */
uint32_t ll_seed_access_address(const controller *c);
/* The access address of a stream of the BIG, or of its control subevents (number 0): the seed with
 * a pattern of the number in its upper half. */
uint32_t ll_bis_access_address(uint32_t seed, uint8_t number);
/* periodic.c sync.c */
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
uint8_t periodic_list_find(const controller *c, const struct address *who, uint8_t sid);
bool periodic_list_has(const controller *c, const struct address *who, uint8_t sid);
/* privacy.c */
bool privacy_resolve(controller *c, const struct address *air, struct address *who);
void privacy_own(const controller *c, uint8_t own_type, const struct address *peer,
                 struct address *own);
bool privacy_is_own(const controller *c, uint8_t own_type, const struct address *target);
void privacy_target(controller *c, uint8_t own_type, const struct address *peer,
                    struct address *target);
void privacy_on_timer(controller *c);
bool privacy_has_local(const controller *c, const struct address *peer);
void privacy_reset(controller *c);
/* clock.c */
/* The class of the controller's sleep clock: at least as bad as it is.  2.3.3.1 */
uint8_t controller_sca(const controller *c);
/* How far the clock and a peer's may be apart after `us`, with 16 us of jitter, in us.  4.2.4 */
uint32_t clock_widening(const controller *c, uint8_t peer_sca, uint64_t us);
/* accept.c */
bool address_equal(const struct address *a, const struct address *b);
bool accept_has(const controller *c, const struct address *a);
bool accept_has_anonymous(const controller *c);
/* channel_selection.c */
uint8_t csa1_channel(uint8_t hop, uint32_t event, const uint8_t chm[5]);
uint8_t csa2_channel(uint32_t aa, uint16_t event, const uint8_t chm[5]);
uint8_t csa2_first(uint32_t aa, uint16_t event, const uint8_t chm[5], uint16_t *prn);
uint16_t csa2_next(uint16_t prn, uint16_t id);
/* conn.c */
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
void link_begin(controller *c, uint8_t i, const struct conn_request *how, struct rd in,
                uint64_t end);
void link_close(controller *c, uint8_t i, uint8_t reason);
void link_wake(controller *c, uint8_t i);
uint64_t link_next(const controller *c);
void link_catch_up(controller *c);
void link_on_timer(controller *c);
void link_on_tx_done(controller *c);
void link_on_rx_timeout(controller *c);
uint32_t link_supervision(const struct link *l);
uint64_t link_silence_limit(const struct link *l);
uint32_t link_events_left(const struct link *l, uint64_t since, uint64_t at);
void link_on_rx(controller *c, const struct air_packet *f, int8_t rssi);
bool link_time_for(const controller *c, uint8_t i, uint64_t end);
/* data.c */
int data_from_host(controller *c, struct rd *in);
void data_next(controller *c, struct link *l);
void data_next_empty(struct link *l);
bool data_more(const controller *c, const struct link *l);
uint16_t data_next_len(const controller *c, const struct link *l);
void data_on_ack(controller *c, struct link *l, uint8_t i);
bool data_to_host(controller *c, uint8_t i, uint8_t llid, struct rd *in);
bool data_pending(const struct link *l);
void data_drop(controller *c, struct link *l);
/* control.c: procedures, in the order in which those that are wanted begin */
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
bool control_wait_for_spare(struct link *l);
void control_on_room(controller *c, uint8_t i);
void control_send(struct link *l, const struct wr *pdu);
bool control_inject(struct link *l, const struct wr *pdu);
void control_request(controller *c, uint8_t i, uint8_t kind);
bool control_pending(const struct link *l, uint8_t kind);
void control_on_rx(controller *c, uint8_t i, struct rd *in);
void control_terminate(controller *c, uint8_t i, uint8_t reason);
void control_instant(controller *c, uint8_t i);
/* info.c */
void length_begin_link(const controller *c, struct link *l);
void length_changed(controller *c, uint8_t i);
uint16_t length_max_time(const controller *c);
/* update.c */
bool params_valid(const struct params *p);
struct params params_read(struct rd *in);
void params_answer(controller *c, uint8_t i, uint8_t error);
/* power.c subrate.c */
enum { POWER_MIN = -40, POWER_MAX = 20 };
void power_changed(controller *c, int8_t power);
void power_indicate(controller *c, uint8_t i);
void path_loss_on_rx(controller *c, uint8_t i);
uint32_t subrate_ahead(const struct link *l);
void subrate_on_ack(controller *c, uint8_t i);
void subrate_defaults(struct subrate *s);
/* encrypt.c */
void payload_timeout_restart(controller *c, struct link *l);
void payload_on_timer(controller *c, uint8_t i);
void encrypt_key(controller *c, uint8_t i, const uint8_t *ltk);
void crypt_seal_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len);
bool crypt_open_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len);
void crypt_seal(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
bool crypt_open(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len);
/* iso.c cis.c bis.c */
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
void cis_send_terminate(controller *c, uint8_t i);
bool cis_awaits_ind(controller *c, uint8_t i);
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
