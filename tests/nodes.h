/* Controllers without hosts on one air: the test writes HCI commands and reads events as octets. */
#ifndef WOAD_TESTS_NODES_H
#define WOAD_TESTS_NODES_H

#include "cm.h"

#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>

#include <stdio.h>

enum { LOG = 400, HANDLE = 0x40 }; /* entries of a log; the first connection */
enum { CENTRAL = 0, PERIPHERAL = 1, NODES = 4 };

/* A packet of a controller: an event, or ACL data. */
struct event {
    uint16_t len;
    uint8_t b[WOAD_AIR_PACKET];
};
struct node {
    struct woad_air_controller *c;
    void *mem;
    struct event log[LOG];
    size_t logged;
    uint8_t address[6];
    bool stuck; /* its packets are not read */
};

static struct {
    struct woad_air *air;
    struct node n[NODES];
    /* faults that the air adds */
    uint8_t turn_opcode; /* an LL control PDU with this opcode is delivered as LL_UNKNOWN_RSP */
    bool spoil_data;     /* an octet of each data PDU is wrong */
    struct woad_air_delivery delivery; /* added to the delivery of each packet */
    int drop_trains;                   /* 1: every AUX_SYNC_IND is lost; 2: one in five */
    uint8_t foreign;                   /* 1: AUX_ADV_IND has another set's ADI; 2: AUX_CHAIN_IND */
    bool drop_chains;                  /* one in four packets on a secondary channel is lost */
    size_t aux_received;               /* packets that the two rules above have counted */
    struct woad_air_surroundings around;
    /* what the sniffer counts */
    size_t packets[41];                 /* by channel */
    uint8_t phy[41];                    /* of the last packet on a channel, but not advertising */
    uint64_t first_anchor, last_anchor; /* of packets from a central */
    uint8_t clear[64];                  /* payload of the last data PDU on the air */
    size_t seen_clear;                  /* its octets */
} w;

/* Gives an extended PDU on a secondary channel the ADI of another set: AUX_ADV_IND has AdvA, and
 * AUX_CHAIN_IND only ADI and AuxPtr.  Vol 6, Part B, 2.3.4 */
static void make_foreign(uint8_t *pdu)
{
    enum { ADV_EXT = 7, HAS_ADV = 1, HAS_ADI = 8 };
    bool first = pdu[3] & HAS_ADV;
    if ((pdu[0] & 15) == ADV_EXT && (pdu[3] & HAS_ADI) && w.foreign == (first ? 1 : 2)) {
        pdu[first ? 11 : 5] ^= 0xf0; /* SID */
    }
}

/* Alters or drops a packet by the settings in `w`; returns false if the packet is lost. */
static bool intercept_packet(void *ctx, const struct woad_air_packet *p,
                             const struct woad_air_controller *to, uint8_t *pdu,
                             struct woad_air_delivery *delivery)
{
    (void)ctx;
    (void)to;
    delivery->delay_us += w.delivery.delay_us;
    delivery->repeat_us += w.delivery.repeat_us;
    if (p->access_address != 0x8e89bed6 && p->kind == 1 && w.drop_trains) {
        return w.drop_trains == 2 && ++w.aux_received % 5 != 0;
    }
    if (p->access_address == 0x8e89bed6 && p->channel < 37 && w.foreign) {
        make_foreign(pdu);
    }
    if (p->access_address == 0x8e89bed6) {
        return !w.drop_chains || p->channel >= 37 || ++w.aux_received % 4 != 0;
    }
    if (w.turn_opcode && (pdu[0] & 3) == 3 && pdu[2] == w.turn_opcode) {
        pdu[2] = 0x07;
    }
    if (w.spoil_data && (pdu[0] & 3) == 2 && pdu[1]) {
        pdu[2] ^= 1;
    }
    return true;
}

/* Writes every packet to the file that PCAP names, for Wireshark.  With PCAP_KEYS the packets
 * are written before their encryption. */
