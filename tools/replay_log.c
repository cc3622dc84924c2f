/* `woad replay`: reads the log, and prints the report.
 *
 * Names of other files:
 *   context: of a report: how many packets are shown before a difference
 *   cut: of a report: why the log ends where it does; "": it is whole
 *   decode_free(): frees what is known
 *   decode_packet(): writes the line of a packet
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   directed: of a record: its direction is known
 *   extra: of a report: packets of the host after the log's end
 *   host_packets: of a replay: packets of the host that came
 *   json: of a report: JSON, else text
 *   line_begin(): begins a line
 *   line_end(): ends it
 *   next_host: of a replay: index of the host's next packet
 *   recording_next(): reads a packet; 1, 0: the end, -1: see `message`
 *   recording_open(): reads the header of a recording; -1: see `message`
 *   replay_add(): adds a packet to the log; false: no memory
 *   replay_end: how a replay has ended: replay.h
 *   replay_report: what is to be printed: replay.h
 *   several: of the decoder: lines name their source
 *   verdict: of a difference: the octets, or the order
 *   whole: of a record: octets that the packet had
 *   zeroed_packets: of a replay: packets of the host that the log has with zeros for keys */
#define _GNU_SOURCE
#include "replay.h"

#include "decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- reading -------------------------------------------------------------------------------------
 */

/* Adds a packet.  False: it is not HCI, or not whole; *why says so. */
static bool load_packet(struct replay *log, const struct record *p, char why[REPLAY_WHY_MAX])
{
    if (p->kind == RECORD_NOTE) {
        return true;
    }
    const char *what = NULL;
    if (p->kind != RECORD_H4 || !p->directed || !p->len) {
        what = "is no HCI packet of a known direction: only logs of HCI can be replayed";
    } else if (p->len < p->whole || p->len > REPLAY_PACKET_MAX) {
        what = "is not whole: record without a limit of its length";
    } else if (!replay_add(log, p->us, p->received, p->data, p->len)) {
        what = "has no room in memory";
    }
    if (what) {
        snprintf(why, REPLAY_WHY_MAX, "packet %zu %s", log->packets + 1, what);
    }
    return !what;
}

/* Reads all packets, up to the end or to what is spoilt. */
static void load_all(struct recording *in, struct replay *log, struct replay_report *r)
{
    struct record record;
    int got = recording_open(in, in->in);
    while (got >= 0 && (got = recording_next(in, &record)) > 0) {
        if (!load_packet(log, &record, r->cut)) {
            return;
        }
    }
    if (got < 0) {
        snprintf(r->cut, sizeof r->cut, "%s", in->message);
    } else if (!log->packets) {
        snprintf(r->cut, sizeof r->cut, "there is no packet in it");
    }
}

int replay_load(const char *path, struct replay *log, struct replay_report *r)
{
    FILE *file = fopen(path, "rbe");
    struct recording *in = calloc(1, sizeof *in);
    if (!file || !in) {
        fprintf(stderr, "woad replay: %s: %s\n", path, strerror(file ? ENOMEM : errno));
    } else {
        in->in = file;
        load_all(in, log, r);
    }
    if (file) {
        fclose(file);
    }
    free(in);
    if (file && !log->packets) {
        fprintf(stderr, "woad replay: %s: %s\n", path, r->cut);
    }
    return !log->packets;
}

/* One line: its seconds, a blank, its text.  False: it is none, or there is no memory. */
static bool load_line(struct replay_input *to, const char *line)
{
    char *end;
    to->seconds = strtod(line, &end);
    if (end == line || *end != ' ') {
        return false;
    }
    to->text = strdup(end + 1);
    return to->text != NULL;
}

struct replay_input *replay_load_input(const char *path)
{
    enum { LINES_MAX = 10000 };
    FILE *file = fopen(path, "re");
    struct replay_input *lines = calloc(LINES_MAX + 1, sizeof *lines);
    char *line = NULL;
    size_t room = 0, n = 0;
    bool right = file && lines;
    while (right && getline(&line, &room, file) > 0) {
        right = n < LINES_MAX && load_line(&lines[n++], line);
    }
    free(line);
    if (right) {
        fclose(file);
        return lines;
    }
    if (file) {
        fprintf(stderr, "woad replay: %s: line %zu is not SECONDS TEXT\n", path, n);
        fclose(file);
    } else {
        fprintf(stderr, "woad replay: %s: %s\n", path, strerror(errno));
    }
    replay_free_input(lines);
    return NULL;
}

