/* One packet of a recording: its time, its direction, and the protocols in it.
 *
 * Names of other files:
 *   absolute: of the decoder: times are the recording's own
 *   decode_air(): a packet on the air
 *   decode_h4(): a packet of HCI
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   first_us: of the decoder: the first packet's time
 *   json: of the line: JSON, else text
 *   limit: of the decoder: octets of the next field of variable length; NO_LIMIT: all that are left
 *   line: the line that is written: decode_line.h
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   line_begin(): begins a line
 *   line_detail(): a field: a number, in JSON only
 *   line_end(): ends the line, with the reason of line_bad()
 *   line_layer(): begins a protocol's part of the line
 *   line_number(): a field: a number
 *   line_text(): a field: text of a peer, in quotes
 *   LINE_YELLOW: colour
 *   lost: of a record: packets that are missing before it
 *   packets: of the decoder, of a feed: packets so far; of web_place: the connection that brings
 *       them
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): a rd of these octets
 *   RECORD_AIR: kind of a record: a packet on the air
 *   RECORD_H4: kind of a record: HCI
 *   RECORD_NOTE: kind of a record: text
 *   several: of the decoder: the recording has several sources
 *   source: of a record: number of its source
 *   whole: of a PDU in parts: its octets, 0: none is under way; of a record: octets that the packet
 *       had */
#include "decode.h"

/* The packet's number, in JSON only, and its time in seconds. */
static void put_time(struct decoder *d, const struct record *record)
{
    uint64_t us = record->us - d->first_us;
    const char *sign = "";
    if (record->us < d->first_us) { /* several programs share a log, and their clocks differ */
        us = d->first_us - record->us;
        sign = "-";
    }
    if (d->line.json) {
        line_number(&d->line, "n", d->packets);
        fprintf(d->line.out, ",\"time\":%s%llu.%06u", sign, (unsigned long long)us / 1000000,
                (unsigned)(us % 1000000));
    } else {
        fprintf(d->line.out, "%s%6llu.%06u", sign, (unsigned long long)us / 1000000,
                (unsigned)(us % 1000000));
        d->line.first = false;
    }
}

/* A text of the program that was recorded. */
static void put_note(struct decoder *d, struct rd *in)
{
    size_t n = rd_left(in);
    if (n && in->end[-1] == 0) {
        n--;
    }
    line_layer(&d->line, "note", "Note", LINE_YELLOW);
    line_text(&d->line, "text", rd_bytes(in, n), n);
}

/* Time, source, then what the packet is. */
void decode_packet(struct decoder *d, const struct record *record, const char *name)
{
    struct line *l = &d->line;
    struct rd in = rd_of(record->data, record->len);
    if (d->packets++ == 0 && !d->absolute) {
        d->first_us = record->us;
    }
    d->record = record;
    d->conn = NULL;
    d->limit = NO_LIMIT;
    line_begin(l);
    put_time(d, record);
    if (d->several) {
        line_detail(l, "source", record->source);
        line_text(l, "from", (const uint8_t *)name, strlen(name));
    }
    if (record->lost) {
        line_number(l, "missing", record->lost);
    }
    if (record->len < record->whole) {
        line_bad(l, "the recording has only its beginning");
    }
    switch (record->kind) {
    case RECORD_H4: decode_h4(d, &in); break;
    case RECORD_AIR: decode_air(d, &in); break;
    case RECORD_NOTE: put_note(d, &in); break;
    default:
        line_layer(l, "other", "Other", LINE_YELLOW);
        decode_rest(d, "data", &in);
        break;
    }
    line_end(l);
}
