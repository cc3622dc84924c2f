#!/usr/bin/env python3
"""`woad air --web` from outside: who may see the page, what a hostile browser can do, how it ends.  The page itself is
tested in a browser by tests/web/page.mjs.

web.py [NAME…]: those tests whose names contain one of the words.
"""
import base64
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time

from scaffold import main, scratch, start, woad

number = 0


class Air:
    """A radio with a page."""

    def __init__(self, *options, web="--web"):
        global number
        number += 1
        self.path = os.path.join(scratch, "air%d" % number)
        words = [web] if isinstance(web, str) else web
        self.p = start([woad, "air", *words, "unix:" + self.path, "--quiet", *options],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = ""
        while not line.startswith("web "):
            line = self.p.stderr.readline().decode()
            assert line, "it ended: %s" % self.p.wait()
        m = re.match(r"web http://([\d.]+):(\d+)/([0-9a-f]{32})/\n$", line)
        assert m, line
        self.address, self.port, self.token = m.group(1), int(m.group(2)), m.group(3)
        self.host = "%s:%d" % (self.address, self.port)

    def server(self):
        """The process that serves the page."""
        return int(subprocess.run(["pgrep", "-P", str(self.p.pid)], stdout=subprocess.PIPE).stdout)

    def connect(self, room=0):
        s = socket.socket()
        if room:                    # of the kernel's, before the window is offered
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        s.settimeout(10)
        s.connect((self.address, self.port))
        return s

    def ask(self, path, method="GET", host=None, headers=(), kept=None):
        """The status, headers and body of one answer; 0: the connection was closed.  `kept`: a connection that is kept open."""
        if not kept:
            with self.connect() as s:
                return self.ask(path, method, host, ("Connection: close", *headers), s)
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + (self.host if host is None else host), *headers, "", ""]
        kept.sendall("\r\n".join(lines).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            more = kept.recv(65536)
            if not more:
                return 0, "", b""
            got += more
        head, body = got.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length: (\d+)", head)
        while length and len(body) < int(length.group(1)):
            body += kept.recv(65536)
        return int(head.split()[1]), head.decode(), body

    def get(self, name=""):
        return self.ask("/%s/%s" % (self.token, name))

    def end(self, how=signal.SIGINT):
        self.p.send_signal(how)
        err = self.p.communicate(timeout=10)[1].decode()
        assert "ERROR: AddressSanitizer" not in err and "runtime error" not in err, err
        return self.p.returncode, err


def cpu(pid):
    """Seconds of the processor that a process has used."""
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Browser:
    """A WebSocket that can also be wrong."""

    def __init__(self, air, path=None, room=0, origin=None, host=None, protocol="woad", headers=()):
        self.s = air.connect(room)
        self.buffer = b""
        path = "/%s/ws" % air.token if path is None else path
        origin = "http://" + air.host if origin is None else origin
        lines = ["GET %s HTTP/1.1" % path, "Host: " + (host or air.host), "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version: 13"]
        lines += ["Origin: " + origin] if origin else []
        lines += ["Sec-WebSocket-Protocol: " + protocol] if protocol else []
        self.s.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                more = self.s.recv(1)
                if not more:
                    break
                head += more
        except ConnectionError:
            pass
        self.status = int(head.split()[1]) if head else 0
        self.news = []

    def frame(self, opcode, payload=b"", final=True, masked=True, length=None):
        n = len(payload) if length is None else length
        head = bytes((opcode | 0x80 * final,))
        mask = 0x80 * masked
        head += bytes((mask | n,)) if n < 126 else bytes((mask | 126,)) + struct.pack(">H", n) if n < 65536 else bytes((mask | 127,)) + struct.pack(">Q", n)
        key = os.urandom(4)
        body = bytes(b ^ key[k % 4] for k, b in enumerate(payload)) if masked else payload
        self.s.sendall(head + (key if masked else b"") + body)

    def say(self, line):
        self.frame(1, line.encode())

    def take(self, n):
        while len(self.buffer) < n:
            more = self.s.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        got, self.buffer = self.buffer[:n], self.buffer[n:]
        return got

    def message(self):
        """The next message, of JSON; EOFError: the connection has ended."""
        text = b""
        while True:
            head = self.take(2)
            n = head[1] & 0x7f
            n = struct.unpack(">H", self.take(2))[0] if n == 126 else struct.unpack(">Q", self.take(8))[0] if n == 127 else n
            payload = self.take(n)
            if head[0] & 0x0f == 8:
                raise EOFError
            text += payload
            if head[0] & 0x80:
                return json.loads(text)

    def answer(self, number):
        while True:
            for n, answer in self.message().get("answers", ()):
                if n == number:
                    return answer

    def ask(self, line):
        self.number = getattr(self, "number", 0) + 1
        self.say("%d %s" % (self.number, line))
        return self.answer(self.number)

    def is_closed(self):
        self.s.settimeout(5)
        try:
            while True:
                self.message()
        except (EOFError, ConnectionError):
            return True

    def close(self):
        self.s.close()


class Host:
    """Advertises, by HCI."""

    def __init__(self, air, name, interval=0x20):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind("\0woad/test/%d/%d//%s" % (os.getpid(), id(self), name))
        self.s.connect(air.path)
        self.s.settimeout(5)
        self.command(0x0c03)
        self.command(0x2006, struct.pack("<HH", interval, interval) + b"\x03\x00\x00" + bytes(6) + b"\x07\x00")
        self.command(0x2008, b"\x03\x02\x01\x06" + bytes(28))
        self.command(0x200a, b"\x01")

    def command(self, opcode, params=b""):
        self.s.sendall(b"\x01" + struct.pack("<HB", opcode, len(params)) + params)
        got = b""
        while len(got) < 7 or len(got) < got[2] + 3:
            got += self.s.recv(260)
        assert got[1] == 0x0e and got[6] == 0, got


def works(air):
    """A browser that behaves gets an answer."""
    b = Browser(air)
    assert b.status == 101, b.status
    assert b.ask("time")["ok"]
    b.close()


def test_who_gets_the_page():
    air = Air()
    status, head, body = air.get()
    assert status == 200 and b"page.js" in body, (status, body)
    for header in ("referrer-policy: no-referrer", "x-frame-options: deny", "content-security-policy: default-src 'none'", "cache-control: no-store"):
        assert header in head, head
    assert air.get("page.js")[0] == air.get("page.css")[0] == 200
    assert air.get("other")[0] == 404
    assert air.get("air.pcapng")[2][:4] == b"\x0a\x0d\x0d\x0a"     # a capture without packets
    wrong = air.token[:-1] + ("0" if air.token[-1] != "0" else "1")
    for path in ("/", "/page.js", "/ws", "/air.pcapng", "/%s/" % wrong, "/%s" % air.token, "/%s/" % air.token[1:], "/%s0/" % air.token,
                 "/" + "a" * 2000):
        status = air.ask(path)[0]
        assert status in (0, 403), (path, status)
    for host in ("evil.example:%d" % air.port, "evil.example", "127.0.0.1:1", "127.0.0.1", "127.0.0.1.evil.example:%d" % air.port, "", "x" * 300):
        status = air.ask("/%s/" % air.token, host=host)[0]
        assert status in (0, 403), (host, status)
    assert air.ask("/%s/" % air.token, host="localhost:%d" % air.port)[0] == 200
    assert air.ask("/%s/" % air.token, headers=["Origin: http://evil.example"])[0] == 403
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "NONSENSE"):
        assert air.ask("/%s/" % air.token, method=method, headers=["Content-Length: 0"])[0] != 200 or method == "HEAD", method
    assert air.end()[0] == 0


