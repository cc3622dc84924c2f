/* woad/flash_bonds.h: a log of records in two sectors.
 *
 *     sector:  header, header again, record, record, …, blank
 *     record:  CRC-32 u32, length u16, kind u8, MARK u8, `length` octets, zeros up to a unit, two
 *              units at least; then the seal: one unit of zeros
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
 *   - A record without its seal at the end of the log, or octets that are no record, or another
 *     sector that is not the previous generation: everything is copied to the other sector.
 *   - The unit behind the log may be one that was being programmed and still reads as blank.  So
 *     the first record after a start leaves one unit out; and it is always the same record,
 *     KIND_START, because a start before may have been cut there, too: the same octets settle it.
 *     Alone such a unit is no record, because a record has two and the CRC covers both. */
#include <woad/flash_bonds.h>
#include <woad/woad.h>

#include <string.h>

enum { HEAD = 8, KEY = 7, MARK = 0xb5, CHUNK = 64, ATTEMPTS_MAX = 8 };
enum { PAYLOAD_MAX = WOAD_FLASH_RECORD - HEAD };
enum kind {
    KIND_SECTOR = 1, /* a header */
    KIND_START,      /* the program has started */
    KIND_IRK,
    KIND_BOND,
    KIND_ATTEMPTS,
    KIND_GONE = 0x80 /* added to the last two: there is none */
};

/* A record in the flash: where it is, its size with the seal, and whose it is. */
struct place {
    uint32_t at, size;
    uint8_t kind, key[KEY];
};

static void flash_wipe(void *p, size_t len)
{
    for (volatile uint8_t *octet = p; len; len--) {
        *octet++ = 0;
    }
}