static void capture(const struct woad_air_packet *p)
{
    static FILE *f;
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    if (!getenv("PCAP")) {
        return;
    }
    if (!f) {
        f = fopen(getenv("PCAP"), "wb");
        assert_non_null(f);
        woad_air_pcap_header(record);
        fwrite(record, 1, WOAD_AIR_PCAP_HEADER, f);
    }
    fwrite(record, 1, woad_air_pcap(p, getenv("PCAP_KEYS") != NULL, record, sizeof record), f);
}

/* Counts the packets on the air and keeps the last payload. */
static void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    capture(p);
    w.packets[p->channel]++;
    if (p->kind == 2) {
        w.first_anchor = w.first_anchor ? w.first_anchor : p->start_us;
        w.last_anchor = p->start_us;
    }
    if (p->access_address != 0x8e89bed6) {
        w.phy[p->channel] = p->phy;
        if ((p->pdu[0] & 3) == 2 && p->len > 2) {
            w.seen_clear = p->len - 2u < sizeof w.clear ? p->len - 2u : sizeof w.clear;
            memcpy(w.clear, p->pdu + 2, w.seen_clear);
        }
    }
}

/* Appends the controllers' packets to their logs. */
static void collect(void)
{
    for (int k = 0; k < NODES; k++) {
        struct node *n = &w.n[k];
        uint8_t p[WOAD_AIR_PACKET];
        size_t len;
        while (n->c && !n->stuck && (len = woad_air_tx(n->c, p, sizeof p)) > 0) {
            if (n->logged < LOG) {
                n->log[n->logged].len = (uint16_t)len;
                memcpy(n->log[n->logged++].b, p, len);
            }
        }
    }
}

/* Lets `ms` pass on the air, and collects packets. */
static inline void run_ms(uint64_t ms)
{
    uint64_t end = woad_air_now(w.air) + ms * 1000;
    for (uint64_t at = woad_air_now(w.air); at < end;) {
        at = woad_air_next(w.air) < end ? woad_air_next(w.air) : end;
        woad_air_step(w.air, at);
        collect();
    }
}

/* Empties the logs. */
static inline void forget(void)
{
    for (int k = 0; k < NODES; k++) {
        w.n[k].logged = 0;
    }
}

/* Octet `at` of advertising data of `len` octets: structures of up to 16 octets with
 * manufacturer data that depend on `seed`. */
static inline uint8_t octet_at(size_t at, size_t len, unsigned seed)
{
    size_t left = len - at / 16 * 16;
    size_t here = left < 16 ? left : 16;
    if (here < 4) {
        return 0; /* no room for a structure: the data end with zeros */
    }
    if (at % 16 == 0) {
        return (uint8_t)(here - 1);
    }
    return (uint8_t)(at % 16 < 4 ? 0xff : at * 7 + seed);
}

/* Returns the parameters of the first event with this code, or LE subevent (0x3e00 + sub); NULL
 * if there is none. */
static inline const uint8_t *event(int which, unsigned code)
{
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        if (b[0] == 4 && (code > 255 ? b[1] == 0x3e && b[3] == (code & 255) : b[1] == code)) {
            return b + (code > 255 ? 4 : 3);
        }
    }
    return NULL;
}

/* How many events with this code, or LE subevent, are in the log. */
static inline size_t count(int which, unsigned code)
{
    size_t n = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        n += b[0] == 4 && (code > 255 ? b[1] == 0x3e && b[3] == (code & 255) : b[1] == code);
    }
    return n;
}

