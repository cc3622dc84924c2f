/* The simulated radio: a medium, its clock, and controllers with a true link layer.
 *
 * Like the host it does no I/O and reads no clock.  A controller takes the HCI packets of a host
 * by woad_air_rx() and gives its own by woad_air_tx().  Nothing happens between devices except
 * inside woad_air_step().  Everything random comes from the seed: the same calls give the same
 * packets. */
#ifndef WOAD_AIR_H
#define WOAD_AIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad_air;
struct woad_air_controller;
struct woad_crypto;

/* One packet on the air, as a sniffer with perfect ears hears it.  Valid during the call. */
struct woad_air_packet {
    uint64_t start_us;
    uint8_t channel; /* 0 to 39, as the link layer counts them */
    uint32_t access_address;
    uint8_t phy;        /* 1: 1M, 2: 2M, 3: coded S=8, 4: coded S=2 */
    const uint8_t *pdu; /* header, payload */
    uint16_t len;
    int8_t power_dbm;
    uint8_t kind; /* 0 advertising, 1 auxiliary, 2 from a central, 3 from a
                   * peripheral */
    uint32_t crc_init;
    const uint8_t *plain; /* of an encrypted one, before it was: header with the
                           * length there was then, payload; else NULL */
    uint16_t plain_len;
    const struct woad_air_controller *from;
};

/* A capture file: this header, then a record for each packet.  Wireshark opens it. */
enum { WOAD_AIR_PCAP_HEADER = 24, WOAD_AIR_PCAP_RECORD = 320 };
void woad_air_pcap_header(uint8_t header[WOAD_AIR_PCAP_HEADER]);
/* Returns the record's length, at most WOAD_AIR_PCAP_RECORD.  With `keys` encrypted packets are
 * written as they were before. */
size_t woad_air_pcap(const struct woad_air_packet *packet, bool keys, uint8_t *record, size_t room);

/* The surroundings: arrays that the caller keeps as long as the air. Their contents may change
 * between steps. Without any: free space, noise of -105 dBm. */
struct woad_air_wall {
    int32_t x1_mm, y1_mm, x2_mm, y2_mm;
    uint8_t loss_db; /* of what crosses it */
};

/* A source other than Bluetooth: a packet that is not 8 dB stronger is lost. */
struct woad_air_interferer {
    int32_t x_mm, y_mm;
    int8_t power_dbm;
    uint64_t channels;          /* a bit each, 0 to 39 */
    uint32_t every_us, on_us;   /* on for so long at the beginning of each; 0: always */
    uint64_t from_us, until_us; /* 0: without end */
};

/* One direction between two controllers; NULL: from, or to, any. Those that apply add up. */
struct woad_air_link {
    const struct woad_air_controller *from, *to;
    int16_t loss_db;
    uint16_t loss_per_mille;    /* packets lost at random: 0 to 1000 */
    uint32_t delay_us;          /* added delay: 300 m of air are one microsecond */
    uint64_t from_us, until_us; /* 0: without end */
};

struct woad_air_surroundings {
    int8_t noise_dbm; /* 1M needs a signal 10 dB above it, 2M 13, coded 2 and 7 */
    const struct woad_air_wall *wall;
    size_t walls;
    const struct woad_air_interferer *interferer;
    size_t interferers;
    const struct woad_air_link *link;
    size_t links;
    bool no_collisions; /* packets at the same time do not collide */
};

/* How a packet reaches one listener. */
struct woad_air_delivery {
    uint32_t delay_us;  /* it arrives so much later, if the radio listens then */
    uint32_t repeat_us; /* and a second time so much later; 0: once */
};

struct woad_air_config {
    uint64_t seed;
    uint16_t loss_per_mille; /* packets lost at random, on every link: 0 to 1000 */
    void (*sniff)(void *ctx, const struct woad_air_packet *packet); /* may be NULL */
    /* Faults by rule: called for each packet and each controller that would receive it. It may
     * change the octets of `pdu`, a copy for this listener alone, as an attacker could, with a
     * valid CRC; and the delivery. Returns false: this one does not receive it. NULL: no rule. */
    bool (*intercept)(void *ctx, const struct woad_air_packet *packet,
                      const struct woad_air_controller *to, uint8_t *pdu,
                      struct woad_air_delivery *delivery);
    void *ctx;
    const struct woad_air_surroundings *around; /* NULL: nothing */
};

struct woad_air_controller_config {
    uint8_t address[6]; /* public, least significant octet first; zero: none */
    int32_t x_mm, y_mm;
    int8_t tx_power_dbm;
    uint8_t conns;                    /* connections at a time: 1 to 64 */
    uint8_t acl_count;                /* buffers for data from the host: 1 to 64 */
    uint16_t acl_len;                 /* octets in each: 27 to 251 */
    uint8_t iso;                      /* isochronous streams, up to 16; 0: none */
    uint8_t adv_sets;                 /* of extended advertising, up to 64; 0: legacy only */
    uint16_t queue;                   /* octets of events and data for the host: 2048 or more */
    const struct woad_crypto *crypto; /* NULL: no encryption */
    uint8_t hci_version;              /* as HCI numbers them; 0: 13, which is 5.4 */
    void *user;                       /* yours: woad_air_user() */
    uint64_t features; /* LE features, of those implemented; 0: all. Vol 6, Part B, 4.6 */
    int16_t drift_ppm; /* its clock is slow by this: -500 to 500. It names its accuracy class to
                          peers: 4.2.1, 4.2.2 */
};