static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t len)
{
    static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    for (; len; len--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static uint32_t in_units(const struct woad_flash_bonds *f, uint32_t len)
{
    return (len + f->flash.unit - 1) / f->flash.unit * f->flash.unit;
}

/* The size of a record with `len` octets of content, with its seal. */
static uint32_t record_size(const struct woad_flash_bonds *f, uint32_t len)
{
    uint32_t size = in_units(f, HEAD + len);
    if (size < 2u * f->flash.unit) {
        size = 2u * f->flash.unit;
    }
    return size + f->flash.unit;
}

static uint32_t header_size(const struct woad_flash_bonds *f)
{
    return record_size(f, 4);
}

static uint32_t log_start(const struct woad_flash_bonds *f)
{
    return 2 * header_size(f);
}

/* Octets that cannot be read count as zeros: they are not blank, and no record. */
static void flash_read(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at, void *to,
                       size_t len)
{
    if (f->flash.read(f->flash.ctx, sector, at, to, len) < 0) {
        memset(to, 0, len);
    }
}

static bool all_are(const uint8_t *p, size_t len, uint8_t octet)
{
    while (len && p[len - 1] == octet) {
        len--;
    }
    return !len;
}

static bool unit_is(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at, uint8_t octet)
{
    uint8_t unit[16];
    flash_read(f, sector, at, unit, f->flash.unit);
    return all_are(unit, f->flash.unit, octet);
}

static bool is_sealed(const struct woad_flash_bonds *f, uint8_t sector, const struct place *p)
{
    return unit_is(f, sector, p->at + p->size - f->flash.unit, 0);
}

/* Fills in *p if there is a record at `at`; false: none. */
static bool record_at(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at,
                      struct place *p)
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
    if (chunk[7] != MARK || len > PAYLOAD_MAX || at + p->size > f->flash.sector_size) {
        return false;
    }
    uint32_t sum = crc_add(UINT32_MAX, chunk + 4, 4);
    uint32_t left = p->size - f->flash.unit - HEAD;
    for (at += HEAD; left;) {
        uint32_t n = left < CHUNK ? left : CHUNK;
        flash_read(f, sector, at, chunk, n);
        if (at == p->at + HEAD) {
            memcpy(p->key, chunk, n < KEY ? n : KEY);
        }
        sum = crc_add(sum, chunk, n);
        at += n;
        left -= n;
    }
    flash_wipe(chunk, sizeof chunk);
    return ~sum == crc;
}

/* Finds the first record at `at` or behind it, before `end`. */
static bool record_next(const struct woad_flash_bonds *f, uint32_t at, uint32_t end,
                        struct place *p)
{
    for (; at < end; at += f->flash.unit) {
        if (!unit_is(f, f->sector, at, 0xff) && record_at(f, f->sector, at, p)) {
            return true;
        }
    }
    return false;
}

/* IRK: there is one, so its key does not count. */
static bool same_key(const struct place *a, uint8_t kind, const uint8_t key[KEY])
{
    bool same_kind = ((a->kind ^ kind) & ~KIND_GONE) == 0;
    return same_kind && (a->kind == KIND_IRK || memcmp(a->key, key, KEY) == 0);
}

/* Whether a record still counts: there is no later one in its place. */
static bool counts(const struct woad_flash_bonds *f, const struct place *p)
{
    struct place later;
    unsigned attempts = 0;
    if (p->kind & KIND_GONE || p->kind < KIND_IRK) {
        return false;
    }
    for (uint32_t at = p->at + p->size; record_next(f, at, f->end, &later);
         at = later.at + later.size) {
        attempts += later.kind == KIND_ATTEMPTS;
        if (same_key(&later, p->kind, p->key)) {
            return false;
        }
    }
    return p->kind != KIND_ATTEMPTS || attempts < ATTEMPTS_MAX;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Makes the record's head and padding around the content that is in `r` already.  Returns its size
 * with the seal. */
static uint32_t record_make(const struct woad_flash_bonds *f, uint8_t *r, uint8_t kind, size_t len)
{
    uint16_t len16 = (uint16_t)len;
    memcpy(r + 4, &len16, 2);
    r[6] = kind;
    r[7] = MARK;
    uint32_t size = record_size(f, len16), data = size - f->flash.unit;
    memset(r + HEAD + len, 0, data - HEAD - len);
    uint32_t crc = ~crc_add(UINT32_MAX, r + 4, data - 4);
    memcpy(r, &crc, 4);
    return size;
}

static bool seal(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at)
{
    static const uint64_t zeros[2];
    return f->flash.program(f->flash.ctx, sector, at, zeros, f->flash.unit) >= 0;
}

/* Writes a record of `size` octets with the seal, and reads it again. */
static bool record_write(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at,
                         const uint8_t *r, uint32_t size)
{
    struct place p;
    uint32_t data = size - f->flash.unit;
    return at + size <= f->flash.sector_size &&
           f->flash.program(f->flash.ctx, sector, at, r, data) >= 0 && seal(f, sector, at + data) &&
           record_at(f, sector, at, &p) && is_sealed(f, sector, &p);
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
    bool good = true;
    for (uint32_t done = 0; good && done < data; done += CHUNK) {
        uint32_t n = data - done < CHUNK ? data - done : CHUNK;
        flash_read(f, f->sector, p->at + done, chunk.octets, n);
        good = f->flash.program(f->flash.ctx, other, to + done, chunk.octets, n) >= 0;
    }
    flash_wipe(&chunk, sizeof chunk);
    return good && seal(f, other, to + data) && record_at(f, other, to, &copy);
}

/* A record with a number in it: a header, or the record that begins a session. */
static bool number_write(const struct woad_flash_bonds *f, uint8_t sector, uint32_t at,
                         uint8_t kind, uint32_t number)
{
    union {
        uint8_t octets[32];
        uint64_t align;
    } r;
    memcpy(r.octets + HEAD, &number, 4);
    return record_write(f, sector, at, r.octets, record_make(f, r.octets, kind, 4));
}

static bool headers_write(struct woad_flash_bonds *f, uint8_t sector, uint32_t generation)
{
    return number_write(f, sector, 0, KIND_SECTOR, generation) &&
           number_write(f, sector, header_size(f), KIND_SECTOR, generation);
}

/* Whether a record is replaced by the one in f->record. */
static bool replaced(const struct woad_flash_bonds *f, const struct place *p, uint32_t size)
{
    return size && same_key(p, f->record.octets[6], f->record.octets + HEAD);
}

/* Octets of all records that count. */
static uint32_t live_size(const struct woad_flash_bonds *f, uint32_t size)
{
    struct place p;
    uint32_t sum = 0;
    for (uint32_t at = log_start(f); record_next(f, at, f->end, &p); at = p.at + p.size) {
        if (!replaced(f, &p, size) && counts(f, &p)) {
            sum += p.size;
        }
    }
    return sum;
}

/* Erases the other sector, copies what counts, adds the record in f->record (size not 0), and takes
 * that sector into use.  Without room the oldest bonds are left out. */
static bool compact(struct woad_flash_bonds *f, uint32_t size)
{
    struct place p;
    uint8_t other = !f->sector;
    uint32_t to = log_start(f), live = live_size(f, size);
    uint32_t room = f->flash.sector_size - to - size;
    f->unclean = true; /* until it is done */
    if (f->flash.erase(f->flash.ctx, other) < 0) {
        return false;
    }
    for (uint32_t at = log_start(f); record_next(f, at, f->end, &p); at = p.at + p.size) {
        if (replaced(f, &p, size) || !counts(f, &p)) {
            continue;
        }
        if (live > room && p.kind != KIND_IRK) {
            live -= p.size;
            continue;
        }
        if (!record_copy(f, &p, to)) {
            return false;
        }
        to += p.size;
    }
    if (size && !(f->record.octets[6] & KIND_GONE) && f->record.octets[6] >= KIND_IRK) {
        if (!record_write(f, other, to, f->record.octets, size)) {
            return false;
        }
        to += size;
    }
    if (!headers_write(f, other, f->generation + 1)) {
        return false;
    }
    f->generation++;
    f->sector = other;
    f->end = to;
    f->begun = true;
    f->unclean = false;
    return true;
}

/* Before the first record after a start: leaves a unit out, and writes a KIND_START.  No room
 * counts as a failure. */
static bool session_begin(struct woad_flash_bonds *f)
{
    uint32_t at = f->end + f->flash.unit;
    bool begun = number_write(f, f->sector, at, KIND_START, 0);
    if (begun) {
        f->end = at + record_size(f, 4);
        f->begun = true;
    }
    return begun;
}

/* Appends the record in f->record.  Returns 0 or WOAD_EIO. */
static int append(struct woad_flash_bonds *f, uint32_t size)
{
    bool written = !f->unclean && (f->begun || session_begin(f)) &&
                   record_write(f, f->sector, f->end, f->record.octets, size);
    if (written) {
        f->end += size;
    } else {
        written = compact(f, size);
    }
    flash_wipe(&f->record, sizeof f->record);
    f->error = 0;
    if (!written) {
        f->error = WOAD_EIO;
    }
    return f->error;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The generation of a sector; 0: it has none.  *second: the second header is valid. */
static uint32_t sector_generation(const struct woad_flash_bonds *f, uint8_t sector, bool *second)
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
static bool second_is_blank(const struct woad_flash_bonds *f)
{
    uint32_t at = header_size(f);
    while (at < log_start(f) && unit_is(f, f->sector, at, 0xff)) {
        at += f->flash.unit;
    }
    return at == log_start(f);
}

/* Finds the end of the log.  *last: its last record, size 0 if there is none.  Returns whether it
 * ends as it should: with a record that is sealed. */
static bool find_end(struct woad_flash_bonds *f, struct place *last)
{
    struct place p;
    bool clean = true;
    *last = (struct place){ .size = 0 };
    f->end = log_start(f);
    for (uint32_t at = f->end; at < f->flash.sector_size;) {
        if (unit_is(f, f->sector, at, 0xff)) {
            at += f->flash.unit;
        } else if (record_at(f, f->sector, at, &p)) {
            *last = p;
            clean = is_sealed(f, f->sector, &p);
            f->end = at += p.size;
        } else {
            clean = false;
            at += f->flash.unit;
        }
    }
    return clean;
}

/* Takes the record that was being written when the power was cut into f->record, if all of it is
 * there, and out of the log.  Returns its size; 0: it is not whole. */
static uint32_t take_unsealed(struct woad_flash_bonds *f, const struct place *last)
{
    struct place p = *last;
    uint8_t *r = f->record.octets;
    if (!p.size || is_sealed(f, f->sector, &p)) {
        return 0;
    }
    f->end = p.at;
    flash_read(f, f->sector, p.at, r, p.size - f->flash.unit);
    uint32_t crc;
    memcpy(&crc, r, 4);
    return ~crc_add(UINT32_MAX, r + 4, p.size - f->flash.unit - 4) == crc ? p.size : 0;
}

int woad_flash_bonds_open(struct woad_flash_bonds *f, const struct woad_flash *flash)
{
    bool second[2];
    struct place last;
    memset(f, 0, sizeof *f);
    f->flash = *flash;
    uint8_t unit = flash->unit;
    if (!unit || unit > 16 || unit & (unit - 1) || flash->sector_size < 1024 ||
        flash->sector_size % unit || !flash->read || !flash->program || !flash->erase) {
        return WOAD_EINVAL;
    }
    uint32_t generation[2];
    for (uint8_t sector = 0; sector < 2; sector++) {
        generation[sector] = sector_generation(f, sector, &second[sector]);
    }
    if (!generation[0] && !generation[1]) {
        return format(f) ? 0 : WOAD_EIO;
    }
    f->sector = generation[1] > generation[0];
    f->generation = generation[f->sector];
    if (!second[f->sector] && second_is_blank(f) &&
        !number_write(f, f->sector, header_size(f), KIND_SECTOR, f->generation)) {
        return WOAD_EIO;
    }
    bool clean = find_end(f, &last) && generation[!f->sector];
    if (clean) {
        return 0;
    }
    bool good = compact(f, take_unsealed(f, &last));
    flash_wipe(&f->record, sizeof f->record);
    return good ? 0 : WOAD_EIO;
}

/* --- bonds ------------------------------------------------------------------------------------ */

/* Copies fields to a record or from it. */
struct cursor {
    uint8_t *at;
    bool read;
};

static void field(struct cursor *c, void *value, size_t len)
{
    if (c->read) {
        memcpy(value, c->at, len);
    } else {
        memcpy(c->at, value, len);
    }
    c->at += len;
}

static void optional(struct cursor *c, bool there, void *value, size_t len)
{
    if (there) {
        field(c, value, len);
    }
}

static void key_field(struct cursor *c, struct woad_addr *peer)
{
    field(c, &peer->type, 1);
    field(c, peer->octet, 6);
}

/* The bits of a bond: client_features 3, key_size 5; flags 2, what it has 5. */
static void bits_field(struct cursor *c, struct woad_bond *b)
{
    uint8_t bits[2];
    bits[0] = (uint8_t)(b->client_features | b->key_size << 3);
    bits[1] = (uint8_t)(b->flags | b->has_own_ltk << 2 | b->has_peer_ltk << 3 | b->has_irk << 4 |
                        b->has_csrk << 5 | b->has_own_csrk << 6);
    field(c, bits, sizeof bits);
    b->client_features = (uint8_t)(bits[0] & 7u) & 7u;
    b->key_size = (uint8_t)(bits[0] >> 3) & 31u;
    b->flags = (uint8_t)(bits[1] & 3u) & 3u;
    b->has_own_ltk = bits[1] >> 2 & 1;
    b->has_peer_ltk = bits[1] >> 3 & 1;
    b->has_irk = bits[1] >> 4 & 1;
    b->has_csrk = bits[1] >> 5 & 1;
    b->has_own_csrk = bits[1] >> 6 & 1;
}

/* With WOAD_BOND_SECURE there is one key, without EDIV and Rand. */
static void bond_fields(struct cursor *c, struct woad_bond *b, struct woad_cccd *cccd)
{
    key_field(c, &b->peer);
    bits_field(c, b);
    bool secure = b->flags & WOAD_BOND_SECURE;
    optional(c, b->has_own_ltk, b->own_ltk, 16);
    optional(c, b->has_peer_ltk, b->peer_ltk, 16);
    optional(c, !secure, &b->own_ediv, 2);
    optional(c, !secure, b->own_rand, 8);
    optional(c, !secure, &b->peer_ediv, 2);
    optional(c, !secure, b->peer_rand, 8);
    optional(c, b->has_irk, b->irk, 16);
    optional(c, b->has_csrk, b->csrk, 16);
    optional(c, b->has_csrk, &b->signs, 4);
    optional(c, b->has_own_csrk, b->own_csrk, 16);
    optional(c, b->has_own_csrk, &b->own_signs, 4);
    field(c, &b->database, 4);
    field(c, &b->cccds, 2);
    if (b->cccds > WOAD_FLASH_CCCDS) {
        b->cccds = WOAD_FLASH_CCCDS;
    }
    for (uint16_t n = 0; n < b->cccds; n++) {
        field(c, &cccd[n].handle, 2);
        field(c, &cccd[n].value, 2);
    }
}

/* Reads the record at a place into f->record. */
static struct cursor record_read(struct woad_flash_bonds *f, const struct place *p)
{
    flash_read(f, f->sector, p->at, f->record.octets, p->size - f->flash.unit);
    return (struct cursor){ .at = f->record.octets + HEAD, .read = true };
}

/* The record that counts of a kind and peer. */
static bool find_record(const struct woad_flash_bonds *f, uint8_t kind,
                        const struct woad_addr *peer, struct place *p)
{
    uint8_t key[KEY];
    struct woad_addr copy = *peer;
    struct cursor c = { .at = key };
    key_field(&c, &copy);
    for (uint32_t at = log_start(f); record_next(f, at, f->end, p); at = p->at + p->size) {
        if (p->kind == kind && same_key(p, kind, key) && counts(f, p)) {
            return true;
        }
    }
    return false;
}

static void add_bond(struct woad_flash_bonds *f, struct woad *h, const struct place *p)
{
    struct woad_cccd cccd[WOAD_FLASH_CCCDS];
    struct woad_bond bond = { .cccd = cccd };
    struct cursor c = record_read(f, p);
    bond_fields(&c, &bond, cccd);
    woad_bond_add(h, &bond);
    flash_wipe(&bond, sizeof bond);
}

static void add_record(struct woad_flash_bonds *f, struct woad *h, const struct place *p)
{
    if (p->kind == KIND_IRK) {
        woad_set_irk(h, record_read(f, p).at);
        f->no_irk = false;
    } else if (p->kind == KIND_BOND) {
        add_bond(f, h, p);
    } else if (p->kind == KIND_ATTEMPTS) {
        struct woad_addr peer;
        struct cursor c = record_read(f, p);
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
    for (uint32_t at = log_start(f); record_next(f, at, f->end, &p); at = p.at + p.size) {
        if (counts(f, &p)) {
            add_record(f, h, &p);
        }
    }
}

static void flash_find(void *ctx, struct woad *h, const struct woad_addr *peer)
{
    struct woad_flash_bonds *f = ctx;
    struct place p;
    if (find_record(f, KIND_BOND, peer, &p)) {
        add_record(f, h, &p);
    }
}

static int append_gone(struct woad_flash_bonds *f, uint8_t kind, const struct woad_addr *peer)
{
    struct place p;
    struct woad_addr copy = *peer;
    struct cursor c = { .at = f->record.octets + HEAD };
    if (!find_record(f, kind, peer, &p)) {
        return WOAD_ENOENT;
    }
    key_field(&c, &copy);
    return append(f, record_make(f, f->record.octets, kind | KIND_GONE, KEY));
}

/* Whether the record in f->record is the one at a place. */
static bool same_record(const struct woad_flash_bonds *f, const struct place *p, uint32_t size)
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
    struct cursor c = { .at = f->record.octets + HEAD };
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
    uint32_t size =
        record_make(f, f->record.octets, KIND_BOND, (size_t)(c.at - f->record.octets - HEAD));
    if (!find_record(f, KIND_BOND, &bond->peer, &p) || !same_record(f, &p, size)) {
        append(f, size);
    }
    flash_wipe(&copy, sizeof copy);
    flash_wipe(&f->record, sizeof f->record);
}

static void flash_attempts(void *ctx, const struct woad_addr *peer, uint8_t failures)
{
    struct woad_flash_bonds *f = ctx;
    struct woad_addr copy = *peer;
    struct cursor c = { .at = f->record.octets + HEAD };
    if (!failures) {
        append_gone(f, KIND_ATTEMPTS, peer);
        return;
    }
    key_field(&c, &copy);
    field(&c, &failures, 1);
    append(f, record_make(f, f->record.octets, KIND_ATTEMPTS, KEY + 1));
}

/* The first start: makes the IRK as soon as there are random octets. */
static void make_irk(struct woad_flash_bonds *f, struct woad *h)
{
    uint8_t irk[16];
    if (woad_random(h, irk, sizeof irk) == 0 && woad_set_irk(h, irk) == 0) {
        memcpy(f->record.octets + HEAD, irk, sizeof irk);
        f->no_irk = append(f, record_make(f, f->record.octets, KIND_IRK, sizeof irk)) != 0;
    }
    flash_wipe(irk, sizeof irk);
}

void woad_flash_bonds_event(struct woad_flash_bonds *f, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_bond_store store = { flash_load, flash_find, flash_keep,
                                                  flash_attempts };
    woad_bond_store_event(&store, f, h, ev);
    if (f->no_irk) {
        make_irk(f, h);
    }
}

int woad_flash_bonds_forget(struct woad_flash_bonds *f, const struct woad_addr *peer)
{
    struct place p;
    int err = WOAD_ENOENT;
    if (peer) {
        err = append_gone(f, KIND_BOND, peer);
    }
    for (uint32_t at = log_start(f); !peer && record_next(f, at, f->end, &p);) {
        at = p.at + p.size;
        if (p.kind == KIND_BOND && counts(f, &p)) {
            struct woad_addr each;
            struct cursor c = { .at = p.key, .read = true };
            key_field(&c, &each);
            err = append_gone(f, KIND_BOND, &each);
            at = log_start(f); /* the log may be in the other sector now */
        }
    }
    if (!err) { /* twice, so that both sectors have been erased */
        err = compact(f, 0) && compact(f, 0) ? 0 : WOAD_EIO;
        flash_wipe(&f->record, sizeof f->record);
    }
    return err;
}