void replay_free_input(struct replay_input *lines)
{
    for (size_t n = 0; lines && lines[n].text; n++) {
        free(lines[n].text);
    }
    free(lines);
}

/* --- the packets around a difference -------------------------------------------------------------
 */

/* Decodes a packet to `out`, at the log's time `us`. */
static void show_packet(struct decoder *d, FILE *out, const struct replay_packet *p, uint64_t us,
                        const char *from)
{
    struct record record = { .kind = RECORD_H4,
                             .us = us,
                             .received = p->received,
                             .directed = true,
                             .data = p->octets,
                             .len = p->len,
                             .whole = p->len };
    d->line.out = out;
    decode_packet(d, &record, from);
}

/* A decoder that has seen the log's packets before `index`; shows the last `context` of them. */
static struct decoder decoder_at(const struct replay *log, const struct replay_report *r,
                                 size_t index, unsigned context, FILE *null)
{
    struct decoder d = { .line = { .json = r->json }, .several = true };
    for (size_t k = 0; k < index; k++) {
        FILE *out = index - k <= context ? stdout : null;
        show_packet(&d, out, &log->packet[k], log->packet[k].us, "log");
    }
    return d;
}

/* Where the octets differ, for a reader of text. */
static void show_octets(const struct replay_packet *want, const struct replay_difference *at)
{
    enum { SHOWN = 16 };
    const uint8_t *octets[2] = { want->octets, at->octets };
    size_t len[2] = { want->len, at->len };
    printf("octet %zu of the packet:", at->offset);
    for (unsigned side = 0; side < 2; side++) {
        printf(side ? "; sent " : " recorded ");
        for (size_t k = at->offset; k < len[side] && k < at->offset + SHOWN; k++) {
            printf("%02x", octets[side][k]);
        }
        if (at->offset == len[side]) {
            printf("nothing");
        }
        printf(len[side] > at->offset + SHOWN ? "…" : "");
    }
    printf("\n");
}

/* The recorded packet and the host's; `at` NULL: the host has sent none. */
static void show_difference(const struct replay *log, const struct replay_report *r, size_t index,
                            const struct replay_difference *at, FILE *null)
{
    const struct replay_packet *want = &log->packet[index];
    struct decoder d = decoder_at(log, r, index, r->context, null);
    show_packet(&d, stdout, want, want->us, "recorded");
    decode_free(&d);
    if (at) {
        struct replay_packet sent = { .us = at->us, .len = at->len, .octets = at->octets };
        d = decoder_at(log, r, index, 0, null);
        show_packet(&d, stdout, &sent, at->us, "sent");
        decode_free(&d);
    }
    if (!r->json && at && at->verdict == REPLAY_DIFFERS) {
        show_octets(want, at);
    }
}

/* --- the result ----------------------------------------------------------------------------------
 */

static const char *const end_word[] = {
    [END_NONE] = "interrupted",     [END_REPRODUCED] = "reproduced", [END_DIFFERS] = "differs",
    [END_MISSING] = "missing",      [END_PROGRAM] = "ended",         [END_NO_RADIO] = "no radio",
    [END_TWO_RADIOS] = "two radios"
};

/* The host's packets in the log. */
static size_t count_host_packets(const struct replay *log)
{
    size_t n = 0;
    for (size_t k = 0; k < log->packets; k++) {
        n += !log->packet[k].received;
    }
    return n;
}

