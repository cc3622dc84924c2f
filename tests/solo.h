/* One host on a controller that the test plays: the test writes HCI packets by hand.  For tests
 * that call the host inside its callback or withhold an answer; all others are transcripts
 * (run.c).
 *
 * The controller answers each command with success at once, unless its opcode is `withheld`.
 * The host is driven as woad.h requires and no more often: solo_pump() calls woad_tx() until it
 * returns 0. */
#ifndef WOAD_TESTS_SOLO_H
#define WOAD_TESTS_SOLO_H

#include "cm.h"

#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdlib.h>
#include <string.h>

/* Entries of each log; octets of a frame; the first connection's handle. */
enum { SOLO_LOG = 512, SOLO_FRAME = 1100, SOLO_HANDLE = 0x40 };

struct solo_command {
    unsigned opcode;
    size_t len;
    uint8_t params[255];
};
struct solo_frame {
    uint16_t handle, cid;
    size_t len;
    uint8_t octet[SOLO_FRAME];
};

static struct {
    struct woad *h;
    void *memory; /* exactly woad_size() octets */
    uint32_t now_ms;
    void (*on_event)(const struct woad_event *ev); /* after logging; may be NULL */
    unsigned withheld;                             /* this opcode is not answered; 0: all are */
    bool forgets;               /* a request has no answer after its event; default: it follows */
    bool no_completed;          /* no Number of Completed Packets */
    uint8_t acl_len, acl_count; /* buffers of the controller; set before solo_boot() */
    uint8_t le_features[8];     /* of the controller; set before solo_boot() */
    uint8_t supported_commands[64]; /* of the controller; set before solo_boot() */
    uint16_t conn[8];               /* of each WOAD_EV_CONNECT, in order */
    size_t conns;
    struct woad_event event[SOLO_LOG]; /* their pointers are not valid any more */
    size_t events;
    struct solo_command command[SOLO_LOG];
    size_t commands;
    struct solo_frame frame[SOLO_LOG]; /* L2CAP frames that the host has sent */
    size_t frames;
    uint8_t part[SOLO_FRAME]; /* a frame that is incomplete yet */
    size_t part_len;
} solo;

/* Cryptography that is fast and insecure: AES is the identity. */
static inline int solo_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)key;
    memmove(out, in, 16);
    return 0;
}

/* The public key is the private key, twice. */
static inline int solo_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    memcpy(public_key, private_key, 32);
    memcpy(public_key + 32, private_key, 32);
    return 0;
}

/* The secret is the first half of the public key. */
static inline int solo_dh(const uint8_t private_key[32], const uint8_t public_key[64],
                          uint8_t secret[32])
{
    (void)private_key;
    memcpy(secret, public_key, 32);
    return 0;
}

/* Numbers that count up. */
static inline int solo_random(void *ctx, uint8_t *out, size_t len)
{
    static uint8_t next;
    (void)ctx;
    while (len--) {
        *out++ = ++next;
    }
    return 0;
}

/* The host's event: logs it, and defers answers to requests unless solo.forgets. */
static inline void solo_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    if (ev->type == WOAD_EV_CONNECT && solo.conns < 8) {
        solo.conn[solo.conns++] = ev->conn;
    }
    if (solo.events < SOLO_LOG) {
        solo.event[solo.events++] = *ev;
    }
    bool is_write = ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer;
    if (!solo.forgets && (is_write || ev->type == WOAD_EV_GATT_READ)) {
        assert_int_equal(woad_gatt_answer_later(h, ev->conn), 0);
    }
    if (solo.on_event) {
        solo.on_event(ev);
    }
}

/* How many events of this type are in the log. */
static inline size_t solo_count(enum woad_event_type type)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.events; at++) {
        n += solo.event[at].type == type;
    }
    return n;
}

/* Returns the last event of a type, NULL if there was none. */
static inline const struct woad_event *solo_last(enum woad_event_type type)
{
    for (size_t at = solo.events; at-- > 0;) {
        if (solo.event[at].type == type) {
            return &solo.event[at];
        }
    }
    return NULL;
}

/* How many commands of this opcode the host has sent. */
static inline size_t solo_commands(unsigned opcode)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.commands; at++) {
        n += solo.command[at].opcode == opcode;
    }
    return n;
}

/* Counts the host's frames on a channel with this first octet. */
static inline size_t solo_frames(uint16_t cid, uint8_t first)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.frames; at++) {
        const struct solo_frame *f = &solo.frame[at];
        n += f->cid == cid && f->len && f->octet[0] == first;
    }
    return n;
}

/* Empties the logs. */
static inline void solo_forget(void)
{
    solo.events = solo.commands = solo.frames = 0;
}

