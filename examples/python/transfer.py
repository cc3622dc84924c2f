# A file over an L2CAP channel, with its SHA-256:
#
#     micropython transfer.py receive copy.bin       waits for one
#     micropython transfer.py send file.bin          finds who waits, and sends
import bluetooth
import hashlib
import os
import struct
import sys
import time

PSM = 0x80
MTU = 16384
NAME = b"transfer"

ble = bluetooth.BLE()
events = []


def on_event(event, data):
    if event == 5:                              # SCAN_RESULT
        data = (data[0], data[1], data[4])
    if event in (1, 2, 5, 7, 8, 22, 23, 24, 25, 26):
        # What is in `data` changes with the next event.
        data = tuple(bytes(x) if isinstance(x, memoryview) else x for x in data)
        events.append((event, data))


def wait(*wanted):
    while True:
        while events:
            event, data = events.pop(0)
            if event in wanted:
                return event, data
            if event in (2, 8, 24):             # the link or the channel is gone
                print("the other side has gone")
                sys.exit(1)
        time.sleep_ms(1)


class Progress:
    def __init__(self, size):
        self.size, self.start, self.shown = size, time.ticks_ms(), -1

    def show(self, done):
        percent = done * 100 // max(self.size, 1)
        if percent == self.shown:
            return
        self.shown = percent
        ms = max(time.ticks_diff(time.ticks_ms(), self.start), 1)
        bar = "#" * (percent // 4) + "." * (25 - percent // 4)
        print("\r[%s] %3d %%  %d of %d octets  %d kB/s " % (bar, percent, done, self.size, done // ms), end="")
        if percent == 100:
            print()


def send_sdu(conn, cid, data):
    if not ble.l2cap_send(conn, cid, data):
        wait(26)                                # SEND_READY


def send(path):
    size = os.stat(path)[6]
    ble.gap_scan(0, 30000, 30000)
    while True:
        _, (addr_type, addr, adv) = wait(5)
        if NAME in adv:
            break
    ble.gap_scan(None)
    ble.gap_connect(addr_type, addr)
    _, (conn, _, _) = wait(7)
    ble.gap_phy(conn, 2, 2)
    ble.l2cap_connect(conn, PSM, MTU)
    _, (_, cid, _, _, mtu) = wait(23)
    digest, progress, done = hashlib.sha256(), Progress(size), 0
    send_sdu(conn, cid, struct.pack("<Q", size))
    part = bytearray(mtu)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(part)
            if not n:
                break
            view = memoryview(part)[:n]
            digest.update(view)
            send_sdu(conn, cid, view)
            done += n
            progress.show(done)
    mine = digest.digest()
    send_sdu(conn, cid, mine)
    answer = Stream(conn, cid).exactly(1)
    ble.l2cap_disconnect(conn, cid)
    wait(24)
    print("SHA-256", mine.hex())
    return answer == b"\x01"


class Stream:
    def __init__(self, conn, cid):
        self.conn, self.cid = conn, cid

    def into(self, buf):                        # at least an octet
        while True:
            n = ble.l2cap_recvinto(self.conn, self.cid, buf)
            if n:
                return n
            wait(25)

    def exactly(self, n):
        buf = bytearray(n)
        view = memoryview(buf)
        done = 0
        while done < n:
            done += self.into(view[done:])
        return bytes(buf)


def receive(path):
    ble.l2cap_listen(PSM, MTU)
    event = 2
    while event == 2:                           # CENTRAL_DISCONNECT: who opened no channel, was no sender
        ble.gap_advertise(50000, b"\x02\x01\x06" + bytes((1 + len(NAME), 9)) + NAME)
        event, data = wait(2, 23)
    conn, cid, _, _, _ = data
    stream = Stream(conn, cid)
    size = struct.unpack("<Q", stream.exactly(8))[0]
    digest, progress, done = hashlib.sha256(), Progress(size), 0
    part = memoryview(bytearray(MTU))
    with open(path, "wb") as f:
        while done < size:
            n = stream.into(part[:min(MTU, size - done)])
            digest.update(part[:n])
            f.write(part[:n])
            done += n
            progress.show(done)
    mine = digest.digest()
    good = stream.exactly(32) == mine
    send_sdu(conn, cid, b"\x01" if good else b"\x00")
    wait(24)
    print("SHA-256", mine.hex())
    return good


if len(sys.argv) != 3 or sys.argv[1] not in ("send", "receive"):
    print("usage: transfer.py send|receive FILE")
    sys.exit(2)
ble.active(True)
ble.irq(on_event)
try:
    good = (send if sys.argv[1] == "send" else receive)(sys.argv[2])
finally:
    ble.active(False)
print("it is the same" if good else "it is not the same")
sys.exit(not good)
