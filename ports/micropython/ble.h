/* The `bluetooth` module: what its files share.
 *
 *   mod_bluetooth.c   the module's table
 *   ble_uuid.c        bluetooth.UUID
 *   ble.c             BLE(): active, config, irq
 *   ble_gap.c ble_link.c ble_gatts.c ble_gattc.c    methods: Python's arguments to the host's
 *   ble_ext.c         extended advertising
 *   ble_value.c       the values of local attributes
 *   ble_l2cap.c       L2CAP channels
 *   ble_pair.c        pairing, and the secrets that programs keep
 *   ble_event.c       the host's events to Python's
 *   ble_connect.c     when the central hears of a connection
 *   ble_call.c        the handler called: what it is given, what it answers
 *   ble_queue.c       events that have to wait
 *   port_unix.c       PCs: the way to a controller, and waking the interpreter
 *   unix_calls.c      MicroPython's waiting calls, which that interrupts
 *   port_mcu.c        boards: the same, over one of
 *   hci_mpbthci.c     MicroPython's own HCI drivers: extmod/mpbthci.h
 *   hci_cyw43.c       the CYW43 of a Pico W
 *   hci_vhci.c        an ESP32's controller */
#ifndef WOAD_MP_BLE_H
#define WOAD_MP_BLE_H

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/obj.h"
#include "py/objarray.h"
#include "py/runtime.h"

#include <woad/hci.h>
#include <woad/woad.h>

enum { /* IRQ events */
       IRQ_CENTRAL_CONNECT = 1,
       IRQ_CENTRAL_DISCONNECT = 2,
       IRQ_GATTS_WRITE = 3,
       IRQ_GATTS_READ_REQUEST = 4,
       IRQ_SCAN_RESULT = 5,
       IRQ_SCAN_DONE = 6,
       IRQ_PERIPHERAL_CONNECT = 7,
       IRQ_PERIPHERAL_DISCONNECT = 8,
       IRQ_GATTC_SERVICE_RESULT = 9,
       IRQ_GATTC_SERVICE_DONE = 10,
       IRQ_GATTC_CHARACTERISTIC_RESULT = 11,
       IRQ_GATTC_CHARACTERISTIC_DONE = 12,
       IRQ_GATTC_DESCRIPTOR_RESULT = 13,
       IRQ_GATTC_DESCRIPTOR_DONE = 14,
       IRQ_GATTC_READ_RESULT = 15,
       IRQ_GATTC_READ_DONE = 16,
       IRQ_GATTC_WRITE_DONE = 17,
       IRQ_GATTC_NOTIFY = 18,
       IRQ_GATTC_INDICATE = 19,
       IRQ_GATTS_INDICATE_DONE = 20,
       IRQ_MTU_EXCHANGED = 21,
       IRQ_L2CAP_ACCEPT = 22,
       IRQ_L2CAP_CONNECT = 23,
       IRQ_L2CAP_DISCONNECT = 24,
       IRQ_L2CAP_RECV = 25,
       IRQ_L2CAP_SEND_READY = 26,
       IRQ_CONNECTION_UPDATE = 27,
       IRQ_ENCRYPTION_UPDATE = 28,
       IRQ_GET_SECRET = 29,
       IRQ_SET_SECRET = 30,
       IRQ_PASSKEY_ACTION = 31,
       /* Those of this module alone: raised after config(events=…) has asked for them. */
       IRQ_FIRST_MORE = 64,
       IRQ_DISCONNECT_REASON = 64,
       IRQ_CONNECT_FAILED = 65,
       IRQ_LINK = 66,
       IRQ_GATTC_INCLUDED_RESULT = 67,
       IRQ_GATTC_INCLUDED_DONE = 68,
       IRQ_TX_READY = 69,
       IRQ_TX_DONE = 70,
       IRQ_GATTS_SUBSCRIBE = 71,
       IRQ_RADIO_LOST = 72,
       IRQ_PAIR_FAILED = 73,
       IRQ_GATTS_AUTHORIZE = 74,
       IRQ_KEYPRESS = 75,
       IRQ_ADV_SET = 76,
       IRQ_EXT_SCAN_RESULT = 77,
       IRQ_END_MORE
};