/* The controller had LE_Rand answered with zeros: the log was written without keys. */
static bool log_lacks_keys(const struct replay *log)
{
    static const uint8_t rand[] = { 4, 0x0e, 12, 1, 0x18, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    for (size_t k = 0; k < log->packets; k++) {
        const struct replay_packet *p = &log->packet[k];
        if (p->received && p->len == sizeof rand && memcmp(p->octets, rand, 3) == 0 &&
            memcmp(p->octets + 4, rand + 4, sizeof rand - 4) == 0) {
            return true;
        }
    }
    return log->zeroed_packets > 0;
}

/* Whether the packet is of pairing, or has an address or a key that is made of random numbers. */
static bool is_of_random(const struct replay_packet *p)
{
    static const uint16_t commands[] = { 0x2005, 0x2019, 0x201a, 0x2027, 0x2035 };
    enum { SMP_CHANNEL = 6 };
    if (p->octets[0] == 2) {
        return p->len > 8 && p->octets[7] == SMP_CHANNEL && p->octets[8] == 0;
    }
    for (size_t k = 0; p->len > 2 && k < sizeof commands / sizeof *commands; k++) {
        if (p->octets[0] == 1 && (p->octets[1] | p->octets[2] << 8) == commands[k]) {
            return true;
        }
    }
    return false;
}

/* What may be the reason, and what to do. */
static void print_advice(const struct replay *log, const struct replay_report *r)
{
    if (r->end != END_DIFFERS || !r->differences) {
        return;
    }
    if (r->difference[0].verdict == REPLAY_OVERTAKES) {
        fprintf(stderr, "woad replay: the packet is the recorded one, but it came before what the "
                        "controller had sent first; --tolerance allows that\n");
    } else if (is_of_random(&log->packet[r->difference[0].index]) && log_lacks_keys(log)) {
        fprintf(stderr, "woad replay: the log has zeros in the place of keys and random numbers, "
                        "and this packet may be made of them; record with WOAD_BTSNOOP_KEYS=1, or "
                        "`woad run --keys`\n");
    } else {
        fprintf(stderr, "woad replay: the same program, arguments, stored bonds, --seed and --seat "
                        "(or WOAD_SEED) as in the recording send the same packets; a change of one "
                        "of them is where to look\n");
    }
}

/* The result as an object. */
static void print_json(const struct replay *log, const struct replay_report *r)
{
    printf("{\"result\":\"%s\",\"host_packets\":%zu,\"of\":%zu,\"packets\":%zu,\"seconds\":%.6f,"
           "\"most_early_us\":%" PRIu64 ",\"most_late_us\":%" PRIu64 ",\"without_keys\":%zu,"
           "\"after_end\":%" PRIu64 ",\"cut\":%s",
           end_word[r->end], log->host_packets - r->differences, count_host_packets(log),
           log->packets, r->seconds, log->most_early_us, log->most_late_us, log->zeroed_packets,
           r->extra, r->cut[0] ? "true" : "false");
    if (r->end == END_DIFFERS && r->differences) {
        printf(",\"packet\":%zu", r->difference[0].index + 1);
        if (r->difference[0].verdict == REPLAY_DIFFERS) {
            printf(",\"offset\":%zu", r->difference[0].offset);
        }
    } else if (r->end != END_REPRODUCED && log->next_host < log->packets) {
        printf(",\"packet\":%zu", log->next_host + 1);
    }
    printf("}\n");
}

/* The result as a sentence. */
static void print_text(const struct replay *log, const struct replay_report *r)
{
    size_t of = count_host_packets(log);
    if (r->end == END_REPRODUCED) {
        printf("reproduced: %zu packets of the host, %zu of the controller, %.6f s\n", of,
               log->packets - of, r->seconds);
    } else if (r->end == END_DIFFERS) {
        printf("differs: packet %zu of the log, %zu differences; %zu of the host's %zu packets are "
               "the same\n",
               r->difference[0].index + 1, r->differences, log->host_packets - r->differences, of);
    } else {
        printf("%s: packet %zu of the log; %zu of the host's %zu packets are the same\n",
               end_word[r->end], log->next_host + 1, log->host_packets, of);
    }
    if (log->most_early_us || log->most_late_us) {
        printf("the host's packets came up to %.3f ms earlier and %.3f ms later than recorded\n",
               (double)log->most_early_us / 1000, (double)log->most_late_us / 1000);
    }
    if (log->zeroed_packets) {
        printf("%zu packets are compared without the keys, which the log does not have\n",
               log->zeroed_packets);
    }
}

int replay_print(const struct replay *log, const struct replay_report *r)
{
    FILE *null = fopen("/dev/null", "we");
    for (size_t k = 0; null && k < r->differences; k++) {
        const struct replay_difference *at = &r->difference[k];
        show_difference(log, r, at->index, at, null);
    }
    if (null && r->end == END_MISSING) {
        show_difference(log, r, log->next_host, NULL, null);
    }
    if (null) {
        fclose(null);
    }
    if (r->json) {
        print_json(log, r);
    } else {
        print_text(log, r);
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "woad replay: standard output: %s\n", strerror(errno));
        return 1;
    }
    print_advice(log, r);
    if (r->why[0]) {
        fprintf(stderr, "woad replay: %s\n", r->why);
    }
    if (r->cut[0]) {
        fprintf(stderr, "woad replay: the log ends early: %s\n", r->cut);
    }
    return r->end != END_REPRODUCED || r->cut[0];
}
