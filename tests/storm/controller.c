/* A random controller.  Mostly it carries out its commands; sometimes it refuses one, is late, or
 * sends an event that the host did not request. */
#include "storm.h"

enum { LATER = 256, OCTETS = 90 };

static struct {
    size_t n;
    uint8_t octet[OCTETS];
} later[LATER];
static unsigned later_in, later_out;
static struct controller_link {
    bool live, encrypted;
    bool over;     /* the host has got Disconnection Complete */
    unsigned owed; /* packets of the host that are not completed */
} links[SOLO_LINKS];
static struct {
    uint8_t octet[900];
    size_t n;
} frame[SOLO_LINKS];
static bool connecting, advertising, extended[4], calm_now;
/* the host has no credit for commands; `silent`: it never gets one */
static bool credit_due, silent;
static unsigned buffers;
static uint8_t buffer_len;

bool controller_connects(void)
{
    return connecting;
}

unsigned controller_links(void)
{
    return (unsigned)links[0].live + links[1].live + links[2].live;
}

/* Each command is answered, and the host has been given all that the controller has to say. */
bool controller_quiet(void)
{
    return later_in == later_out && !credit_due && !silent;
}

bool controller_link(unsigned k)
{
    return k < SOLO_LINKS && links[k].live;
}
/* Returns the state that the host knows from events, also if the link has ended since. */
bool controller_encrypted(unsigned k)
{
    return k < SOLO_LINKS && links[k].encrypted;
}

unsigned controller_credits(void)
{
    return links[0].owed + links[1].owed + links[2].owed;
}

void controller_reset(void)
{
    memset(links, 0, sizeof links);
    memset(extended, 0, sizeof extended);
    memset(later, 0, sizeof later);
    memset(frame, 0, sizeof frame);
    for (unsigned k = 0; k < SOLO_LINKS; k++) {
        peer_reset(k);
    }
    later_in = later_out = 0;
    connecting = advertising = calm_now = credit_due = silent = false;
    buffers = 1 + any(8);
    buffer_len = one_in(2) ? 27 : 251;
}

/* Queues an event.  Sometimes an answer gives no credit for the next command; the credit follows
 * later, or never. */
static void put(const uint8_t *p, size_t n)
{
    if (later_in - later_out < LATER) {
        uint8_t *octet = later[later_in % LATER].octet;
        later[later_in++ % LATER].n = n;
        memcpy(octet, p, n);
        if ((p[1] == 0x0e || p[1] == 0x0f) && p[2] > 3 && !calm_now && one_in(80)) {
            octet[p[1] == 0x0e ? 3 : 4] = 0;
            credit_due = true;
            silent = one_in(100);
        }
    }
}
#define PUT(...) \
    do { \
        const uint8_t event_[] = { __VA_ARGS__ }; \
        put(event_, sizeof event_); \
    } while (0)

static void put_disconnected(unsigned k, uint8_t reason)
{
    links[k].live = false;
    PUT(4, 5, 4, 0, (uint8_t)(SOLO_HANDLE + k), 0, reason);
}

/* --- commands --------------------------------------------------------------------------------- */

/* Handles commands that end by an event of their own.  Returns false for any other command. */
static bool by_status(const uint8_t *p, unsigned opcode)
{
    uint8_t status = 0, lo = p[1], hi = p[2], handle = p[4];
    unsigned k = handle - (unsigned)SOLO_HANDLE;
    bool live = controller_link(k);
    bool of_link = opcode == 0x0406 || opcode == 0x2013 || opcode == 0x2016 || opcode == 0x2019 ||
                   opcode == 0x041d || opcode == 0x2032;
    if (!of_link && opcode != 0x200d && opcode != 0x2043) {
        return false;
    }
    status = 0;
    if (of_link && !live) {
        status = 0x02;
    } else if (one_in(60) && opcode != 0x0406) {
        status = 0x1f;
    }
    if (opcode == 0x0406 && (p[6] < 0x05 || p[6] == 0x16)) {
        status = 0x12;
    }
    PUT(4, 0x0f, 4, status, 1, lo, hi);
    if (status) {
        return true;
    }
    switch (opcode) {
    case 0x0406: put_disconnected(k, 0x16); break;
    case 0x2013: PUT(4, 0x3e, 10, 3, 0, handle, 0, 24, 0, 0, 0, 100, 0); break;
    case 0x2016: PUT(4, 0x3e, 12, 4, 0, handle, 0, 1, 0, 0, 0, 0, 0, 0, 0); break;
    case 0x041d: PUT(4, 0x0c, 8, 0, handle, 0, 9, 1, 0, 2, 0); break;
    case 0x2032: PUT(4, 0x3e, 6, 0x0c, 0, handle, 0, 1, 1); break;
    case 0x2019:
        if (one_in(4)) {
            PUT(4, 8, 4, 6, handle, 0, 0);
        } else if (links[k].encrypted) {
            PUT(4, 0x30, 3, 0, handle, 0);
        } else {
            PUT(4, 8, 4, 0, handle, 0, 1);
        }
        break;
    default: connecting = true; break;
    }
    return true;
}

