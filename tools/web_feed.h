/* The packets that the page shows: what `watch air` of control.h sends, decoded, the latest of them
 * kept. */
#ifndef WOAD_WEB_FEED_H
#define WOAD_WEB_FEED_H

#include "decode.h"

/* The packets that are kept: a power of two. */
enum { FEED_PACKETS = 1 << 15 };

/* Flags of a packet. */
enum {
    FEED_RETRANSMISSION = 1,
    FEED_MALFORMED = 2,
    FEED_ENCRYPTED = 4,
    FEED_MORE_DATA = 8,
    FEED_PAYLOAD = 16 /* of a connection: it has data of the hosts */
};

struct feed_packet {
    uint64_t us;             /* air time of its beginning */
    uint32_t airtime_us;     /* from its first bit to its last */
    uint32_t access_address; /* Vol 6, Part B, 2.1.2 */
    uint16_t len;            /* octets behind the header */
    uint16_t sender;         /* number of the sender's host; 0: unknown */
    uint8_t channel;         /* 0 to 39, as the link layer counts them */
    uint8_t phy;             /* 1: 1M, 2: 2M, 3: coded */
    uint8_t kind;            /* 0 advertising, 1 auxiliary, 2 of a central, 3 of a peripheral */
    uint8_t flags;
    int8_t power_dbm;
    const char *name; /* constant */
    /* The block of the capture, and then the decode as JSON, without its line end: */
    char *octets; /* NULL: no memory */
    size_t block_len, decode_len;
};

struct feed {
    uint8_t *in; /* what has arrived and is not decoded */
    size_t in_len, in_room;
    size_t in_read; /* octets of `in` that the decoder has read */
    size_t in_seen; /* and up to here its blocks are noted */
    bool answered;  /* the line in front of the stream has passed */
    bool opened;
    struct recording *recording;
    struct decoder decoder;
    FILE *stream; /* reads from `in` */
    char *line;   /* the decoder's output, in memory */
    size_t line_len;
    uint8_t *head; /* of a capture: the blocks that are no packets */
    size_t head_len;
    struct feed_packet *packet; /* packet N is packet[N % FEED_PACKETS] */
    uint64_t packets;           /* so many there were: the last one is number `packets` - 1 */
    uint64_t lost;              /* by the air, because this process was too slow */
    char message[RECORDING_MESSAGE_MAX];
};

/* Allocates.  False: no memory; feed_end() frees what there is. */
bool feed_begin(struct feed *f);
void feed_end(struct feed *f);
/* Takes what the socket has brought.  False: it is no stream of packets, and `message` says why. */
bool feed_take(struct feed *f, const void *octets, size_t len);
/* The oldest packet that is kept. */
uint64_t feed_first(const struct feed *f);
/* The packet of that number; NULL: it is not kept, or is still to come. */
const struct feed_packet *feed_packet(const struct feed *f, uint64_t number);
/* A capture (pcapng) of the packets that are kept, to be freed by the caller; NULL: no memory. */
uint8_t *feed_capture(const struct feed *f, size_t *len);

#endif
