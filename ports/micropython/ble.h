/* The `bluetooth` module: what its files share.
 *
 *   mod_bluetooth.c   the module's table
 *   ble.c             BLE(): the object, its methods, irq
 *   ble_life.c        active(): the host started and stopped
 *   ble_run.c         packets moved, in the scheduler and while a method waits
 *   ble_config.c      config()
 *   ble_error.c       exceptions, and the checks at a method's beginning
 *   ble_uuid.c        bluetooth.UUID
 *   ble_gap.c ble_link.c ble_gatts.c ble_gattc.c    methods: Python's arguments to the host's
 *   ble_ext.c         extended advertising
 *   ble_value.c       the values of local attributes
 *   ble_l2cap.c       L2CAP channels
 *   ble_pair.c        pairing: methods and events
 *   ble_secret.c      the secrets that programs keep of bonds
 *   ble_event.c       from the host: events noted, queued or delivered
 *   ble_irq.c         each event's arguments for the handler
 *   ble_connect.c     the delayed IRQ_PERIPHERAL_CONNECT
 *   ble_call.c        the handler's call: its arguments and its answer
 *   ble_queue.c       queued events
 *   port_unix.c       PCs: the controller, and the thread that wakes the interpreter
 *   unix_calls.c      MicroPython's blocking calls, which that interrupts
 *   port_mcu.c        boards: the host in static memory, over one of
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
#include <woad/port.h>
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
       /* Beyond upstream: raised only after config(events=…) has enabled them. */
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
       IRQ_REFUSED = 78,
       IRQ_END_MORE
};

/* Status numbers for programs, as MicroPython with NimBLE has them: a base, and an ATT error or an
 * HCI status. */
enum { BLE_STATUS_ATT = 0x100, BLE_STATUS_HCI = 0x200 };
enum { BLE_POLL_MS = 20 };      /* of a method that waits: the longest time between two looks */
enum { BLE_REFUSAL_MAX = 160 }; /* octets of the reason that an exception gives */
enum {
    BLE_ADV_SETS = 2,  /* advertising sets of gap_advertise_set() */
    BLE_MTU_MAX = 527, /* the largest ATT_MTU that config(mtu=…) can set */
    BLE_WAIT_MS = 2000 /* for which a method waits for the controller */
};
/* Capacities.  A board may define those that begin with WOAD_.  Each is a field of struct
 * woad_config (life_start() says which); those that are octets are marked.
 *
 *   BLE_PSMS          PSMs listened to            BLE_INDEX        attributes in the type index
 *   BLE_TABLES        groups of services          BLE_QUEUE        octets: values to send
 *   BLE_SUBSCRIPTIONS CCCDs, per connection       BLE_REQUESTS     octets: writes as a client
 *   BLE_PROCEDURES    queued, per connection      BLE_PREPARED     octets: prepared writes
 *   BLE_ACCEPT        peers on the accept list    BLE_PIPELINE     octets: pipelined requests
 *   BLE_EVENT_QUEUE   octets: events that wait for the handler (ble_queue.c), no field */
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
    BLE_EVENT_QUEUE = 16384
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
    BLE_EVENT_QUEUE = 2048
};
#endif
/* A bond of legacy pairing takes two. */
enum { BLE_BOND_SLOTS = 2 * BLE_BONDS };

typedef struct {
    mp_obj_base_t base;
    struct woad_uuid uuid;
} ble_uuid_obj_t;

extern const mp_obj_module_t bluetooth_module;
extern const mp_obj_type_t ble_type, ble_uuid_type;

/* The value of a characteristic or a descriptor. */
struct ble_value {
    uint8_t *data; /* NULL: the attribute has no value here */
    uint16_t len, room;
    /* Bit i: the notification to ble.conns[i] did not fit into the host's queue.  At
     * WOAD_EV_TX_READY it is sent with the value of that time. */
    uint16_t update;
    bool append; /* a write is added to what is there, and gatts_read() empties it */
};