/* Queues Command Complete with return parameters. */
static void complete(const uint8_t *p, unsigned opcode)
{
    uint8_t e[OCTETS] = { 4, 0x0e, 4, 1, p[1], p[2], 0 };
    switch (opcode) {
    case 0x2002:
        e[2] = 7;
        e[7] = buffer_len;
        e[9] = (uint8_t)buffers;
        break;
    case 0x1009:
        e[2] = 10;
        memset(e + 7, 0xa1, 6);
        break;
    case 0x2003:
    case 0x1003: e[2] = 12; break;
    case 0x2018:
        e[2] = 12;
        storm_random(NULL, e + 7, calm_now || !one_in(20) ? 8 : 0);
        break;
    case 0x1002:
        e[2] = 68;
        e[7 + 34] = 0x0e;
        e[7 + 36] = 4;
        e[7 + 37] = 0xa0;
        e[7 + 39] = 4;
        break;
    case 0x203b:
        e[2] = 5;
        e[7] = 4;
        break;
    case 0x2017:
        e[2] = 20;
        memset(e + 7, (int)any(256), 16);
        break;
    case 0x1405:
        e[2] = 7;
        e[7] = p[4];
        e[9] = 0xd0;
        break;
    case 0x201a:
        e[2] = 6;
        e[7] = p[4];
        break;
    case 0x201b:
    case 0x2020:
    case 0x2021:
        e[2] = 6;
        e[7] = p[4];
        break;
    case 0x2015:
        e[2] = 11;
        e[7] = p[4];
        memset(e + 9, 0xff, 5);
        break;
    case 0x2030:
        e[2] = 8;
        e[7] = p[4];
        e[9] = e[10] = 1;
        break;
    case 0x204b:
        e[2] = 6;
        e[7] = p[4];
        break;
    default: break;
    }
    put(e, e[2] + 3u);
    unsigned k = p[4] - (unsigned)SOLO_HANDLE;
    if (opcode == 0x201a && controller_link(k)) {
        PUT(4, 8, 4, 0, p[4], 0, 1);
    }
}

/* Handles LE Read Local P-256 Public Key and LE Generate DHKey. */
static bool by_curve(const uint8_t *p, unsigned opcode)
{
    uint8_t e[69] = { 4, 0x3e, 66, 8, (uint8_t)(one_in(9) ? 3 : 0) };
    if (opcode != 0x2025 && opcode != 0x2026 && opcode != 0x205e) {
        return false;
    }
    memset(e + 5, (int)any(255), 64);
    PUT(4, 0x0f, 4, 0, 1, p[1], p[2]);
    if (opcode != 0x2025) {
        e[2] = 34;
        e[3] = 9;
    }
    put(e, e[2] + 3u);
    return true;
}

