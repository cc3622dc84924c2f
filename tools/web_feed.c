/* The packets that the page shows: see web_feed.h.  pcapng: blocks of type u32, length u32, body,
 * length u32; all numbers little-endian, because this machine's hub has written them.
 *
 * Names of other files:
 *   absolute: of the decoder: times are the recording's own
 *   airtime_us: of a packet: from its first bit to its last
 *   answered: of a feed: the line in front of the stream has passed
 *   block_len: of a packet: octets of its block of the capture, at `octets`
 *   decode_channel(): the channel of a radio frequency, in steps of 2 MHz from 2402 MHz
 *   decode_free(): frees what is known
 *   decode_packet(): writes the line of a packet
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   feed: packets that the page shows, the latest of them kept: web_feed.h
 *   FEED_ENCRYPTED: flag of a packet: its content cannot be read
 *   FEED_MALFORMED: flag of a packet: it breaks its format
 *   FEED_MORE_DATA: flag of a packet: its MD bit
 *   FEED_PACKETS: packets that are kept
 *   FEED_PAYLOAD: flag of a packet: it has data of the hosts
 *   FEED_RETRANSMISSION: flag of a packet
 *   head_len: of a feed: octets of `head`, the blocks of a capture that are no packets
 *   in_len: of a feed: octets in `in`
 *   in_read: of a feed: octets of `in` that the decoder has read
 *   in_room: of a feed: octets that `in` has room for
 *   in_seen: of a feed: octets of `in` of which the blocks are noted
 *   line: the line that is written: decode_line.h
 *   line_len: octets of `line`
 *   lost: of a record: packets that are missing before it
 *   new_packet: of a connection on the air: the packet at hand is no retransmission
 *   opened: of a feed: the recording's header has been read
 *   record_radio: a packet's channel, power and flags on the air, if `there`
 *   recording: a recording that is read: decode_file.h
 *   recording_device(): the name of the source whose controller has an address; NULL: none
 *   recording_next(): reads a packet; 1, 0: the end, -1: see `message`
 *   recording_open(): reads the header of a recording; -1: see `message`
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown
 *   stream: of a connection: its packets are isochronous */
#define _GNU_SOURCE
#include "web_feed.h"

#include <stdlib.h>
#include <string.h>

/* Of a block: octets of its header, its type if it has a packet, its octets at most; octets that a
 * feed has room for at first. */
enum { BLOCK_HEAD = 8, BLOCK_PACKET = 6, BLOCK_MAX = 1 << 16, ROOM_FIRST = 1 << 16 };
/* Of the radio header's flags: a PHY, where it and the kind are, a flag. */
enum { CODED = 2, PHY_SHIFT = 14, KIND_SHIFT = 7, FLAG_DECRYPTED = 0x0008 };
/* Octets of a packet's parts; LLID of a control PDU; where the MD bit is. */
enum { ACCESS_ADDRESS = 4, PDU_HEAD = 2, CRC = 3, MIC = 4, LLID_CONTROL = 3, MD_SHIFT = 4 };
#define ADVERTISING_ADDRESS 0x8e89bed6u

/* 32 bits, little endian. */
static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* fopencookie(): the decoder reads from the octets that have arrived. */
static ssize_t read_in(void *cookie, char *to, size_t len)
{
    struct feed *f = cookie;
    if (len > f->in_len - f->in_read) {
        len = f->in_len - f->in_read;
    }
    memcpy(to, f->in + f->in_read, len);
    f->in_read += len;
    return (ssize_t)len;
}

/* The decoder reads by read_in(), and writes to f->line. */
bool feed_begin(struct feed *f)
{
    *f = (struct feed){ 0 };
    f->in = malloc(ROOM_FIRST);
    f->in_room = ROOM_FIRST;
    f->recording = malloc(sizeof *f->recording);
    f->packet = calloc(FEED_PACKETS, sizeof *f->packet);
    f->stream = fopencookie(f, "r", (cookie_io_functions_t){ .read = read_in });
    f->decoder.line = (struct line){ .json = true };
    f->decoder.line.out = open_memstream(&f->line, &f->line_len);
    f->decoder.absolute = true;
    if (f->stream) {
        setvbuf(f->stream, NULL, _IONBF, 0);
    }
    return f->in && f->recording && f->packet && f->stream && f->decoder.line.out;
}