def test_who_gets_the_socket():
    air = Air()
    works(air)
    own = "http://" + air.host
    for more in (dict(path="/ws"), dict(path="/%s/ws" % ("0" * 32)), dict(path="/%s/" % air.token), dict(path="/%s/wsx" % air.token),
                 dict(origin="http://evil.example"), dict(origin="null"), dict(origin=own + ".evil.example"), dict(origin=own.replace("http", "https")),
                 dict(origin="http://127.0.0.1:1"), dict(host="evil.example:%d" % air.port, origin="http://evil.example:%d" % air.port),
                 dict(protocol=None), dict(protocol="woad-lines"), dict(protocol="woad-packets"), dict(protocol="http"), dict(protocol="x" * 500),
                 dict(headers=["Origin: http://evil.example"])):
        b = Browser(air, **more)
        assert b.status != 101, more
        b.close()
    b = Browser(air, origin="")            # no browser: it has the token
    assert b.status == 101 and b.ask("time")["ok"]
    b.close()
    works(air)
    assert air.end()[0] == 0


def test_what_a_browser_gets():
    air = Air()
    host = Host(air, "one two")
    b = Browser(air)
    packets, state = [], {}
    while len(packets) < 30 or len(state) < 2:
        m = b.message()
        assert m["first"] == (packets[-1][0] + 1 if packets else 0) and m["skipped"] == m["lost"] == 0
        packets += [(m["first"] + k, p) for k, p in enumerate(m["packets"])]
        state.update((key, m[key]) for key in ("list", "world") if key in m)
    assert {p[1] for _, p in packets} == {37, 38, 39} and {p[4] for _, p in packets} == {1}
    assert {p[9] for _, p in packets} == {"ADV_NONCONN_IND"}, packets[0]
    us, channel, phy, kind, sender, length, airtime, aa, flags, name, dbm = packets[0][1]
    assert (phy, kind, length, airtime, aa, flags, dbm) == (1, 0, 9, (1 + 4 + 2 + 9 + 3) * 8, 0x8e89bed6, 0, 0), packets[0]
    assert state["list"]["controllers"][0]["name"] == "one two" and state["world"]["speed"] == 1, state
    decoded = b.ask("packet %d" % packets[4][0])["packet"]
    assert decoded["adv"]["name"] == "ADV_NONCONN_IND", decoded
    assert decoded["channel"] == packets[4][1][1]
    assert not b.ask("packet 999999999")["ok"] and not b.ask("packet x")["ok"]
    assert b.ask("move 1 3.5 4")["ok"]
    while not any(c["x"] == 3.5 and c["y"] == 4 for c in b.message().get("list", {}).get("controllers", ())):
        pass
    # Lines that name files, or take the connection, are not for pages; nor is an unknown one.
    file = os.path.join(scratch, "written")
    for line in ("capture " + file, "watch", "watch air", "wait connected 1 2", "say 1 04", "inject 1 64 12", "at 9 loss 3", "list", "x", "", " move 1 1 1"):
        assert not b.ask(line)["ok"], line
    assert not os.path.exists(file)
    answer = b.ask("move 9 1 1")
    assert answer == {"ok": False, "error": "there is no controller 9"}
    assert air.get("air.pcapng")[2][:4] == b"\x0a\x0d\x0d\x0a"
    b.close()
    host.s.close()
    assert air.end()[0] == 0