/* The handler's arguments: objects that are made once and refilled for each event, so that an
 * event needs no allocation.  Each call of the handler that has not returned uses one frame.  No
 * frame is ever freed: a program that keeps one of the objects has no dangling pointer. */
enum {
    BLE_FRAME_ITEMS = 9,
    BLE_FRAME_INNER = 3,
    BLE_FRAME_SHORT = 8,
    BLE_FRAME_NESTED = 280,
    BLE_FRAMES = 3
};
struct ble_frame {
    struct ble_frame *next;
    mp_obj_array_t short_data, data; /* memoryviews of `octets` */
    ble_uuid_obj_t uuid;
    struct {
        mp_obj_base_t base;
        size_t len;
        mp_obj_t items[BLE_FRAME_ITEMS];
    } tuple;
    struct {
        mp_obj_base_t base;
        size_t len;
        mp_obj_t items[BLE_FRAME_INNER];
    } inner; /* a tuple among the items of `tuple` */
    size_t room;
    uint8_t octets[]; /* BLE_FRAME_SHORT for `short_data`, then `room` for `data` */
};

/* Queued events: records in a ring (`block`) and, when that is full, in a list of allocations. */
struct ble_record {
    struct ble_record *next; /* in the list */
    size_t size;             /* data included; 0: the ring continues at its start */
    bool bond_delivered;     /* already, by ble_deliver_bonds() */
    struct woad_event ev;
    uint8_t data[];
};
struct ble_queue {
    uint8_t *block; /* BLE_EVENT_QUEUE octets */
    size_t in, out, used;
    struct ble_record *list, **list_end;
    bool delivering; /* the handler is running with the first record's data */
};

/* Result of a call of the handler.  BLE_FAILED: it raised an exception, or could not run. */
enum ble_outcome { BLE_ANSWERED, BLE_NO_HANDLER, BLE_FAILED };
struct ble_answer {
    enum ble_outcome outcome;
    mp_obj_t returned; /* None unless BLE_ANSWERED */
    mp_int_t number;   /* `returned` as a number, or its truth for yes-or-no events; else 0 */
};

/* Services registered or added by one call, and the values of their attributes. */
struct ble_group {
    struct ble_group *next;
    struct woad_attr *attrs;
    struct woad_uuid *uuids;
    struct ble_value *values; /* n of them, from handle `first` on */
    uint16_t first, n;
};

/* The one BLE object, in MicroPython's heap; a root pointer keeps it and all below it alive. */
typedef struct {
    mp_obj_base_t base;
    mp_obj_t handler;
    bool handler_refused;              /* it has refused a request at least once */
    bool handler_failed;               /* it raised an exception and was removed */
    struct ble_frame *frames, **frame; /* *frame is for the next event */
    struct ble_queue queue;
    struct ble_group *groups;
} ble_obj_t;

/* A new connection as central, until the peer's features are known: see ble_connect.c. */
struct ble_connecting {
    bool event_held;         /* IRQ_PERIPHERAL_CONNECT has not been raised yet */
    bool features_requested; /* by the module; the fields below are valid */
    bool features_shared;    /* and by the program's gap_link(): raise IRQ_LINK, too */
    uint16_t conn;
    struct woad_addr peer;
    mp_uint_t held_since; /* mp_hal_ticks_ms() */
};

/* The value that gattc_read() assembles from its parts, one for each connection. */
struct ble_long_read {
    uint8_t *octets; /* WOAD_ATT_VALUE_MAX; NULL: not allocated yet */
    uint16_t len;
    bool incomplete; /* something was dropped for want of memory: the procedure fails */
};

