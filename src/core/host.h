/* The instance: one struct woad, at the front of the memory that the application gives to
 * woad_init().  All state of the host is in it or in the arena behind it.
 *
 * A packet in:   woad_rx -> acl_rx -> l2cap_rx -> att_rx -> a handler -> the application's callback
 * A packet out:  woad_tx -> acl_tx -> l2cap_tx -> a layer's tx, which looks at its own state */
#ifndef WOAD_CORE_HOST_H
#define WOAD_CORE_HOST_H

#include <woad/woad.h>

#include "../base/buf.h"
#include "arena.h"

/* Defined in the header of the layer or feature. */
struct accept;
struct adv;
struct attr_table;
struct att_bearer;
struct att_extension;
struct att_pipeline;
struct att_role;
struct central;
struct coc_enhanced;
struct coc_role;
struct cocs;
struct conn;
struct crypto_role;
struct controller_crypto;
struct eatt;
struct eatt_role;
struct ext;
struct ext_role;
struct gatt_bonds;
struct gatts;
struct gatts_parts;
struct link;
struct multiple;
struct oob;
struct pairing;
struct pipeline;
struct quirks;
struct reconnect;
struct reconnect_role;
struct resolve;
struct scan;
struct setup;
struct vendor_init_role;
struct smp;
struct smp_role;
struct type_index;
struct vendor_init;
struct vendor_init_role;
struct watchdog;
struct woad_feature;

/* h->address_pending: the controller calculates our next private address; that has failed, and will
 * be tried again; it is due, and waits until gap_central.c has paused the attempt to connect. */
enum { ADDRESS_CALCULATED = 1, ADDRESS_FAILED = 2, ADDRESS_DUE = 3 };

/* h->activity: what the controller is doing; CONNECT_REQUESTED: it is to connect, and does not
 * yet. */
enum {
    ACTIVE_ADV = 1,
    ACTIVE_SCAN = 2,
    ACTIVE_CONNECT = 4,
    CONNECT_REQUESTED = 8,
    ACTIVE_EXT_ADV = 16
};

/* h->callback: the application's callback is on the call stack; the latest one, or one inside it,
 * has called woad_tx(). */
enum { CALLBACK_RUNS = 1, CALLBACK_TX = 2 };

/* HOST_FALLING: everything has ended, and the events that say so are being raised. */
enum host_state { HOST_OFF, HOST_FALLING, HOST_STARTING, HOST_UP, HOST_STOPPING };

/* HCI's flow control: one command at a time, and the controller's ACL buffers. */
struct hci {
    uint8_t credits;         /* Num_HCI_Command_Packets: commands that it accepts now */
    uint8_t bringup_step;    /* row of bringup_steps[], while HOST_STARTING */
    uint16_t pending_opcode; /* the command that awaits its answer; 0: none */
    uint16_t pending_arg;    /* set by its sender for `complete`: a connection's number, or so */
    uint16_t acl_len;        /* octets of data that a buffer holds; LE's, or those it shares */
    uint16_t acl_total, acl_free; /* buffers: all, and those not in use */
    uint32_t deadline;            /* deadline for the answer, or for the next credit */
    const struct woad_feature *pending_feature; /* that sent the pending command */
};

/* The controller, as it describes itself during bring-up. */
struct controller {
    /* as in HCI's answer: HCI version u8, subversion u16; LMP version u8, company u16,
     * subversion u16 */
    uint8_t version[8];
    struct woad_addr random_addr;         /* ours: static, or private while privacy is on */
    struct woad_addr public_addr;         /* zeros: none */
    uint32_t last_rx_ms;                  /* h->now when its last packet arrived */
    uint8_t le_features[8], commands[64]; /* supported: bits as in HCI's answers */
};

/* The order is by frequency of use: small offsets make shorter code.  `cfg.features` is the last
 * of them. */
