#!/usr/bin/env python3
"""`woad air --control`, `woad run --control` and `woad control`: a world that is changed while it runs.

control.py [NAME…]: those tests whose names contain one of the words.
"""
import json
import os
import pwd
import resource
import socket
import stat
import subprocess
import sys
import time

from scaffold import Host, ended, main, scratch, serves, start, woad

path, control = os.path.join(scratch, "air"), os.path.join(scratch, "control")


def air(*options, **more):
    p = start([woad, "air", "unix:" + path, "--control", "unix:" + control, *options], stdout=subprocess.DEVNULL,
              stderr=subprocess.PIPE, **more)
    line = p.stderr.readline()
    assert line.startswith(b"serving "), line
    serves(control)                            # it comes after that line
    return p


def end(p, code=0):
    p.terminate()
    text = ended(p, code)
    assert not os.path.exists(control) and not os.path.exists(path)
    return text


class User:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(control)
        self.s.settimeout(5)
        self.f = self.s.makefile("rb")

    def send(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode())

    def answer(self):
        line = self.f.readline()
        assert line.endswith(b"\n"), line
        return json.loads(line)

    def ask(self, line):
        self.send(line + "\n")
        return self.answer()

    def ok(self, line):
        a = self.ask(line)
        assert a.pop("ok") is True, (line, a)
        return a

    def wrong(self, line):
        a = self.ask(line)
        assert a["ok"] is False and a["error"], (line, a)
        return a["error"]

    def close(self):
        self.f.close()
        self.s.close()


class Device(Host):
    """A host with a name and an address, as programs bind them."""
    numbers = 0

    def __init__(self, name, address="-"):
        Device.numbers += 1
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(b"\0woad/test/%d/%d/%s/%s" % (os.getpid(), Device.numbers, address.encode(), name.encode()))
        self.s.connect(path)
        self.s.settimeout(5)
        self.command(0x0c03)
        self.command(0x0c01, b"\xff\xff\xff\xff\xff\xff\xff\x3f")
        self.got = b""

    def event(self, code, seconds=5):
        """The next event with that code, or subevent of LE Meta."""
        self.s.settimeout(seconds)
        while True:
            while len(self.got) > 2 and len(self.got) >= 3 + self.got[2]:
                packet, self.got = self.got[:3 + self.got[2]], self.got[3 + self.got[2]:]
                if packet[1] == code or (packet[1] == 0x3e and packet[3] == code):
                    return packet
            self.got += self.s.recv(4096)

    def hears(self, seconds=0.4):
        """Whether it hears an advertisement."""
        self.s.setblocking(False)
        try:
            while self.s.recv(4096):
                pass
        except BlockingIOError:
            self.got = b""
        try:
            self.event(0x02, seconds)
            return True
        except OSError:
            return False

    def scan(self):
        self.command(0x200b, b"\0\x10\0\x10\0\0\0")
        self.command(0x200c, b"\1\0")

    def advertise_itself(self):
        self.command(0x2006, b"\x20\0\x20\0\0\0\0" + bytes(6) + b"\7\0")
        self.command(0x200a, b"\1")

    def connect(self, address):
        self.s.sendall(b"\1\x0d\x20\x19\x10\0\x10\0\0\0" + bytes.fromhex(address)[::-1] + b"\0\x18\0\x18\0\0\0\x64\0\0\0\0\0")


def test_list_names_addresses_and_connections():
    p = air()
    u = User()
    assert u.ok("list") == {"controllers": [], "programs": []}
    a, b = Device("sensor", "c01122334455"), Device('q"\\')
    got = u.ok("list")["controllers"]
    assert [x["number"] for x in got] == [1, 2] and [x["name"] for x in got] == ["sensor", 'q"\\'], got
    assert got[0]["address"] == "c0:11:22:33:44:55" and not got[0]["off"] and got[0]["connected"] == [], got
    assert (got[0]["x"], got[0]["y"]) == (1.2, 0), got
    a.advertise_itself()
    b.connect("c01122334455")
    b.event(1)
    assert [x["connected"] for x in u.ok("list")["controllers"]] == [[2], [1]]
    a.s.close()
    for _ in range(50):
        if len(u.ok("list")["controllers"]) == 1:
            break
        time.sleep(0.02)
    assert [x["number"] for x in u.ok("list")["controllers"]] == [2]
    end(p)