/* State that survives a soft reset, or is needed when there is no heap. */
struct ble_state {
    struct woad *host;    /* NULL: inactive */
    bool up;              /* between WOAD_EV_UP and WOAD_EV_DOWN */
    int down;             /* error of WOAD_EV_DOWN (WOAD_E…, < 0); 0: none since the start */
    bool starting;        /* active(True) is running */
    bool ending;          /* active(False) was called inside the host, or while starting */
    unsigned start_count; /* identifies this start: ble_still_on() */
    bool adv_settled, accept_settled; /* the host has answered the last change */
    bool adv_awaited, accept_awaited; /* a method waits for that, and raises its failure */
    int adv_status, accept_status;    /* its HCI status, 0: success */
    uint16_t scans, scans_stopped;    /* scans with WOAD_EV_SCAN_DONE still due; those of
                                       * them with IRQ_SCAN_DONE already raised */
    uint32_t events;                  /* bit n: event 64 + n is enabled */
    unsigned bond_turns;              /* ble_run() has left a queued WOAD_EV_BOND so often */
    unsigned holding;                 /* > 0: events are queued, not delivered */
    unsigned in_host;                 /* nested events from inside the host */
    uint16_t conns[BLE_CONNS];        /* WOAD_NO_CONN: free */
    uint16_t update_from;             /* handle: ble_update_retry() begins there */
    struct ble_connecting connecting[BLE_CONNS];
    struct ble_channel *channels;
    struct ble_long_read long_read[BLE_CONNS];
    uint8_t *ext_data[BLE_ADV_SETS][2]; /* of extended advertising, and its scan response */
    uint32_t dropped;                   /* config("dropped") */
    bool running;                       /* inside ble_run() */
    bool last_run_was_long;             /* ble_run() leaves the program a pause then */
    mp_uint_t last_run_ended;           /* mp_hal_ticks_ms() */
    mp_uint_t slow_since;               /* since when the handler is slower than the packets */
    uint16_t rxbuf;
    void *thread;    /* the main one, where all methods must run */
    bool long_reads; /* gattc_read() reads the whole value */
    bool oob_made;   /* oob_status and oob are valid */
    int oob_status;  /* 0, or the error with which woad_oob_make() has ended */
    struct woad_oob oob;
    uint8_t name[31], name_len;
    char failure[WOAD_PORT_MESSAGE_MAX]; /* why there is no radio; "": it was not lost */
#ifdef WOAD_LOG
    char refusal[BLE_REFUSAL_MAX]; /* why the host refused the method's last call; "": it did not */
#endif
};
extern struct ble_state ble;

/* The security that config() has set; active() keeps it. */
struct ble_pairing {
    uint8_t io;
    bool bond, mitm;
    int8_t secure; /* le_secure; -1: not set */
};
extern struct ble_pairing ble_pairing;

ble_obj_t *ble_object(void); /* NULL before BLE() */

/* ble_error.c */
void ble_raise(int err); /* WOAD_E… as an OSError; returns if it is 0 */
void ble_raise_with(int number, mp_obj_t detail) __attribute__((noreturn));
/* BLE_REFUSE(): an OSError with words for people; a board's has the number alone, for its flash.
 * BLE_RAISE_REFUSED(): the same with the host's words for the last call. BLE_LOG: for config.log.
 */
#ifdef WOAD_LOG
void ble_raise_words(int number, const char *words) __attribute__((noreturn));
void ble_log(void *ctx, enum woad_log_level level, const char *message);
#define BLE_LOG ble_log
#define BLE_REFUSE(number, words) ble_raise_words(number, words)
#define BLE_RAISE_REFUSED(number) ble_raise_words(number, ble.refusal)
#define BLE_FORGET_REFUSAL() ((void)(ble.refusal[0] = '\0'))
#else
#define BLE_LOG NULL
#define BLE_REFUSE(number, words) mp_raise_OSError(number)
#define BLE_RAISE_REFUSED(number) mp_raise_OSError(number)
#define BLE_FORGET_REFUSAL() ((void)0)
#endif
mp_obj_t ble_failure_text(void);
/* The host; raises ENODEV if there is none.  Convert a method's arguments before this call: an
 * object's __int__ or __bool__ can call active(False). */
