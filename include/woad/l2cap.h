/* Credit-based L2CAP channels (connection-oriented channels, CoC): each carries SDUs, in order and
 * without loss, beside GATT on the same connection.  Vol 3, Part A, 3.4, 4.22 to 4.28, 10.1, 10.2.
 * Feature woad_feature_l2cap_channels; enhanced channels, several by one request and
 * reconfigurable, with woad_feature_enhanced_channels, too.
 *
 * A channel is named by its connection and its channel identifier (CID).  A CID is reused only
 * after 63 others on that connection; a call for a channel that has ended returns WOAD_ENOENT.
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
 * Sending: an SDU stays in the caller's buffer until it is copied into packets.  Receiving: SDUs go
 * into `rx`, memory that the caller gives for the channel; or directly into the buffer of
 * woad_coc_receive().  The host grants the peer only as many credits as `rx` has room for, so
 * nothing is lost; an SDU may be longer than `rx` if the program reads it while it arrives.
 *
 * Without the feature, calls return WOAD_ENOTSUP, or WOAD_ENOENT as for any channel that does not
 * exist.  WOAD_EINVAL: an argument is out of range. */
#ifndef WOAD_L2CAP_H
#define WOAD_L2CAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

enum { /* results of a request, in events and of woad_coc_refuse().  Vol 3, Part A, 4.23, 4.26 */
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
       WOAD_COC_NOT_UNDERSTOOD = 0x100 /* the host's own: the peer does not know this request */
};

enum { /* results of a reconfiguration.  Vol 3, Part A, 4.28 */
       WOAD_COC_MTU_REDUCED = 0x01,
       WOAD_COC_MPS_REDUCED = 0x02,
       WOAD_COC_RECONFIGURE_CID = 0x03,
       WOAD_COC_RECONFIGURE_OTHER = 0x04
};

enum { /* security that a connection must have: flags */
       WOAD_COC_ENCRYPTED = 1,
       WOAD_COC_AUTHENTICATED = 2, /* paired with protection against a man in the middle */
       WOAD_COC_SECURE = 4,        /* paired by LE Secure Connections */
       WOAD_COC_KEY_16 = 8         /* the key has 16 octets */
};

enum { WOAD_COC_AT_ONCE = 5 }; /* channels of one enhanced request, at most.  4.25 */

struct woad_coc_params {
    uint16_t psm; /* 0x0001 to 0x007f assigned, 0x0080 to 0x00ff dynamic */
    uint16_t mtu; /* octets of the longest SDU that we receive: 23 to 65535; enhanced: from 64 */
    uint16_t mps; /* octets of the longest frame that we receive: 23 (64) to 65533; 0: the most.
                   * The host lowers it to config.mps and to the size of `rx` */
    uint8_t security;     /* WOAD_COC_ENCRYPTED and so on, added up; 0: none */
    bool credits_per_sdu; /* grant credits for one SDU, and for the next when that is read; false:
                           * as many as `rx` has room for */
};

/* Accepts requests for this PSM on all connections, until woad_coc_stop_listening() or woad_stop():
 * each raises WOAD_EV_COC_REQUEST.  A request on a connection that is less secure than
 * params->security is refused without an event.  *params is copied.
 * WOAD_ENODEV: not started; WOAD_EALREADY: the PSM is listened to; WOAD_ENOMEM: config.psms are.
 * WOAD_EINVAL: *params is out of range; WOAD_ENOTSUP without the feature. */
int woad_coc_listen(struct woad *h, const struct woad_coc_params *params);

/* Open channels stay open, and a request that waits for woad_coc_accept() may still be accepted.
 * WOAD_ENOENT: the PSM is not listened to.  WOAD_ENOTSUP without the feature. */
int woad_coc_stop_listening(struct woad *h, uint16_t psm);

/* Accepts the channel of WOAD_EV_COC_REQUEST, from inside the event or within 25 s:
 * WOAD_EV_COC_OPEN follows.  `rx`: memory of rx_size octets, 23 or more (enhanced: 64), the
 * channel's until WOAD_EV_COC_CLOSED has returned: what has come can be read inside it.  After 25
 * s, or when the connection has lost the security required, the host refuses: WOAD_EV_COC_CLOSED
 * with WOAD_ETIMEDOUT or WOAD_EACCES.  WOAD_ENOENT: no request of this CID waits.  WOAD_EINVAL:
 * `rx` is too small. */
int woad_coc_accept(struct woad *h, uint16_t conn, uint16_t cid, void *rx, size_t rx_size);

/* Refuses it with WOAD_COC_NO_RESOURCES, WOAD_COC_INSUFFICIENT_AUTHORIZATION or another result up
 * to WOAD_COC_INVALID_PARAMETERS.  No event follows.  WOAD_ENOENT: no request of this CID waits.
 * WOAD_EINVAL: another result. */
