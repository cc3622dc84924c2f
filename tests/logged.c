/* The logs of hosts in tests, and such logs in the place of their controllers: world.h.
 *
 * Names of other files:
 *   next_host: of a replay: index of the host's next packet
 *   recording_next(): reads a packet; 1, 0: the end, -1: see `message`
 *   recording_open(): reads the header of a recording; -1: see `message`
 *   replay_accept(): the host's next packet has come
 *   replay_add(): adds a packet to the log; false: no memory
 *   replay_compare(): compares a packet of the host with the log's next
 *   replay_connect(): a host has connected
 *   replay_due_us(): when the controller's next packet is due
 *   replay_take(): the controller's next packet; NULL: none is due */
#include "world.h"

#include "tools/decode_file.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 300 };

/* Reads a log that device_log() wrote. */
static struct replay *read_log(const char *path)
{
    struct replay *r = calloc(1, sizeof *r);
    struct recording *in = calloc(1, sizeof *in);
    struct record record;
    FILE *file = fopen(path, "rb");
    CHECK(r && in && file && recording_open(in, file) == 0);
    int got;
    while ((got = recording_next(in, &record)) > 0) {
        CHECK(replay_add(r, record.us, record.received, record.data, record.len));
    }
    CHECK(got == 0);
    fclose(file);
    free(in);
    return r;
}

void device_open_log(struct device *d)
{
    static unsigned logs;
    char path[PATH_SIZE];
    uint8_t header[WOAD_BTSNOOP_HEADER];
    const char *folder = getenv("WORLD_BTSNOOP"), *replayed = getenv("WORLD_REPLAY");
    logs++;
    if (replayed) {
        snprintf(path, sizeof path, "%s/%u.btsnoop", replayed, logs);
        d->replay = read_log(path);
        replay_connect(d->replay, woad_air_now(d->world->air));
    }
    if (folder) {
        snprintf(path, sizeof path, "%s/%u.btsnoop", folder, logs);
        d->own_log = fopen(path, "wb");
        CHECK(d->own_log);
        woad_btsnoop_header(header);
        fwrite(header, 1, sizeof header, d->own_log);
    }
}

void device_close_log(struct device *d)
{
    if (d->own_log) {
        fclose(d->own_log);
    }
    if (d->replay) {
        CHECK(d->replay->next_host == d->replay->packets);
        replay_free(d->replay);
        free(d->replay);
    }
}

/* Appends a record; `zeroed` NULL: with keys. */
static void append(FILE *log, struct woad_btsnoop_keys *zeroed, uint64_t us, bool received,
                   const uint8_t *packet, size_t n)
{
    uint8_t record[WOAD_BTSNOOP_RECORD + 4096];
    size_t len = woad_btsnoop_record(record, sizeof record, zeroed, us, received, packet, n);
    fwrite(record, 1, len, log);
}

void device_log(struct device *d, bool received, const uint8_t *packet, size_t n)
{
    uint64_t now = woad_air_now(d->world->air);
    if (d->snoop) {
        append(d->snoop, d->snoop_keys ? NULL : &d->snoop_zeroed, now, received, packet, n);
        fflush(d->snoop);
    }
    if (d->own_log) {
        append(d->own_log, NULL, now, received, packet, n);
    }
}

/* Whether the air is to run beside the logs. */
static bool has_air(void)
{
    return getenv("WORLD_REPLAY_AIR") != NULL;
}

bool device_compare(struct device *d, const uint8_t *packet, size_t n)
{
    size_t offset = 0;
    if (!d->replay) {
        return true;
    }
    struct replay *r = d->replay;
    uint64_t now = woad_air_now(d->world->air);
    enum replay_verdict verdict = replay_compare(r, packet, n, &offset);
    if (verdict != REPLAY_SAME || r->packet[r->next_host].us != now) {
        fprintf(stderr, "packet %zu of the log: verdict %d, octet %zu, at %llu us\n",
                r->next_host + 1, (int)verdict, offset, (unsigned long long)now);
    }
    CHECK(verdict == REPLAY_SAME);
    CHECK(r->packet[r->next_host].us == now);
    replay_accept(r, now);
    return has_air();
}

/* With the air, the controller's own packet decides when: between which calls of the test. */
size_t device_take(struct device *d, uint8_t *packet, size_t room)
{
    if (!d->replay || has_air()) {
        size_t n = woad_air_tx(d->air_controller, packet, room);
        if (!d->replay || !n) {
            return n;
        }
    }
    const struct replay_packet *p = replay_take(d->replay, woad_air_now(d->world->air));
    CHECK(p || !has_air());
    if (!p) {
        return 0;
    }
    CHECK(p->len <= room);
    memcpy(packet, p->octets, p->len);
    return p->len;
}

uint64_t world_next_us(const struct world *w)
{
    uint64_t next = woad_air_next(w->air);
    for (size_t n = 0; n < w->devices; n++) {
        const struct replay *r = w->device[n].replay;
        uint64_t due = r ? replay_due_us(r) : UINT64_MAX;
        next = due < next ? due : next;
    }
    return next;
}
