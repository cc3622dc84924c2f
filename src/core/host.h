/* The instance.
 *
 * Way of a packet in:   woad_rx -> acl_rx -> l2cap_rx -> att_rx -> a handler -> the application.
 * Way of a packet out:  woad_tx -> acl_tx -> l2cap_tx -> a layer's tx, which looks at its state. */
#ifndef WOAD_CORE_HOST_H
#define WOAD_CORE_HOST_H

#include <woad/woad.h>

#include "../base/buf.h"
#include "arena.h"

/* Each layer's and each feature's own: its header has it. */
struct accept;
struct adv;
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
struct gatts_features;
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
struct watch;
struct woad_feature;

enum { ADDRESS_CALCULATED = 1, ADDRESS_FAILED = 2 }; /* by the controller; and again then */
enum {
    ACTIVE_ADV = 1,
    ACTIVE_SCAN = 2,
    ACTIVE_CONNECT = 4,
    CONNECT_REQUESTED = 8,
    ACTIVE_EXT_ADV = 16
};

/* HOST_FALLING: everything is off; the events of that are being raised. */
enum host_state { HOST_OFF, HOST_FALLING, HOST_STARTING, HOST_UP, HOST_STOPPING };

/* The command that is out, and the controller's buffers. */
struct hci {
    uint8_t credits;         /* commands the controller takes now */
    uint8_t bringup_step;    /* of the bring-up table */
    uint16_t pending_opcode; /* the command awaiting its answer, 0: none */
    uint16_t pending_arg;    /* whatever its sender wants to know then */
    uint16_t acl_len, acl_total, acl_free;
    uint32_t due;
    const struct woad_feature *pending_feature;
};

struct controller {
    uint8_t version;
    uint16_t company, subversion; /* who made it */
    uint8_t commands[64], features[8], le_features[8];
    struct woad_addr public_addr, random_addr;
    uint32_t last_rx_ms; /* when something came last */
};

/* As in struct conn: what is used most comes first. */
struct woad {
    uint8_t state;           /* enum host_state */
    uint8_t own_type;        /* WOAD_ADDR_PUBLIC or WOAD_ADDR_RANDOM */
    uint8_t activity;        /* BUSY_…: what the controller is doing */
    bool commands_idle;      /* no feature wants a command */
    bool random_dirty;       /* the controller does not know random_addr */
    uint8_t address_pending; /* for our next private one: ADDRESS_… */
    bool accept_dirty;       /* nor the accept list */
    uint8_t resolve_dirty;   /* nor the resolving list: see gap_resolve.c */
    uint8_t ext_commands;    /* EXT_…: what goes by extended commands */
    bool resolving_enabled;  /* it knows bonded peers by their keys */
    bool in_tx;              /* woad_tx() is at work */
    bool tx_unfinished;      /* woad_tx() gave 0 before all had had their turn */
    bool event_raised;       /* an event, since woad_poll() began */
    bool clock_known;        /* woad_poll() has told the time */
    bool waits_for_buffers;  /* a connection that has its share of buffers waits */
    uint8_t refused_count;   /* handles in `refused` */
    struct hci hci;
    uint16_t mtu;                        /* offered */
    uint16_t tx_frame_max, rx_frame_max; /* octets of the largest L2CAP payload out, in */
    uint16_t conn_count;                 /* how many there are */
    uint16_t sig_queue_size;             /* octets of signalling that may wait, per connection */
    uint32_t now;
    struct conn *conns, *conns_end; /* config.conns, and where they end */
    struct conn *ready_tail;        /* the last of those that may have something to send */
    struct smp *smp;
    const struct smp_role *smp_role;
    struct gatts *gatts;
    const struct att_role *att_server, *att_client;
    struct cocs *cocs;
    const struct coc_role *coc_role;
    const struct eatt_role *eatt_role;
    const struct crypto_role *crypto_role;
    struct adv *adv;
    struct scan *scan;
    struct central *central;
    const struct reconnect_role *reconnect;
    const struct ext_role *ext_role;
    struct att_bearer *bearers; /* config.conns, and config.att_bearers more */
    struct woad_config cfg;     /* its `features` are the last that is near */
    struct ext *ext;
    const struct att_extension *att_long;
    struct att_bearer *bearers_end;
    const struct coc_enhanced *coc_enhanced;
    uint32_t stop_due;
    struct controller controller;
    const struct att_extension *att_multiple;
    const struct att_pipeline *att_pipeline;
    struct pipeline *pipelines; /* its, one a connection */
    struct gatts_parts *parts;  /* one a connection, where a feature needs it */
    struct multiple *multiples; /* att_multiple.c: one a bearer */
    const struct type_index *type_index;
    uint16_t *type_handles; /* its memory */
    void (*att_signed)(struct att_bearer *b, struct rd *in);
    const struct gatt_bonds *gatt_bonds;
    const struct gatts_features *client_features; /* NULL: it has none */
    void (*smp_keypress)(struct pairing *p, struct rd *in);
    struct controller_crypto *controller_crypto;
    struct reconnect *reconnect_mem;
    struct link *link;
    struct setup *vendor_init;
    const struct vendor_init_role *vendor_init_role;
    struct arena *arena;        /* in woad_init() */
    struct conn *tx_frame_conn; /* whose frame goes out in fragments; NULL: nobody's */
    uint8_t *tx_frame;          /* that frame */
    uint16_t *refused_handles;  /* handles of connections there was no room for, to be
                                 * disconnected: refused_max() at most */
    struct woad_conn_limits limits;
    struct resolve *resolve;
    struct oob *oob;
    struct watch *watchdog;
    struct quirks *quirks;
    void (*quirks_apply)(struct woad *h);               /* to what the controller has said */
    void (*scan_report)(struct woad *h, struct rd *in); /* LE Advertising Report */
    struct accept *accept;
    struct eatt *eatt;
    struct woad_addr own_addr; /* own address, as the controller has it */
};

ASSERT_SIZE(woad, WOAD_SIZE_HOST);

/* While a command waits for its answer an attempt, legacy advertising and each set bring one. */
static inline unsigned refused_max(const struct woad *h)
{
    return h->cfg.adv_sets + 2u;
}

/* host/host.c: everything ends, once: connections with their procedures, then the instance;
 * WOAD_EV_DOWN says with which error. */
void host_down(struct woad *h, int error);

#endif
