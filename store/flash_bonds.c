/* woad/flash_bonds.h: a log of records in two sectors.
 *
 *     sector:  header, header again, record, record, …, blank
 *     record:  CRC-32 u32, length u16, kind u8, MARK u8, zeros (one gap), `length` octets, zeros
 *              up to a unit; then the seal: one unit of zeros
 *
 * The CRC covers all but itself and the seal.  A record of the same kind and peer replaces the
 * earlier ones.
 *
 * What makes a cut of the power harmless.  A unit that was being programmed or erased may read as
 * anything, and differently each time.  So a decision taken after a start must not rest on such a
 * unit later:
 *   - The sector in use is never erased.  The other one is erased, gets what counts, and then its
 *     header with the next generation.  The highest generation is in use.
 *   - A header is written twice.  If the first reads as valid and the second is blank, the second
 *     is written before the sector is used.
 *   - A record without its seal at the end of the log, or octets behind it that are not blank, or
 *     another sector that is not the previous generation: everything is copied to the other sector.
 *   - The unit behind the log may be one that was being programmed and still reads as blank.  So
 *     the first record after a start leaves a gap: one unit, four octets at least, because a CRC
 *     may begin with blank ones; and it is always the same record, KIND_START, because a start
 *     before may have been cut there, too: the same octets settle it.  Alone such a unit is no
 *     record, because a record has two and the CRC covers both.
 *
 * The log ends where no record follows directly, or a KIND_START behind a gap.  Nothing is searched
 * for behind it: within a record are keys that a peer has chosen, and they may look like a record.
 * Where the gap would end, each record has its zeros: the octets there are of nobody's choice, and
 * no head.  A read that fails proves nothing, so nothing is erased after it (`unread`).
 *
 * Names of other files: flash_fields.h has the kinds and the fields of records, and
 *   f: the store: struct woad_flash_bonds
 *   flash: of the store: the application's functions
 *   unit: octets that are programmed at once, 1 to 16; 0: the store is not open
 *   record: of the store: room for one record; wiped after use, because it has keys
 *   generation: of the sector in use
 *   end: offset behind the last record of the sector in use
 *   begun: a record has been written since the start: no gap is needed
 *   unclean: the log cannot be appended to: the next change is a compact()
 *   unread: a read has failed; cleared before each search
 *   no_irk: the flash has no IRK
 *   irk_made: no_irk, and the host has one that could not be written */
#include <woad/flash_bonds.h>
#include <woad/woad.h>

#include <stddef.h>
#include <string.h>

#include "flash_fields.h"

static uint32_t in_units(struct woad_flash_bonds *f, uint32_t len)
{
    return (len + f->flash.unit - 1) / f->flash.unit * f->flash.unit;
}

/* Octets left out before a KIND_START, and octets of zeros behind each head: see above. */
static uint32_t gap(struct woad_flash_bonds *f)
{
    return in_units(f, 4);
}

/* Where a record's content begins. */
static uint32_t content_at(struct woad_flash_bonds *f)
{
    return HEAD + gap(f);
}

/* The content of the record in f->record. */
static uint8_t *content(struct woad_flash_bonds *f)
{
    return f->record.octets + content_at(f);
}

/* The size of a record with `len` octets of content, with its seal. */
static uint32_t record_size(struct woad_flash_bonds *f, uint32_t len)
{
    return in_units(f, content_at(f) + len) + f->flash.unit;
}

static uint32_t header_size(struct woad_flash_bonds *f)
{
    return record_size(f, 4);
}

static uint32_t log_start(struct woad_flash_bonds *f)
{
    return 2 * header_size(f);
}

/* Octets that cannot be read count as zeros: they are not blank, and no record. */
static void flash_read(struct woad_flash_bonds *f, uint8_t sector, uint32_t at, void *to,
                       size_t len)
{
    if (f->flash.read(f->flash.ctx, sector, at, to, len) < 0) {
        memset(to, 0, len);
        f->unread = true;
    }
}

static bool unit_is(struct woad_flash_bonds *f, uint8_t sector, uint32_t at, uint8_t octet)
{
    uint8_t unit[16];
    flash_read(f, sector, at, unit, f->flash.unit);
    return all_are(unit, f->flash.unit, octet);
}