enum { BLE_ADV_SETS = 2, BLE_MTU_MAX = 527, BLE_MTU = 256, BLE_WAIT_MS = 2000 };
/* How much of everything there can be.  A board may choose the first three. */
#ifdef UNIX
enum {
    BLE_CONNS = 16,
    BLE_BONDS = 16,
    BLE_CHANNELS = 64,
    BLE_PSMS = 16,
    BLE_TABLES = 16,
    BLE_SUBSCRIPTIONS = 64,
    BLE_PROCEDURES = 16,
    BLE_ACCEPT = 16,
    BLE_INDEX = 1024,
    BLE_QUEUE = 1088,
    BLE_REQUESTS = 4096,
    BLE_PREPARED = 1024,
    BLE_PIPELINE = 512,
    BLE_WAITING = 16384
};
#else
#ifndef WOAD_CONNS
#define WOAD_CONNS 4
#endif
#ifndef WOAD_BONDS
#define WOAD_BONDS 8
#endif
#ifndef WOAD_CHANNELS
#define WOAD_CHANNELS 4
#endif
enum {
    BLE_CONNS = WOAD_CONNS,
    BLE_BONDS = WOAD_BONDS,
    BLE_CHANNELS = WOAD_CHANNELS,
    BLE_PSMS = 4,
    BLE_TABLES = 8,
    BLE_SUBSCRIPTIONS = 16,
    BLE_PROCEDURES = 8,
    BLE_ACCEPT = 8,
    BLE_INDEX = 0,
    BLE_QUEUE = 1088,
    BLE_REQUESTS = 1088,
    BLE_PREPARED = 1024,
    BLE_PIPELINE = 64,
    BLE_WAITING = 2048
};
#endif
enum { BLE_BOND_PLACES = 2 * BLE_BONDS }; /* so many of legacy pairing, too */

typedef struct {
    mp_obj_base_t base;
    struct woad_uuid uuid;
} ble_uuid_obj_t;

extern const mp_obj_type_t ble_type, ble_uuid_type;

/* The value of a characteristic or a descriptor. */
struct ble_value {
    uint8_t *data;
    uint16_t len, room;
    bool append;
};

/* What the handler is given: objects made once, whose content changes with the next event.  One
 * frame for each call of the handler that has not returned; none is ever freed, so that an object
 * which the program keeps is never a dangling pointer.  They are parts of one block: the collector
 * finds it by the root pointer. */
enum {
    BLE_FRAME_ITEMS = 9,
    BLE_FRAME_FEW = 3,
    BLE_FRAME_SHORT = 8,
    BLE_FRAME_NESTED = 280,
    BLE_FRAMES = 3
};
struct ble_frame {
    struct ble_frame *next;
    mp_obj_array_t brief, data; /* memoryviews of the octets below */
    ble_uuid_obj_t uuid;
    struct {
        mp_obj_base_t base;
        size_t len;
        mp_obj_t items[BLE_FRAME_ITEMS];
    } tuple;
    struct {
        mp_obj_base_t base;
        size_t len;
        mp_obj_t items[BLE_FRAME_FEW];
    } few;
    size_t room;
    uint8_t octets[]; /* BLE_FRAME_SHORT of `brief`, `room` of `data` */
};

/* Events that have to wait: records in one block, one after the other, and behind those, when it is
 * full, a list. */
struct ble_record {
    struct ble_record *next; /* in the list */
    size_t size;             /* data included; 0: the block goes on at its start */
    struct woad_event ev;
    uint8_t data[];
};
struct ble_queue {
    uint8_t *block;
    size_t in, out, used;
    struct ble_record *list, **list_end;
    bool delivering; /* the first is in use */
};

/* What the handler has said: `given` and `number`, if it was asked. */
enum ble_asked { BLE_ASKED, BLE_NOBODY, BLE_FAILED }; /* NOBODY: the program has no handler */
struct ble_answer {
    enum ble_asked how;
    mp_obj_t given;
    mp_int_t number; /* 0: none; of what is to be true or false: 1 or 0 */
};

/* A notification to a subscriber that did not fit: sent, with the value of then, when there is
 * room. */