/* Also after feed_begin() has failed. */
void feed_end(struct feed *f)
{
    for (size_t k = 0; f->packet && k < FEED_PACKETS; k++) {
        free(f->packet[k].octets);
    }
    if (f->stream) {
        fclose(f->stream);
    }
    if (f->decoder.line.out) {
        fclose(f->decoder.line.out);
    }
    decode_free(&f->decoder);
    free(f->line);
    free(f->packet);
    free(f->recording);
    free(f->in);
    free(f->head);
    *f = (struct feed){ 0 };
}

/* Until FEED_PACKETS were there none is overwritten. */
uint64_t feed_first(const struct feed *f)
{
    if (f->packets < FEED_PACKETS) {
        return 0;
    }
    return f->packets - FEED_PACKETS;
}

/* A ring. */
const struct feed_packet *feed_packet(const struct feed *f, uint64_t number)
{
    if (number >= f->packets || number < feed_first(f)) {
        return NULL;
    }
    return &f->packet[number % FEED_PACKETS];
}

/* --- a packet ------------------------------------------------------------------------------------
 */

/* The duration of `len` octets of PDU and CRC, us.  Preamble and access address: on 1M 5 octets of
 * 8 us, on 2M 6 of 4 us; coded: 80 us, 256 us, CI 16 us, TERM1 24 us, and TERM2.  Vol 6, Part B,
 * 2.1, 2.2 */
static uint32_t airtime(unsigned phy, unsigned s, size_t len)
{
    uint32_t n = (uint32_t)len;
    switch (phy) {
    case 1: return (5 + n) * 8;
    case 2: return (6 + n) * 4;
    default: return 376 + (n * 8 + 3) * s;
    }
}

/* Access address u32, on coded PHYs the coding u8, header u8, length u8, payload, CRC u24.  2.1 */
static void note_radio(const struct record *record, struct feed_packet *p)
{
    static const uint8_t phys[4] = { 1, 2, 3, 1 };
    const struct record_radio *radio = &record->radio;
    unsigned rf = radio->channel, s = 8;
    size_t head = ACCESS_ADDRESS + (radio->flags >> PHY_SHIFT == CODED), len = record->len;
    p->phy = phys[radio->flags >> PHY_SHIFT];
    p->kind = radio->flags >> KIND_SHIFT & 7;
    p->power_dbm = radio->power_dbm;
    p->channel = (uint8_t)decode_channel(rf);
    if (len < head + PDU_HEAD + CRC) {
        return;
    }
    const uint8_t *pdu = record->data + head;
    p->access_address = le32(record->data);
    p->len = pdu[1];
    if (p->phy == 3 && record->data[ACCESS_ADDRESS] == 1) {
        s = 2;
    }
    len -= head;
    if (radio->flags & FLAG_DECRYPTED) {
        len += MIC; /* it was there on the air */
    }
    p->airtime_us = airtime(p->phy, s, len);
    if (p->access_address != ADVERTISING_ADDRESS && p->kind >= 2) {
        p->flags |= pdu[0] >> MD_SHIFT & 1 ? FEED_MORE_DATA : 0;
        p->flags |= (pdu[0] & 3) != LLID_CONTROL && pdu[1] ? FEED_PAYLOAD : 0;
    }
}

/* Keeps a packet, in the place of the oldest.  `block`: of the capture, `len` octets. */
static void keep(struct feed *f, const struct record *record, const uint8_t *block, size_t len)
{
    struct feed_packet *p = &f->packet[f->packets % FEED_PACKETS];
    const struct decoder *d = &f->decoder;
    size_t decode_len = f->line_len;
    while (decode_len && f->line[decode_len - 1] == '\n') {
        decode_len--;
    }
    free(p->octets);
    *p = (struct feed_packet){ .us = record->us,
                               .sender = (uint16_t)record->queue,
                               .name = d->line.title,
                               .octets = malloc(len + decode_len) };
    note_radio(record, p);
    if (d->line.bad) {
        p->flags |= FEED_MALFORMED;
    }
    if (d->conn && !d->conn->stream && p->kind >= 2) {
        p->flags |= d->conn->new_packet ? 0 : FEED_RETRANSMISSION;
        p->flags |= d->conn->encrypted ? FEED_ENCRYPTED : 0;
    }
    if (p->octets) {
        memcpy(p->octets, block, len);
        memcpy(p->octets + len, f->line, decode_len);
        p->block_len = len;
        p->decode_len = decode_len;
    }
    f->lost += record->lost;
    f->packets++;
}

