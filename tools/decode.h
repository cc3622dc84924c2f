/* The decoder of `woad decode` and `woad watch`: one line for each packet of a recording.
 *
 * The files: decode_file.c reads recordings; decode_line.c writes lines; decode_fields.c interprets
 * the tables of decode_hci_commands.c, decode_hci_events.c and the others; decode_state.c keeps
 * connections and attributes. */
#ifndef WOAD_DECODE_H
#define WOAD_DECODE_H

#include "decode_file.h"
#include "decode_line.h"
#include "decode_names.h"

#include "../src/base/buf.h"

/* An attribute of which a discovery has shown the type. */
struct attribute {
    uint16_t handle;
    uint8_t uuid_len; /* 2 or 16 */
    uint8_t uuid[16];
};

/* A server's attributes, by its device's address.  `attribute` is sorted by handle. */
struct database {
    struct database *next;
    unsigned source;
    uint8_t device[7]; /* address, type; all 0xff: the host of a log */
    struct attribute *attribute;
    size_t attributes;
};

/* A request without its response, which does not repeat the handle or type. */
struct request {
    uint8_t opcode; /* 0: none */
    uint16_t handle;
    uint8_t uuid_len;
    uint8_t uuid[16];
};

/* A PDU that arrives in parts. */
struct partial {
    uint8_t *octets;
    size_t len, whole; /* octets there; octets of the PDU, 0: none is under way */
};

/* A channel with credits, by the number that one side has given to it. */
struct channel {
    struct channel *next;
    unsigned side; /* of that number: the side that receives by it */
    uint16_t cid, peer_cid, psm;
    struct partial sdu;
    struct request request; /* of that side, if the channel is a bearer of ATT */
};

/* A request for channels that waits for its response. */
struct channel_request {
    uint8_t id; /* 0: none */
    uint16_t psm;
    uint16_t cid[5];
    unsigned cids;
};

/* Sides of a connection.  In a log of HCI SIDE_A is the host; on the air it is the central. */
enum { SIDE_A, SIDE_B };

struct conn {
    struct conn *next;
    unsigned source;
    uint32_t id; /* handle, or access address */
    bool on_air, stream;
    uint8_t device[2][7]; /* of each side: address, type */
    struct database *database[2];
    struct partial pdu[2]; /* by the side that sends */
    struct request request[2];
    struct channel_request wanted[2];
    struct channel *channels;
    /* On the air: */
    uint8_t sn[2];   /* the last packet's sequence number; SN_NONE: no packet yet */
    bool new_packet; /* the packet at hand is no retransmission */
    bool encrypted;  /* LL_START_ENC_REQ was sent */
    bool chained;    /* of periodic advertising: the next packet is AUX_CHAIN_IND */
};
enum { SN_NONE = 2 }; /* in conn.sn */

enum { GROUPS = 32 }; /* seeds that are kept */
struct decoder {
    struct line line;
    bool several;                /* the recording has several sources: lines name them */
    bool absolute;               /* times are the recording's own, not since the first packet */
    const volatile int *stopped; /* not 0: the stream is cut on purpose; may be NULL */
    unsigned long packets;
    uint64_t first_us;       /* of the first packet */
    bool scan_response;      /* AUX_SCAN_REQ was the last packet of this source on the air */
    uint32_t groups[GROUPS]; /* seeds of access addresses, of broadcast groups */
    unsigned group_count;
    struct conn *conns;
    struct database *databases;
    size_t conn_count, database_count;
    /* The packet at hand: */
    const struct record *record;
    struct conn *conn;
    unsigned sender; /* side */
    unsigned server; /* of an ATT PDU: the side that has the attributes */
    size_t limit;    /* octets of the next field of variable length; NO_LIMIT: all */
};
#define NO_LIMIT SIZE_MAX

/* decode_packet.c */

/* Writes the line of one packet.  `name` of its source, may be "". */
void decode_packet(struct decoder *d, const struct record *record, const char *name);
void decode_free(struct decoder *d);

/* decode.c */

/* Prints all packets of a stream; `command` and `name` are for messages.  Returns the exit status.
 */
int decode_stream(const char *command, const char *name, FILE *in, struct decoder *d);
/* Parses "always", "never", "auto" or NULL.  False: it is none of them. */
bool decode_colours(const char *word, bool *colour);

/* decode_fields.c */

/* Interprets a description of fields, "name:type name:type ...", and writes those that are there.
 * What is missing or too much is line_bad(). */
void decode_fields(struct decoder *d, const char *description, struct rd *in);
/* The same without a complaint of octets behind the last field. */
void decode_head(struct decoder *d, const char *description, struct rd *in);
/* Writes the octets that are left, if any. */
void decode_rest(struct decoder *d, const char *key, struct rd *in);
/* Advertising data: a list of structures. */
void decode_ad(struct decoder *d, const char *key, const uint8_t *data, size_t len);

/* A row of a table of packets. */
struct packet_kind {
    uint32_t number;
    const char *name, *fields;
    const char *answer; /* of a command: what Command Complete returns behind the status */
};
/* NULL: it is unknown.  A table ends with a NULL name. */
const struct packet_kind *packet_kind(const struct packet_kind *table, uint32_t number);
extern const struct packet_kind hci_commands[], hci_events[], hci_le_events[];

/* decode_state.c */

/* The connection of that number in the record's source; NULL: unknown. */
struct conn *conn_find(struct decoder *d, uint32_t id);
/* The same, made if need be; `fresh`: a former one of that number is forgotten.  NULL: no memory.
 */
struct conn *conn_get(struct decoder *d, uint32_t id, bool fresh);
/* Notes which device is on a side; NULL: the host of the log. */
void conn_device(struct decoder *d, struct conn *c, unsigned side, const uint8_t *address,
                 unsigned type);
/* The types of the attributes of a side's device, as discoveries show them; NULL: unknown. */
void conn_note_attribute(struct conn *c, unsigned side, uint16_t handle, const uint8_t *uuid,
                         size_t len);
const struct attribute *conn_attribute(const struct conn *c, unsigned side, uint16_t handle);
/* The channel of that number; NULL: unknown.  A new one; NULL: no memory, or too many. */
struct channel *channel_find(struct conn *c, unsigned side, uint16_t cid);
struct channel *channel_add(struct conn *c, unsigned side, uint16_t cid);
/* Forgets the channel of that number, and its other half. */
void channel_remove(struct conn *c, unsigned side, uint16_t cid);
/* Adds octets to a PDU under way, no more than it lacks.  False: no memory. */
bool partial_add(struct partial *p, const uint8_t *octets, size_t len);
void partial_end(struct partial *p);

/* The protocols, each in its file: decode_hci.c, decode_air.c, decode_l2cap.c, decode_att.c,
 * decode_signalling.c. */

void decode_h4(struct decoder *d, struct rd *in);
void decode_air(struct decoder *d, struct rd *in);
/* The channel index of a frequency in steps of 2 MHz from 2402 MHz. */
unsigned decode_channel(unsigned rf);
/* A part of an L2CAP PDU of the connection at hand. */
void decode_l2cap_part(struct decoder *d, bool first, const uint8_t *octets, size_t len);
void decode_signalling(struct decoder *d, struct rd *in);
void decode_smp(struct decoder *d, struct rd *in);
/* `request`: those of both sides of this bearer. */
void decode_att(struct decoder *d, struct rd *in, struct request *from[2]);
void decode_advertising(struct decoder *d, uint32_t access_address, struct rd *in);
void decode_ll_control(struct decoder *d, struct rd *in);

#endif
