#!/usr/bin/env python3
"""The module over serial lines, good and bad ones.

lines.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import select
import socket
import subprocess
import sys
import termios
import threading
import time
import tty

from run import CLIENT, SERVER, Program, air, hub, main, scratch


class Line:
    """A serial line to a controller of `woad air`; what goes from the controller to the program can be spoilt on the way.
    `spoil(octets, n)` is asked for each piece, n octets after the line was made or last opened anew."""

    def __init__(self, path, spoil=lambda octets, n: octets, part=lambda line, octets: None):
        self.spoil, self.part = spoil, part
        self.ours, theirs = os.openpty()
        self.theirs = theirs                # kept open: the line stays when nobody uses it
        tty.setraw(self.ours)
        tty.setraw(theirs)
        self.spec = "pty:" + os.ttyname(theirs)
        self.air = socket.socket(socket.AF_UNIX)
        self.air.connect(path)
        self.count = 0
        self.stop = False
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        while not self.stop:
            for fd in select.select([self.ours, self.air], [], [], 0.05)[0]:
                if fd is self.air:
                    octets = self.air.recv(4096)
                    if not octets:
                        return
                    spoilt = self.spoil(octets, self.count)
                    self.count += len(octets)
                    os.write(self.ours, spoilt)
                else:
                    octets = os.read(self.ours, 4096)
                    if b"\x01\x03\x0c\x00" in octets:
                        self.count = 0
                    answer = self.part(self, octets)
                    if answer is None:
                        self.air.sendall(octets)
                    else:
                        os.write(self.ours, answer)

    def end(self):
        self.stop = True
        self.thread.join()
        self.air.close()
        os.close(self.ours)
        os.close(self.theirs)


def test_what_was_on_the_line():
    """Half a packet, noise, and old events before the answer to the reset: nothing of it matters."""
    path = os.path.join(scratch, "dirty-air")
    h = hub("unix:" + path)
    for dirt in (b"\xff\xfe\x00\x00", b"\x04\x0e\x04\x01\x03", b"\x04\x3e\xff\x02" + bytes(40), b"\x02\x40\x20\xff\xff", b"\x04\x0e\x04\x04\x0e\x04",
                 bytes(range(256)), b"\x04\x10\x01\x00" * 3):
        line = Line(path, lambda octets, n, dirt=dirt: dirt + octets if n == 0 else octets)
        Program("up(); ble.gap_scan(50); wait(6)", {"WOAD_HCI": line.spec}).end()
        line.end()
    h.terminate()
    h.wait()


def test_an_octet_lost_or_added():
    """At each of many places: the radio is lost, or all is well; active(True) works again at once."""
    path = os.path.join(scratch, "lossy-air")
    h = hub("unix:" + path)
    lost = 0
    for place in list(range(3, 120, 9)) + [300, 500]:
        for added in (False, True):
            once = [True]

            def spoil(octets, n, place=place, added=added, once=once):
                if once[0] and n <= place < n + len(octets):
                    once[0] = False
                    at = place - n
                    return octets[:at] + (b"\xee" + octets[at:] if added else octets[at + 1:])
                return octets
            line = Line(path, spoil)
            p = Program("""
                for attempt in range(2):
                    t = time.ticks_ms()
                    try:
                        ble.active(True)
                        ble.irq(irq)
                        ble.gap_advertise(30000, b"\\x02\\x01\\x06")
                        ble.gap_scan(100)
                        wait(6)
                        print("WELL" if attempt == 0 else "AGAIN")
                        break
                    except OSError as e:
                        assert e.errno in (5, 19, 110), e.errno
                        assert time.ticks_diff(time.ticks_ms(), t) < 3000
                        ble.active(False)
                    events.clear()
                ble.active(False)
            """, {"WOAD_HCI": line.spec})
            said = p.end()
            assert said and said[-1] in ("WELL", "AGAIN"), (place, added, said)
            lost += said[-1] == "AGAIN"
            line.end()
    assert lost > 10, lost
    h.terminate()
    h.wait()


def test_half_a_command():
    """A program is killed in the middle of a command: the controller takes the next one's first octets for the rest, and the
    second reset finds it well."""
    path = os.path.join(scratch, "half")
    p = subprocess.Popen([air, "air", "pty", "--quiet"], stdout=subprocess.PIPE)
    spec = p.stdout.readline().decode().strip()
    for half in (b"\x01\x06\x20\x05\x00", b"\x02\x40\x20\x03\x00\x01", b"\x99\x98"):
        with open(spec[4:], "wb", buffering=0) as f:
            f.write(half)
        time.sleep(0.1)
        Program("""
            for attempt in range(3):
                try:
                    ble.active(True)
                    break
                except OSError as e:
                    assert e.errno in (5, 110), e.errno
            up()
            ble.gap_scan(50)
            wait(6)
        """, {"WOAD_HCI": spec}).end()
    before = os.times().children_user + os.times().children_system
    time.sleep(1)
    p.terminate()
    p.wait()
    assert os.times().children_user + os.times().children_system - before < 0.5, "it is busy though nobody is there"


def test_three_wire():
    """Two programs over H5; and again on the same lines, which begin anew."""
    p = subprocess.Popen([air, "air", "pty,h5", "pty,h5", "--quiet"], stdout=subprocess.PIPE)
    specs = [p.stdout.readline().decode().strip() for _ in range(2)]
    assert all(s.endswith(",h5") for s in specs)
    for _ in range(2):
        s = Program(SERVER + """
    ble.gatts_write(char, b"three wires")
    wait(1)
    wait(2, 20000)