static void command(const uint8_t *p)
{
    unsigned opcode = p[1] | (unsigned)p[2] << 8;
    if (opcode == 0x0c03) {
        memset(links, 0, sizeof links);
        memset(extended, 0, sizeof extended);
        connecting = advertising = credit_due = silent = false;
        later_in = later_out = 0;
    }
    if (by_status(p, opcode) || by_curve(p, opcode)) {
        return;
    }
    if (opcode == 0x200e) {
        PUT(4, 0x0e, 4, 1, p[1], p[2], (uint8_t)(connecting ? 0 : 0x0c));
        if (connecting) {
            PUT(4, 0x3e, 19, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        }
        connecting = false;
        return;
    }
    if (opcode == 0x200a || opcode == 0x2039) {
        advertising = advertising && p[4]; /* off, also if the command is refused */
    }
    if (opcode != 0x0c03 && !calm_now && one_in(60)) {
        /* not 2, which means that the connection is unknown */
        PUT(4, 0x0e, 4, 1, p[1], p[2], (uint8_t)(3 + any(40)));
        return;
    }
    if (opcode == 0x200a) {
        advertising = p[4];
    } else if (opcode == 0x2039) {
        advertising = p[4];
    }
    complete(p, opcode);
}

/* --- the host's packets ----------------------------------------------------------------------- */

static void data(const uint8_t *p, size_t n)
{
    unsigned k = p[1] - (unsigned)SOLO_HANDLE;
    MUST(controller_credits() < buffers, "a packet without a buffer of the controller's");
    MUST(k >= SOLO_LINKS || !links[k].over, "a packet for a connection that has ended");
    if (!controller_link(k)) {
        return; /* the link has ended, and the host has not got the event yet */
    }
    links[k].owed++;
    if ((p[2] >> 4 & 3) != 1) {
        frame[k].n = 0;
    }
    if (frame[k].n + n - 5 > sizeof frame[k].octet) {
        return;
    }
    memcpy(frame[k].octet + frame[k].n, p + 5, n - 5);
    frame[k].n += n - 5;
    size_t need = 4u + frame[k].octet[0] + frame[k].octet[1] * 256u;
    if (frame[k].n >= 4 && frame[k].n == need) {
        peer_hear(k, (uint16_t)(frame[k].octet[2] | frame[k].octet[3] << 8), frame[k].octet + 4,
                  frame[k].n - 4);
    }
}

void controller_take(const uint8_t *packet, size_t len)
{
    say("< ");
    for (size_t n = 0; n < len && n < 40; n++) {
        say("%02x ", packet[n]);
    }
    say("\n");
    if (packet[0] == 2) {
        data(packet, len);
    } else {
        command(packet);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void complete_packets(unsigned k, unsigned n)
{
    if (n && links[k].live) {
        links[k].owed -= n;
        SOLO_GIVE(4, 0x13, 5, 1, (uint8_t)(SOLO_HANDLE + k), 0, (uint8_t)n, 0);
    }
}

static bool say_one(void)
{
    if (later_in == later_out && credit_due && !silent) {
        credit_due = false;
        SOLO_GIVE(4, 0x0e, 3, 1, 0, 0);
        return true;
    }
    if (later_in == later_out) {
        return false;
    }
    uint8_t octet[OCTETS];
    size_t n = later[later_out % LATER].n;
    memcpy(octet, later[later_out++ % LATER].octet, n);
    unsigned k = octet[4] - (unsigned)SOLO_HANDLE;
    if (octet[1] == 8 && k < SOLO_LINKS && octet[3] == 0) {
        links[k].encrypted = octet[6];
    } else if (octet[1] == 0x3e && octet[3] == 1 && octet[4] == 0) {
        k = octet[5] - (unsigned)SOLO_HANDLE; /* the handle of an earlier link, perhaps */
        links[k].over = false;
        links[k].owed = 0;
        frame[k].n = 0;
        links[k].encrypted = false;
    } else if (octet[1] == 5 && k < SOLO_LINKS) {
        links[k].owed = 0;
        links[k].encrypted = false;
        links[k].over = true;
    }
    solo_give(octet, n);
    return true;
}

/* Rare events: a link starts, ends, or changes its encryption. */
static void link_step(unsigned k)
{
    struct controller_link *l = &links[k];
    uint8_t handle = (uint8_t)(SOLO_HANDLE + k), x = (uint8_t)(7 + k);
    bool again = l->live && (connecting || advertising) && one_in(100);
    if (again || (!l->live && (connecting || advertising || one_in(20)) && one_in(4))) {
        uint8_t role = connecting && (!advertising || one_in(2)) ? 0 : 1;
        if (!connecting && !advertising) {
            return;
        }
        *l = again ? *l : (struct controller_link){ .live = true };
        connecting = connecting && role;
        advertising = advertising && !role;
        peer_reset(k);
        PUT(4, 0x3e, 19, 1, 0, handle, 0, role, 0, x, x, x, x, x, x, 24, 0, 0, 0, 0, 1, 0);
    } else if (l->live && one_in(storm.mood.falls)) {
        put_disconnected(k, 8);
    } else if (l->live && one_in(storm.mood.encrypts)) {
        PUT(4, 8, 4, (uint8_t)(one_in(2) ? 0 : 6), handle, 0, (uint8_t)any(2));
    } else if (l->live && one_in(storm.mood.requests_key)) {
        PUT(4, 0x3e, 13, 5, handle, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    } else if (l->live && one_in(60)) {
        PUT(4, 0x3e, 11, 6, handle, 0, 6, 0, (uint8_t)(6 + any(9)), 0, 0, 0, 100, 0);
    } else if (one_in(200) && advertising) {
        PUT(4, 0x3e, 19, 1, 0x3c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        advertising = false;
    }
}

void controller_step(void)
{
    unsigned k = any(SOLO_LINKS);
    for (unsigned n = any(4); n; n--) {
        if (one_in(storm.mood.says)) {
            say_one();
        }
    }
    if (links[k].owed && one_in(storm.mood.completes)) {
        complete_packets(k, 1 + any(links[k].owed));
    }
    link_step(k);
}

/* The peers finish their duties.  They give credits once, so that afterwards only the host itself
 * can cause activity. */
void controller_calm(void)
{
    for (unsigned k = 0; k < SOLO_LINKS && !calm_now; k++) {
        if (links[k].live) {
            peer_calm(k);
        }
    }
    calm_now = true;
    for (unsigned n = 0; n < 4000; n++) {
        bool more = say_one();
        for (unsigned k = 0; k < SOLO_LINKS; k++) {
            if (links[k].owed && links[k].live) {
                complete_packets(k, links[k].owed);
                more = true;
            }
        }
        if (!more) {
            return;
        }
    }
    FAIL("host and controller do not come to an end");
}

void controller_drop_all(void)
{
    connecting = advertising = false;
    for (unsigned k = 0; k < SOLO_LINKS; k++) {
        if (links[k].live) {
            put_disconnected(k, 8);
        }
    }
    controller_calm();
}

/* --- capacity --------------------------------------------------------------------------------- */

static void open_some(struct actor *a, unsigned conns)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    unsigned open = 0;
    for (unsigned k = 0; k < conns; k++) {
        uint8_t x = (uint8_t)(0x20 + k);
        int err = woad_adv_start(a->h, &adv);
        MUST(err == 0, "a place of a connection is lost: woad_adv_start() = %d", err);
        solo_settle();
        controller_calm();
        links[k] = (struct controller_link){ .live = true };
        peer_reset(k);
        PUT(4, 0x3e, 19, 1, 0, (uint8_t)(SOLO_HANDLE + k), 0, 1, 0, x, x, x, x, x, x, 24, 0, 0, 0,
            0, 1, 0);
        controller_calm();
    }
    for (unsigned n = 0; n < LINKS; n++) {
        open += a->link[n].open;
    }
    MUST(open == conns, "a place of a connection is lost: %u of %u", open, conns);
}

static void channels_free(struct actor *a, uint16_t conn)
{
    static const struct woad_coc_params p = { .psm = 0x80, .mtu = 100 };
    uint16_t cid;
    unsigned n = 0;
    for (; n <= a->config.l2cap_channels; n++) {
        uint8_t *rx = malloc(100);
        if (woad_coc_connect(a->h, conn, &p, rx, 100, &cid)) {
            free(rx);
            break;
        }
        struct channel *k = channel_new(a, conn, cid);
        k->state = CHANNEL_WAITING;
        k->rx = rx;
    }
    MUST(n == a->config.l2cap_channels, "a place of a channel is lost: %u of %u", n,
         a->config.l2cap_channels);
}

/* Out-of-band data occupy a slot for a pairing. */
static void pairings_free(struct actor *a)
{
    static const struct woad_oob oob;
    unsigned want = a->config.pairings ? a->config.pairings : a->config.conns, n = 0;
    for (struct link *l = a->link; l < a->link + LINKS; l++) {
        n += l->open && woad_oob_set(a->h, l->conn, &oob) == 0;
    }
    want = want < a->config.conns ? want : a->config.conns;
    MUST(n == want, "a place of a pairing is lost: %u of %u", n, want);
}

/* Checks that the host sends as many packets as the controller has buffers. */
static void buffers_free(struct actor *a)
{
    uint8_t octets[20] = { 0 };
    unsigned before = controller_credits();
    MUST(before == 0, "%u packets are not completed", before);
    for (unsigned n = 0; n < LINKS * (buffers + 1); n++) {
        struct link *l = &a->link[n % LINKS];
        if (l->open) {
            woad_gatt_notify(a->h, l->conn, 3, octets, sizeof octets);
        }
    }
    solo_settle();
    unsigned used = controller_credits();
    MUST(used == buffers, "a buffer of the controller's is lost: %u of %u", used, buffers);
}

void controller_capacity(void)
{
    struct actor *a = solo.a;
    struct link *l = a->link;
    if (!a->up) {
        return;
    }
    advertising = false;
    open_some(a, 1);
    buffers_free(a);
    controller_drop_all();
    open_some(a, a->config.conns);
    pairings_free(a);
    while (!l->open) {
        l++;
    }
    channels_free(a, l->conn);
    solo_settle();
    controller_drop_all();
}