def test_wait_connected():
    """It answers when they are, at the air's time; at once if they are already; or when the time is over."""
    p = air()
    u, other = User(), User()
    u.send("wait connected sensor 2\nlist\n")
    assert other.wrong("wait connected x y 0.1") == "they are not connected yet"
    a, b = Device("sensor", "c01122334455"), Device("monitor")
    time.sleep(0.1)
    u.s.setblocking(False)
    try:
        raise AssertionError(u.s.recv(1))
    except BlockingIOError:
        u.s.settimeout(5)
    a.advertise_itself()
    before = other.ok("time")["us"]
    b.connect("c01122334455")
    got = u.answer()
    assert got["ok"] and before < got["us"] <= other.ok("time")["us"], got
    assert u.answer()["controllers"][0]["connected"] == [2]
    assert other.ok("wait connected monitor sensor 0")["us"] > 0
    assert other.wrong("wait connected sensor sensor 0.01") and other.wrong("wait connected sensor")
    end(p)


def test_off_and_on():
    """Who is off is heard by nobody, and hears nobody; a connection ends by its time limit."""
    p = air()
    u = User()
    a, b = Device("a", "c01122334455"), Device("b")
    a.advertise_itself()
    b.scan()
    assert b.hears()
    for who in "ab":
        u.ok("off " + who)
        assert [x["off"] for x in u.ok("list")["controllers"]] == [who == "a", who == "b"]
        b.hears(0.05)
        assert not b.hears(), who
        u.ok("on " + who)
        assert b.hears(), who
    b.command(0x200c, b"\0\0")
    b.connect("c01122334455")
    assert b.event(1)[4] == 0
    time.sleep(0.5)                            # it is established
    u.ok("off a")
    assert b.event(0x05)[6] == 8               # Connection Timeout
    end(p)


def test_what_surrounds_them():
    """The world file's lines, move, loss: each has its effect at once, or at its time."""
    p = air("--seed", "5")
    u = User()
    u.ok("place b 0 0")                        # before it is there
    a, b = Device("a"), Device("b")
    assert [(x["x"], x["y"]) for x in u.ok("list")["controllers"]] == [(1.2, 0), (0, 0)]
    a.advertise_itself()
    b.scan()
    for change, back in (("move a 5000 0", "move a 1 0"), ("loss 1000", "loss 0"), ("link a b 200 0", "link a b 0 0"),
                         ("drop * b all", "drop * b all 0"), ("hang a", "resume a"), ("noise 0", "noise -105"), ("move 1 0 5e3", "place 1 1 0")):
        u.ok(change)
        b.hears(0.05)
        assert not b.hears(0.3), change
        u.ok(back)
        assert b.hears(), back
    soon = u.ok("time")["us"] / 1e6 + 0.3
    u.ok("at %.3f place a 7000 0  # away" % soon)
    assert b.hears(0.2)
    time.sleep(0.4)
    b.hears(0.05)
    assert not b.hears(0.3)
    u.ok("")
    u.ok("# nothing")
    b.s.close()
    b = Device("b")
    assert u.ok("list")["controllers"][-1]["x"] == 0   # its place stays, by its name
    end(p)


