#!/usr/bin/env python3
"""The air's timing, read from a capture of it: timing.py FILE…

Worlds follow each other in a file, each from its own time 0.  To the microsecond: T_IFS within events, anchors an interval
apart, the first anchor in its window, advertising events an interval and 0 to 10 ms apart on 37, 38, 39, auxiliary packets
where AuxPtr says, chains, scan and connection requests T_IFS behind what they answer.  Vol 6, Part B.
"""
import struct
import sys

ADV_AA = 0x8E89BED6
T_IFS = 150
RF = {0: 37, 12: 38, 39: 39}
counts = {}


def counted(what):
    counts[what] = counts.get(what, 0) + 1


def airtime(n, phy, s2):
    if phy == 0:
        return 8 * (1 + 4 + n + 3)
    if phy == 1:
        return 4 * (2 + 4 + n + 3)
    return 80 + 256 + 16 + 24 + (16 if s2 else 64) * (n + 3) + (6 if s2 else 24)


class Packet:
    def __init__(self, at, data):
        rf, _, _, _, self.aa, self.flags = struct.unpack_from("<BbBBIH", data)
        self.start = at
        self.phy = self.flags >> 14
        self.kind = self.flags >> 7 & 7
        pdu = data[14:-3]
        s2 = False
        if self.phy == 2:
            s2, pdu = pdu[0] == 1, pdu[1:]
        # What is shown decrypted was four octets longer on the air, if it was not empty.
        mic = 4 if self.flags & 8 else 0
        self.pdu = pdu
        self.end = at + airtime(len(pdu) + mic, self.phy, s2)
        self.channel = RF.get(rf, rf - 1 if rf < 12 else rf - 2)
        self.type = pdu[0] & 15


def worlds(path):
    data = open(path, "rb").read()
    assert struct.unpack_from("<IHH", data) == (0xA1B2C3D4, 2, 4) and struct.unpack_from("<I", data, 20)[0] == 256
    at, world = 24, []
    while at < len(data):
        sec, us, n, _ = struct.unpack_from("<IIII", data, at)
        p = Packet(sec * 1000000 + us, data[at + 16:at + 16 + n])
        # Packets are written as they end; a new world begins at time 0.
        if world and p.start + 20000 < world[-1].start:
            yield sorted(world, key=lambda x: x.start)
            world = []
        world.append(p)
        at += 16 + n
    if world:
        yield sorted(world, key=lambda x: x.start)


def aux_pointer(pdu):
    """Channel, offset and unit of AuxPtr, or None."""
    n = pdu[2] & 63
    if not n or not pdu[3] & 0x10:
        return None
    at = 4 + (6 if pdu[3] & 1 else 0) + (6 if pdu[3] & 2 else 0) + (1 if pdu[3] & 4 else 0) + (2 if pdu[3] & 8 else 0)
    v = int.from_bytes(pdu[at:at + 3], "little")
    unit = 300 if v >> 7 & 1 else 30
    return v & 63, (v >> 8 & 0x1FFF) * unit, unit


def sync_info(pdu):
    """Offset, its unit, interval and access address of SyncInfo, or None."""
    n = pdu[2] & 63
    if not n or not pdu[3] & 0x20:
        return None
    at = 4 + sum(size for bit, size in ((1, 6), (2, 6), (4, 1), (8, 2), (16, 3)) if pdu[3] & bit)
    first, interval = struct.unpack_from("<HH", pdu, at)
    unit = 300 if first >> 13 & 1 else 30
    return (first & 0x1FFF) * unit + (2457600 if first >> 14 & 1 else 0), unit, interval, struct.unpack_from("<I", pdu, at + 9)[0]


