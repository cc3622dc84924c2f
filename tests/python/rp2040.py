#!/usr/bin/env python3
"""A program without an operating system on an RP2040, in the emulator rp2040js, in virtual time: scripts/rp2040 test [NAME…]
CONNECTIONS=1000: a day in test_a_day, not half an hour.

examples/baremetal's lock, from the boot ROM's jump on.  Virtual time makes all of it exact, however busy the machine is: how often
the processor wakes is counted, not measured.
"""
import filecmp
import os
import re
import shutil
import subprocess
import sys

from clock import said, script, woad_run
from run import build, main, root, scratch

UF2 = os.path.join(build, "baremetal", "rp2040.uf2")
BOARD = [os.path.join(root, "scripts", "rp2040"), "run"]
CTRL_R = "\\x12"

# A central; the number that the lock prints is in its console's file.
CENTRAL = """
    import time, bluetooth
    from bluetooth import BLE, UUID
    ble = BLE()
    events = []
    def irq(event, data):
        events.append((event, tuple(bytes(x) if isinstance(x, memoryview) else x for x in data)))
    def wait(event, ms=10000):
        end = time.ticks_add(time.ticks_ms(), ms)
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            for i, e in enumerate(events):
                if e[0] == event:
                    return events.pop(i)[1]
            time.sleep_ms(10)
        raise Exception("no event %d in %r" % (event, events))
    ble.active(True)
    ble.irq(irq)
    ble.config(bond=True, mitm=True, le_secure=True, io=2)
    def found():
        ble.gap_scan(0, 30000, 30000)
        while True:
            kind, addr, _, _, data = wait(5, 60000)
            if b"Woad lock" in data:
                ble.gap_scan(None)
                wait(6)
                events.clear()
                return kind, addr
    def come(peer):
        ble.gap_connect(*peer)
        conn = wait(7)[0]
        ble.gattc_discover_characteristics(conn, 1, 0xffff, UUID(0xfff1))
        bolt = wait(11)[2]
        wait(12)
        return conn, bolt
    def subscribe(conn, bolt):
        ble.gattc_write(conn, bolt + 1, b"\\\\1\\\\0", 1)
        assert wait(17)[2] == 0
    def write(conn, bolt, value):
        ble.gattc_write(conn, bolt, value, 1)
        return wait(17)[2]
    def number():
        # The last that was printed.
        while True:
            try:
                with open(CONSOLE) as f:
                    f.seek(at)
                    lines = [x for x in f.read().split("\\\\n")[:-1] if x.startswith("to open it, type ")]
            except OSError:
                lines = []
            if lines:
                return int(lines[-1][17:])
            time.sleep_ms(10)
    at = 0
    def size():
        try:
            with open(CONSOLE) as f:
                return f.seek(0, 2)
        except OSError:
            return 0
    def pair(conn, off=0):
        global at
        at = size()
        ble.gap_pair(conn)
        assert wait(31)[1] == 2
        ble.gap_passkey(conn, 2, (number() + off) % 1000000)
        return wait(28)[1:]
    def go(conn):
        ble.gap_disconnect(conn)
        wait(8)
""".replace("\\\\", "\\")


def central(name, code):
    """A central's file, and that of the console that it reads."""
    console = os.path.join(scratch, name + ".console")
    return script(name + ".py", CENTRAL.replace("CONSOLE", repr(console)) + code), console


def board(options, *programs, more=(), code=0, timeout=300):
    """The lines of a board with these options, beside other programs."""
    args = ["--clock", "virtual", "--patience", "120", "--name", ",".join(["board", "second", "third"][:1 + len(programs)]), "--seed", "7", *more, *BOARD, UF2, *options]
    for p in programs:
        args += ["--", *p]
    return woad_run(*args, code=code, timeout=timeout)[0]


def reports(lines):
    """Of each report: wake-ups, instructions, octets of stack, overruns, resets."""
    found = [re.match(r"board: (\d+) wake-ups, (\d+) instructions, (\d+) octets of stack, (\d+) overruns, (\d+) resets$", text) for _, text in said(lines, "board")]
    return [tuple(int(n) for n in m.groups()) for m in found if m]


