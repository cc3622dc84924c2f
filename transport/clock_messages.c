/* Builds and parses the messages of clock_messages.h.  Every one has a fixed length.
 *
 * Names of other files:
 *   CLOCK_BUSY: of clock_wait: the program goes on
 *   CLOCK_FOREIGN: no message of these
 *   clock_join: the first message of a program, clock_joined: its answer
 *   CLOCK_MORE: the message is not complete
 *   CLOCK_PENDING: the answer to JOIN follows later
 *   clock_waiting: message of a program that has nothing to do
 *   clock_wake: message to a waiting program: it may act, in virtual time
 *   CLOCK_WALL: the air keeps the wall's clock, CLOCK_VIRTUAL: it goes on when all wait
 *   epoch_s: Unix time of the air's time 0
 *   horizon_us: virtual time: until when nothing else happens
 *   serial: of a transport: a serial line, which may start in the middle of a packet; of a wake:
 *       its number, which the next message repeats
 *   slip_us: wall's clock: us by which the air's time is late in all */
#include "clock_messages.h"

#include <string.h>

/* H4 types, and HCI's command and event headers (Core 5.4, Vol 4, Part E, 5.4.1 and 5.4.4). */
enum {
    COMMAND = 1,
    EVENT = 4,
    COMMAND_COMPLETE = 0x0e,
    COMMAND_STATUS = 0x0f,
    VENDOR_EVENT = 0xff
};
enum { OPCODE_JOIN = 0xffc1, OPCODE_WAIT = 0xffc2 }; /* of the vendor's range */
enum { WAKE = 0xc1, SLIP = 0xc2, VERSION = 1 };      /* codes of vendor events; of JOIN */
/* Octets of parameters: those of clock_put_…() below. */
enum { JOIN_LEN = 7 + CLOCK_NAME_MAX, JOINED_LEN = 4 + 33, WAIT_LEN = 6 + 5 * 8 };
enum { WAKE_LEN = 9 + 16, SLIP_LEN = 5 + 8 };
static const uint8_t magic[4] = { 'W', 'O', 'A', 'D' };

/* A number, least significant octet first; returns the end. */
static uint8_t *put(uint8_t *at, uint64_t value, size_t octets)
{
    for (size_t k = 0; k < octets; k++) {
        at[k] = (uint8_t)(value >> 8 * k);
    }
    return at + octets;
}

/* The same, read; *at moves on. */
static uint64_t get(const uint8_t **at, size_t octets)
{
    uint64_t value = 0;
    for (size_t k = 0; k < octets; k++) {
        value |= (uint64_t)(*at)[k] << 8 * k;
    }
    *at += octets;
    return value;
}

/* The header of a command with `len` octets of parameters. */
static uint8_t *put_command(uint8_t *at, uint16_t opcode, uint8_t len)
{
    at = put(at, COMMAND, 1);
    at = put(at, opcode, 2);
    return put(at, len, 1);
}

/* The header of an event. */
static uint8_t *put_event(uint8_t *at, uint8_t code, uint8_t len)
{
    at = put(at, EVENT, 1);
    at = put(at, code, 1);
    return put(at, len, 1);
}

/* Marks the messages: other vendors may have others under these codes. */
static uint8_t *put_magic(uint8_t *at)
{
    memcpy(at, magic, sizeof magic);
    return at + sizeof magic;
}

/* JOIN: "WOAD", version u8, seat u16, name 32. */
size_t clock_put_join(uint8_t *at, const struct clock_join *m)
{
    uint8_t *end = put_magic(put_command(at, OPCODE_JOIN, JOIN_LEN));
    end = put(end, VERSION, 1);
    end = put(end, m->seat, 2);
    memcpy(end, m->name, CLOCK_NAME_MAX);
    return (size_t)(end - at) + CLOCK_NAME_MAX;
}

/* Command Status of JOIN: status u8, credits u8, opcode u16. */
size_t clock_put_pending(uint8_t *at)
{
    uint8_t *end = put_event(at, COMMAND_STATUS, 4);
    end = put(end, 0, 1); /* status */
    end = put(end, 1, 1); /* Num_HCI_Command_Packets */
    return (size_t)(put(end, OPCODE_JOIN, 2) - at);
}

/* Command Complete of JOIN: credits u8, opcode u16, status u8; kind u8, now u64, start u64, epoch
 * u64, seed u64. */
size_t clock_put_joined(uint8_t *at, const struct clock_joined *m)
{
    uint8_t *end = put_event(at, COMMAND_COMPLETE, JOINED_LEN);
    end = put(end, 1, 1);
    end = put(end, OPCODE_JOIN, 2);
    end = put(end, 0, 1);
    end = put(end, m->kind, 1);
    end = put(end, m->now_us, 8);
    end = put(end, m->start_us, 8);
    end = put(end, m->epoch_s, 8);
    return (size_t)(put(end, m->seed, 8) - at);
}

/* WAIT: serial u32, kind u8, blocked u8, until u64, read u64, written u64, slip u64, processor time
 * u64. */