def check_trains(world):
    """Periodic advertising is where SyncInfo says, and a whole number of its intervals apart."""
    begins = {}
    for p in world:
        if p.aa != ADV_AA or p.channel >= 37 or p.type != 7 or not sync_info(p.pdu):
            continue
        offset, unit, interval, aa = sync_info(p.pdu)
        train = [q for q in world if q.aa == aa and q.kind == 1]
        near = [q for q in train if abs(q.start - p.start - offset) < 1000]
        for q in near[:1]:
            assert 0 <= q.start - p.start - offset < unit, ("SyncInfo", q.start - p.start - offset)
            counted("trains where SyncInfo says")
            begins.setdefault(aa, []).append((q.start, interval))
    for found in begins.values():
        for (a, interval), (b, _) in zip(found, found[1:]):
            assert (b - a) % (interval * 1250) == 0, ("a train's interval", b - a)
            counted("intervals of trains")


def check_advertising(world):
    events = {}
    for i, p in enumerate(world):
        if p.aa != ADV_AA:
            continue
        before = next((q for q in reversed(world[:i]) if q.aa == ADV_AA and q.channel == p.channel and q.end <= p.start), None)
        if p.channel >= 37 and p.type in (3, 5) or p.channel < 37 and p.type in (3, 5, 8):
            assert before and p.start - before.end == T_IFS, ("an answer", p.start, before and before.end)
            counted("answers T_IFS behind")
        if p.type == 7:
            aux = aux_pointer(p.pdu)
            later = [q for q in world[i + 1:i + 40] if aux and q.aa == ADV_AA and q.channel == aux[0] and q.type == 7
                     and p.start + aux[1] <= q.start < p.start + aux[1] + aux[2]]
            if aux and later:
                counted("auxiliary packets where AuxPtr says")
        if p.channel >= 37 and p.type in (0, 2, 6):
            events.setdefault((p.type, bytes(p.pdu[2:8])), []).append(p)
    for packets in events.values():
        begins = [p.start for p in packets if p.channel == 37]
        for p, q in zip(packets, packets[1:]):
            if q.start - p.start < 5000:
                assert q.channel == p.channel + 1, "37, 38, 39"
                counted("next advertising channels")
        for a, b in zip(begins, begins[1:]):
            if b - a < 150000:
                assert 20000 <= b - a <= 110000, ("an advertising interval", b - a)
                counted("advertising intervals")


def check_connection(world, aa):
    packets = [p for p in world if p.aa == aa]
    join = next((p for p in world if p.aa == ADV_AA and p.type == 5 and len(p.pdu) == 36
                 and int.from_bytes(p.pdu[14:18], "little") == aa), None)
    if not join:
        return
    win_size, win_offset, interval = struct.unpack_from("<BHH", join.pdu, 21)
    delay = 1250 if join.channel >= 37 else 3750 if join.phy == 2 else 2500
    opens = join.end + delay + win_offset * 1250
    first = packets[0]
    assert first.kind == 2 and opens <= first.start <= opens + win_size * 1250, ("the first anchor", first.start - opens)
    counted("first anchors in the window")
    anchor = first.start
    for p, q in zip(packets, packets[1:]):
        if p.kind == 2 and q.kind == 3:
            assert q.start - p.end == T_IFS, ("T_IFS", q.start - p.end)
            counted("answers of peripherals")
        elif p.kind == 3 and q.kind == 2 and q.start - p.end < 1000:
            assert q.start - p.end == T_IFS, ("T_IFS", q.start - p.end)
            counted("events that go on")
        elif q.kind == 2:
            assert (q.start - anchor) % 1250 == 0, ("an anchor", q.start - anchor)
            anchor = q.start
            counted("anchors")


for path in sys.argv[1:]:
    for w in worlds(path):
        check_advertising(w)
        check_trains(w)
        for access in {p.aa for p in w} - {ADV_AA}:
            check_connection(w, access)
for what in sorted(counts):
    print("%7d %s" % (counts[what], what))
LEAST = {"anchors": 10000, "answers of peripherals": 10000, "events that go on": 1000, "first anchors in the window": 100,
         "answers T_IFS behind": 500, "auxiliary packets where AuxPtr says": 1000, "advertising intervals": 30,
         "trains where SyncInfo says": 300, "intervals of trains": 200}
assert all(counts.get(what, 0) >= n for what, n in LEAST.items()), counts
print("the timing is the specification's, to the microsecond")
