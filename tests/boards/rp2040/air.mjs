// The board's side of the air's virtual time (docs/clock.md), with the messages of transport/clock_messages.h, and the HCI
// connection.  All of it waits where it has to: the board has nothing else to do then.
import fs from 'node:fs';

const COMMAND = 1, EVENT = 4, VENDOR_EVENT = 0xff, COMMAND_COMPLETE = 0x0e;
const JOIN = 0xffc1, WAIT = 0xffc2, WAKE = 0xc1, UNTIL = 0, VIRTUAL = 1;
const MAGIC = Buffer.from('WOAD');
export const NEVER = Infinity;

export class Ended extends Error {}

export class Air {
  // Two connected sockets; `hci` does not block.
  constructor(clock, hci) {
    Object.assign(this, { clock, hci, serial: 0, read: 0, written: 0, now: 0, horizon: 0, in: Buffer.alloc(0), piece: Buffer.alloc(4096) });
  }

  command(opcode, parameters) {
    const head = Buffer.from([COMMAND, opcode & 0xff, opcode >> 8, parameters.length]);
    fs.writeSync(this.clock, Buffer.concat([head, parameters]));
  }
  // The next event: its code and parameters.
  event() {
    while (this.in.length < 3 || this.in.length < 3 + this.in[2]) {
      const n = fs.readSync(this.clock, this.piece);
      if (!n) throw new Ended();
      this.in = Buffer.concat([this.in, this.piece.subarray(0, n)]);
    }
    const end = 3 + this.in[2], code = this.in[1], parameters = this.in.subarray(3, end);
    if (this.in[0] !== EVENT) throw new Error('no message of an air: is there a `woad air` at the other end?');
    this.in = this.in.subarray(end);
    return { code, parameters };
  }

  // The answer to JOIN, which launch.py has sent: the air's time at which the board is switched on, in microseconds.
  joined() {
    for (;;) {
      const { code, parameters } = this.event();
      if (code !== COMMAND_COMPLETE || parameters.readUInt16LE(1) !== JOIN) continue;
      if (parameters[4] !== VIRTUAL) throw new Error('the air keeps the wall\'s clock: woad run --clock virtual, or woad air --clock virtual');
      this.now = this.horizon = Number(parameters.readBigUInt64LE(5));
      return Number(parameters.readBigUInt64LE(13));
    }
  }

  // Has nothing to do before `until`.  Afterwards `now` is the air's time, which is `until` or that of a packet, and up to
  // `horizon` nothing will come.
  wait(until) {
    const m = Buffer.alloc(46);
    m.writeUInt32LE(this.serial, 0);
    m[4] = UNTIL;
    m.writeBigUInt64LE(until === NEVER ? 0xffffffffffffffffn : BigInt(until), 6);
    m.writeBigUInt64LE(BigInt(this.read), 14);
    m.writeBigUInt64LE(BigInt(this.written), 22);
    this.command(WAIT, m);
    for (;;) {
      const { code, parameters } = this.event();
      if (code !== VENDOR_EVENT || parameters[4] !== WAKE || !MAGIC.equals(parameters.subarray(0, 4))) continue;
      this.serial = parameters.readUInt32LE(5);
      this.now = Number(parameters.readBigUInt64LE(9));
      this.horizon = Number(parameters.readBigUInt64LE(17));
      return;
    }
  }

  // What the controller has sent.
  receive() {
    const all = [];
    for (;;) {
      try {
        const n = fs.readSync(this.hci, this.piece);
        if (!n) throw new Ended();
        this.read += n;
        all.push(Buffer.from(this.piece.subarray(0, n)));
      } catch (e) {
        if (e.code === 'EAGAIN') return Buffer.concat(all);
        throw e;
      }
    }
  }
  // The controller may act on it: nothing is known of what will come.
  send(octets) {
    this.written += fs.writeSync(this.hci, octets);
    this.horizon = this.now;
  }
}

// Takes octets together to packets of a host (Core 5.4, Vol 4, Part A, 2).
export class Packets {
  constructor() { this.octets = []; }
  // The whole packet whose last octet this is, or null.
  add(octet) {
    const p = this.octets;
    p.push(octet);
    const length = { 1: () => 4 + p[3], 2: () => 5 + p[3] + 256 * p[4], 3: () => 4 + p[3], 5: () => 5 + p[3] + 256 * (p[4] & 0x3f) }[p[0]];
    return length && !(p.length >= length()) ? null : this.rest();
  }
  rest() {
    const packet = Buffer.from(this.octets);
    this.octets = [];
    return packet;
  }
}
