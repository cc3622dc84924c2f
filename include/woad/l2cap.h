/* L2CAP channels with credits (connection-oriented channels): streams of SDUs beside GATT.
 * Vol 3, Part A, 3.4, 4.22 to 4.28, 10.1, 10.2.  Feature woad_feature_l2cap_channels; several at
 * once, and reconfiguration, with woad_feature_enhanced_channels behind it.
 *
 * A channel is named by its connection and its channel identifier (CID), which is not used again
 * before 63 others on that connection.  One that is not there is WOAD_ENOENT, never another one.
 *
 *     client                                    server
 *                                               woad_coc_listen()
 *     woad_coc_connect()                        WOAD_EV_COC_REQUEST
 *                                               woad_coc_accept()
 *     WOAD_EV_COC_OPEN                          WOAD_EV_COC_OPEN
 *     woad_coc_send()                           WOAD_EV_COC_DATA, then woad_coc_read(); or
 *     WOAD_EV_COC_SENT                          woad_coc_receive(), then WOAD_EV_COC_RECEIVED
 *     woad_coc_disconnect()
 *     WOAD_EV_COC_CLOSED                        WOAD_EV_COC_CLOSED
 *
 * What is sent is taken from the caller's buffer when its turn comes.  What comes goes into memory
 * that the caller gave for the channel, `rx`, or past it into the buffer of woad_coc_receive(); the
 * peer is never granted more credits than there is room in `rx`, so nothing that it may send is
 * ever lost, and an SDU may be longer than `rx`. */
#ifndef WOAD_L2CAP_H
#define WOAD_L2CAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct woad;

enum { /* results.  Vol 3, Part A, 4.23, 4.26 */
       WOAD_COC_UNKNOWN_PSM = 0x02,
       WOAD_COC_NO_RESOURCES = 0x04,
       WOAD_COC_INSUFFICIENT_AUTHENTICATION = 0x05,
       WOAD_COC_INSUFFICIENT_AUTHORIZATION = 0x06,
       WOAD_COC_INSUFFICIENT_KEY_SIZE = 0x07,
       WOAD_COC_INSUFFICIENT_ENCRYPTION = 0x08,
       WOAD_COC_INVALID_CID = 0x09,
       WOAD_COC_CID_IN_USE = 0x0a,
       WOAD_COC_UNACCEPTABLE_PARAMETERS = 0x0b,
       WOAD_COC_INVALID_PARAMETERS = 0x0c,
       WOAD_COC_NOT_UNDERSTOOD = 0x100 /* the peer has no such channels */
};

enum { /* of a reconfiguration.  Vol 3, Part A, 4.28 */
       WOAD_COC_MTU_REDUCED = 0x01,
       WOAD_COC_MPS_REDUCED = 0x02,
       WOAD_COC_RECONFIGURE_CID = 0x03,
       WOAD_COC_RECONFIGURE_OTHER = 0x04
};

enum { /* what a connection must have, added up */
       WOAD_COC_ENCRYPTED = 1,
       WOAD_COC_AUTHENTICATED = 2, /* no man in the middle */
       WOAD_COC_SECURE = 4,        /* by LE Secure Connections */
       WOAD_COC_KEY_16 = 8         /* a key of 16 octets */
};

enum { WOAD_COC_AT_ONCE = 5 }; /* channels of one enhanced request.  4.25 */

struct woad_coc_params {
    uint16_t psm;         /* 0x0001 to 0x007f assigned, 0x0080 to 0x00ff free */
    uint16_t mtu;         /* the longest SDU we take: 23 to 65535; enhanced: 64 */
    uint16_t mps;         /* the longest part of one; 0: as config.mps and `rx`
                           * allow.  Never more than these */
    uint8_t security;     /* WOAD_COC_ENCRYPTED, … */
    bool credits_per_sdu; /* credits for one SDU at a time, the next ones when it is
                           * read; or else as many as `rx` has room for */
};

/* Takes requests for this PSM, on all connections, until woad_coc_stop_listening() or woad_stop():
 * each is a WOAD_EV_COC_REQUEST.  One whose connection is not as secure as that takes is refused
 * without asking.  WOAD_ENODEV, WOAD_ENOTSUP, WOAD_EINVAL; WOAD_EALREADY if it is listened to;
 * WOAD_ENOMEM for more than config.psms. */
int woad_coc_listen(struct woad *h, const struct woad_coc_params *params);

/* Channels that are open stay open, and a request that was asked about may still be accepted.
 * WOAD_ENOENT if it is not listened to. */
int woad_coc_stop_listening(struct woad *h, uint16_t psm);