struct woad *ble_active(void);
void *ble_this_thread(void); /* what tells threads apart; NULL where there is only one */
void ble_check_thread(void); /* raises RuntimeError outside the main thread */
/* ble_run.c */
void ble_pump(void);  /* moves packets both ways; gives up the port if the controller fails */
void ble_flush(void); /* sends what the host has */
/* Moves packets until *done, with events queued; raises ETIMEDOUT after BLE_WAIT_MS.  In a handler
 * that the host called it returns at once: the host cannot be entered again. */
void ble_wait(const bool *done);
/* Events are queued and the scheduler is locked until as many ble_release() as ble_hold(). */
void ble_hold(void);
void ble_release(void);
/* Measures how long a loop has waited; time in which the program was stopped hardly counts. */
struct ble_stopwatch {
    mp_uint_t last_ms, waited_ms;
};
struct ble_stopwatch ble_stopwatch_start(void);
bool ble_stopwatch_within(struct ble_stopwatch *w, mp_uint_t limit_ms); /* false: time is over */
/* Octets for a key; waits for the controller if it makes them.  0 or WOAD_E…. */
int ble_random(uint8_t *out, size_t len);
void ble_run(void); /* by the scheduler: moves packets, delivers events */
/* ble_life.c */
enum { BLE_STOP_AT_ONCE = false, BLE_STOP_POLITELY = true };
void ble_stop(bool politely); /* politely: disconnects first */
/* ble_config.c */
bool ble_wants(unsigned event); /* config(events=…) has enabled it */
/* ble_link.c */
void ble_addr_of(mp_obj_t o, struct woad_addr *addr); /* (addr_type, addr); raises ValueError */
/* A connection's number, a handle (or channel), from an argument.  An int that is none becomes one
 * that does not exist: WOAD_NO_CONN, 0; mp_obj_get_int() raises for other types. */
uint16_t ble_arg_conn(mp_obj_t o);
uint16_t ble_arg_handle(mp_obj_t o);
/* Copies at most `room` items of a list or tuple, and returns how many it has. */
size_t ble_items(mp_obj_t o, mp_obj_t *copy, size_t room);
/* ble_call.c.  Objects for the next call of the handler; they allocate nothing. */
mp_obj_t ble_bytes(const uint8_t *data, size_t len);
mp_obj_t ble_short_bytes(const uint8_t *data, size_t len); /* a second one: BLE_FRAME_SHORT */
mp_obj_t ble_addr(const struct woad_addr *a);              /* in ble_short_bytes()'s place */
mp_obj_t ble_event_uuid(const struct woad_uuid *uuid);
mp_obj_t ble_inner_tuple(size_t n, const mp_obj_t *items);
bool ble_frames_new(ble_obj_t *o); /* false: no memory */
/* Calls the handler; ble_ask() for events with a return value. */
void ble_invoke(unsigned event, size_t n, const mp_obj_t *items);
struct ble_answer ble_ask(unsigned event, size_t n, const mp_obj_t *items);
/* The error with which the handler refuses, 0: it allows.  `if_failed`: if it could not run. */
mp_int_t ble_refusal(const struct ble_answer *a, mp_int_t if_failed);
/* Prints both on the console; raises nothing. */
void ble_print_exception(const char *title, mp_obj_t exception);
/* ble_queue.c */
bool ble_queue_new(ble_obj_t *o); /* false: no memory */
bool ble_queue_empty(const ble_obj_t *o);
bool ble_queue_overflowed(void); /* the ring is full: the list is in use */
bool ble_queue_put(ble_obj_t *o, const struct woad_event *ev);         /* copies; false: no room */
struct ble_record *ble_queue_first(ble_obj_t *o);                      /* NULL: empty */
struct ble_record *ble_queue_next(ble_obj_t *o, struct ble_record *r); /* NULL: r is the last */
void ble_queue_drop(ble_obj_t *o);                                     /* the first */
void ble_queue_forget(ble_obj_t *o);                                   /* all */
/* ble_event.c */
void ble_on_event(void *ctx, struct woad *h, const struct woad_event *ev);
void ble_pass_on(const struct woad_event *ev);      /* to ble_connect.c, then ble_deliver() */
void ble_deliver(const struct woad_event *ev);      /* calls the handler, or queues the event */
void ble_deliver_bond(const struct woad_event *ev); /* the same, for a method */
void ble_deliver_queued(void);
void ble_deliver_after_failure(void); /* the rest of a failed radio's events */
bool ble_deliver_bonds(void);         /* what is queued of them, before active(False) */
/* The attributes with these handles were removed: events about them are no longer valid. */
void ble_attributes_removed(ble_obj_t *o, uint16_t first, uint16_t last);
/* False: active(False) was called since start_count was `start`. */
bool ble_still_on(unsigned start);
/* ble_irq.c */
/* Calls the handler with the event's arguments. */
void ble_event_invoke(const struct woad_event *ev);
bool ble_event_has_handler(const struct woad_event *ev);
void ble_forget_long_reads(void);        /* the host is stopped */
void ble_note_incomplete(uint16_t conn); /* a result was dropped: its procedure fails */
bool ble_scan_is_reported(void);         /* the program gets scan results now */
/* IRQ_GATTS_READ_REQUEST: an ATT error, or 0. */
int ble_read_refused(uint16_t conn, uint16_t handle);
/* ble_connect.c */
/* Notes an event of a connection before it is delivered.  True: the caller does not deliver it. */
bool ble_connecting_withholds(const struct woad_event *ev);
bool ble_connecting_deliver_all(void); /* false: no event was held */
/* The program wants the features, too.  True: the module is reading them, and IRQ_LINK will be
 * raised without another request. */
