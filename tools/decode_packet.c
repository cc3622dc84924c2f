/* One packet of a recording: its time, its direction, and the protocols in it. */
#include "decode.h"

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

static void put_note(struct decoder *d, struct rd *in)
{
    size_t n = rd_left(in);
    if (n && in->end[-1] == 0) {
        n--;
    }
    line_layer(&d->line, "note", "Note", LINE_YELLOW);
    line_text(&d->line, "text", rd_bytes(in, n), n);
}

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