int woad_coc_refuse(struct woad *h, uint16_t conn, uint16_t cid, uint8_t result);

/* Requests a channel from the peer and sets *cid.  WOAD_EV_COC_OPEN or WOAD_EV_COC_CLOSED follows,
 * once; CLOSED with WOAD_ETIMEDOUT after 30 s, or 60 s after each of up to five "pending"
 * responses.  If the peer grants the channel after that, the host closes it.  `rx` as in
 * woad_coc_accept().  On a connection to a bonded peer that is not encrypted, encryption comes
 * first: it authenticates the peer; if it fails, CLOSED with WOAD_EACCES.  WOAD_ENOTCONN;
 * WOAD_EACCES: the connection is less secure than params->security; WOAD_ENOMEM:
 * config.l2cap_channels are in use, or 64 on this connection.  WOAD_EINVAL: *params is out of
 * range, or `rx` is too small; WOAD_ENOTSUP without the feature. */
int woad_coc_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *params, void *rx,
                     size_t rx_size, uint16_t *cid);

/* The same for n channels, 1 to WOAD_COC_AT_ONCE, by one enhanced request, of which the peer may
 * grant some.  Each channel has rx_size octets at rx[i], a CID in cids[i], and its own events.  The
 * errors of woad_coc_connect(). */
int woad_coc_connect_enhanced(struct woad *h, uint16_t conn, const struct woad_coc_params *params,
                              void *const rx[], size_t rx_size, size_t n, uint16_t cids[]);

/* Closes a channel, or cancels its request: WOAD_EV_COC_CLOSED follows; data that is not sent by
 * then is discarded.  A request of the peer's that waits for woad_coc_accept() is refused, with no
 * event.  WOAD_ENOENT; WOAD_EALREADY: it is being closed. */
int woad_coc_disconnect(struct woad *h, uint16_t conn, uint16_t cid);

/* Sends an SDU of 0 to peer_mtu octets, as the peer's credits allow.  `data` must not change until
 * WOAD_EV_COC_SENT or WOAD_EV_COC_CLOSED.  One at a time: WOAD_EAGAIN before WOAD_EV_COC_SENT of
 * the last one.  WOAD_ENOENT; WOAD_ENOTCONN: the channel is not open.  WOAD_EINVAL: more than
 * peer_mtu. */
int woad_coc_send(struct woad *h, uint16_t conn, uint16_t cid, const void *data, size_t len);

/* Copies up to `room` received octets of the first SDU that is not read yet; never of two SDUs.
 * Returns how many, 0 if none; *end (which may be NULL): the SDU ends with them.  May also be
 * called from inside WOAD_EV_COC_CLOSED.  WOAD_ENOENT; WOAD_EBUSY: woad_coc_receive() is pending.
 */
int woad_coc_read(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room, bool *end);

/* Octets of all SDUs that are received and not read; WOAD_ENOENT. */
int32_t woad_coc_pending(const struct woad *h, uint16_t conn, uint16_t cid);

/* Receives the next SDU, or the rest of the one that is partly read, into `buf`:
 * WOAD_EV_COC_RECEIVED follows when it ends or `room` octets are there, perhaps from inside this
 * call.  `buf` is the channel's until then, or until WOAD_EV_COC_CLOSED.  WOAD_ENOENT: no such
 * channel, or it is not accepted yet; WOAD_EBUSY: one is pending.  WOAD_EINVAL: `room` is 0. */
int woad_coc_receive(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room);

/* Changes the MTU and MPS for receiving on n enhanced channels of a connection, 1 to
 * WOAD_COC_AT_ONCE: WOAD_EV_COC_CHANGED follows for each, unless it is closed before.  Its status:
 * a result of the peer that refuses; or WOAD_ETIMEDOUT after 30 s: from then on frames by either
 * limits are received.  The MTU can't be reduced, nor the MPS of more than one channel.
 * WOAD_ENOENT: one of them is not open; WOAD_EBUSY: a reconfiguration is pending; WOAD_ENOMEM: with
 * the larger MPS, the credits that the peer has exceed the room in `rx`.  WOAD_EINVAL: n, mtu or
 * mps is out of range; WOAD_ENOTSUP without the feature. */
int woad_coc_reconfigure(struct woad *h, uint16_t conn, const uint16_t cids[], size_t n,
                         uint16_t mtu, uint16_t mps);

struct woad_coc_info {
    uint16_t psm;
    uint16_t mtu, peer_mtu; /* octets of the longest SDU: that we receive, that the peer receives */
    uint16_t mps, peer_mps; /* the same of frames */
    uint16_t credits;       /* frames that we may send */
    uint16_t peer_credits;  /* frames that the peer may send */
    bool open, enhanced;
};
/* WOAD_ENOENT. */
int woad_coc_info(const struct woad *h, uint16_t conn, uint16_t cid, struct woad_coc_info *info);

#ifdef __cplusplus
}
#endif

#endif