def test_downloads_that_have_ended():
    """They count no longer: on a connection that is kept, of one that was closed in the middle, and where it becomes a WebSocket."""
    air = Air()
    host = Host(air, "x")
    path = "/%s/air.pcapng" % air.token
    with air.connect() as kept:
        for _ in range(4):
            status, _, body = air.ask(path, kept=kept)
            assert status == 200 and body[:4] == b"\x0a\x0d\x0d\x0a", status
        for _ in range(4):
            with air.connect() as cut:
                cut.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, air.host)).encode())
        lines = ["GET /%s/ws HTTP/1.1" % air.token, "Host: " + air.host, "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: woad", "", ""]
        kept.sendall("\r\n".join(lines).encode())
        assert kept.recv(12) == b"HTTP/1.1 101"
        end = time.monotonic() + 5
        while air.ask(path)[0] != 200:               # those that were cut have ended soon
            assert time.monotonic() < end
    host.s.close()
    assert air.end()[0] == 0


def test_no_other_protocol():
    """HTTP/2, asked for or begun with, is refused, and costs nothing: the server waits."""
    air = Air()
    asking = ("GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
              % air.host).encode()
    with_token = asking.replace(b"GET / ", b"GET /%s/page.css " % air.token.encode())
    begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    for request in (asking, with_token, begun, asking.replace(b"h2c", b"other")):
        with air.connect() as s:
            s.sendall(request)
            before = cpu(air.server())
            s.settimeout(0.5)
            try:
                answer = s.recv(100)
            except (TimeoutError, ConnectionResetError):
                answer = b""
            assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (request, answer)
            time.sleep(0.5)
            assert cpu(air.server()) - before < 0.2, request
    assert air.get()[0] == 200 and air.end()[0] == 0


