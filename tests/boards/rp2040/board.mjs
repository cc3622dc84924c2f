// A program for the RP2040 in rp2040js, its UART0 a controller of `woad air` in virtual time: launch.py starts it.
//   board.mjs CLOCK HCI FILE.uf2 [OPTION…]      descriptors of two connected sockets
//   --type SECONDS:TEXT    types TEXT on the console then; --type-every: again and again
//   --report SECONDS       prints every so often how often the processor woke, and what it did
//   --until SECONDS        ends then, with a last report
//   --console FILE         for a program beside it: the console's lines, too
// It prints the lines of the console, at their time.  TEXT may have \xNN.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { Air, Ended, NEVER, Packets } from './air.mjs';
import { Chip, readUf2 } from './chip.mjs';

process.on('uncaughtException', e => {
  fs.writeSync(2, `board: ${e.constructor === Error ? e.message : e.stack}\n`);
  process.exit(1);
});
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    type: { type: 'string', multiple: true, default: [] },
    'type-every': { type: 'string', multiple: true, default: [] },
    report: { type: 'string' },
    until: { type: 'string' },
    console: { type: 'string' },
  },
});
const STEP_US = 50;                 // so far a board goes that may not know what others do meanwhile
const STACK = 3072;                 // link.ld
const [clock, hci, file] = positionals;
const air = new Air(Number(clock), Number(hci)), flash = readUf2(file), packets = new Packets();
const outgoing = [], lines = [];
let text = '', resets = 0, chip;

function onHci(octet) {
  const packet = packets.add(octet);
  if (packet) {
    outgoing.push(packet);
    chip.stopped = true;
  }
}
function onConsole(octet) {
  if (octet === 10) {
    lines.push(text);
    text = '';
    chip.stopped = true;
  } else {
    text += String.fromCharCode(octet);
  }
}

chip = new Chip(flash, onHci, onConsole);
const start = air.joined();
const us = () => start + Math.ceil(chip.clock.nanos / 1000);
const nanos = at => (at - start) * 1000;
let before = { wakes: 0, instructions: 0 }, wakes = 0, instructions = 0;

// Waits for the air, which may be woken by a packet before `until`.
function wait(until) {
  air.wait(until);
  const octets = air.receive();
  if (octets.length) chip.hci.feed(octets, nanos(air.now));
}
function reach(at) {
  while (air.now < at) wait(at);
}

function report() {
  const now = { wakes: wakes + chip.wakes, instructions: instructions + chip.instructions };
  lines.push(`board: ${now.wakes - before.wakes} wake-ups, ${now.instructions - before.instructions} instructions, ` +
    `${chip.stack(STACK)} octets of stack, ${chip.hci.overruns} overruns, ${resets} resets`);
  before = now;
}

// All but the flash begins anew; what the controller has to say waits, since RTS is not there.
function restart() {
  const { coming } = chip.hci, rest = packets.rest();
  if (rest.length) air.send(rest);
  wakes += chip.wakes;
  instructions += chip.instructions;
  resets++;
  chip = new Chip(flash, onHci, onConsole, chip.clock.nanos);
  chip.hci.coming = coming;
}

// Things that are to happen at times of the air.
const plan = [];
function at(seconds, every, what) { plan.push({ at: start + Math.round(seconds * 1e6), every: Math.round(every * 1e6), what }); }
for (const key of ['type', 'type-every']) {
  for (const option of options[key]) {
    const [, seconds, typed] = /^([0-9.]+):(.*)$/s.exec(option) ?? [];
    if (!seconds) throw new Error(`--${key} ${option}: SECONDS:TEXT`);
    const octets = Buffer.from(typed.replace(/\\x([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
    at(Number(seconds), key === 'type' ? Infinity : Number(seconds), () => chip.console.feed(octets, chip.clock.nanos));
  }
}
if (options.report) at(Number(options.report), Number(options.report), report);
if (options.until) at(Number(options.until), Infinity, () => { report(); throw new Ended(); });
function planned() { return plan.reduce((first, p) => Math.min(first, p.at), Infinity); }
function doPlanned() {
  for (const p of plan) {
    if (p.at <= us()) {
      p.at += p.every;
      p.what();
    }
  }
}

function print() {
  const said = lines.splice(0).map(line => `${line}\n`).join('');
  fs.writeSync(1, said);
  if (options.console) fs.appendFileSync(options.console, said);
}
function flush() {
  if (outgoing.length || lines.length) {
    reach(us());
    for (const packet of outgoing.splice(0)) air.send(packet);
    print();
  }
}

// One step: as far as nothing can come from outside; else the air is asked.
function step() {
  chip.stopped = false;
  const limit = Math.min(air.horizon, planned());
  if (chip.isAsleep()) {
    const next = Math.min(planned(), start + Math.ceil(chip.nextAlarm() / 1000));
    if (next > limit || next === NEVER) wait(next);
    chip.sleep(nanos(Math.min(next, Math.max(air.now, limit))));
  } else {
    if (chip.clock.nanos >= nanos(limit)) wait(Math.min(planned(), us() + STEP_US));
    chip.run(nanos(Math.max(air.now, limit)));
  }
}

try {
  for (;;) {
    step();
    if (chip.reset) restart();
    doPlanned();
    flush();
  }
} catch (e) {
  if (!(e instanceof Ended)) throw e;
  print();
  process.exit(chip.hci.overruns ? 1 : 0);
}
