'use strict';
// HCI over the Unix socket of `woad air`, in H4: what ble-host calls a transport, and what noble calls a Bluetooth HCI socket.
const EventEmitter = require('events');
const Module = require('module');
const net = require('net');

const COMMAND = 1, ACL = 2, EVENT = 4;

// The length of the packet that begins there; 0 while its header is not whole.
function length(b) {
  if (b.length && b[0] !== ACL && b[0] !== EVENT) throw new Error(`packet type ${b[0]} is not expected`);
  if (b[0] === EVENT) return b.length < 3 ? 0 : 3 + b[2];
  return b.length < 5 ? 0 : 5 + b.readUInt16LE(3);
}

class H4 extends EventEmitter {
  constructor(path = process.env.WOAD_SOCKET) {
    super();
    this.rest = Buffer.alloc(0);
    this.socket = net.connect(path);
    this.socket.on('data', data => this.take(data));
    this.socket.on('close', () => this.emit('close'));
  }

  take(data) {
    this.rest = Buffer.concat([this.rest, data]);
    for (let n; (n = length(this.rest)) && n <= this.rest.length;) {
      const packet = this.rest.subarray(0, n);
      this.rest = this.rest.subarray(n);
      this.emit('data', packet);
    }
  }

  write(packet) {
    this.socket.write(packet);
  }
}

// For noble, which counts on the kernel to send one command at a time.
class BluetoothHciSocket extends H4 {
  constructor() {
    super();
    this.commands = [];
    this.credits = 1;
    this.on('data', packet => {
      if (packet[0] !== EVENT || (packet[1] !== 0x0e && packet[1] !== 0x0f)) return;
      this.credits = packet[packet[1] === 0x0e ? 3 : 4];
      this.send();
    });
  }

  write(packet) {
    if (packet[0] !== COMMAND) return super.write(packet);
    this.commands.push(Buffer.from(packet));
    this.send();
  }

  send() {
    while (this.credits && this.commands.length) {
      this.credits--;
      super.write(this.commands.shift());
    }
  }

  bindRaw() { return 0; }
  bindUser() { return 0; }
  isDevUp() { return true; }
  setFilter() {}
  start() {}
  stop() { this.socket.end(); }
}

// noble's own HCI socket is not installed (it is native code for Linux's sockets): this one takes its place.
const resolve = Module._resolveFilename;
Module._resolveFilename = (name, ...rest) => name === '@stoprocent/bluetooth-hci-socket' ? __filename : resolve(name, ...rest);

module.exports = { H4, loadDriver: () => BluetoothHciSocket };