def test_pause_steps_and_speed():
    """The air's time stands still, goes on by a step or to a packet, and has a speed; it never goes back."""
    p = air()
    u = User()
    a, b = Device("a", "c01122334455"), Device("b")
    a.advertise_itself()
    b.scan()
    now = lambda: u.ok("time")["us"]
    assert "pause" in u.wrong("step") and not u.ok("world")["paused"]
    u.ok("pause")
    before = now()
    assert not b.hears(0.3) and now() == before and u.ok("world")["paused"]
    u.ok("step 100")
    time.sleep(0.3)
    assert now() == before + 100_000
    u.ok("step 0.001")
    time.sleep(0.05)
    assert now() == before + 100_001
    for _ in range(3):                          # a packet each: 20 ms and less than 10 by chance, on three channels
        before = now()
        u.ok("step")
        time.sleep(0.1)
        assert before < now() < before + 31_000
    for line in ("step 0", "step -1", "step x", "step 1 2", "speed 0", "speed 101", "speed x", "speed", "speed max", "pause 1", "world 1"):
        u.wrong(line)
    u.ok("continue")
    assert b.hears()
    for speed in (20, 0.05, 1):
        before = now()
        u.ok("speed %g" % speed)
        assert u.ok("world")["speed"] == speed
        time.sleep(0.4)
        passed = now() - before
        assert passed < 3e6 if speed < 20 else 2e6 < passed, (speed, passed)
        assert speed > 0.05 or passed < 100_000, passed
    end(p)


TICKS = """import bluetooth, time
b = bluetooth.BLE()
b.active(True)
b.gap_advertise(100000, b"")
first = time.ticks_ms()
while True:
    time.sleep_ms(%d)
    print(time.ticks_diff(time.ticks_ms(), first))
"""


def ticks(*options, ms, out=subprocess.PIPE):
    script = os.path.join(scratch, "ticks.py")
    with open(script, "w") as f:
        f.write(TICKS % ms)
    p = start([woad, "run", "--control", "unix:" + control, "--quiet", *options, script], stdout=out)
    serves(control)
    return p, User()


def test_a_pause_is_one_for_programs():
    """A program's wait lasts as much longer as the pause did; of a step it gets what passed."""
    p, u = ticks(ms=100)
    last = lambda: int(p.stdout.readline().split()[-1])
    while last() < 300:
        pass
    u.ok("pause")
    before = u.ok("time")["us"]
    time.sleep(1.5)
    os.set_blocking(p.stdout.fileno(), False)
    lines = (p.stdout.read() or b"").split(b"\n")
    assert len(lines) < 4, lines                # those that were on their way
    u.ok("step 1000")
    time.sleep(1.5)
    lines = (p.stdout.read() or b"").split(b"\n")
    assert 8 <= len(lines) - 1 <= 11, lines
    assert u.ok("time")["us"] == before + 1_000_000
    u.ok("continue")
    os.set_blocking(p.stdout.fileno(), True)
    at = [last() for _ in range(4)]
    assert at[3] - at[0] < 350, at              # its clock has stood still, too
    p.terminate()
    p.wait(5)


def test_pause_steps_and_speed_of_virtual_time():
    p, u = ticks("--clock", "virtual", ms=1000, out=subprocess.DEVNULL)
    u.ok("pause")
    before = u.ok("time")["us"]
    time.sleep(0.2)
    assert u.ok("time")["us"] == before and u.ok("world")["virtual"]
    u.ok("step 60000")
    end_at = time.monotonic() + 5
    while u.ok("time")["us"] < before + 60_000_000:
        assert time.monotonic() < end_at
        time.sleep(0.01)
    time.sleep(0.1)
    assert u.ok("time")["us"] == before + 60_000_000
    u.ok("speed 2")
    assert u.ok("world")["speed"] == 2
    u.ok("continue")
    time.sleep(0.7)
    passed = u.ok("time")["us"] - before - 60_000_000
    assert 900_000 < passed < 3_000_000, passed
    u.ok("speed max")
    assert u.ok("world")["speed"] == 0
    time.sleep(0.5)
    assert u.ok("time")["us"] - before > 80_000_000
    p.terminate()
    p.wait(5)