""", {"WOAD_HCI": specs[0]})
        s.line("READY")
        c = Program(CLIENT + """
    ble.gattc_discover_characteristics(conn, 1, 0xffff, C)
    value = wait(11)[2]
    wait(12)
    ble.gattc_read(conn, value)
    assert wait(15)[2] == b"three wires"
    for i in range(50):
        ble.gattc_write(conn, value, b"%d" % i, 1)
        assert wait(17)[2] == 0
    ble.gap_disconnect(conn)
    wait(8)
""", {"WOAD_HCI": specs[1]})
        c.say(s.line("MAC"))
        c.end()
        s.end()
    p.terminate()
    p.wait()


def test_three_wire_left_alone():
    """A program is killed: the controller's end of the link fails, rests, and begins anew with the next one."""
    p = subprocess.Popen([air, "air", "pty,h5", "pty", "--quiet"], stdout=subprocess.PIPE)
    spec, other = [p.stdout.readline().decode().strip() for _ in range(2)]
    heard = Program("up()\nble.gap_advertise(20000, b'x')\ntime.sleep(60)", {"WOAD_HCI": other})
    scan = Program("up()\nble.gap_scan(0, 30000, 30000)\nwait(5)\nprint('HEARS')\ntime.sleep(60)", {"WOAD_HCI": spec})
    scan.line("HEARS")
    scan.kill()
    time.sleep(6.5)                         # longer than the link waits for an acknowledgement

    def busy():
        with open("/proc/%d/stat" % p.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    before = busy()
    time.sleep(1)
    assert busy() - before < 0.3, "it is busy though nobody is there"
    Program("up()\nble.gap_scan(50)\nwait(6)", {"WOAD_HCI": spec}).end()
    heard.kill()
    p.terminate()
    p.wait(5)


def test_three_wire_with_noise():
    """One octet in 400 from the controller is another: all of it comes, all the same; nobody notices."""
    path = os.path.join(scratch, "noisy")
    h = hub("unix:%s,h5" % path)
    made = [0]

    def spoil(octets, n):
        octets = bytearray(octets)
        for k in range(len(octets)):
            made[0] += 1
            if made[0] % 397 == 0:
                octets[k] ^= 1 << made[0] % 8
        return bytes(octets)
    lines = [Line(path, spoil) for _ in range(2)]
    s = Program(SERVER + """
    for i in range(5):
        assert wait(3, 20000)
    print("ALL")
    wait(2, 30000)
""", {"WOAD_HCI": lines[0].spec + ",h5"})
    s.line("READY", 30)
    c = Program(CLIENT.replace("wait(7)", "wait(7, 20000)") + """
    ble.gattc_discover_characteristics(conn, 1, 0xffff, C)
    value = wait(11, 20000)[2]
    wait(12, 20000)
    for i in range(5):
        ble.gattc_write(conn, value, b"%d" % i, 1)
        assert wait(17, 20000)[2] == 0
    ble.gap_disconnect(conn)
    wait(8, 20000)
""", {"WOAD_HCI": lines[1].spec + ",h5"})
    c.say(s.line("MAC"))
    s.line("ALL", 60)
    c.end(60)
    s.end(60)
    assert made[0] > 1000, made
    for line in lines:
        line.end()
    h.terminate()
    h.wait()


def test_patch():
    """A part of Broadcom's: its patch, from a file, the speeds, then all is as ever; a file that is none."""
    path = os.path.join(scratch, "bcm-air")
    h = hub("unix:" + path)
    patch = os.path.join(scratch, "part.hcd")
    records = [b"\x4c\xfc\x0a" + bytes(range(n, n + 10)) for n in range(40)] + [b"\x4e\xfc\x04\xff\xff\xff\xff"]
    with open(patch, "wb") as f:
        f.write(b"".join(records))
    seen = []

    def part(line, octets):
        opcode = octets[1] | octets[2] << 8
        if octets[0] != 1 or opcode >> 10 != 0x3f:
            return None
        seen.append(octets[1:])
        speed = termios.tcgetattr(line.theirs)[5]
        assert speed == termios.B115200, speed
        return b"\x04\x0e\x04\x01" + octets[1:3] + b"\x00"
    line = Line(path, part=part)
    program = """
        up()
        ble.gap_scan(50)
        wait(6)
        ble.active(False)
    """
    Program(program, {"WOAD_HCI": "%s@115200,bcm=%s,to=921600" % (line.spec, patch)}).end()
    assert seen == [b"\x2e\xfc\x00"] + records + [b"\x18\xfc\x06\x00\x00\x00\x10\x0e\x00"], seen
    assert termios.tcgetattr(line.theirs)[5] == termios.B921600
    seen.clear()
    Program(program, {"WOAD_HCI": "%s,bcm=%s" % (line.spec, patch)}).end()
    assert len(seen) == 42, seen
    with open(patch, "wb") as f:
        f.write(b"".join(records)[:-3])
    Program("raises(5, ble.active, True)", {"WOAD_HCI": "%s,bcm=%s" % (line.spec, patch)}).end()
    Program("assert 'nowhere' in raises(2, ble.active, True).args[1]", {"WOAD_HCI": "%s,bcm=/nowhere" % line.spec}).end()
    line.end()
    h.terminate()
    h.wait()


def test_names():
    """What can't be opened, and why."""
    for spec, errno, why in (("uart:/nowhere@115200", 2, "/nowhere"), ("uart:@9600", 22, "say uart"), ("uart:/dev/null@7", 22, "say uart"),
                             ("uart:/dev/null@115200,h5", 25, "/dev/null"), ("hci99", 97, "hci99"), ("hcix", 22, "say hci0"),
                             ("usb:ffff:ffff", 19, "no such controller"), ("tcp:1", 22, "say tcp:host:port"), ("hci0,h5", None, ""), ("x" * 400, 22, "too long")):
        Program("""
            try:
                ble.active(True)
                raise Exception("it opened")
            except OSError as e:
                assert %r in (None, e.errno), e.args
                assert %r in e.args[1], e.args
        """ % (errno, why), {"WOAD_HCI": spec}).end()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