/* Returns whether a server must answer an opcode.  An unknown opcode without the Command Flag is
 * a request, too.  Vol 3, Part F, 3.3, 3.4.8 */
static inline bool solo_is_request(unsigned op)
{
    bool for_client = (op & 1) && op < 0x24 && op != 0x15 && op != 0x1f;
    return !for_client && !(op & 0x40) && op != 0x1e;
}

/* Passes an H4 packet to the host, from memory of exactly its length. */
static inline int solo_rx(const uint8_t *packet, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, packet, len);
    int err = woad_rx(solo.h, copy, len);
    free(copy);
    return err;
}
#define SOLO_RX(...) \
    do { \
        const uint8_t packet_[] = { __VA_ARGS__ }; \
        solo_rx(packet_, sizeof packet_); \
    } while (0)

/* Passes a whole L2CAP frame to the host, in one ACL packet. */
static inline int solo_l2cap(uint16_t handle, uint16_t cid, const uint8_t *body, size_t len)
{
    uint8_t packet[SOLO_FRAME + 9] = { 2,
                                       (uint8_t)handle,
                                       (uint8_t)(handle >> 8 | 0x20),
                                       (uint8_t)(len + 4),
                                       (uint8_t)((len + 4) >> 8),
                                       (uint8_t)len,
                                       (uint8_t)(len >> 8),
                                       (uint8_t)cid,
                                       (uint8_t)(cid >> 8) };
    assert_true(len <= SOLO_FRAME);
    memcpy(packet + 9, body, len);
    return solo_rx(packet, len + 9);
}
#define SOLO_L2CAP(handle, cid, ...) \
    do { \
        const uint8_t body_[] = { __VA_ARGS__ }; \
        solo_l2cap(handle, cid, body_, sizeof body_); \
    } while (0)
#define SOLO_ATT(...) SOLO_L2CAP(SOLO_HANDLE, 4, __VA_ARGS__)
#define SOLO_SIG(...) SOLO_L2CAP(SOLO_HANDLE, 5, __VA_ARGS__)
#define SOLO_SMP(...) SOLO_L2CAP(SOLO_HANDLE, 6, __VA_ARGS__)
/* The peer sends a PDU on the host's channel `cid`, in one K-frame. */
#define SOLO_K_FRAME(cid, ...) \
    do { \
        const uint8_t pdu_[] = { __VA_ARGS__ }; \
        uint8_t frame_[64] = { sizeof pdu_, 0 }; \
        memcpy(frame_ + 2, pdu_, sizeof pdu_); \
        solo_l2cap(SOLO_HANDLE, cid, frame_, sizeof pdu_ + 2); \
        solo_pump(); \
    } while (0)

/* Answers a command: Command Complete with success and plausible return parameters, or Command
 * Status for a command that ends with an event of its own. */
static inline void solo_answer(unsigned opcode)
{
    static const unsigned by_status[] = { 0x0406, 0x041d, 0x200d, 0x2013, 0x2016, 0x2019,
                                          0x2032, 0x2043, 0x2025, 0x2026, 0x205e };
    uint8_t e[80] = { 4, 0x0e, 4, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), 0 };
    for (size_t n = 0; n < sizeof by_status / sizeof *by_status; n++) {
        if (opcode == by_status[n]) {
            SOLO_RX(4, 0x0f, 4, 0, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8));
            return;
        }
    }
    if (opcode == 0x2002) { /* LE Read Buffer Size */
        e[2] = 7;
        e[7] = solo.acl_len;
        e[9] = solo.acl_count;
    } else if (opcode == 0x1009) { /* Read BD_ADDR */
        e[2] = 10;
        memset(e + 7, 0xa1, 6);
    } else if (opcode == 0x2003) { /* LE Read Local Supported Features */
        e[2] = 12;
        memcpy(e + 7, solo.le_features, 8);
    } else if (opcode == 0x2018 || opcode == 0x1003) {
        e[2] = 12;
    } else if (opcode == 0x1002) { /* Read Local Supported Commands */
        e[2] = 68;
        memcpy(e + 7, solo.supported_commands, 64);
    } else if (opcode == 0x203b) { /* LE Read Number of Supported Advertising Sets */
        e[2] = 5;
        e[7] = 4;
    }
    solo_rx(e, e[2] + 3u);
}