VISIT = """
    peer = found()
    conn, bolt = come(peer)
    assert write(conn, bolt, b"\\1") in (0x105, 0x10f)
    assert not pair(conn, off=1)[0]
    go(conn)
    time.sleep(3)
    conn, bolt = come(peer)
    subscribe(conn, bolt)
    assert pair(conn)[:3] == (1, 1, 1)
    assert write(conn, bolt, b"\\1") == 0
    assert wait(18)[1:] == (bolt, b"\\1")
    go(conn)
    # Again, by the bond
    conn, bolt = come(peer)
    ble.gap_pair(conn)
    assert wait(28)[1:4] == (1, 1, 1)
    subscribe(conn, bolt)
    assert write(conn, bolt, b"\\0") == 0
    assert wait(18)[1:] == (bolt, b"\\0")
    assert write(conn, bolt, b"too long") == 0x10d
    ble.gattc_read(conn, bolt)
    assert wait(15)[2] == b"\\0"
    assert not any(e[0] in (18, 31) for e in events), events
    go(conn)
    print("WELL")
"""


def visit(name, *more):
    file, console = central(name, VISIT)
    return board(["--console", console, "--until", "60"], [file], more=("--until", "59", *more))


def test_lock_on_an_rp2040():
    """Found by its name; refuses a wrong number; pairs by the right one; notifies; knows its peer by the bond."""
    lines = visit("visit")
    assert [t for _, t in said(lines, "second")] == ["WELL"], lines
    prints = [re.sub(r"\d{6}", "N", text) for _, text in said(lines, "board")]
    assert prints == ["shut", "to open it, type N", "not paired", "gone", "to open it, type N", "it is one who may", "open", "gone",
                      "it is one who may", "shut", "gone"], prints


def test_the_same_packets():
    """Same programs, same seed: the same packets at the same microseconds."""
    captures = [os.path.join(scratch, n + ".pcap") for n in ("first", "other")]
    for n, capture in enumerate(captures):
        visit("same-%d" % n, "--pcap", capture)
    assert os.path.getsize(captures[0]) > 10000
    assert filecmp.cmp(*captures, shallow=False)


def test_the_command_reads_it():
    """woad gatt finds the lock by its name."""
    gatt = [os.path.join(build, "woad"), "gatt", "Woad lock", "read", "fff1"]
    lines = board(["--until", "20"], gatt, more=("--until", "19"))
    assert any("00" in text for _, text in said(lines, "second")), lines


def test_it_sleeps():
    """While it advertises, and while it is connected and nobody has anything to say, it wakes for its watchdog's question and the
    answer, every 5 s, and for nothing else."""
    file, console = central("sleeps", """
    conn, bolt = come(found())
    print("THERE")
    time.sleep(110 - time.ticks_ms() // 1000)
    for n in range(50):
        ble.gattc_read(conn, bolt)
        wait(15)
        time.sleep_ms(100)
    print("READ", time.ticks_ms())
    """)
    alone = reports(board(["--report", "10", "--until", "105"]))
    assert len(alone) == 11, alone
    assert all(wakes <= 4 and instructions < 20000 for wakes, instructions, *_ in alone[1:]), alone
    lines = board(["--report", "10", "--until", "125"], [file], more=("--until", "126"))
    assert [t.split()[0] for _, t in said(lines, "second")] == ["THERE", "READ"], lines
    busy = reports(lines)
    assert all(wakes <= 4 and instructions < 20000 for wakes, instructions, *_ in busy[2:10]), busy
    assert 50 <= busy[11][0] <= 50 * 4 + 4, busy


def test_stack_and_octets():
    """A pairing takes a third of the stack that link.ld reserves; no octet is lost."""
    file, console = central("stack", VISIT)
    last = reports(board(["--console", console, "--until", "40"], [file], more=("--until", "41")))[-1]
    assert 500 < last[2] <= 1024 and last[3] == 0, last


