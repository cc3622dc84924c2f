'use strict';
// What the programs of hosts.py share; each is the body of an async function that follows these lines.
const assert = require('assert').strict;
const { once } = require('events');
const readline = require('readline');
const { H4 } = require('h4');

const say = (...words) => console.log(...words);
const sleep = ms => new Promise(done => setTimeout(done, ms));
// A method with a callback as its last argument; the callback's arguments, one alone without its array.
const ask = (object, method, ...args) =>
  new Promise(done => object[method](...args, (...r) => done(r.length > 1 ? r : r[0])));
const ok = status => assert.equal([].concat(status)[0], 0);
const value = ([status, v]) => (ok(status), v);

const input = readline.createInterface({ input: process.stdin });
const lines = [], waiting = [];
input.on('line', line => waiting.length ? waiting.shift()(line) : lines.push(line));
const line = () => lines.length ? Promise.resolve(lines.shift()) : new Promise(done => waiting.push(done));

const number = n => `0000000${n.toString(16)}-0000-4000-8000-776f6164776f`.toUpperCase();
const [SERVICE, SHORT, LONG, NOTIFY, INDICATE, SECRET] = [1, 2, 3, 4, 5, 6].map(number);
const LONG_VALUE = Buffer.from(Array.from({ length: 400 }, (_, n) => n * 7 & 255));
const OTHER_VALUE = Buffer.from(Array.from({ length: 450 }, (_, n) => n * 5 + 1 & 255));

// What a program throws is its last line, and it ends.
process.on('unhandledRejection', e => { say('Traceback', e && e.stack || e); process.exit(1); });
process.on('uncaughtException', e => { say('Traceback', e && e.stack || e); process.exit(1); });

// ---- ble-host ----

const BleHost = {
  up(address) {
    const { BleManager } = require('ble-host');
    return new Promise((done, fail) => BleManager.create(new H4(), address ? { staticRandomAddress: address } : {},
      (error, manager) => error ? fail(error) : done(manager)));
  },

  // The device of which advertising and scan response together say what is right.
  find(manager, right) {
    const seen = {};
    return new Promise(done => {
      const scanner = manager.startScan({});
      scanner.on('report', r => {
        const d = seen[r.address] = Object.assign(seen[r.address] || {}, r.parsedDataItems, { address: r.address, type: r.addressType });
        if (right(d)) { scanner.stopScan(); done(d); }
      });
    });
  },

  // By the peer's advertised name: the connection.
  async connect(manager, name) {
    const d = await BleHost.find(manager, d => d.localName === name);
    return ask(manager, 'connect', d.type, d.address, {});
  },

  // The characteristics of our service, by UUID.
  async discover(conn) {
    const [service] = await ask(conn.gatt, 'discoverServicesByUuid', SERVICE, 1);
    const found = await ask(service, 'discoverCharacteristics');
    return Object.fromEntries(found.map(c => [c.uuid, c]));
  },

  async advertise(manager, name) {
    const { AdvertisingDataBuilder } = require('ble-host');
    const data = new AdvertisingDataBuilder().addFlags(['leGeneralDiscoverableMode', 'brEdrNotSupported'])
      .add128BitServiceUUIDs(true, [SERVICE]).build();
    ok(await ask(manager, 'setAdvertisingData', data));
    ok(await ask(manager, 'setScanResponseData', new AdvertisingDataBuilder().addLocalName(true, name).build()));
    const accepted = ask(manager, 'startAdvertising', { intervalMin: 160, intervalMax: 160 });
    say('READY');
    const [status, conn] = await accepted;
    ok(status);
    return conn;
  },

  // Answers what a pairing asks its user.
  users(conn) {
    conn.smp.on('passkeyExchange', async (model, shown, answer) => {
      if (model === 4) {
        say('COMPARE', shown);
        assert.equal(await line(), 'yes');
        answer();
      } else if (shown) {
        say('SHOWS', shown);
      } else {
        say('TYPES');
        answer(await line());
      }
    });
    conn.smp.on('pairingFail', (reason, remote) => say('PAIRING FAILED', reason, remote));
  },
};