struct ble_update {
    struct ble_update *next;
    uint16_t conn, handle;
};

/* Services that were added together, and the values of their attributes. */
struct ble_group {
    struct ble_group *next;
    struct woad_attr *attrs;
    struct woad_uuid *uuids;
    struct ble_value *values; /* of handle `first` and those behind it */
    uint16_t first, n;
};

/* What lives in MicroPython's heap, kept alive by the root pointer to the one BLE object. */
typedef struct {
    mp_obj_base_t base;
    mp_obj_t handler;
    bool refuses;                      /* the handler has refused something */
    bool lost_handler;                 /* it was taken out by an exception */
    struct ble_frame *frames, **frame; /* `frame`: where the one for the next event is */
    struct ble_queue queue;
    struct ble_group *groups;
    struct ble_update *updates;
} ble_obj_t;

/* A connection of the central's of which the program has not heard yet (`waits`), or whose peer's
 * features have been asked for by the module (`asked`), and by the program, too (`shared`). */
struct ble_connecting {
    bool waits, asked, shared;
    uint16_t conn;
    struct woad_addr peer;
    mp_uint_t since;
};

/* What gattc_read has gathered, on each connection. */
struct ble_gathered {
    uint8_t *octets;
    uint16_t len;
    bool lost;
};

/* What outlives a soft reset, or must be found without the heap. */
struct ble_state {
    struct woad *host; /* NULL: inactive */
    bool up, adv_settled, accept_settled;
    uint16_t scans, scans_stopped; /* whose end is to come; the program knows of these */
    int adv_status, accept_status, down;
    uint32_t events;           /* bit n: event 64 + n is wanted */
    unsigned holding;          /* events are queued, not delivered */
    unsigned in_host;          /* so many events of the host have not returned */
    unsigned starts;           /* counts them: ble_same() */
    bool starting;             /* active(True) is under way */
    bool ending;               /* active(False) in one of both: done when it returns */
    uint16_t conns[BLE_CONNS]; /* WOAD_NO_CONN: free */
    struct ble_connecting connecting[BLE_CONNS];
    struct ble_channel *channels;
    struct ble_gathered gathered[BLE_CONNS];
    uint8_t *ext_data[BLE_ADV_SETS][2]; /* of extended advertising, and its scan response */
    uint32_t dropped;
    mp_uint_t slow_since;
    mp_uint_t ran; /* when ble_run() returned last */
    bool running, ran_long;
    uint16_t rxbuf;
    void *thread;    /* the main one */
    bool long_reads; /* gattc_read gives the whole value */
    bool oob_made;
    int oob_status;
    struct woad_oob oob;
    uint8_t name[31], name_len;
    char why[200];
};
extern struct ble_state ble;

/* What config() has set of it; kept over active(). */
struct ble_pairing {
    uint8_t io;
    bool bond, mitm;
    int8_t secure;
}; /* secure: -1 not set */
extern struct ble_pairing ble_pairing;

ble_obj_t *ble_object(void); /* NULL before BLE() */

/* ble.c */
void ble_raise(int err); /* WOAD_E…; returns for 0 */
void ble_raise_with(int number, mp_obj_t detail) __attribute__((noreturn));
/* Raises ENODEV.  Arguments are converted before it: an object's __int__ or __bool__ can end the
 * radio, and what was looked up before it is gone then. */
struct woad *ble_active(void);
void ble_check_thread(void); /* raises RuntimeError in any but the main one */
/* Sends what there is to send. */
void ble_flush(void);
/* Waits until *done, events held back meanwhile; raises ETIMEDOUT.  In a handler that was called
 * out of the host there is no waiting: the host can't be entered again. */