static bool is_sealed(struct woad_flash_bonds *f, uint8_t sector, const struct place *p)
{
    return unit_is(f, sector, p->at + p->size - f->flash.unit, 0);
}

/* Fills in *p if there is a record at `at`; false: none. */
static bool record_at(struct woad_flash_bonds *f, uint8_t sector, uint32_t at, struct place *p)
{
    uint8_t chunk[CHUNK];
    uint32_t crc;
    uint16_t len;
    if (at + HEAD > f->flash.sector_size) {
        return false;
    }
    flash_read(f, sector, at, chunk, HEAD);
    memcpy(&crc, chunk, 4);
    memcpy(&len, chunk + 4, 2);
    *p = (struct place){ .at = at, .kind = chunk[6] };
    p->size = record_size(f, len);
    if (chunk[7] != MARK || content_at(f) + len > WOAD_FLASH_RECORD ||
        at + p->size > f->flash.sector_size) {
        return false;
    }
    uint32_t sum = crc_add(UINT32_MAX, chunk + 4, 4);
    uint32_t left = p->size - f->flash.unit - HEAD;
    for (at += HEAD; left;) {
        uint32_t n = left < CHUNK ? left : CHUNK;
        flash_read(f, sector, at, chunk, n);
        if (at == p->at + HEAD) {
            uint8_t begin[KEY + 2] = { 0 };
            uint32_t there = n - gap(f);
            memcpy(begin, chunk + gap(f), there < sizeof begin ? there : sizeof begin);
            memcpy(p->key, begin, KEY);
            memcpy(p->bits, begin + KEY, 2);
        }
        sum = crc_add(sum, chunk, n);
        at += n;
        left -= n;
    }
    flash_wipe(chunk, sizeof chunk);
    return ~sum == crc;
}

/* The record that continues the log at `at`. */
static bool record_follows(struct woad_flash_bonds *f, uint32_t at, struct place *p)
{
    return record_at(f, f->sector, at, p) ||
           (record_at(f, f->sector, at + gap(f), p) && p->kind == KIND_START);
}

/* The record at `at`, unless that is the log's end.  woad_flash_bonds_open() has seen all records;
 * one that is not there now could not be read. */
static bool record_next(struct woad_flash_bonds *f, uint32_t at, struct place *p)
{
    if (at >= f->end) {
        return false;
    }
    bool found = record_follows(f, at, p);
    if (!found) {
        f->unread = true;
    }
    return found;
}

/* Whether no later record takes its place. */
static bool is_latest(struct woad_flash_bonds *f, const struct place *p)
{
    struct place later;
    for (uint32_t at = p->at + p->size; record_next(f, at, &later); at = later.at + later.size) {
        if (same_key(&later, p->kind, p->key)) {
            return false;
        }
    }
    return true;
}

/* Whether a record still counts.  Of peers that wait, those with the most failures do, and of equal
 * ones the latest. */
