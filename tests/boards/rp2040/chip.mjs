// An RP2040 of rp2040js with this project's UARTs and what the boot ROM does, whose processor's sleep is counted.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Pl011 } from './pl011.mjs';

const require = createRequire(path.join(process.env.WOAD_RP2040JS ?? process.cwd(), 'package.json'));
const { RP2040, ConsoleLogger, LogLevel } = require('rp2040js');

const FLASH = 0x10000000, RAM = 0x20000000, RAM_SIZE = 264 * 1024, STAGE_2 = 0x20041f00, PAGE = 256;
const UART0_IRQ = 20, UART1_IRQ = 21;
const UNUSED = 0xa5;                // RAM after power-on: anything

function crc32(octets) {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet << 24;
    for (let k = 0; k < 8; k++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

// The flash's octets in a UF2 file.
export function readUf2(file) {
  const f = fs.readFileSync(file), flash = [];
  for (let at = 0; at < f.length; at += 512) {
    if (f.readUInt32LE(at) !== 0x0a324655 || f.readUInt32LE(at + 4) !== 0x9e5d5157 || f.readUInt32LE(at + 508) !== 0x0ab16f30) {
      throw new Error(`${file} is no UF2 file: give build/baremetal/rp2040.uf2`);
    }
    if (f.readUInt32LE(at + 28) !== 0xe48bff56) throw new Error(`${file} is for another chip than the RP2040`);
    flash.push({ at: f.readUInt32LE(at + 12) - FLASH, octets: f.subarray(at + 32, at + 32 + f.readUInt32LE(at + 16)) });
  }
  return flash;
}

export class Chip {
  // `onHci(octet)`, `onConsole(octet)`: octets that have left by the UARTs.  `nanos`: its clock's time.
  constructor(flash, onHci, onConsole, nanos = 0) {
    const { mcu } = Object.assign(this, { mcu: new RP2040(), flash, stopped: false });
    this.clock = mcu.clock;
    this.clock.nanosCounter = nanos;
    mcu.logger = new ConsoleLogger(LogLevel.Error, true);
    for (const { at, octets } of flash) mcu.flash.set(octets, at);
    mcu.sram.fill(UNUSED);
    this.hci = mcu.uart[0] = mcu.peripherals[0x40034] = new Pl011(mcu, UART0_IRQ, onHci);
    this.console = mcu.uart[1] = mcu.peripherals[0x40038] = new Pl011(mcu, UART1_IRQ, onConsole);
    this.watchdog = mcu.peripherals[0x40058];
    this.watchdog.onWatchdogTrigger = () => { this.reset = this.stopped = true; };
    mcu.onBreak = code => { throw new Error(`a breakpoint, ${code}, at ${mcu.core.PC.toString(16)}`); };
    this.reset = false;
    this.nanosPerCycle = 1e9 / mcu.clkSys;
    mcu.addClockListener(hz => { this.nanosPerCycle = 1e9 / hz; });
    this.instructions = this.wakes = 0;
    this.boot();
  }

  // As the boot ROM does: the second stage goes to the RAM, if its checksum is right, and is called.
  boot() {
    const { mcu } = this, stage = mcu.flash.subarray(0, PAGE);
    if (crc32(stage.subarray(0, PAGE - 4)) !== new DataView(stage.buffer).getUint32(PAGE - 4, true)) {
      throw new Error('the boot ROM finds no second stage: its checksum is wrong (uf2.py writes it)');
    }
    mcu.sram.set(stage, STAGE_2 - RAM);
    mcu.core.VTOR = 0;
    mcu.core.SP = STAGE_2;
    mcu.core.LR = 0;
    mcu.core.PC = STAGE_2;
    this.isBooted = false;
  }
  // The second stage has to make the flash readable before anything is executed there.
  checkFlash() {
    const ssi = this.mcu.peripherals[0x18000];
    if (ssi.ssienr !== 1 || ssi.crtlr0 !== 0x001f0300 || ssi.crtlr1 !== 0 || ssi.spictlr0 !== 0x03000218 || ssi.baudr < 2) {
      throw new Error('the flash is executed, and is not set up to be read');
    }
    this.isBooted = true;
  }

  // Executes until `nanos` of its clock, until it sleeps, or until stopped is set.
  run(nanos) {
    const { mcu, clock } = this, { core } = mcu;
    while (clock.nanosCounter < nanos && !this.stopped && !core.waiting) {
      if (!this.isBooted && core.PC >= FLASH && core.PC < RAM) this.checkFlash();
      clock.tick(core.executeInstruction() * this.nanosPerCycle);
      this.instructions++;
      // As on a processor with an interrupt that waits, masked or not: it goes on, and this is no sleep.
      if (core.waiting && this.isInterrupted()) core.waiting = false;
    }
  }
  isInterrupted() { return (this.mcu.core.pendingInterrupts & this.mcu.core.enabledInterrupts) !== 0; }
  isAsleep() { return this.mcu.core.waiting; }
  nextAlarm() { return this.clock.nextAlarm ? this.clock.nextAlarm.nanos : Infinity; }

  // Sleeps until `nanos`, an interrupt, or until stopped is set.
  sleep(nanos) {
    const { core } = this.mcu, { clock } = this;
    core.waiting = false;           // rp2040js would enter an interrupt's handler although interrupts are masked
    while (clock.nanosCounter < nanos && !this.stopped && !this.isInterrupted()) {
      clock.tick(Math.min(nanos, this.nextAlarm()) - clock.nanosCounter);
    }
    core.waiting = !this.isInterrupted();
    this.wakes += core.waiting ? 0 : 1;
  }

  // Octets of the stack that were ever used: it ends where the vectors say.
  stack(size) {
    const end = this.mcu.flash.length && new DataView(this.mcu.flash.buffer).getUint32(PAGE, true) - RAM;
    let at = end - size;
    while (at < end && this.mcu.sram[at] === UNUSED) at++;
    return end - at;
  }
}