struct woad {
    uint8_t state;           /* enum host_state */
    uint8_t own_type;        /* of our own address: WOAD_ADDR_PUBLIC or WOAD_ADDR_RANDOM */
    uint8_t activity;        /* ACTIVE_… */
    bool commands_idle;      /* every feature was polled for a command and has none */
    bool random_dirty;       /* controller.random_addr is to be written to the controller */
    uint8_t address_pending; /* ADDRESS_…; 0: no private address is due */
    uint8_t callback;        /* CALLBACK_…: what runs inside the application's callback */
    uint8_t resolve_dirty;   /* the resolving list: RESOLVE_…, of own_address.h */
    uint8_t ext_commands;    /* EXT_…, of hci/roles.h */
    bool resolving_enabled;  /* the controller resolves private addresses of bonded peers */
    bool in_tx;              /* woad_tx() is on the call stack */
    bool tx_unfinished;      /* woad_tx() returned 0 before all ready connections were polled */
    bool event_raised;       /* since woad_poll() began */
    bool clock_known;        /* `now` has been set */
    bool waits_for_buffers;  /* a connection that used up its share of buffers left the ring */
    uint8_t refused_count;   /* elements of refused_handles */
    struct hci hci;
    uint16_t mtu;            /* ATT_MTU that we offer: woad_set_mtu() */
    uint16_t tx_frame_max;   /* octets of the largest L2CAP payload that we send… */
    uint16_t rx_frame_max;   /* …and receive */
    uint16_t conn_count;     /* connections that exist */
    uint16_t sig_queue_size; /* octets of conn.sig_queue */
    bool accept_dirty;       /* the accept list is to be written to the controller */
    uint8_t event_depth;     /* callbacks on the stack; counted with CHECK_LOST_WAKEUP only */
    uint32_t now;            /* ms: the time of the last woad_clock() or woad_poll() */
    struct conn *conns, *conns_end; /* config.conns slots, and the end of the array */
    struct conn *ready_tail;        /* the ready list: ready.h; NULL: empty */
    union {
        struct arena *arena; /* only inside woad_init() and woad_size() */
        struct conn *conn;   /* then: the connection of the frame in tx_frame; NULL: none */
    } tx_frame_of;
    /* Each feature's memory, and the functions by which other layers call it (…_role).  NULL: the
     * feature is not linked. */
    struct smp *smp;
    const struct smp_role *smp_role;
    struct gatts *gatts;
    const struct att_role *att_server, *att_client;
    const struct coc_role *coc_role;
    const struct eatt_role *eatt_role;
    const struct crypto_role *crypto_role;
    struct adv *adv;
    struct scan *scan;
    struct central *central;
    const struct reconnect_role *reconnect;
    const struct ext_role *ext_role;
    struct att_bearer *bearers; /* one a connection, then config.att_bearers of Enhanced ATT */
    struct woad_config cfg;
    struct cocs *cocs;
    const struct coc_enhanced *coc_enhanced;
    struct att_bearer *bearers_end;
    uint32_t stop_deadline; /* deadline of woad_stop() */
    uint8_t *tx_frame;      /* tx_frame_max + 4 octets: an L2CAP frame sent in fragments */
    /* HCI handles of connections for which there was no slot, to be disconnected: refused_max(). */
    uint16_t *refused_handles;
    struct accept *accept;
    struct oob *oob;
    const struct gatt_bonds *gatt_bonds;
    const struct vendor_init_role *vendor_init_role;
    void (*scan_report)(struct woad *h, struct rd *in);      /* LE Advertising Report */
    void (*att_signed)(struct att_bearer *b, struct rd *in); /* ATT_SIGNED_WRITE_CMD */
    struct ext *ext;
    struct controller controller;
    struct woad_addr own_addr;            /* the address that the controller uses now */
    struct woad_conn_limits limits;       /* of parameters that a peer may request */
    void (*quirks_apply)(struct woad *h); /* corrects `controller` */
    void (*smp_keypress)(struct pairing *p, struct rd *in); /* Pairing Keypress Notification */
    const struct attr_table *builtin_with_features;         /* NULL: the plain one */
    const struct type_index *type_index;
    uint16_t *type_handles; /* config.attr_index of them, the type index's memory */
    const struct att_extension *att_long;
    const struct att_extension *att_multiple;
    const struct att_pipeline *att_pipeline;
    struct pipeline *pipelines; /* one a connection */
    struct gatts_parts *parts;  /* one a connection */
    struct multiple *multiples; /* one a bearer */
    struct controller_crypto *controller_crypto;
    struct reconnect *reconnect_mem;
    struct link *link;
    struct vendor_init *vendor_init;
    struct resolve *resolve;
    struct watchdog *watchdog;
    struct quirks *quirks;
    struct eatt *eatt;
};

ASSERT_SIZE(woad, WOAD_SIZE_HOST);

/* Connections that can arrive without a slot while one command awaits its answer: by a connection
 * attempt, by legacy advertising, and by each advertising set. */
static inline unsigned refused_max(const struct woad *h)
{
    return h->cfg.adv_sets + 2u;
}

/* host/host.c: ends all connections and procedures at once, then raises WOAD_EV_DOWN with this
 * error, 0 or a WOAD_E….  Does nothing while the host is off, or falling. */
void host_down(struct woad *h, int error);

#endif