def test_reset_by_the_console():
    """Ctrl-R on its console, while it advertises and while it is connected: it is back, and forgets its bonds."""
    file, console = central("resets", """
    time.sleep(1)
    peer = found()
    for n in range(3):
        conn, bolt = come(peer)
        assert pair(conn)[:3] == (1, 1, 1)
        if n < 2:
            wait(8, 20000)                  # it is reset
        else:
            go(conn)
        ble.gap_unpair(peer)
        time.sleep_ms(500)
        found()
    print("WELL")
    """)
    typed = ["--type", "0.5:" + CTRL_R, "--type", "12:" + CTRL_R, "--type", "24:" + CTRL_R]
    lines = board(["--console", console, "--until", "60", *typed], [file], more=("--until", "61"))
    assert [t for _, t in said(lines, "second")] == ["WELL"], lines
    assert [t for _, t in said(lines, "board")].count("restart") == 3, lines
    assert reports(lines)[-1][4] == 3, lines


# A connection every 86 s: at every fifth it pairs anew, at the others it is known.  The board is reset before each twentieth.
GAP, PAIR_EVERY, RESET_EVERY = 86, 5, 20
DAY = """
    peer = found()
    begun = time.time()
    paired = notified = 0
    for k in range(%d):
        time.sleep(begun + %d * k + 20 - time.time())
        conn, bolt = come(peer)
        if k %% %d == 0:
            if ble.gap_bonds():
                ble.gap_unpair(peer)
            assert pair(conn)[:3] == (1, 1, 1)
            paired += 1
        else:
            ble.gap_pair(conn)
            assert wait(28)[1:4] == (1, 1, 1)
        events.clear()
        subscribe(conn, bolt)
        for n in range(3):
            assert write(conn, bolt, bytes((n %% 2,))) == 0
            assert wait(18)[1:] == (bolt, bytes((n %% 2,)))
            notified += 1
        go(conn)
        assert not events, events
    print("DAY", k + 1, paired, notified)
"""


def test_a_day():
    """A day, or its first half hour: each connection is established, each write is answered and notified once, the stack does not
    grow, no octet is lost, and the board sleeps all but a thousandth of the time."""
    connections = int(os.environ.get("CONNECTIONS", 20))
    file, console = central("day", DAY % (connections, GAP, PAIR_EVERY))
    seconds, reset = GAP * connections + 60, GAP * RESET_EVERY
    options = ["--console", console, "--report", str(reset), "--type-every", "%d:%s" % (reset, CTRL_R), "--until", str(seconds)]
    lines = board(options, [file], more=("--until", str(seconds + 1)), timeout=3600)
    pairings, resets = -(-connections // PAIR_EVERY), seconds // reset
    assert [t for _, t in said(lines, "second")] == ["DAY %d %d %d" % (connections, pairings, 3 * connections)], lines[-10:]
    prints = [text for _, text in said(lines, "board")]
    assert prints.count("gone") == connections and prints.count("it is one who may") == connections, (prints.count("gone"), prints[-20:])
    assert prints.count("restart") == resets and prints.count("shut") == 1 + resets + 2 * connections, prints[-20:]
    assert "no controller" not in prints and "fault" not in prints
    found = reports(lines)
    assert found[-1][3:] == (0, resets), found[-1]
    stacks = [r[2] for r in found[:-1]]
    assert max(stacks) <= 1024 and max(stacks) - min(stacks) <= 64, stacks
    # 48 million cycles a second, one or two an instruction.
    assert all(r[1] < reset * 48000 for r in found), found


def test_the_boot_rom_looks_at_the_checksum():
    """A second stage with another octet is not started."""
    image = bytearray(open(UF2, "rb").read())
    image[32] ^= 1
    bad = os.path.join(scratch, "bad.uf2")
    with open(bad, "wb") as f:
        f.write(image)
    r = subprocess.run([os.path.join(build, "woad"), "run", "--clock", "virtual", *BOARD, bad, "--until", "5"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=60)
    assert r.returncode == 1 and "its checksum is wrong" in r.stdout, r.stdout


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:], jobs=2))