void ble_wait(const bool *done);
void ble_hold(void); /* events and the scheduler wait; counted */
void ble_release(void);
/* Whether the radio is still on that was when ble.starts was `starts`. */
bool ble_same(unsigned starts);
void ble_stop(bool politely);
/* Octets for a key; waits for the controller's, if they are its own.  0 or WOAD_E…. */
int ble_random(uint8_t *out, size_t len);
bool ble_wants(unsigned event);
/* ble_link.c */
void ble_addr_of(mp_obj_t o, struct woad_addr *addr);
size_t ble_items(mp_obj_t o, mp_obj_t *copy, size_t room); /* how many there are */
/* ble_call.c.  Objects for the next call of the handler; nothing is allocated. */
mp_obj_t ble_bytes(const uint8_t *data, size_t len);
mp_obj_t ble_brief(const uint8_t *data, size_t len); /* besides; BLE_FRAME_SHORT at most */
mp_obj_t ble_addr(const struct woad_addr *a);        /* the same, most significant first */
mp_obj_t ble_event_uuid(const struct woad_uuid *uuid);
mp_obj_t ble_few(size_t n, const mp_obj_t *items); /* a tuple in the tuple */
bool ble_frames_new(ble_obj_t *o);
void ble_invoke(unsigned event, size_t n, const mp_obj_t *items);
struct ble_answer ble_ask(unsigned event, size_t n, const mp_obj_t *items);
/* 0, or with what to refuse: what could not be asked is refused, with `otherwise`. */
mp_int_t ble_refused(const struct ble_answer *a, mp_int_t otherwise);
void ble_show(mp_obj_t exception); /* on the console; raises nothing */
/* ble_queue.c */
bool ble_queue_new(ble_obj_t *o);
bool ble_queue_empty(const ble_obj_t *o);
bool ble_queue_over(void); /* more waits than the block has room for */
bool ble_queue_put(ble_obj_t *o, const struct woad_event *ev); /* false: no room */
struct ble_record *ble_queue_first(ble_obj_t *o);
struct ble_record *ble_queue_next(ble_obj_t *o, struct ble_record *r); /* NULL: the last */
void ble_queue_drop(ble_obj_t *o);                                     /* the first */
void ble_queue_forget(ble_obj_t *o);
/* ble_event.c */
void ble_on_event(void *ctx, struct woad *h, const struct woad_event *ev);
void ble_pass_on(const struct woad_event *ev); /* to the handler, now or later */
void ble_deliver(const struct woad_event *ev); /* the same, not held by ble_connect.c */
void ble_deliver_queued(void);
void ble_deliver_lost(void); /* of a radio that has failed: all */
void ble_attributes_gone(ble_obj_t *o, uint16_t first, uint16_t last); /* the handles */
void ble_forget_gathered(void);                                        /* the host is gone */
bool ble_scan_heard(void); /* the program hears what a scan has found */
/* An ATT error, or 0. */
int ble_read_refused(uint16_t conn, uint16_t handle);
/* ble_connect.c */
bool ble_connecting(const struct woad_event *ev); /* true: it is not for the program now */
bool ble_connecting_end(void);                    /* all are told; false: there was none */
/* Whether features are asked for already: the program gets that answer, too. */
bool ble_connecting_share(uint16_t conn);
uint32_t ble_connecting_due(void); /* milliseconds until ble_connecting_run() */
void ble_connecting_run(void);
/* ble_l2cap.c */
void ble_note_coc(const struct woad_event *ev);
void ble_on_coc(const struct woad_event *ev);
void ble_lost_coc(const struct woad_event *ev);
void ble_forget_channels(void); /* the host is gone */
void ble_channels_over(uint16_t conn);
uint32_t ble_channels_due(void);
void ble_channels_run(void);
/* ble_ext.c */
void ble_forget_ext(void); /* the host is gone */
void ble_on_ext_adv(const struct woad_event *ev);
void ble_on_ext_report(const struct woad_event *ev);
/* ble_pair.c */
void ble_apply_pairing(void);
void ble_load_bonds(void);
void ble_store_bonds(void);
void ble_on_security(const struct woad_event *ev);
void ble_on_passkey(const struct woad_event *ev);
void ble_on_bond(const struct woad_event *ev);
void ble_on_bond_wanted(const struct woad_event *ev);
void ble_on_authorize(const struct woad_event *ev);
void ble_on_keypress(const struct woad_event *ev);
/* ble_value.c */
struct ble_value *ble_value_at(uint16_t handle);
void ble_value_set(struct ble_value *v, const void *data, size_t len);
int ble_value_write(struct ble_value *v, size_t offset, const uint8_t *data, size_t len);
void ble_value_update(uint16_t handle);
void ble_not_indicated(uint16_t conn, uint16_t handle); /* the peer lacks the security */
void ble_update_retry(void);
void ble_update_forget(uint16_t conn);
void ble_update_gone(ble_obj_t *o, uint16_t first, uint16_t last);
/* ble_uuid.c */
mp_obj_t ble_uuid_new(const struct woad_uuid *uuid);
const struct woad_uuid *ble_uuid_of(mp_obj_t o); /* NULL: not one */
/* port */
extern const struct woad_feature *const ble_port_features[]; /* of the host */
void ble_port_begin(void);                                   /* the heap is new: nothing is in it */
void ble_port_prepare(struct woad *h);                       /* before it is started */
void *ble_port_memory(size_t len); /* for the host, and back; NULL: none */
void ble_port_memory_free(void *mem);
void *ble_port_alloc(size_t len); /* zeros, for what comes and goes; NULL: none */
void ble_port_free(void *mem);
extern const struct woad_crypto *const ble_port_crypto;                   /* NULL: none */
extern int (*const ble_port_random)(void *ctx, uint8_t *out, size_t len); /* the same, for keys */
/* Bonds kept in a file; NULL: no longer.  0 or a negative errno. */
int ble_port_store(const char *path);
bool ble_port_stores(void);
int ble_port_store_error(void); /* of the last time it was written */
void ble_port_store_event(struct woad *h, const struct woad_event *ev);
void ble_port_store_bond(const struct woad_bond *b); /* unless it has a stronger one */
void ble_port_store_irk(const uint8_t irk[16]);      /* for a file without bonds */
uint32_t ble_port_store_run(bool now);               /* milliseconds until it is to be called */
/* NULL: all.  0; WOAD_ENOENT: there is none, or no file; or why it is still in the file. */
int ble_port_store_remove(const struct woad_addr *peer);
int ble_port_open(char *why, size_t room); /* negative errno */
void ble_port_lose(void);                  /* no packets any more; ble_run() goes on until close */
void ble_port_close(void);
bool ble_port_is_open(void);
int ble_port_pump(struct woad *h); /* a bounded number of packets, events included */
bool ble_port_more(void);          /* there were more */
int ble_port_flush(struct woad *h);
void ble_port_clock(struct woad *h); /* tells the host the time */
void ble_port_wait(uint32_t ms);
/* Has the scheduler run ble_run() when packets come or the host's next deadline is, not before
 * `least_ms` have passed.  Nothing happens inside ble_run(), which does it at its end. */