/* --- the stream ----------------------------------------------------------------------------------
 */

/* Decodes the packet whose block is the last of the octets up to `end`. */
static bool decode_block(struct feed *f, size_t block, size_t end)
{
    struct record record;
    struct recording *r = f->recording;
    size_t whole = f->in_len;
    f->in_len = end; /* for read_in() */
    clearerr(f->stream);
    int got = f->opened ? 0 : recording_open(r, f->stream);
    f->opened = true;
    if (got >= 0) {
        got = recording_next(r, &record);
    }
    f->in_len = whole;
    if (got <= 0) {
        snprintf(f->message, sizeof f->message, "%s", r->message);
        return false;
    }
    f->decoder.line.device_name = recording_device;
    f->decoder.line.ctx = r;
    rewind(f->decoder.line.out);
    decode_packet(&f->decoder, &record, "");
    fflush(f->decoder.line.out);
    keep(f, &record, f->in + block, end - block);
    return true;
}

/* Keeps a block that is no packet, for captures.  False: no memory. */
static bool keep_head(struct feed *f, const uint8_t *block, size_t len)
{
    uint8_t *more = realloc(f->head, f->head_len + len);
    if (!more) {
        return false;
    }
    memcpy(more + f->head_len, block, len);
    f->head = more;
    f->head_len += len;
    return true;
}

/* Decodes all blocks that are whole. */
static bool take_blocks(struct feed *f)
{
    bool good = true;
    while (good && f->in_len - f->in_seen >= BLOCK_HEAD) {
        size_t at = f->in_seen;
        uint32_t type = le32(f->in + at), len = le32(f->in + at + 4);
        if (len < BLOCK_HEAD || len > BLOCK_MAX) {
            snprintf(f->message, sizeof f->message, "a block of %u octets", (unsigned)len);
            return false;
        }
        if (f->in_len - at < len) {
            break;
        }
        if (type == BLOCK_PACKET) {
            good = decode_block(f, at, at + len);
        } else {
            good = keep_head(f, f->in + at, len);
        }
        f->in_seen = at + len;
    }
    return good;
}

/* The answer to `watch`: a line. */
static bool take_answer(struct feed *f)
{
    const uint8_t *end = memchr(f->in, '\n', f->in_len);
    if (!end) {
        return f->in_len < BLOCK_MAX;
    }
    f->answered = true;
    f->in_read = f->in_seen = (size_t)(end - f->in) + 1;
    if (f->in_len >= 10 && memcmp(f->in, "{\"ok\":true", 10) == 0) {
        return true;
    }
    snprintf(f->message, sizeof f->message, "%.*s", (int)(end - f->in), (const char *)f->in);
    return false;
}

/* What the decoder has not read stays in `in`. */
bool feed_take(struct feed *f, const void *octets, size_t len)
{
    if (f->in_len + len > f->in_room) {
        uint8_t *more = realloc(f->in, f->in_len + len);
        if (!more) {
            snprintf(f->message, sizeof f->message, "no memory");
            return false;
        }
        f->in = more;
        f->in_room = f->in_len + len;
    }
    memcpy(f->in + f->in_len, octets, len);
    f->in_len += len;
    bool good = (f->answered || take_answer(f)) && (!f->answered || take_blocks(f));
    memmove(f->in, f->in + f->in_read, f->in_len - f->in_read);
    f->in_len -= f->in_read;
    f->in_seen -= f->in_read;
    f->in_read = 0;
    return good;
}

/* The blocks that are no packets, then those of the packets. */
uint8_t *feed_capture(const struct feed *f, size_t *len)
{
    size_t room = f->head_len;
    for (uint64_t k = feed_first(f); k < f->packets; k++) {
        room += f->packet[k % FEED_PACKETS].block_len;
    }
    uint8_t *capture = malloc(room + 1); /* never 0 */
    if (!capture) {
        return NULL;
    }
    if (f->head_len) {
        memcpy(capture, f->head, f->head_len);
    }
    *len = f->head_len;
    for (uint64_t k = feed_first(f); k < f->packets; k++) {
        const struct feed_packet *p = &f->packet[k % FEED_PACKETS];
        if (p->octets) {
            memcpy(capture + *len, p->octets, p->block_len);
            *len += p->block_len;
        }
    }
    return capture;
}