def test_a_wall_again():
    """Its loss changes; without a loss it goes, also when there is no room for one more."""
    p = air()
    u = User()
    u.ok("wall 0 0 0 1 12")
    u.ok("wall 0 0 1 0 5")
    u.ok("wall 0 0 0 1 3")
    assert u.ok("world")["walls"] == [[0, 0, 0, 1, 3], [0, 0, 1, 0, 5]]
    u.ok("wall 0 0 0 1 0")
    u.ok("wall 7 7 7 8 0")
    assert u.ok("world")["walls"] == [[0, 0, 1, 0, 5]]
    for k in range(255):
        u.ok("wall 1 %d 2 3 4" % k)
    u.wrong("wall 9 9 9 9 1")
    u.ok("wall 0 0 1 0 0")
    u.ok("wall 9 9 9 9 1")
    assert len(u.ok("world")["walls"]) == 256
    end(p)


def test_lines_that_are_none():
    p = air()
    u = User()
    a = Device("a")
    for line in ("frobnicate", "list 1", "wait", "wait for a b", "move a", "move a x 1", "move z 1 1", "off", "off z", "on 7", "loss", "loss -1",
                 "loss 1001", "loss x", "capture", "capture /nowhere/x", "capture a b", "place a", "hang z", "hang 9", "drift a 5", "at x noise 1",
                 "at 0 noise -90", "wait connected a b x", "wait connected a b -1", "wall 1", "off 99999999999999999999", 'off "a', "\t off"):
        error = u.wrong(line)
        assert error.isprintable() and len(error) < 300, error
    assert "\x1b" not in u.wrong("off \x1b[2J\u202e") and "?[2J" in u.wrong("off \x1b[2J")
    u.send(b"list\0x\n")
    assert not u.answer()["ok"]
    u.send(b"\xff\xfe\n")
    assert not u.answer()["ok"]
    for _ in range(300):
        u.ok("at 5000 noise -90") if _ < 200 else u.ask("at 5000 noise -90")
    assert "256" in u.wrong("at 5000 noise -90")
    for n in range(300):
        u.ok("move a %d 1" % n)
    notes = os.path.join(scratch, "notes.txt")
    with open(notes, "w") as f:
        f.write("precious")
    assert "something else than a capture" in u.wrong("capture " + notes) and open(notes).read() == "precious"
    end(p)


def test_many_lines_of_a_world():
    """What is over makes room; walls do not, and say so."""
    p = air()
    u = User()
    for n in range(600):
        u.ok("noise -9%d" % (n % 9))
        u.ok("place later %d 0" % n)
        u.ok("link 1 2 %d 0" % (n % 50))
    for n in range(256):
        u.ok("wall 0 0 %d 1 3" % n)
    assert "256" in u.wrong("wall 0 0 1 1 3")
    a = Device("later")
    assert u.ok("list")["controllers"][0]["x"] == 599
    end(p)


def test_names_make_room():
    """Names of lines that were refused leave room; those in use do not, and the answer says so."""
    p = air()
    u = User()
    for n in range(300):
        u.wrong("place refused%d 1" % n)
    for n in range(127):
        u.ok("link a%d b%d 5 0" % (n, n))
    u.ok("place good 1 2")
    u.wrong("place bad 1")
    u.ok("place last 1 2")
    assert "fewer names: 256 at most" in u.wrong("place more 1 2")
    u.ok("place good 2 2")
    u.ok("link a1 b2 5 0")
    assert "47 octets" in u.wrong("place %s 1 2" % ("x" * 48))
    end(p)


def test_a_quote_without_its_end():
    """What is behind it is not left out: the line is refused."""
    p = air()
    u = User()
    for line in ('noise -90 "x', 'wait connected 1 2 "0', 'loss 1 "2', '"list', 'list "', 'at 5 noise -90 "', '"'):
        assert 'a second "' in u.wrong(line), line
    u.ok('noise "-90" # "x')
    u.ok('# "x')
    end(p)


