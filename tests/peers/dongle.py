#!/usr/bin/python3
"""In the guest: a Bluetooth dongle on a USB port of the kernel's virtual host controller (vhci_hcd, the protocol of USB/IP).

dongle.py PATH: its controller is a socket of `woad air`.  Killed, it is unplugged.
"""
import os
import selectors
import socket
import struct
import sys

FULL_SPEED = 2
DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xe0, 1, 1, 64, 0x1209, 0x0001, 0x0100, 0, 0, 0, 1)
ENDPOINTS = [(0x81, 3, 16, 1), (0x02, 2, 64, 0), (0x82, 2, 64, 0)]      # events, data out, data in: address, type, size, interval
CONFIG = struct.pack("<BBHBBBBB", 9, 2, 9 + 9 + 7 * len(ENDPOINTS), 1, 1, 0, 0x80, 50)
CONFIG += struct.pack("<BBBBBBBBB", 9, 4, 0, 0, len(ENDPOINTS), 0xe0, 1, 1, 0)
for address, kind, size, interval in ENDPOINTS:
    CONFIG += struct.pack("<BBBBHB", 7, 5, address, kind, size, interval)
EPIPE = -32


class Dongle:
    def __init__(self, path):
        self.air = socket.socket(socket.AF_UNIX)
        self.air.connect(path)
        self.usb, theirs = socket.socketpair()
        with open("/sys/devices/platform/vhci_hcd.0/attach", "w") as f:
            f.write("0 %d %d %d" % (theirs.fileno(), 0x10001, FULL_SPEED))
        theirs.close()
        self.waiting = {1: [], 2: []}               # requests for input, by endpoint
        self.ready = {1: b"", 2: b""}
        self.ends = {1: [], 2: []}                  # where packets end in it
        self.h4 = self.data = b""

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.usb.recv(n - len(data))
            if not more:
                sys.exit(0)
            data += more
        return data

    def answer(self, seq, status, data=b"", length=None):
        length = len(data) if length is None else length
        self.usb.sendall(struct.pack(">IIIII", 3, seq, 0, 0, 0) + struct.pack(">iiIII", status, length, 0, 0, 0) + bytes(8) + data)

    def control(self, seq, setup, data):
        kind, request, value, _, length = struct.unpack("<BBHHH", setup)
        if (kind, request) == (0x20, 0):            # Vol 4, Part B, 2.2.2: a command
            self.air.sendall(b"\x01" + data)
            self.answer(seq, 0, length=len(data))
        elif (kind, request) == (0x80, 6) and value >> 8 in (1, 2):
            self.answer(seq, 0, (DEVICE if value >> 8 == 1 else CONFIG)[:length])
        elif (kind, request) == (0x80, 0):          # GET_STATUS
            self.answer(seq, 0, bytes(2))
        elif kind < 3 and request in (1, 5, 9, 11):  # features, address, configuration, interface
            self.answer(seq, 0)
        else:
            self.answer(seq, EPIPE)

    def request(self):
        command, seq, _, direction, endpoint = struct.unpack(">IIIII", self.exactly(20))
        rest = self.exactly(28)
        if command == 2:                            # CMD_UNLINK
            unwanted = struct.unpack_from(">I", rest)[0]
            there = [w for e in (1, 2) for w in self.waiting[e] if w[0] == unwanted]
            for e in (1, 2):
                self.waiting[e] = [w for w in self.waiting[e] if w[0] != unwanted]
            self.usb.sendall(struct.pack(">IIIII", 4, seq, 0, 0, 0) + struct.pack(">i", -104 if there else 0) + bytes(24))
            return
        length = struct.unpack_from(">i", rest, 4)[0]
        data = self.exactly(length) if direction == 0 else b""
        if endpoint == 0:
            self.control(seq, rest[20:], data)
        elif direction:
            self.waiting[endpoint].append((seq, length))
        else:
            self.data += data
            while len(self.data) >= 4 and len(self.data) >= 4 + (self.data[2] | self.data[3] << 8):
                n = 4 + (self.data[2] | self.data[3] << 8)
                self.air.sendall(b"\x02" + self.data[:n])
                self.data = self.data[n:]
            self.answer(seq, 0, length=length)

    def from_air(self):
        octets = self.air.recv(4096)
        if not octets:
            sys.exit(0)
        self.h4 += octets
        while len(self.h4) >= 5:
            n = 3 + self.h4[2] if self.h4[0] == 4 else 5 + (self.h4[3] | self.h4[4] << 8)
            if len(self.h4) < n:
                break
            pipe = 1 if self.h4[0] == 4 else 2
            self.ready[pipe] += self.h4[1:n]
            self.ends[pipe].append(n - 1)
            self.h4 = self.h4[n:]

    def deliver(self):
        """A transfer ends with its packet, or when it is full."""
        for e in (1, 2):
            while self.waiting[e] and self.ends[e]:
                seq, length = self.waiting[e].pop(0)
                n = min(length, self.ends[e][0])
                self.answer(seq, 0, self.ready[e][:n])
                self.ready[e] = self.ready[e][n:]
                self.ends[e][0] -= n
                if self.ends[e][0] == 0:
                    self.ends[e].pop(0)

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.usb, selectors.EVENT_READ, self.request)
        selector.register(self.air, selectors.EVENT_READ, self.from_air)
        print("plugged in", flush=True)
        while True:
            for key, _ in selector.select():
                key.data()
            self.deliver()


if __name__ == "__main__":
    assert os.path.exists("/sys/devices/platform/vhci_hcd.0"), "modprobe vhci-hcd first"
    Dongle(sys.argv[1]).run()