def test_a_hostile_browser():
    air = Air()
    host = Host(air, "one")
    wrong = [
        lambda b: b.frame(2, b"1 time"),                      # binary
        lambda b: b.frame(1, b"1 time\n2 capture /tmp/x"),    # two lines
        lambda b: b.frame(1, b"1 time\0"),
        lambda b: b.frame(1, b"time"),                        # no number
        lambda b: b.frame(1, b"-1 time"),
        lambda b: b.frame(1, b"99999999999 time"),
        lambda b: b.frame(1, b""),
        lambda b: b.frame(1, b"1 " + b"x" * 1000),            # too long
        lambda b: b.frame(1, b"1 " + b"x" * 70000),
        lambda b: (b.frame(1, b"1 " + b"x" * 600, final=False), b.frame(0, b"x" * 600)),
        lambda b: b.frame(1, b"1 \xff\xfe"),                  # no UTF-8
        lambda b: b.frame(1, b"1 time", masked=False),
        lambda b: b.frame(1, b"", length=1 << 62),
        lambda b: b.frame(3, b"1 time"),                      # reserved opcodes
        lambda b: b.frame(0x0b, b"1 time"),
        lambda b: b.frame(0x71, b"1 time"),                   # reserved bits
        lambda b: b.frame(0, b"1 time"),                      # a continuation of nothing
        lambda b: b.frame(8, b"\0"),                          # a close without a status
        lambda b: b.frame(9, b"x" * 126),                     # a ping that is too long
    ]
    for k, what in enumerate(wrong):
        b = Browser(air)
        assert b.status == 101
        what(b)
        if k == 12:
            b.s.shutdown(socket.SHUT_WR)
        if k not in (11,):
            assert b.is_closed(), k
        b.close()
        works(air)
    # More requests than are answered at a time.
    b = Browser(air)
    for k in range(3000):
        try:
            b.say("%d time" % k)
        except (BrokenPipeError, ConnectionError):
            break
    b.close()
    works(air)
    # Octets by chance, in frames and without them, before and after the handshake.
    rng = random.Random(7)
    for _ in range(300):
        b = Browser(air) if rng.random() < 0.7 else None
        s = b.s if b else air.connect()
        try:
            for _ in range(rng.randrange(1, 6)):
                junk = rng.randbytes(rng.randrange(0, 300))
                if b and rng.random() < 0.6:
                    b.frame(rng.randrange(16), junk, final=rng.random() < 0.8)
                else:
                    s.sendall(junk)
        except ConnectionError:
            pass
        s.close()
    works(air)
    # Many connections that say nothing.
    idle = [air.connect() for _ in range(200)]
    for s in idle:
        s.close()
    works(air)
    host.s.close()
    assert air.end()[0] == 0


def test_seventeen_browsers():
    air = Air()
    browsers = [Browser(air) for _ in range(16)]
    assert all(b.status == 101 for b in browsers)
    b = Browser(air)
    assert b.status != 101
    browsers[3].close()
    deadline = time.monotonic() + 5
    while Browser(air).status != 101:
        assert time.monotonic() < deadline
    assert air.end()[0] == 0