void ble_port_arm(uint32_t least_ms);
void ble_port_schedule(void); /* at once */
void ble_port_soon(void);     /* in a millisecond, whatever comes */
void ble_run(void);           /* in the scheduler: packets, events */
uint32_t ble_due(void);       /* milliseconds until it is to be run, packets or not */

MP_DECLARE_CONST_FUN_OBJ_KW(ble_gap_advertise_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(ble_gap_scan_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_connect_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gap_disconnect_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gap_pair_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_passkey_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_unpair_obj);
MP_DECLARE_CONST_FUN_OBJ_1(ble_gap_bonds_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_oob_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_gap_keypress_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(ble_gap_advertise_set_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_connect_any_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gap_accept_list_obj);
MP_DECLARE_CONST_FUN_OBJ_1(ble_gap_connections_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gap_connection_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_update_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_gap_link_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_gap_data_length_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_phy_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gatts_add_services_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gatts_remove_services_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_notify_latest_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gattc_discover_secondary_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_included_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_read_uuid_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_gattc_read_multiple_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gattc_cancel_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gatts_register_services_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gatts_read_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_write_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_notify_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_indicate_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_set_buffer_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_services_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_characteristics_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_descriptors_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_gattc_read_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_write_obj);
MP_DECLARE_CONST_FUN_OBJ_2(ble_gattc_exchange_mtu_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_l2cap_listen_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_connect_obj);
MP_DECLARE_CONST_FUN_OBJ_3(ble_l2cap_disconnect_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_send_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_recvinto_obj);

#endif