bool ble_connecting_share(uint16_t conn);
uint32_t ble_connecting_ms_left(void); /* milliseconds until ble_connecting_run() */
void ble_connecting_run(void);         /* raises held events whose time is over */
uint32_t ble_due(void); /* milliseconds until ble_run() is needed even without packets */
/* ble_l2cap.c */
void ble_channels_note_event(const struct woad_event *ev); /* every event: the module's own state */
void ble_channels_deliver_event(const struct woad_event *ev); /* for the handler */
void ble_coc_event_lost(const struct woad_event *ev);         /* no memory to queue it */
void ble_forget_channels(void);                               /* the host is stopped */
void ble_channels_finish(uint16_t conn); /* the connection's end is about to be delivered */
uint32_t ble_channels_ms_left(void);     /* milliseconds until ble_channels_run() */
void ble_channels_run(void);             /* finishes closed channels that are not read */
/* ble_ext.c */
void ble_forget_ext(void); /* the host is stopped */
void ble_on_ext_adv(const struct woad_event *ev);
void ble_on_ext_report(const struct woad_event *ev);
/* ble_pair.c */
void ble_apply_pairing(void); /* gives ble_pairing to the host */
/* ble_secret.c */
enum { BLE_KEY_LEN = 7 };
void ble_load_bonds(void);
void ble_store_bonds(void);
bool ble_bond_in_host(const struct woad_addr *peer, struct woad_bond *b);
void ble_secret_key(const struct woad_addr *peer, uint8_t key[BLE_KEY_LEN]);
bool ble_secrets_have_room(void); /* the program can schedule a function for each of a bond's */
void ble_secrets_make_room(void); /* for a method; may run the program */
/* Asks the program to forget a bond; true: it had one.  `extra`: what extra_value() writes, too. */
enum { BLE_KEYS_ONLY = false };
bool ble_secrets_remove(const uint8_t key[BLE_KEY_LEN], bool extra);
bool ble_bond_has_extra(const struct woad_bond *b);
void ble_on_security(const struct woad_event *ev);
void ble_on_passkey(const struct woad_event *ev);
void ble_on_bond(const struct woad_event *ev);
void ble_on_bond_wanted(const struct woad_event *ev);
void ble_on_authorize(const struct woad_event *ev);
void ble_on_keypress(const struct woad_event *ev);
/* ble_value.c */
struct ble_value *ble_value_at(uint16_t handle); /* NULL: it has no value here */
/* By the program: enlarges the value if necessary.  By a peer: does not; 0 or an ATT error. */
void ble_value_set(struct ble_value *v, const void *data, size_t len);
int ble_value_write(struct ble_value *v, size_t offset, const uint8_t *data, size_t len);
void ble_value_update(uint16_t handle); /* notifies or indicates each subscriber */
/* The peer lacks the security for an indication: queues its IRQ_GATTS_INDICATE_DONE. */
void ble_not_indicated(uint16_t conn, uint16_t handle);
void ble_update_retry(void);           /* sends what waited for room */
void ble_update_forget(uint16_t conn); /* the connection has ended */
/* ble_uuid.c */
mp_obj_t ble_uuid_new(const struct woad_uuid *uuid);
const struct woad_uuid *ble_uuid_of(mp_obj_t o); /* NULL: not one */
/* port_unix.c or port_mcu.c */
extern const struct woad_feature *const *const ble_port_features; /* of the host */
void ble_port_begin(void);             /* MicroPython has a new, empty heap */
void ble_port_prepare(struct woad *h); /* before woad_start() */
void *ble_port_memory(size_t len);     /* for the host; NULL: none */
void ble_port_memory_free(void *mem);
void *ble_port_alloc(size_t len); /* zeros, for anything smaller; NULL: none */
void ble_port_free(void *mem);
extern const struct woad_crypto *const ble_port_crypto;                   /* NULL: none */
extern int (*const ble_port_random)(void *ctx, uint8_t *out, size_t len); /* the same, for keys */
/* The file of bonds.  NULL: none from now on.  0 or a negative errno. */
int ble_port_store(const char *path);
bool ble_port_stores(void);
int ble_port_store_error(void); /* of the last write */
void ble_port_store_event(struct woad *h, const struct woad_event *ev);
void ble_port_store_bond(const struct woad_bond *b); /* unless the file has a stronger one */
void ble_port_store_irk(const uint8_t irk[16]);      /* for a file without bonds */
/* Writes the file of bonds if changes are pending and their delay is over (`now`: at once). Returns
 * the milliseconds until the next call; WOAD_FOREVER: nothing is pending. */
uint32_t ble_port_store_run(bool now);
/* NULL: all.  0; WOAD_ENOENT: there is no such bond, or no file; or the error of the write. */
int ble_port_store_remove(const struct woad_addr *peer);
int ble_port_open(char message[WOAD_PORT_MESSAGE_MAX]); /* 0, or a negative errno and why */
/* The controller has failed: no packets any more, but ble_run() is still scheduled. */
void ble_port_lose(void);
void ble_port_close(void);
bool ble_port_is_open(void);
int ble_port_pump(struct woad *h);   /* moves a bounded number of packets, raises events */
bool ble_port_more(void);            /* the last pump left packets unread */
int ble_port_flush(struct woad *h);  /* 0 or a negative errno */
void ble_port_clock(struct woad *h); /* gives the host the time */
void ble_port_wait(uint32_t ms);     /* for packets, at most so long */
/* Schedules ble_run() for the next packet or deadline, but not before `delay_ms`.  Inside ble_run()
 * it does nothing: ble_run() calls it at its end. */
void ble_port_arm(uint32_t delay_ms);
void ble_port_schedule(void); /* ble_run() now */
void ble_port_soon(void);     /* ble_run() in a millisecond, in any case */

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(ble_active_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(ble_config_obj);
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
