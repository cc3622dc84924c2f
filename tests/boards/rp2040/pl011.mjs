// A UART of the RP2040, Arm's PL011, in place of rp2040js's own, which sends in no time and interrupts for each octet: FIFOs, the
// time that an octet takes on the line, levels, the receive time-out, RTS and CTS (RP2040 datasheet, "UART").
const DATA = 0x00, FLAGS = 0x18, BAUD = 0x24, BAUD_64THS = 0x28, LINE = 0x2c, CONTROL = 0x30;
const LEVELS = 0x34, ENABLED = 0x38, RAISED = 0x3c, MASKED = 0x40, CLEAR = 0x44;
const BUSY = 1 << 3, RX_EMPTY = 1 << 4, TX_FULL = 1 << 5, RX_FULL = 1 << 6, TX_EMPTY = 1 << 7;
const ON = 1, TX_ON = 1 << 8, RX_ON = 1 << 9, RTS_ON = 1 << 14, CTS_ON = 1 << 15;
const RX = 1 << 4, TX = 1 << 5, TIMEOUT = 1 << 6;
const OVERRUN = 1 << 11;
const DEPTH = 32, BITS = 10, TIMEOUT_BITS = 32;
const LEVEL = [4, 8, 16, 24, 28];

export class Pl011 {
  // `irq`: its interrupt.  `onOctet(octet)`: the line has carried an octet away; the clock tells when.
  constructor(chip, irq, onOctet) {
    this.chip = chip;
    this.irq = irq;
    this.onOctet = onOctet;
    this.registers = { [CONTROL]: TX_ON | RX_ON, [LEVELS]: 0x12 };
    this.raised = 0;
    this.tx = [];
    this.rx = [];
    this.sending = null;            // the octet on the line
    this.coming = [];               // octets that the other end has for this one
    this.receiving = false;
    this.cleared = true;            // CTS: the other end takes octets
    this.overruns = 0;
    this.sent = chip.clock.createAlarm(() => this.endOctet());
    this.came = chip.clock.createAlarm(() => this.take());
    this.idle = chip.clock.createAlarm(() => this.rx.length && this.raise(TIMEOUT));
  }

  get(register) { return this.registers[register] ?? 0; }
  is(control) { return (this.get(CONTROL) & (control | ON)) === (control | ON); }
  bitNanos() { return (1e9 / this.chip.clkPeri) * 16 * (this.get(BAUD) + this.get(BAUD_64THS) / 64); }
  clkPeriChanged() {}               // rp2040js calls it

  raise(bits) {
    this.raised |= bits;
    this.update();
  }
  lower(bits) {
    this.raised &= ~bits;
    this.update();
  }
  update() { this.chip.setInterrupt(this.irq, (this.raised & this.get(ENABLED)) !== 0); }

  // --- to the other end

  send() {
    if (this.sending === null && this.tx.length && this.is(TX_ON) && (this.cleared || !this.is(CTS_ON))) {
      this.sending = this.tx.shift();
      this.sent.schedule(BITS * this.bitNanos());
      if (this.tx.length === LEVEL[this.get(LEVELS) & 7]) this.raise(TX);
    }
  }
  endOctet() {
    const octet = this.sending;
    this.sending = null;
    this.send();
    this.onOctet(octet);
  }

  // --- from the other end

  // Octets that the other end sends, from `at` on, a time of the clock, as far as RTS lets it.
  feed(octets, at) {
    for (const octet of octets) this.coming.push(octet);
    this.receive(at);
  }
  isReady() { return this.is(RX_ON) && (!this.is(RTS_ON) || this.rx.length < LEVEL[(this.get(LEVELS) >> 3) & 7]); }
  receive(at = this.chip.clock.nanos) {
    if (!this.receiving && this.coming.length && this.isReady()) {
      this.receiving = true;
      this.came.schedule(Math.max(0, at - this.chip.clock.nanos) + BITS * this.bitNanos());
    }
  }
  take() {
    const octet = this.coming.shift();
    this.receiving = false;
    if (this.rx.length === DEPTH) {
      this.rx[DEPTH - 1] |= OVERRUN;
      this.overruns++;
    } else {
      this.rx.push(octet);
    }
    this.idle.schedule(TIMEOUT_BITS * this.bitNanos());
    if (this.rx.length === LEVEL[(this.get(LEVELS) >> 3) & 7]) this.raise(RX);
    this.receive();
  }
  pull() {
    const octet = this.rx.shift() ?? 0;
    if (this.rx.length < LEVEL[(this.get(LEVELS) >> 3) & 7]) this.raised &= ~RX;
    if (!this.rx.length) this.raised &= ~TIMEOUT;
    this.update();
    this.receive();
    return octet;
  }

  // --- registers

  flags() {
    return (this.sending !== null || this.tx.length ? BUSY : 0) | (this.rx.length ? 0 : RX_EMPTY) | (this.tx.length < DEPTH ? 0 : TX_FULL) |
      (this.rx.length < DEPTH ? 0 : RX_FULL) | (this.tx.length ? 0 : TX_EMPTY);
  }
  readUint32(register) {
    switch (register) {
      case DATA: return this.pull();
      case FLAGS: return this.flags();
      case RAISED: return this.raised;
      case MASKED: return this.raised & this.get(ENABLED);
      default: return this.get(register);
    }
  }
  writeUint32(register, value) {
    if (register === CLEAR) return this.lower(value);
    if (register !== DATA) {
      this.registers[register] = value;
      this.update();
    } else if (this.is(TX_ON) && this.tx.length < DEPTH) {
      this.tx.push(value & 0xff);
      if (this.tx.length > LEVEL[this.get(LEVELS) & 7]) this.lower(TX);
    }
    this.send();
    this.receive();
  }
  // Aliases: 1 changes the bits that are written, 2 sets them, 3 clears them.
  writeUint32Atomic(register, value, alias) {
    const now = alias ? this.readUint32(register) : 0;
    this.writeUint32(register, [value, now ^ value, now | value, now & ~value][alias]);
  }
}