def test_lines_in_pieces():
    """A half line, many at once, one without an end, ones that are too long."""
    p = air()
    u = User()
    for c in "time\n":
        u.send(c)
        time.sleep(0.01)
    assert u.answer()["ok"]
    u.send("time\n" * 500 + "ti")
    assert all(u.answer()["ok"] for _ in range(500))
    u.send("me\n" + "x" * 1023 + "\n" + "y" * 5000 + "\ntime\n")
    got = [u.answer() for _ in range(4)]
    assert [x["ok"] for x in got] == [True, False, False, True] and "1023" in got[2]["error"], got
    u.send("time\ntime")
    u.s.shutdown(socket.SHUT_WR)
    assert u.answer()["ok"] and u.answer()["ok"] and u.f.read() == b""
    end(p)


def test_users_that_go_and_that_do_not_read():
    """Whoever waits or is slow holds nobody up, and leaves nothing behind."""
    p = air()
    fds = "/proc/%d/fd" % p.pid
    u = User()
    u.ok("time")
    before = len(os.listdir(fds))
    slow = User()
    slow.s.settimeout(0.5)
    sent = 0
    try:
        while sent < 4 << 20:
            sent += slow.s.send(b"list\n" * 1000)
    except socket.timeout:
        pass
    assert sent < 4 << 20
    waiting = [User() for _ in range(20)]
    for n, w in enumerate(waiting):
        w.send("wait connected 1 2\n" + "list\n" * (n % 2 * 1000))
    assert u.ok("time")["us"]
    for w in waiting:
        w.close()
    gone = User()
    gone.send("loss 7\nwait connected 1 2\n")
    gone.close()
    many = [User() for _ in range(80)]
    many[0].ok("time")
    for m in many[:30]:
        m.close()
    many[79].ok("time")
    for m in many[30:]:
        m.close()
    for _ in range(100):
        if len(os.listdir(fds)) == before + 1:
            break
        time.sleep(0.02)
    assert len(os.listdir(fds)) == before + 1, os.listdir(fds)
    cpu = sum(map(int, open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1].split()[11:13]))
    half = User()                              # it waits, and sends nothing more
    half.send("wait connected 1 2\n")
    half.s.shutdown(socket.SHUT_WR)
    time.sleep(0.6)
    now = sum(map(int, open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1].split()[11:13]))
    assert now - cpu < 10, now - cpu
    slow.s.settimeout(5)
    got = 0
    while got < 200000:
        got += len(slow.s.recv(65536))
    u.ok("time")
    end(p)


def test_only_its_user():
    """Mode 0600; another user is refused even where the file's mode lets it in; root may."""
    p = air()
    assert stat.S_IMODE(os.stat(control).st_mode) == 0o600
    u = User()
    u.ok("time")
    if os.geteuid() == 0:
        os.chmod(control, 0o777)
        os.chmod(scratch, 0o755)
        nobody = pwd.getpwnam("nobody").pw_uid
        code = "import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r); print(s.makefile().read(), end='')" % control
        r = subprocess.run(["python3", "-c", code], stdout=subprocess.PIPE, user=nobody, timeout=5)
        assert json.loads(r.stdout) == {"ok": False, "error": "only the user of this air may control it"}, r.stdout
    end(p)


def test_captures():
    """From `capture PATH` to `capture off`; another path ends the first."""
    p = air()
    u = User()
    a, b = Device("a"), Device("b")
    a.advertise_itself()
    b.scan()
    one, two = os.path.join(scratch, "one.pcap"), os.path.join(scratch, "two.pcap")
    b.hears()
    u.ok("capture " + one)
    b.hears()
    u.ok('capture "%s"' % two)
    first = os.path.getsize(one)
    b.hears()
    u.ok("capture off")
    second = os.path.getsize(two)
    b.hears()
    time.sleep(0.2)
    assert first > 24 + 50 and second > 24 + 50, (first, second)
    assert os.path.getsize(one) == first and os.path.getsize(two) == second
    u.ok("capture off")
    u.ok("capture " + one)
    u.ok("capture " + one)                     # its own lock does not refuse it
    notes = os.path.join(scratch, "no.pcap")
    with open(notes, "w") as f:
        f.write("precious")
    u.wrong("capture /nowhere/x")
    u.wrong("capture " + notes)
    assert "No space left" in u.wrong("capture /dev/full")
    first = os.path.getsize(one)
    b.hears()
    time.sleep(0.2)
    assert os.path.getsize(one) > first, "a path that is refused has ended the capture"
    u.ok("capture off")
    assert "No space left" in u.wrong("capture /dev/full")
    end(p)                                     # exit status 0: it was not asked for on the command line