/* Gives a command in hexadecimal and returns its status. */
static inline int command(int which, unsigned opcode, const char *text)
{
    uint8_t p[260] = { 1, (uint8_t)opcode, (uint8_t)(opcode >> 8) };
    size_t n = 0;
    for (const char *s = text; *s; s++) {
        unsigned v;
        if (*s != ' ') {
            assert_int_equal(sscanf(s, "%2x", &v), 1);
            p[4 + n++] = (uint8_t)v;
            s++;
        }
    }
    p[3] = (uint8_t)n;
    size_t before = w.n[which].logged;
    assert_int_equal(woad_air_rx(w.n[which].c, p, 4 + n), 0);
    collect();
    assert_true(w.n[which].logged > before);
    const uint8_t *e = w.n[which].log[before].b;
    bool complete = e[1] == 0x0e;
    int status = complete ? e[6] : e[3];
    memmove(&w.n[which].log[before], &w.n[which].log[before + 1],
            (w.n[which].logged - before - 1) * sizeof *w.n[which].log);
    w.n[which].logged--;
    return status;
}

/* Gives a controller an ACL packet for connection HANDLE. */
static inline void data(int which, const uint8_t *p, size_t n)
{
    uint8_t b[300] = { 2, HANDLE, 0, (uint8_t)n, 0 };
    memcpy(b + 5, p, n);
    assert_int_equal(woad_air_rx(w.n[which].c, b, 5 + n), 0);
}

/* The first ACL packet in the log, without its header; NULL: none. */
static inline const uint8_t *got_data(int which, size_t *len)
{
    for (size_t k = 0; k < w.n[which].logged; k++) {
        if (w.n[which].log[k].b[0] == 2) {
            *len = w.n[which].log[k].len - 5u;
            return w.n[which].log[k].b + 5;
        }
    }
    return NULL;
}

/* Attaches a controller with this configuration, resets it and enables all events. */
static inline void node_add(int k, const struct woad_air_controller_config *cfg)
{
    w.n[k].mem = malloc(woad_air_controller_size(cfg));
    w.n[k].c = woad_air_attach(w.air, w.n[k].mem, woad_air_controller_size(cfg), cfg);
    assert_non_null(w.n[k].c);
    assert_int_equal(command(k, 0x0c03, ""), 0);
    assert_int_equal(command(k, 0x0c01, "ff ff ff ff ff ff ff 3f"), 0);
    assert_int_equal(command(k, 0x2001, "ff ff ff ff ff 1f 00 00"), 0);
}

/* Creates an air without controllers. */
static inline void nodes_begin(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    struct woad_air_config air = {
        .seed = seed, .sniff = sniff, .intercept = intercept_packet, .around = &w.around
    };
    w.around.noise_dbm = -105;
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
}

/* Frees the controllers and the air. */
static inline void apart(void)
{
    for (int k = 0; k < NODES; k++) {
        if (w.n[k].c) {
            woad_air_detach(w.n[k].c);
            free(w.n[k].mem);
        }
    }
    free(w.air);
}

/* Makes a controller send this LL control PDU. */
static inline void inject(int which, const char *octets, size_t n)
{
    assert_int_equal(woad_air_inject(w.n[which].c, HANDLE, (const uint8_t *)octets, n), 0);
}

/* Two connected controllers a metre apart: CENTRAL and PERIPHERAL, interval 20 ms. */
static inline void nodes_connected(uint64_t seed, bool isochronous)
{
    nodes_begin(seed);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .iso = 4,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        if (isochronous) { /* Host Feature: Connected Isochronous Stream */
            assert_int_equal(command(k, 0x2074, "20 01"), 0);
        }
    }
    assert_int_equal(command(PERIPHERAL, 0x2036,
                             "00 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 7f 01 00 01"
                             " 00 00"),
                     0);
    assert_int_equal(command(PERIPHERAL, 0x2039, "01 01 00 00 00 00"), 0);
    assert_int_equal(command(CENTRAL, 0x2043,
                             "00 00 00 02 02 03 04 05 06 01 10 00 10 00 10 00 10 00 00 00 64 00 00"
                             " 00 00 00"),
                     0);
    run_ms(300);
    assert_non_null(event(PERIPHERAL, 0x3e0a));
    forget();
}

#endif