/* Joins one ACL packet of the host to its frame. */
static inline void solo_acl(const uint8_t *p, size_t n)
{
    if ((p[2] >> 4 & 3) != 1) {
        solo.part_len = 0;
    }
    assert_true(solo.part_len + n - 5 <= sizeof solo.part);
    memcpy(solo.part + solo.part_len, p + 5, n - 5);
    solo.part_len += n - 5;
    if (solo.part_len >= 4 && solo.part_len == 4u + solo.part[0] + solo.part[1] * 256u &&
        solo.frames < SOLO_LOG) {
        struct solo_frame *f = &solo.frame[solo.frames++];
        f->handle = (uint16_t)(p[1] | (p[2] & 15) << 8);
        f->cid = (uint16_t)(solo.part[2] | solo.part[3] << 8);
        f->len = solo.part_len - 4;
        memcpy(f->octet, solo.part + 4, f->len);
    }
    if (!solo.no_completed) {
        SOLO_RX(4, 0x13, 5, 1, p[1], (uint8_t)(p[2] & 15), 1, 0);
    }
}

/* Takes the host's packets, logs them, and answers commands. */
static inline void solo_pump(void)
{
    uint8_t p[SOLO_FRAME];
    size_t n;
    while ((n = woad_tx(solo.h, p, sizeof p)) > 0) {
        if (p[0] == 2) {
            solo_acl(p, n);
            continue;
        }
        unsigned opcode = p[1] | (unsigned)p[2] << 8;
        if (solo.commands < SOLO_LOG) {
            struct solo_command *c = &solo.command[solo.commands++];
            c->opcode = opcode;
            c->len = n - 4;
            memcpy(c->params, p + 4, n - 4);
        }
        if (opcode != solo.withheld) {
            solo_answer(opcode);
        }
    }
}

/* Lets `ms` pass and calls woad_poll() and woad_tx().  Returns the next deadline of woad_poll(). */
static inline uint32_t solo_tick(uint32_t ms)
{
    solo.now_ms += ms;
    uint32_t next = woad_poll(solo.h, solo.now_ms);
    solo_pump();
    return next;
}

/* A configuration with room for most tests. */
static inline struct woad_config solo_config(const struct woad_feature *const *features)
{
    static const struct woad_crypto crypto = { solo_aes, solo_public, solo_dh };
    return (struct woad_config){ .features = features,
                                 .conns = 2,
                                 .attr_tables = 4,
                                 .subscriptions = 4,
                                 .procedures = 6,
                                 .mtu = 247,
                                 .tx_queue = 260,
                                 .request_queue = 600,
                                 .prepare_queue = 1024,
                                 .pipeline_queue = 64,
                                 .l2cap_channels = 4,
                                 .psms = 2,
                                 .bonds = 4,
                                 .crypto = &crypto,
                                 .random = solo_random };
}

/* Creates and starts a host.  What the test has set in `solo` for the controller stays. */
static inline void solo_boot(struct woad_config config)
{
    config.event = solo_event;
    if (!solo.acl_len) {
        solo.acl_len = 251;
        solo.acl_count = 8;
    }
    free(solo.memory);
    solo.memory = malloc(woad_size(&config));
    solo.h = woad_init(solo.memory, woad_size(&config), &config);
    assert_non_null(solo.h);
    solo.now_ms = 1000;
    solo.conns = solo.part_len = 0;
    woad_poll(solo.h, solo.now_ms);
    assert_int_equal(woad_start(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
    solo_forget();
}

/* Frees the host and resets all settings to their defaults. */
static inline void solo_end(void)
{
    free(solo.memory);
    memset(&solo, 0, sizeof solo);
}

/* LE Connection Complete.  The peer has a public address of six times `octet`. */
static inline void solo_connected(uint16_t handle, bool we_are_central, uint8_t octet)
{
    SOLO_RX(4, 0x3e, 19, 1, 0, (uint8_t)handle, (uint8_t)(handle >> 8), !we_are_central, 0, octet,
            octet, octet, octet, octet, octet, 24, 0, 0, 0, 100, 0, 0);
    solo_pump();
}

/* Disconnection Complete. */
static inline void solo_disconnected(uint16_t handle, uint8_t reason)
{
    SOLO_RX(4, 5, 4, 0, (uint8_t)handle, (uint8_t)(handle >> 8), reason);
    solo_pump();
}

/* Adds a bond of LE Secure Connections with the peer that has six times `octet` as its address. */
static inline void solo_bond(uint8_t octet, unsigned flags)
{
    struct woad_bond b = {
        .key_size = 16, .flags = flags & 3u, .has_own_ltk = 1, .has_peer_ltk = 1
    };
    memset(b.peer.octet, octet, 6);
    memset(b.own_ltk, 7, 16);
    memset(b.peer_ltk, 7, 16);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
}

/* The peer, a central, encrypts the connection with the bond's key. */
static inline void solo_encrypt(uint16_t handle)
{
    SOLO_RX(4, 0x3e, 13, 5, (uint8_t)handle, (uint8_t)(handle >> 8), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
    SOLO_RX(4, 8, 4, 0, (uint8_t)handle, (uint8_t)(handle >> 8), 1);
    solo_pump();
}

#endif