def test_the_command():
    """`woad control`: lines as arguments and from standard input; its exit status."""
    p = air("--quiet")
    a = Device("a")

    def run(*args, text=None):
        r = subprocess.run([woad, "control", *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5)
        return r.returncode, [json.loads(x) for x in r.stdout.splitlines()], r.stderr

    code, got, err = run("unix:" + control, "list", "time")
    assert code == 0 and got[0]["controllers"][0]["name"] == "a" and "us" in got[1] and err == b"", (code, got, err)
    code, got, _ = run("unix:" + control, "off z", "time")
    assert code == 1 and [x["ok"] for x in got] == [False, True]
    code, got, _ = run("unix:" + control, text=b"# a world\nnoise -90\nmove a 1 2\ntime")
    assert code == 0 and [x["ok"] for x in got] == [True] * 4, got
    code, got, _ = run("unix:" + control, text=b"time\nnonsense\n")
    assert code == 1 and len(got) == 2
    code, got, err = run("unix:" + control + "x", "time")
    assert code == 1 and got == [] and err.count(b"\n") == 1, err
    assert run()[0] == 2 and run("tcp:1", "time")[0] == 2 and run("unix:" + control, "a\nb")[0] == 2
    waits = subprocess.Popen([woad, "control", "unix:" + control, "wait connected 1 2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.2)
    end(p)
    out, err = waits.communicate(timeout=5)
    assert waits.returncode == 1 and out == b"" and b"closed" in err
    r = subprocess.run([woad, "control", "--help"], stdout=subprocess.PIPE, timeout=5)
    assert r.returncode == 0 and b"wait connected" in r.stdout


def test_its_socket():
    """Its name is like those of airs: a file stays, a second one is refused, other kinds are."""
    for spec, status in (("unix:/nowhere/at/all", 1), ("tcp:1", 1), ("x", 1)):
        r = subprocess.run([woad, "air", "unix:" + path, "--control", spec], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == status and r.stderr.count(b"woad air: ") == 1, r
        assert not os.path.exists(path)
    p = air()
    r = subprocess.run([woad, "air", "unix:" + path + "2", "--control", "unix:" + control], stderr=subprocess.PIPE, timeout=5)
    assert r.returncode == 1 and b"another program serves it" in r.stderr, r
    end(p)


def test_with_few_descriptors():
    """Without a free descriptor new users wait; the others are served, and the air costs nothing."""
    p = air(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)))
    u = User()
    u.ok("time")
    more = [User() for _ in range(20)]
    time.sleep(0.1)
    cpu = sum(map(int, open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1].split()[11:13]))
    time.sleep(0.6)
    now = sum(map(int, open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1].split()[11:13]))
    assert now - cpu < 10, now - cpu
    u.ok("time")
    for m in more[:19]:
        m.close()
    more[19].ok("time")
    end(p)


def test_woad_run_is_controlled():
    p = subprocess.Popen([woad, "run", "--control", "unix:" + control, "--name", "hold", "sh", "-c", "echo up; sleep 60"], stdout=subprocess.PIPE,
                         env=dict(os.environ, TMPDIR=scratch))
    assert b"up" in p.stdout.readline()
    u = User()
    assert u.ok("list") == {"controllers": [], "programs": []}
    p.terminate()
    p.communicate(timeout=5)
    assert p.returncode == 143 and not os.path.exists(control)


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