size_t clock_put_waiting(uint8_t *at, const struct clock_waiting *m)
{
    uint8_t *end = put_command(at, OPCODE_WAIT, WAIT_LEN);
    end = put(end, m->serial, 4);
    end = put(end, m->kind, 1);
    end = put(end, m->blocked, 1);
    end = put(end, m->until_us, 8);
    end = put(end, m->read, 8);
    end = put(end, m->written, 8);
    end = put(end, m->slip_us, 8);
    return (size_t)(put(end, m->cpu_us, 8) - at);
}

/* WAKE: "WOAD", code u8, serial u32, now u64, horizon u64. */
size_t clock_put_wake(uint8_t *at, const struct clock_wake *m)
{
    uint8_t *end = put_magic(put_event(at, VENDOR_EVENT, WAKE_LEN));
    end = put(end, WAKE, 1);
    end = put(end, m->serial, 4);
    end = put(end, m->now_us, 8);
    return (size_t)(put(end, m->horizon_us, 8) - at);
}

/* SLIP: "WOAD", code u8, late in all u64. */
size_t clock_put_slip(uint8_t *at, uint64_t total_us)
{
    uint8_t *end = put_magic(put_event(at, VENDOR_EVENT, SLIP_LEN));
    end = put(end, SLIP, 1);
    return (size_t)(put(end, total_us, 8) - at);
}

/* Parameters of JOIN and WAIT; CLOCK_FOREIGN: of neither. */
static enum clock_message take_command(const uint8_t *at, size_t len, union clock_body *body)
{
    uint16_t opcode = (uint16_t)get(&at, 2);
    at++;
    if (opcode == OPCODE_JOIN && len == JOIN_LEN && memcmp(at, magic, sizeof magic) == 0 &&
        at[sizeof magic] == VERSION) {
        at += sizeof magic + 1;
        body->join.seat = (uint16_t)get(&at, 2);
        memcpy(body->join.name, at, CLOCK_NAME_MAX);
        body->join.name[CLOCK_NAME_MAX - 1] = '\0';
        return CLOCK_JOIN;
    }
    if (opcode == OPCODE_WAIT && len == WAIT_LEN && at[4] <= CLOCK_BUSY) {
        body->waiting.serial = (uint32_t)get(&at, 4);
        body->waiting.kind = (enum clock_wait)get(&at, 1);
        body->waiting.blocked = get(&at, 1) != 0;
        body->waiting.until_us = get(&at, 8);
        body->waiting.read = get(&at, 8);
        body->waiting.written = get(&at, 8);
        body->waiting.slip_us = get(&at, 8);
        body->waiting.cpu_us = get(&at, 8);
        return CLOCK_WAITING;
    }
    return CLOCK_FOREIGN;
}

/* Parameters of WAKE and SLIP; CLOCK_FOREIGN: of neither. */
static enum clock_message take_vendor_event(const uint8_t *at, size_t len, union clock_body *body)
{
    if (len < sizeof magic + 1 || memcmp(at, magic, sizeof magic) != 0) {
        return CLOCK_FOREIGN;
    }
    at += sizeof magic;
    uint8_t code = (uint8_t)get(&at, 1);
    if (code == WAKE && len == WAKE_LEN) {
        body->wake.serial = (uint32_t)get(&at, 4);
        body->wake.now_us = get(&at, 8);
        body->wake.horizon_us = get(&at, 8);
        return CLOCK_WAKE;
    }
    if (code == SLIP && len == SLIP_LEN) {
        body->slip_us = get(&at, 8);
        return CLOCK_SLIP;
    }
    return CLOCK_FOREIGN;
}

/* An event behind its H4 type. */
static enum clock_message take_event(const uint8_t *at, size_t len, union clock_body *body)
{
    uint8_t code = (uint8_t)get(&at, 1);
    at++;
    if (code == VENDOR_EVENT) {
        return take_vendor_event(at, len, body);
    }
    if (code == COMMAND_STATUS && len == 4 && at[0] == 0 && at[2] == (OPCODE_JOIN & 0xff) &&
        at[3] == OPCODE_JOIN >> 8) {
        return CLOCK_PENDING;
    }
    if (code == COMMAND_COMPLETE && len == JOINED_LEN && at[1] == (OPCODE_JOIN & 0xff) &&
        at[2] == OPCODE_JOIN >> 8 && at[3] == 0) {
        at += 4;
        body->joined.kind = get(&at, 1) == CLOCK_VIRTUAL ? CLOCK_VIRTUAL : CLOCK_WALL;
        body->joined.now_us = get(&at, 8);
        body->joined.start_us = get(&at, 8);
        body->joined.epoch_s = get(&at, 8);
        body->joined.seed = get(&at, 8);
        return CLOCK_JOINED;
    }
    return CLOCK_FOREIGN;
}

/* Whole messages only: until then CLOCK_MORE. */
enum clock_message clock_take(const uint8_t *in, size_t len, union clock_body *body, size_t *taken)
{
    if (len == 0) {
        return CLOCK_MORE;
    }
    size_t head = in[0] == COMMAND ? 4 : 3;
    if (in[0] != COMMAND && in[0] != EVENT) {
        return CLOCK_FOREIGN;
    }
    if (len < head || len < head + in[head - 1]) {
        return CLOCK_MORE;
    }
    *taken = head + in[head - 1];
    if (in[0] == COMMAND) {
        return take_command(in + 1, in[head - 1], body);
    }
    return take_event(in + 1, in[head - 1], body);
}
