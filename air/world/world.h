/* The simulated world: a clock, controllers in the order of their deadlines, one radio each, and
 * the medium between them.
 *
 *   world.c      clock, random numbers, queue of controllers, list of those with something to read
 *   radio.c      one controller's transceiver: transmits at a time, listens until a time
 *   medium.c     which radios receive a packet; collisions; delayed copies
 *   path.c       what a packet loses between two places
 *   snapshot.c   the world as octets, and back
 *   capture.c    packets as a file for Wireshark
 *
 * The world knows no link layer: it calls the activities of each controller, which its maker gives.
 * Nothing here includes ll/ or hci/. */
#ifndef WOAD_AIR_WORLD_H
#define WOAD_AIR_WORLD_H

#include <woad/air.h>

#include "private_names.h"
#include "../../src/base/buf.h"
#include "../../src/base/fifo.h"

typedef struct woad_air_controller controller;

#define NEVER UINT64_MAX   /* no time at all */
#define ADV_AA 0x8e89bed6u /* access address of advertising */
#define ADV_CRC_INIT 0x555555u
enum { T_IFS = 150 }; /* us between packets that belong together */
/* Channels 0 to 36 carry data; 37, 38 and 39 are those of primary advertising. */
enum { CHANNELS = 40, DATA_CHANNELS = 37, FIRST_PRIMARY = DATA_CHANNELS };