static bool counts(struct woad_flash_bonds *f, const struct place *p)
{
    struct place other;
    unsigned before = 0;
    if (p->kind & KIND_GONE || p->kind < KIND_IRK || !is_latest(f, p)) {
        return false;
    }
    if (p->kind != KIND_ATTEMPTS) {
        return true;
    }
    for (uint32_t at = log_start(f); record_next(f, at, &other); at = other.at + other.size) {
        bool more = other.bits[0] > p->bits[0] || (other.bits[0] == p->bits[0] && at > p->at);
        before += other.kind == KIND_ATTEMPTS && more && is_latest(f, &other);
    }
    return before < ATTEMPTS_MAX;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Makes the record's head and zeros around the content that is in `r` already.  Returns its size
 * with the seal. */
static uint32_t record_make(struct woad_flash_bonds *f, uint8_t *r, uint8_t kind, size_t len)
{
    uint16_t len16 = (uint16_t)len;
    memcpy(r + 4, &len16, 2);
    r[6] = kind;
    r[7] = MARK;
    uint32_t size = record_size(f, len16), data = size - f->flash.unit;
    memset(r + HEAD, 0, gap(f));
    memset(r + content_at(f) + len, 0, data - content_at(f) - len);
    uint32_t crc = ~crc_add(UINT32_MAX, r + 4, data - 4);
    memcpy(r, &crc, 4);
    return size;
}

static bool seal(struct woad_flash_bonds *f, uint8_t sector, uint32_t at)
{
    static const uint64_t zeros[2];
    return f->flash.program(f->flash.ctx, sector, at, zeros, f->flash.unit) >= 0;
}

/* Writes a record of `size` octets with the seal, and reads it again. */
static bool record_write(struct woad_flash_bonds *f, uint8_t sector, uint32_t at, const uint8_t *r,
                         uint32_t size)
{
    struct place p;
    uint32_t data = size - f->flash.unit;
    if (at + size > f->flash.sector_size) {
        return false;
    }
    bool good = f->flash.program(f->flash.ctx, sector, at, r, data) >= 0 &&
                seal(f, sector, at + data) && record_at(f, sector, at, &p) &&
                is_sealed(f, sector, &p);
    if (!good) {
        f->unclean = true; /* a part of it may be there */
    }
    return good;
}

/* Copies a record of the sector in use to the other one. */
static bool record_copy(struct woad_flash_bonds *f, const struct place *p, uint32_t to)
{
    union {
        uint8_t octets[CHUNK];
        uint64_t align;
    } chunk;
    struct place copy;
    uint8_t other = !f->sector;
    uint32_t data = p->size - f->flash.unit;
    bool good = to + p->size <= f->flash.sector_size;
    for (uint32_t done = 0; good && done < data; done += CHUNK) {
        uint32_t n = data - done < CHUNK ? data - done : CHUNK;
        flash_read(f, f->sector, p->at + done, chunk.octets, n);
        good = f->flash.program(f->flash.ctx, other, to + done, chunk.octets, n) >= 0;
    }
    flash_wipe(&chunk, sizeof chunk);
    return good && seal(f, other, to + data) && record_at(f, other, to, &copy);
}

/* A record with a number in it: a header, or the record that begins a session. */
static bool number_write(struct woad_flash_bonds *f, uint8_t sector, uint32_t at, uint8_t kind,
                         uint32_t number)
{
    union {
        uint8_t octets[32];
        uint64_t align;
    } r;
    memcpy(r.octets + content_at(f), &number, 4);
    return record_write(f, sector, at, r.octets, record_make(f, r.octets, kind, 4));
}

static bool headers_write(struct woad_flash_bonds *f, uint8_t sector, uint32_t generation)
{
    return number_write(f, sector, 0, KIND_SECTOR, generation) &&
           number_write(f, sector, header_size(f), KIND_SECTOR, generation);
}

/* Whether a record is replaced by the one in f->record. */
static bool replaced(struct woad_flash_bonds *f, const struct place *p, uint32_t size)
{
    if (size && f->record.octets[6] == KIND_NO_BONDS) {
        return p->kind == KIND_BOND;
    }
    return size && same_key(p, f->record.octets[6], content(f));
}

/* Whether the record in f->record is to be in the flash after compact(). */
static bool is_kept(struct woad_flash_bonds *f, uint32_t size)
{
    return size && !(f->record.octets[6] & KIND_GONE) && f->record.octets[6] >= KIND_IRK;
}

/* Octets of all records that count. */
static uint32_t live_size(struct woad_flash_bonds *f, uint32_t size)
{
    struct place p;
    uint32_t sum = 0;
    for (uint32_t at = log_start(f); record_next(f, at, &p); at = p.at + p.size) {
        if (!replaced(f, &p, size) && counts(f, &p)) {
            sum += p.size;
        }
    }
    return sum;
}

/* The order in which records make room for the one in f->record: peers that wait, those with the
 * fewest failures first; then for a bond the bonds that are not stronger, the weakest first; of
 * equal ones the oldest.  0: never. */
static uint64_t order_of(struct woad_flash_bonds *f, const struct place *p)
{
    const uint8_t *r = f->record.octets;
    uint64_t rank = 0;
    if (p->kind == KIND_BOND && r[6] == KIND_BOND && !bits_stronger(p->bits, content(f) + KEY)) {
        rank = 512 + ((p->bits[1] & 3u) << 5 | p->bits[0] >> 3);
    } else if (p->kind == KIND_ATTEMPTS &&
               (r[6] != KIND_ATTEMPTS || p->bits[0] <= content(f)[KEY])) {
        rank = 1u + p->bits[0];
    }
    return rank ? rank << 32 | p->at : 0;
}

/* Finds the next record to be left out behind *left_out in that order.  Returns its size, or 0. */
static uint32_t leave_next(struct woad_flash_bonds *f, uint32_t size, uint64_t *left_out)
{
    struct place p;
    uint64_t next = UINT64_MAX;
    uint32_t gain = 0;
    for (uint32_t at = log_start(f); record_next(f, at, &p); at = p.at + p.size) {
        uint64_t order = order_of(f, &p);
        if (order > *left_out && order < next && !replaced(f, &p, size) && counts(f, &p)) {
            next = order;
            gain = p.size;
        }
    }
    *left_out = next;
    return gain;
}

/* Finds what must be left out: all up to *left_out in that order.  A peer that waits is not worth
 * an erasure unless a quarter of the sector is free afterwards: strangers can make as many as they
 * like.  WOAD_ENOMEM: there is no room; WOAD_EIO: the log cannot be read. */
static int make_room(struct woad_flash_bonds *f, uint32_t size, uint64_t *left_out)
{
    uint32_t room = f->flash.sector_size - log_start(f);
    f->unread = false;
    *left_out = 0;
    uint32_t need = live_size(f, size);
    if (is_kept(f, size)) {
        need += size;
        if (f->record.octets[6] == KIND_ATTEMPTS) {
            need += f->flash.sector_size / 4;
        }
    }
    int err = 0;
    while (need > room && !f->unread && !err) {
        uint32_t gain = leave_next(f, size, left_out);
        need -= gain;
        if (!gain) {
            err = WOAD_ENOMEM;
        }
    }
    if (f->unread) {
        err = WOAD_EIO;
    }
    return err;
}

/* Erases the other sector, copies what counts, adds the record in f->record (size not 0), and takes
 * that sector into use.  0; WOAD_ENOMEM, nothing has changed; WOAD_EIO. */
static int compact(struct woad_flash_bonds *f, uint32_t size)
{
    struct place p;
    uint8_t other = !f->sector;
    uint32_t to = log_start(f);
    uint64_t left_out;
    int err = make_room(f, size, &left_out);
    if (err) {
        return err;
    }
    f->unclean = true; /* until it is done */
    if (f->flash.erase(f->flash.ctx, other) < 0) {
        return WOAD_EIO;
    }
    for (uint32_t at = to; record_next(f, at, &p); at = p.at + p.size) {
        uint64_t order = order_of(f, &p);
        bool leave = order && order <= left_out;
        if (leave || replaced(f, &p, size) || !counts(f, &p)) {
            continue;
        }
        if (!record_copy(f, &p, to)) {
            return WOAD_EIO;
        }
        to += p.size;
    }
    if (is_kept(f, size)) {
        if (!record_write(f, other, to, f->record.octets, size)) {
            return WOAD_EIO;
        }
        to += size;
    }
    if (f->unread || !headers_write(f, other, f->generation + 1)) {
        return WOAD_EIO;
    }
    f->generation++;
    f->sector = other;
    f->end = to;
    f->begun = true;
    f->unclean = false;
    return 0;
}

/* Before the first record after a start: leaves octets out, and writes a KIND_START.  No room
 * counts as a failure. */
static bool session_begin(struct woad_flash_bonds *f)
{
    uint32_t at = f->end + gap(f);
    bool begun = number_write(f, f->sector, at, KIND_START, 0);
    if (begun) {
        f->end = at + record_size(f, 4);
        f->begun = true;
    }
    return begun;
}

/* Appends the record in f->record.  Returns 0, WOAD_ENOMEM or WOAD_EIO. */
static int append(struct woad_flash_bonds *f, uint32_t size)
{
    bool written = !f->unclean && (f->begun || session_begin(f)) &&
                   record_write(f, f->sector, f->end, f->record.octets, size);
    f->error = 0;
    if (written) {
        f->end += size;
    } else {
        f->error = compact(f, size);
    }
    flash_wipe(&f->record, sizeof f->record);
    return f->error;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The generation of a sector; 0: it has none.  *second: the second header is valid. */
static uint32_t sector_generation(struct woad_flash_bonds *f, uint8_t sector, bool *second)
{
    uint32_t generation = 0;
    struct place p;
    *second = record_at(f, sector, header_size(f), &p) && p.kind == KIND_SECTOR;
    if (*second || (record_at(f, sector, 0, &p) && p.kind == KIND_SECTOR)) {
        memcpy(&generation, p.key, 4);
    }
    return generation;
}

static bool format(struct woad_flash_bonds *f)
{
    for (uint8_t sector = 0; sector < 2; sector++) {
        if (f->flash.erase(f->flash.ctx, sector) < 0 || !headers_write(f, sector, sector + 1u)) {
            return false;
        }
    }
    f->sector = 1;
    f->generation = 2;
    f->end = log_start(f);
    f->begun = true;
    return true;
}

/* Whether the second header's place is blank. */
static bool second_is_blank(struct woad_flash_bonds *f)
{
    uint32_t at = header_size(f);
    while (at < log_start(f) && unit_is(f, f->sector, at, 0xff)) {
        at += f->flash.unit;
    }
    return at == log_start(f);
}

/* Finds the end of the log.  *last: its last record, size 0 if there is none.  Returns whether it
 * ends as it should: with a record that is sealed, and all is blank behind it. */
static bool find_end(struct woad_flash_bonds *f, struct place *last)
{
    struct place p;
    bool clean = true;
    *last = (struct place){ .size = 0 };
    f->end = log_start(f);
    while (record_follows(f, f->end, &p)) {
        *last = p;
        clean = is_sealed(f, f->sector, &p);
        f->end = p.at + p.size;
    }
    for (uint32_t at = f->end; clean && at < f->flash.sector_size; at += f->flash.unit) {
        clean = unit_is(f, f->sector, at, 0xff);
    }
    return clean;
}

/* Reads the record at a place into f->record.  False: its octets are others than before. */
static bool record_read(struct woad_flash_bonds *f, const struct place *p)
{
    uint8_t *r = f->record.octets;
    uint32_t crc, data = p->size - f->flash.unit;
    flash_read(f, f->sector, p->at, r, data);
    memcpy(&crc, r, 4);
    return ~crc_add(UINT32_MAX, r + 4, data - 4) == crc;
}

/* Takes the record that was being written when the power was cut into f->record, if all of it is
 * there, and out of the log.  Returns its size; 0: it is not whole. */
static uint32_t take_unsealed(struct woad_flash_bonds *f, const struct place *last)
{
    if (!last->size || is_sealed(f, f->sector, last)) {
        return 0;
    }
    f->end = last->at;
    return record_read(f, last) ? last->size : 0;
}

/* Finds the sector in use and the end of its log.  *last: its last record; *clean: nothing is to be
 * repaired.  0 or WOAD_EIO. */
static int flash_begin(struct woad_flash_bonds *f, struct place *last, bool *clean)
{
    bool second[2];
    uint32_t generation[2];
    for (uint8_t sector = 0; sector < 2; sector++) {
        generation[sector] = sector_generation(f, sector, &second[sector]);
    }
    if (f->unread) {
        return WOAD_EIO;
    }
    *clean = true;
    *last = (struct place){ .size = 0 };
    if (!generation[0] && !generation[1]) {
        return format(f) ? 0 : WOAD_EIO;
    }
    f->sector = generation[1] > generation[0];
    f->generation = generation[f->sector];
    bool blank = !second[f->sector] && second_is_blank(f);
    if (f->unread ||
        (blank && !number_write(f, f->sector, header_size(f), KIND_SECTOR, f->generation))) {
        return WOAD_EIO;
    }
    *clean = find_end(f, last) && generation[!f->sector];
    return f->unread ? WOAD_EIO : 0;
}

int woad_flash_bonds_open(struct woad_flash_bonds *f, const struct woad_flash *flash)
{
    struct place last;
    bool clean;
    memset(f, 0, sizeof *f);
    f->error = WOAD_EINVAL;
    uint8_t unit = flash->unit;
    if (!unit || unit > 16 || unit & (unit - 1) || flash->sector_size < 1024 ||
        flash->sector_size % unit || !flash->read || !flash->program || !flash->erase) {
        return WOAD_EINVAL;
    }
    f->flash = *flash;
    uint32_t size = 0;
    f->error = flash_begin(f, &last, &clean);
    if (!f->error && !clean) {
        size = take_unsealed(f, &last);
        f->error = f->unread ? WOAD_EIO : 0;
    }
    if (f->error) {
        flash_wipe(f, offsetof(struct woad_flash_bonds, error)); /* it is not open */
    } else if (!clean) {
        f->error = compact(f, size);
        if (f->error == WOAD_ENOMEM) { /* for a peer that waits */
            f->error = compact(f, 0);
        }
    }
    flash_wipe(&f->record, sizeof f->record);
    return f->error;
}

/* --- bonds ------------------------------------------------------------------------------------ */

/* Finds the record that counts of a kind and peer.  0, WOAD_ENOENT, or WOAD_EIO: the log cannot be
 * read. */
static int find_record(struct woad_flash_bonds *f, uint8_t kind, const struct woad_addr *peer,
                       struct place *p)
{
    uint8_t key[KEY];
    struct woad_addr copy = *peer;
    struct cursor c = { .at = key };
    int err = WOAD_ENOENT;
    key_field(&c, &copy);
    f->unread = false;
    for (uint32_t at = log_start(f); err && record_next(f, at, p); at = p->at + p->size) {
        if (p->kind == kind && same_key(p, kind, key) && counts(f, p)) {
            err = 0;
        }
    }
    if (f->unread) {
        err = WOAD_EIO;
    }
    return err;
}

/* Adds the bond in f->record. */
static void add_bond(struct woad_flash_bonds *f, struct woad *h)
{
    struct woad_cccd cccd[WOAD_FLASH_CCCDS];
    struct woad_bond bond = { .cccd = cccd };
    struct cursor c = { .at = content(f), .read = true };
    bond_fields(&c, &bond, cccd);
    woad_bond_add(h, &bond);
    flash_wipe(&bond, sizeof bond);
}

/* A record that cannot be read is not added: an older one, or none, would be believed. */
static void add_record(struct woad_flash_bonds *f, struct woad *h, const struct place *p)
{
    if (!record_read(f, p) || f->unread) {
        f->unread = true;
    } else if (p->kind == KIND_IRK) {
        woad_set_irk(h, content(f));
        f->no_irk = false;
    } else if (p->kind == KIND_BOND) {
        add_bond(f, h);
    } else if (p->kind == KIND_ATTEMPTS) {
        struct woad_addr peer;
        struct cursor c = { .at = content(f), .read = true };
        key_field(&c, &peer);
        woad_attempts_add(h, &peer, *c.at);
    }
    flash_wipe(&f->record, sizeof f->record);
}

static void flash_load(void *ctx, struct woad *h)
{
    struct woad_flash_bonds *f = ctx;
    struct place p;
    f->no_irk = true;
    f->unread = false;
    f->error = 0;
    for (uint32_t at = log_start(f); record_next(f, at, &p); at = p.at + p.size) {
        if (counts(f, &p)) {
            add_record(f, h, &p);
        }
    }
    if (f->unread) {
        f->no_irk = false; /* there may be one */
        f->error = WOAD_EIO;
    }
}

static void flash_find(void *ctx, struct woad *h, const struct woad_addr *peer)
{
    struct woad_flash_bonds *f = ctx;
    struct place p;
    if (find_record(f, KIND_BOND, peer, &p) == 0) {
        add_record(f, h, &p);
    }
    if (f->unread) {
        f->error = WOAD_EIO;
    }
}

static int append_gone(struct woad_flash_bonds *f, uint8_t kind, const struct woad_addr *peer)
{
    struct place p;
    struct woad_addr copy = *peer;
    struct cursor c = { .at = content(f) };
    int err = find_record(f, kind, peer, &p);
    if (err) {
        f->error = err == WOAD_ENOENT ? 0 : err;
        return err;
    }
    key_field(&c, &copy);
    return append(f, record_make(f, f->record.octets, kind | KIND_GONE, KEY));
}

/* Whether the record in f->record is the one at a place. */
static bool same_record(struct woad_flash_bonds *f, const struct place *p, uint32_t size)
{
    uint8_t head[HEAD];
    flash_read(f, f->sector, p->at, head, sizeof head);
    return p->size == size && memcmp(head, f->record.octets, sizeof head) == 0;
}

static void flash_keep(void *ctx, const struct woad_bond *bond, enum woad_bond_change change)
{
    struct woad_flash_bonds *f = ctx;
    struct woad_bond copy = *bond;
    struct woad_cccd cccd[WOAD_FLASH_CCCDS];
    struct cursor c = { .at = content(f) };
    struct place p;
    if (change == WOAD_BOND_GONE) {
        append_gone(f, KIND_BOND, &bond->peer);
        return;
    }
    if (copy.cccds > WOAD_FLASH_CCCDS) {
        copy.cccds = WOAD_FLASH_CCCDS;
    }
    if (copy.cccds) {
        memcpy(cccd, copy.cccd, copy.cccds * sizeof *cccd);
    }
    bond_fields(&c, &copy, cccd);
    uint32_t size = record_make(f, f->record.octets, KIND_BOND, (size_t)(c.at - content(f)));
    int found = find_record(f, KIND_BOND, &bond->peer, &p);
    f->error = 0;
    if (found == WOAD_EIO) {
        f->error = WOAD_EIO;
    } else if (!found && change == WOAD_BOND_NEW && bits_stronger(p.bits, content(f) + KEY)) {
        f->error = WOAD_EACCES; /* the host does not know it, because a read has failed */
    } else if ((found || !same_record(f, &p, size)) && append(f, size) == WOAD_ENOMEM && !found) {
        append_gone(f, KIND_BOND, &bond->peer); /* it is outdated: its counter must not go back */
        f->error = WOAD_ENOMEM;
    }
    flash_wipe(&copy, sizeof copy);
    flash_wipe(&f->record, sizeof f->record);
}

static void flash_attempts(void *ctx, const struct woad_addr *peer, uint8_t failures)
{
    struct woad_flash_bonds *f = ctx;
    struct woad_addr copy = *peer;
    struct cursor c = { .at = content(f) };
    if (!failures) {
        append_gone(f, KIND_ATTEMPTS, peer);
        return;
    }
    key_field(&c, &copy);
    field(&c, &failures, 1);
    append(f, record_make(f, f->record.octets, KIND_ATTEMPTS, KEY + 1));
}

/* The first start: makes the IRK as soon as there are random octets.  While it is not in the flash,
 * tries the same one again with each bond: not with each event, which would be an erasure. */
static void make_irk(struct woad_flash_bonds *f, struct woad *h, const struct woad_event *ev)
{
    uint8_t irk[16];
    bool again = f->irk_made && woad_irk(h, irk) == 0;
    if ((again && ev->type == WOAD_EV_BOND) ||
        (!again && woad_random(h, irk, sizeof irk) == 0 && woad_set_irk(h, irk) == 0)) {
        f->irk_made = true;
        memcpy(content(f), irk, sizeof irk);
        f->no_irk = append(f, record_make(f, f->record.octets, KIND_IRK, sizeof irk)) != 0;
    }
    flash_wipe(irk, sizeof irk);
}

void woad_flash_bonds_event(struct woad_flash_bonds *f, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_bond_store store = {
        .load = flash_load, .find = flash_find, .keep = flash_keep, .attempts = flash_attempts
    };
    if (!f->flash.unit) {
        f->error = WOAD_EIO; /* it is not open */
        return;
    }
    if (f->no_irk && ev->type != WOAD_EV_UP) {
        make_irk(f, h, ev);
    }
    woad_bond_store_event(&store, f, h, ev);
    if (f->no_irk && ev->type == WOAD_EV_UP) {
        make_irk(f, h, ev);
    }
}

/* Forgets all bonds at once.  0, WOAD_ENOENT or WOAD_EIO. */
static int forget_all(struct woad_flash_bonds *f)
{
    struct place p;
    int err = WOAD_ENOENT;
    f->unread = false;
    for (uint32_t at = log_start(f); err && record_next(f, at, &p); at = p.at + p.size) {
        if (p.kind == KIND_BOND && counts(f, &p)) {
            err = compact(f, record_make(f, f->record.octets, KIND_NO_BONDS, 0));
            break;
        }
    }
    if (f->unread) {
        err = WOAD_EIO;
    }
    return err;
}

int woad_flash_bonds_forget(struct woad_flash_bonds *f, const struct woad_addr *peer)
{
    if (!f->flash.unit) {
        return WOAD_EIO;
    }
    bool unclean = f->unclean; /* forgotten before, perhaps, when an erasure failed */
    int err = peer ? append_gone(f, KIND_BOND, peer) : forget_all(f);
    if (!err || (err == WOAD_ENOENT && unclean)) { /* twice, so that both have been erased */
        err = compact(f, 0);
        if (!err) {
            err = compact(f, 0);
        }
    }
    flash_wipe(&f->record, sizeof f->record);
    return err;
}