/* Sets the fields of `config` that a kind of controller decides, "4.0" to "5.4": version,
 * features, connections, buffers, sets. Address, position, queue and crypto stay. Returns false
 * for an unknown name. */
bool woad_air_profile(const char *name, struct woad_air_controller_config *config);
/* The name of the n-th kind, and a description; NULL behind the last. */
const char *woad_air_profile_name(size_t n, const char **what);

size_t woad_air_size(void);
struct woad_air *woad_air_init(void *mem, size_t len, const struct woad_air_config *config);

/* The air's clock, in microseconds from 0. */
uint64_t woad_air_now(const struct woad_air *air);

/* The time of the next thing that happens; UINT64_MAX: none. */
uint64_t woad_air_next(const struct woad_air *air);

/* Runs the world until `until_us`, that instant included. */
void woad_air_step(struct woad_air *air, uint64_t until_us);

/* Runs it until a controller has a packet for its host, and returns that one as woad_air_ready()
 * does; or until `until_us`: NULL. */
struct woad_air_controller *woad_air_until(struct woad_air *air, uint64_t until_us);

/* A snapshot of the whole world without its hosts: its size in octets, taking it, restoring it.
 * Each returns 0, or -22 without enough room. It can be restored any number of times, while every
 * controller in it is still attached, in the same memory; later ones are detached. A host is in
 * the caller's memory, in one piece, without pointers out of it but the caller's: copy it at the
 * same time. */
size_t woad_air_snapshot_size(const struct woad_air *air);
int woad_air_snapshot(const struct woad_air *air, void *mem, size_t len);
int woad_air_restore(struct woad_air *air, const void *mem, size_t len);

/* 0 if the config is not valid. */
size_t woad_air_controller_size(const struct woad_air_controller_config *config);

/* Puts a controller on the air, in memory that must live until woad_air_detach().  NULL when the
 * config is not valid or the memory too small. */
struct woad_air_controller *woad_air_attach(struct woad_air *air, void *mem, size_t len,
                                            const struct woad_air_controller_config *config);

/* Removes it at once: peers lose it by their supervision timeouts. Its memory is free afterwards.
 */
void woad_air_detach(struct woad_air_controller *c);

/* Ends its connections: peers get the reason within an interval. Step the world until
 * woad_air_idle() is true, then detach. */
void woad_air_leave(struct woad_air_controller *c);
bool woad_air_idle(const struct woad_air_controller *c);

/* Gives it an HCI packet from the host, with its H4 type octet. Returns 0; -11 if the queue to the
 * host is too full to answer (try again later); -74 for a malformed packet. */
int woad_air_rx(struct woad_air_controller *c, const uint8_t *packet, size_t len);

/* Sends a control PDU on a connection, whatever the state of its procedures: opcode and data, 1 to
 * 27 octets. Returns 0; -107 without such a connection; -11 if the queue is full; -22. */
int woad_air_inject(struct woad_air_controller *c, uint16_t handle, const uint8_t *pdu, size_t len);

/* Firmware that hangs: it takes packets from the host and does nothing, until called with false. */
void woad_air_hang(struct woad_air_controller *c, bool hangs);
/* Firmware that restarts: all state is reset, and neither host nor peers get an event. */
void woad_air_crash(struct woad_air_controller *c);
/* Gives the host any octets, as an HCI packet with its H4 type. Returns 0; -11 if the queue is
 * full; -22. */
int woad_air_send_event(struct woad_air_controller *c, const uint8_t *packet, size_t len);
/* The transmit power in dBm; and a new position and power. */
int8_t woad_air_power(const struct woad_air_controller *c);
void woad_air_move(struct woad_air_controller *c, int32_t x_mm, int32_t y_mm, int8_t tx_power_dbm);

void woad_air_position(const struct woad_air_controller *c, int32_t *x_mm, int32_t *y_mm);
/* Whether two controllers have a connection with each other. */
bool woad_air_connected(const struct woad_air_controller *a, const struct woad_air_controller *b);
/* Changes config.loss_per_mille: 0 to 1000. */
void woad_air_set_loss(struct woad_air *air, uint16_t per_mille);

/* A controller with packets for its host that has not been returned since; NULL: none. So a world
 * of thousands need not poll them all after each step. */
struct woad_air_controller *woad_air_ready(struct woad_air *air);
void *woad_air_user(const struct woad_air_controller *c);

/* Takes the next HCI packet for the host, with its H4 type: its length, at most WOAD_AIR_PACKET
 * octets; 0: none. */
size_t woad_air_tx(struct woad_air_controller *c, uint8_t *buf, size_t room);
enum { WOAD_AIR_PACKET = 1 + 4 + 8 + 502 };

#ifdef __cplusplus
}
#endif

#endif