/* Results of public functions: errno numbers of Linux. */
enum { AIR_EAGAIN = -11, AIR_EINVAL = -22, AIR_EBADMSG = -74, AIR_ENOTCONN = -107 };

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline unsigned min_uint(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static inline unsigned max_uint(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static inline uint16_t min_u16(uint16_t a, uint16_t b)
{
    return (uint16_t)min_uint(a, b);
}

static inline uint16_t max_u16(uint16_t a, uint16_t b)
{
    return (uint16_t)max_uint(a, b);
}

/* A value kept within two bounds. */
static inline int clamp(int value, int min, int max)
{
    if (value < min) {
        return min;
    }
    return value > max ? max : value;
}

/* --- packets ---------------------------------------------------------------------------------- */

enum { COLLISIONS_MAX = 8 };

/* Where a packet comes from: a controller's position and power when the packet began. */
struct emitter {
    int32_t x_mm, y_mm;
    int8_t power; /* dBm */
    const controller *sender;
};

/* A packet on the air, with the packets that overlap it in time on its channel. */
struct air_packet {
    struct air_packet *next; /* of those on the same channel */
    controller *from;
    uint64_t start, end; /* us, first bit and last bit */
    uint8_t channel;     /* 0 to 39 */
    uint32_t aa, crc_init;
    uint8_t phy, kind; /* PHY_1M …, KIND_ADV … */
    int8_t power;      /* dBm */
    uint16_t len;      /* of pdu */
    struct emitter emitter;
    uint8_t collisions; /* entries of collider[]: of more, those nearest to the sender */
    uint8_t farthest;   /* index of the farthest of them, valid when the array is full */
    uint64_t farthest_mm2;
    struct emitter collider[COLLISIONS_MAX];
    uint8_t pdu[2 + 255];
    uint16_t plain_len;     /* 0: the packet is not encrypted */
    uint8_t plain[2 + 251]; /* for a sniffer: the PDU before encryption */
};
enum { /* as in woad_air_packet.kind */
       KIND_ADV = 0,
       KIND_AUX = 1,
       KIND_CENTRAL = 2,
       KIND_PERIPHERAL = 3,
       KIND_CIS_CENTRAL = 4,
       KIND_CIS_PERIPHERAL = 5,
       KIND_BIS = 6
};

enum { PHY_1M = 1, PHY_2M = 2, PHY_CODED = 3, PHY_CODED_S2 = 4 };
/* The number that HCI has for a PHY: both codings are one. */
static inline uint8_t phy_number(uint8_t phy)
{
    return phy > PHY_CODED ? PHY_CODED : phy;
}

/* A copy of a packet that arrives after a delay. */
struct delayed_packet {
    controller *to; /* NULL: this place is free */
    uint64_t at;    /* when its last bit arrives */
    int8_t rssi;
    struct air_packet packet;
};
enum { DELAYED_MAX = 16 };

/* --- activities ------------------------------------------------------------------------------- */

/* The activities of a controller. Of those due at the same time the first here runs. */
enum activity_kind {
    ACTIVITY_NONE, /* the radio is off; an empty row */
    ACTIVITY_ISO,
    ACTIVITY_CONN,
    ACTIVITY_ADV,
    ACTIVITY_PERIODIC_ADV,
    ACTIVITY_SYNC,
    ACTIVITY_UPKEEP, /* new private addresses, P-256: deadlines without the radio */
    ACTIVITY_SCAN,
    ACTIVITIES
};

/* How an activity takes part in the simulation.  A function that it does not need is NULL. */
struct activity {
    uint64_t (*next)(const controller *c); /* its next deadline, us; NEVER: none */
    void (*on_timer)(controller *c);       /* that deadline has been reached */
    void (*on_tx_done)(controller *c);     /* its packet has been sent; the radio is off */
    void (*on_rx)(controller *c, const struct air_packet *f, int8_t rssi);
    void (*on_rx_timeout)(controller *c); /* no packet began in time; the radio is off */
    void (*on_preempt)(controller *c);    /* another activity takes the radio */
    void (*on_radio_free)(controller *c); /* of ACTIVITY_SCAN: the radio is off */
    void (*catch_up)(controller *c);      /* a hang is over: skip the events missed */
};

/* --- one controller, as the world knows it ---------------------------------------------------- */

enum radio_state { RADIO_OFF, RADIO_WAIT, RADIO_TX, RADIO_RX };

struct radio {
    uint8_t state; /* RADIO_WAIT: a packet is written, to be sent at `at` */
    uint8_t owner; /* enum activity_kind */
    uint8_t index; /* which connection, stream, sync or set of its owner; set by the owner */
    uint8_t channel, phy;
    uint32_t aa;
    uint64_t at;              /* us: when the packet begins or ends, or the listening ends */
    uint64_t since;           /* us: RADIO_RX: when the listening began */
    struct air_packet packet; /* the one that is sent, or was last */
    controller *prev, *next;  /* RADIO_RX: listeners of the channel */
};

struct woad_air_controller {
    struct woad_air *air; /* NULL: detached by a restore */
    uint32_t id;          /* in the order of attachment: decides between equal deadlines */
    size_t size;          /* of its memory, for a snapshot */
    struct woad_air_controller_config cfg;
    const struct activity *activities; /* ACTIVITIES of them, by enum activity_kind */
    struct radio radio;
    uint64_t deadline; /* us; the key in the heap */
    controller *heap_child, *heap_next, *heap_prev;
    controller *all_next, *all_prev;
    controller *ready_next, *ready_prev;
    bool ready;             /* in the list of woad_air_ready() */
    bool hung;              /* woad_air_hang(): nothing runs */
    bool leaving;           /* woad_air_leave(): no new connections */
    struct fifo host_queue; /* packets for the host, with their H4 type */
    /* The link layer's memory, behind this struct.  The world does not look into it. */
    struct ll *ll;
    struct ll_adv *sets;    /* n_sets of them */
    struct ll_adv *adv_now; /* the set that advertises, or did last */
    uint8_t n_sets;
    struct ll_scan *scan;
    struct link *links;         /* cfg.conns of them */
    struct acl_buffer *buffers; /* cfg.acl_count of them */
    struct sync *sync;
    struct iso *iso; /* cfg.iso of them */
    struct big *big;
};

struct woad_air {
    struct woad_air_config cfg;
    uint64_t now; /* us */
    uint64_t seed;
    uint32_t next_id;
    controller *heap;               /* the one with the earliest deadline */
    controller *all;                /* every attached controller */
    controller *ready, *ready_last; /* those with something for their hosts, in order */
    controller *listeners[CHANNELS];
    struct air_packet *packets[CHANNELS];
    uint8_t n_delayed;
    struct delayed_packet delayed[DELAYED_MAX];
};

/* world.c */
uint32_t air_random(struct woad_air *air);
uint32_t air_random_below(struct woad_air *air, uint32_t n);
/* Puts a controller on the air, with all but `air` and the links of lists filled in. */
void air_attach(struct woad_air *air, controller *c);
/* To be called after every change that can change a deadline of `c`. */
void controller_schedule(controller *c);
/* To be called when the host's queue has got a packet. */
void controller_ready(controller *c);
/* The world time that `us` by this controller's drifting clock last.  `carry` keeps the fraction
 * of a microsecond, in millionths, for the next call. */
uint64_t controller_us_to_air(const controller *c, uint64_t us, int32_t *carry);

/* medium.c: called by the radio */
void medium_begin(controller *c);
void medium_end(controller *c);
void medium_listen(controller *c);
void medium_stop_listening(controller *c);
/* Whether a packet that this radio may be receiving is on the air, and when it ends. */
bool medium_busy(const controller *c, uint64_t *end);
/* Delayed packets: when the next one arrives, NEVER: none; deliver those that have arrived. */
uint64_t medium_next(const struct woad_air *air);
void medium_on_timer(struct woad_air *air);
/* Drops what is on its way to a controller that is detached. */
void medium_forget(struct woad_air *air, const controller *gone);

/* path.c */
int8_t path_rssi(const struct emitter *from, const controller *to);
uint32_t path_delay(const controller *from, const controller *to);
/* Whether a packet received with `rssi` can be decoded.  Draws random numbers for losses. */
bool path_clear(const struct air_packet *f, const controller *to, int8_t rssi);

/* radio.c */
/* How long a packet is on the air, us; `pdu_len` counts header, payload and MIC. */
uint32_t radio_airtime(size_t pdu_len, uint8_t phy);
/* Switches the radio off and gives the buffer to write the next PDU into; radio_send() takes it. */
struct wr radio_pdu(controller *c);
/* Sends it at `at`; then `owner` gets on_tx_done.  The caller sets radio.index, packet.kind, power
 * and crc_init where they differ from those of advertising. */
void radio_send(controller *c, uint8_t owner, uint64_t at, uint8_t channel, uint32_t aa,
                uint8_t phy, const struct wr *pdu);
/* Listens for packets that begin until `until`; then `owner` gets on_rx_timeout. */
void radio_listen(controller *c, uint8_t owner, uint8_t channel, uint32_t aa, uint8_t phy,
                  uint64_t until);
/* Stops whatever the radio does.  No receiver gets a packet that is cut off. */
void radio_off(controller *c);
/* radio.at has been reached. */
void radio_run(controller *c);
/* To be called when the radio may have become free: a scanner with an open window listens again. */
void radio_offer(controller *c);

#endif