def test_a_browser_that_does_not_read():
    air = Air("--speed", "20")
    hosts = [Host(air, "h%d" % k) for k in range(20)]
    slow, quick = Browser(air, room=4096), Browser(air)
    assert slow.status == quick.status == 101
    before = quick.ask("time")["us"]
    start, last = time.monotonic(), 0
    while last < 60000:
        m = quick.message()
        last = m["first"] + len(m["packets"])
        assert time.monotonic() < start + 30
    passed = quick.ask("time")["us"] - before
    assert passed > (time.monotonic() - start) * 1e6 * 2, "the air goes on: %d us" % passed
    with open("/proc/%d/statm" % air.server()) as f:
        resident = int(f.read().split()[1]) * 4096
    assert resident < 300e6, resident
    skipped = 0
    while not skipped:
        skipped = slow.message()["skipped"]
    assert skipped > 1000
    for h in hosts:
        h.s.close()
    assert air.end()[0] == 0


def test_ends():
    air = Air()
    server = air.server()
    assert air.end(signal.SIGINT)[0] == 0
    assert not os.path.exists("/proc/%d" % server)
    air = Air()
    server = air.server()
    air.p.kill()
    air.p.wait()
    deadline = time.monotonic() + 5
    while os.path.exists("/proc/%d" % server) and open("/proc/%d/stat" % server).read().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # Without its page the air goes on.
    air = Air()
    os.kill(air.server(), signal.SIGKILL)
    host = Host(air, "one")
    host.s.close()
    assert air.end()[0] == 0


def test_options():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        p = subprocess.run([woad, "air", "--web=%d" % port, "unix:" + os.path.join(scratch, "no")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.returncode == 1 and b"127.0.0.1:%d: Address already in use" % port in p.stderr, p.stderr
    for word in ("x", "65536", "-1", "evil.example:80", "1.2.3:80", "127.0.0.1:", ":80"):
        p = subprocess.run([woad, "air", "--web=" + word, "unix:" + os.path.join(scratch, "no")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert p.returncode == 2 and b"--web takes a port" in p.stderr, (word, p.stderr)
    for web in (["--web", str(port)], ["--web=%d" % port], ["--web=127.0.0.1:%d" % port]):
        air = Air(web=web)
        assert air.port == port
        assert air.get()[0] == 200
        assert air.end()[0] == 0
    air = Air(web="--web=0.0.0.0:0")
    air.address = "127.0.0.1"
    air.host = "127.0.0.1:%d" % air.port
    works(air)
    assert air.end()[0] == 0


def test_this_users_radio():
    """Without a transport programs find it by themselves, and so does `woad control`'s user; a second one is refused."""
    folder = os.path.join(scratch, "run")
    os.mkdir(folder, 0o700)
    environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
    environment.pop("WOAD_HCI", None)
    p = start([woad, "air", "--web", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert p.stderr.readline().startswith(b"serving this user's radio")
    assert p.stderr.readline().startswith(b"web http")
    again = subprocess.run([woad, "air", "--web"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert again.returncode == 1 and b"runs already" in again.stderr, again
    seen = start([woad, "watch", "--air", "--once"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    beacon = start([woad, "serve", "beacon"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert b"ADV_" in seen.stdout.readline()
    for one in (beacon, seen, p):
        one.send_signal(signal.SIGINT)
        one.communicate(timeout=10)
    assert p.returncode == 0 and os.listdir(os.path.join(folder, "woad")) == ["lock"]
    # Afterwards programs start their own again.
    p = subprocess.run([woad, "scan", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=10)
    assert p.returncode == 0, p


def test_a_run():
    """`woad run --web` has the page, too, and ends with its programs."""
    p = subprocess.run([woad, "run", "--quiet", "--web", "sleep", "0.5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    assert p.returncode == 0 and re.search(rb"web http://127\.0\.0\.1:\d+/[0-9a-f]{32}/", p.stderr + p.stdout), (p.returncode, p.stderr)


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