/* The answer to WOAD_EV_COC_REQUEST, from inside it or within 25 s: the peer waits for 30 s.  After
 * that, and when the connection has lost the security that the PSM takes, the host refuses:
 * WOAD_EV_COC_CLOSED with WOAD_ETIMEDOUT or WOAD_EACCES.  `rx` is the channel's until
 * WOAD_EV_COC_CLOSED: 23 octets or more (64 of an enhanced channel).  WOAD_EV_COC_OPEN follows.
 * WOAD_ENOENT, WOAD_EINVAL. */
int woad_coc_accept(struct woad *h, uint16_t conn, uint16_t cid, void *rx, size_t rx_size);

/* `result`: WOAD_COC_NO_RESOURCES, WOAD_COC_INSUFFICIENT_AUTHORIZATION, …  No event follows. */
int woad_coc_refuse(struct woad *h, uint16_t conn, uint16_t cid, uint8_t result);

/* Asks the peer for a channel: WOAD_EV_COC_OPEN or WOAD_EV_COC_CLOSED follows, once; with
 * WOAD_ETIMEDOUT after 30 s, or 60 s after each of five times that the peer puts its answer off.  A
 * channel that is granted later is closed again by the host.  `rx` as of woad_coc_accept().  A
 * bonded peer is first made to prove who it is, as by the GATT client.
 * WOAD_ENOTCONN, WOAD_ENOTSUP, WOAD_EINVAL; WOAD_EACCES when the connection is less secure than
 * params->security; WOAD_ENOMEM for more than config.channels, or 64 on a connection. */
int woad_coc_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *params, void *rx,
                     size_t rx_size, uint16_t *cid);

/* The same for up to WOAD_COC_AT_ONCE channels by one enhanced request, of which the peer may grant
 * some.  Each has its own events, and `rx_size` octets of `rx`. */
int woad_coc_connect_enhanced(struct woad *h, uint16_t conn, const struct woad_coc_params *params,
                              void *const rx[], size_t rx_size, size_t n, uint16_t cids[]);

/* WOAD_EV_COC_CLOSED follows; what was not sent until then is not.  One that the peer has asked
 * for, and that was not accepted, is refused instead.  WOAD_ENOENT; WOAD_EALREADY. */
int woad_coc_disconnect(struct woad *h, uint16_t conn, uint16_t cid);

/* Sends an SDU of 0 to peer_mtu octets, as the peer's credits allow.  `data` must stay as it is
 * until WOAD_EV_COC_SENT or WOAD_EV_COC_CLOSED.  One at a time: WOAD_EAGAIN while the one before
 * is being sent.  WOAD_ENOENT, WOAD_EINVAL; WOAD_ENOTCONN if the channel is not open. */
int woad_coc_send(struct woad *h, uint16_t conn, uint16_t cid, const void *data, size_t len);

/* Copies what has come of the first SDU that is not read yet, `room` octets at most, and never from
 * two SDUs.  Returns how many, perhaps 0; *end (may be NULL): the SDU ends here.  Also from inside
 * WOAD_EV_COC_CLOSED.  WOAD_ENOENT; WOAD_EBUSY while woad_coc_receive() waits. */
int woad_coc_read(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room, bool *end);

/* Octets that have come and are not read yet, of all SDUs; WOAD_ENOENT. */
int32_t woad_coc_pending(const struct woad *h, uint16_t conn, uint16_t cid);

/* Takes the next SDU, or the rest of the one that is being read, into `buf`: WOAD_EV_COC_RECEIVED
 * follows when it has ended or `room` octets are there; perhaps from inside this call.  `buf` is
 * the channel's until then or until WOAD_EV_COC_CLOSED.  WOAD_ENOENT, also for a request that is
 * not accepted; WOAD_EINVAL; WOAD_EBUSY while one waits. */
int woad_coc_receive(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room);

/* Other limits for what we receive, on up to WOAD_COC_AT_ONCE enhanced channels of a connection:
 * WOAD_EV_COC_CHANGED follows for each, with a status if the peer refuses, unless the channel is
 * closed before.  With WOAD_ETIMEDOUT, when the peer has not answered in 30 s, frames by either
 * limits are taken from then on.  The MTU can't become
 * smaller, nor the MPS of more than one at once.  WOAD_ENOENT, WOAD_EINVAL, WOAD_EBUSY;
 * WOAD_ENOMEM when credits that are out would be worth more than the room in `rx`. */
int woad_coc_reconfigure(struct woad *h, uint16_t conn, const uint16_t cids[], size_t n,
                         uint16_t mtu, uint16_t mps);

struct woad_coc_info {
    uint16_t psm, mtu, peer_mtu, mps, peer_mps;
    uint16_t credits, peer_credits; /* ours to send with, the peer's */
    bool open, enhanced;
};
int woad_coc_info(const struct woad *h, uint16_t conn, uint16_t cid, struct woad_coc_info *info);

#endif
