#!/usr/bin/env python3
"""The module and MicroPython's heap: what the collector follows, what an event costs, what a program does in the middle of a call.

memory.py [NAME…]: those tests whose names contain one of the words.  With MICROPYTHON_PROGRAM a sanitized build: scripts/memory.
EVENTS=n: so many scan results, and a tenth as many notifications, where heap is counted.
"""
import os
import queue
import socket
import sys
import threading
import time

from run import CLIENT, SERVER, Program, hub, main, pair, scratch

EVENTS = int(os.environ.get("EVENTS", "20000"))
SLOW = int(os.environ.get("SLOW", "1"))    # an interpreter that is so much slower
COLLECTS = """
    import gc
    def collects():
        gc.collect()
        return [bytes(b"\\xee" * 71) for _ in range(%d)]
""" % (1000 // SLOW)


class Between:
    """Between a program and its controller: packets can be put in that the controller has not sent."""
    HEADS = {1: (4, 3, 1), 2: (5, 3, 2), 4: (3, 2, 1)}     # H4 type: length with the header, where the length stands, its octets

    def __init__(self, path, name):
        self.path = os.path.join(scratch, name)
        self.listen = socket.socket(socket.AF_UNIX)
        self.listen.bind(self.path)
        self.listen.listen(1)
        self.controller = socket.socket(socket.AF_UNIX)
        self.controller.connect(path)
        self.more = queue.Queue()
        self.spec = "unix:" + self.path
        self.flood, self.flood_end = b"", 0
        self.drops = ()                     # packets of the controller that begin so do not come
        self.said = b""                     # by the program
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        self.program, _ = self.listen.accept()
        threading.Thread(target=self.up, daemon=True).start()
        self.controller.settimeout(0.01)
        self.down()

    def up(self):
        try:
            while True:
                octets = self.program.recv(4096)
                if not octets:
                    break
                self.said += octets
                self.controller.sendall(octets)
        except OSError:
            pass
        self.controller.close()

    def down(self):
        held = b""
        try:
            while True:
                try:
                    octets = self.controller.recv(4096)
                    if not octets:
                        return
                    held += octets
                except socket.timeout:
                    pass
                n = self.whole(held)
                self.program.sendall(self.passing(held[:n]))
                held = held[n:]
                while not self.more.empty():
                    self.program.sendall(self.more.get())
                if time.time() < self.flood_end:
                    self.controller.settimeout(0.0001)
                    self.program.sendall(self.flood)
        except OSError:
            pass                            # one of both is gone

    def passing(self, packets):
        if not self.drops:
            return packets
        out, at = b"", 0
        while at < len(packets):
            head, where, octets = self.HEADS[packets[at]]
            end = at + head + int.from_bytes(packets[at + where:at + where + octets], "little")
            if not packets[at:end].startswith(self.drops):
                out += packets[at:end]
            at = end
        return out

    def whole(self, held):
        """So many octets of it are whole packets."""
        at = 0
        while len(held) > at:
            head, where, octets = self.HEADS[held[at]]
            if len(held) < at + head:
                break
            length = head + int.from_bytes(held[at + where:at + where + octets], "little")
            if len(held) < at + length:
                break
            if held[at:at + 2] == b"\x04\x3e" and held[at + 3] in (1, 10):
                self.handle = held[at + 5:at + 7]          # LE (Enhanced) Connection Complete
            at += length
        return at

    def put(self, packets):
        self.more.put(packets)

    def floods(self, packets, seconds):
        """As fast as they are taken, for so long."""
        self.flood, self.flood_end = packets, time.time() + seconds


def reports(n):
    """n LE Advertising Reports, extended ones of legacy PDUs: each of another address."""
    out = []
    for k in range(n):
        data = b"\x02\x01\x06\x05\x09Woad"
        one = (b"\x13\x00\x01" + (0xc00000000000 | k & 0xffffff).to_bytes(6, "little") + b"\x01\x00\xff\x7f\xd0\x00\x00\x00" + bytes(6)
               + bytes((len(data),)) + data)
        out.append(bytes((4, 0x3e, len(one) + 2, 0x0d, 1)) + one)
    return b"".join(out)


def test_what_waited_is_kept():
    """A request that came while a method waited, and whose handler collects, is answered."""
    s, c = pair(COLLECTS + SERVER + """
    seen = 0
    def handler(event, data):
        global seen
        irq(event, data)
        if event == 3:
            seen += 1
            collects()
    ble.irq(handler)
    wait(1, 20000)
    while not [e for e in events if e[0] == 2]:
        ble.gap_advertise(100000, b"x")         # events that come now are queued
    assert seen == 60, seen
    """, CLIENT + """
    for i in range(60):
        ble.gattc_write(conn, 12, b"%d" % i, 1)
        assert wait(17, 20000)[2] == 0
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end(60)


def test_secrets_are_the_keys():
    """Both secrets of a bond that came while a method waited hold the key, whatever the handler does between them."""
    program = COLLECTS + """
    secrets = {}
    def handler(event, data):
        if event == 30:
            kind, key, value = data
            if value is not None and kind in (1, 2):
                secrets[kind] = bytes(key), bytes(value)
                collects()
            return True
        if event != 29:
            irq(event, data)
    ble.irq(handler)
    ble.config(bond=True, le_secure=True)
    ble.active(True)
    print("MAC", ble.config("mac")[1].hex())
    """
    s = Program(program + """
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    while 2 not in secrets:
        ble.gap_advertise(100000, b"x")
    assert secrets[1][0] == secrets[2][0]
    assert secrets[1][1][14:40] == secrets[2][1][14:40] != bytes(26), secrets
    print("DONE")
    """)
    s.line("READY")
    c = Program(program + """
    ble.gap_connect(0, peer())
    ble.gap_pair(wait(7)[0])
    assert wait(28, 20000)[1:] == (1, 0, 1, 16)
    peer()
    """)
    c.say(s.line("MAC"))
    s.end(30)
    c.say("")
    c.end()


def test_conversions_that_end_the_radio():
    """An argument whose __int__ or __bool__ calls active(False): ENODEV, or whatever else, and the next start works."""
    calls = (
        "gap_pair(e)", "gap_passkey(0, e, 1)", "gap_passkey(e, 2, 1)", "gap_passkey(0, 2, e)", "gap_keypress(e, 1)", "gap_keypress(0, e)",
        "gap_advertise(e)", "gap_advertise(100000, b'x', connectable=e)", "gap_advertise(100000, peer=(e, b'123456'))", "gap_advertise(100000, scannable=e)",
        "l2cap_listen(e, 100)", "l2cap_listen(128, e)", "l2cap_listen(e, None)", "l2cap_connect(e, 0x80, 100)", "l2cap_connect(0, e, 100)",
        "l2cap_send(e, 0, b'x')", "l2cap_send(0, e, b'x')", "l2cap_recvinto(e, 0, None)", "l2cap_recvinto(0, e, bytearray(4))", "l2cap_disconnect(0, e)",
        "gap_oob(e, bytes(16))", "gap_unpair((e, b'123456'))", "gap_disconnect(e)", "gap_scan(e)", "gap_scan(0, 30000, 30000, e)",
        "gap_connect(e, b'123456')", "gap_connect(0, b'123456', e)", "gap_connect_any(e)", "gap_accept_list([(e, b'123456')])",
        "gap_update(e, 1, 2)", "gap_phy(e, 1, 1)", "gap_link(e, 1)", "gap_data_length(0, e)", "gap_connection(e)",
        "gattc_read(e, 1)", "gattc_write(0, e, b'x')", "gattc_write(0, 1, b'x', e)", "gattc_discover_services(e)", "gattc_read_multiple(0, [e, e])",
        "gattc_discover_characteristics(0, e, 5)", "gattc_discover_descriptors(0, 1, e)", "gattc_exchange_mtu(e)", "gattc_cancel(e)",
        "gatts_write(12, b'x', e)", "gatts_read(e)", "gatts_notify(0, e)", "gatts_set_buffer(12, e)", "gatts_remove_services(e)",
        "gatts_register_services(((U, ((C, e),)),))", "gatts_add_services(((U, ((C, e),)),))",
        "config(mtu=e)", "config(addr_mode=e)", "config(io=e)", "config(bond=e)", "config(events=[e])", "config(scan_phys=e)",
        "gap_advertise_set(e, 100000)", "gap_advertise_set(0, e)", "gap_advertise_set(0, 100000, b'x', sid=e)",
    )
    p = Program("""
    class Ends:
        def __int__(self):
            ble.active(False)
            return 64 if n & 1 else 12
        def __bool__(self):
            ble.active(False)
            return True
    e = Ends()
    n = 0
    for call in %r:
        n += 1
        ble.active(True)
        ((h,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
        try:
            eval("ble." + call)
        except (OSError, ValueError, TypeError) as x:
            pass
    ble.active(True)
    ble.gap_advertise(100000, b"x")
    print("SURVIVED")
    """ % (calls,))
    p.line("SURVIVED", 120)
    p.end(60)


def test_definition_that_changes():
    """One that gives more when it is asked again, a list that its own conversion lengthens or empties: an exception, and no octet written behind."""
    Program("""
    import gc
    up()
    class Grows:
        n = 0
        def __init__(self, more):
            self.more = more
        def __len__(self):
            return 1
        def __iter__(self):
            Grows.n += 1
            return iter([(UUID(0x2a00 + k), 2) for k in range(self.more if Grows.n % 2 == 0 else 1)])
    for more in (2, 100, 2000):
        Grows.n = 0
        for f in (ble.gatts_register_services, ble.gatts_add_services):
            try:
                f(((UUID(0x180f), Grows(more)),))
                assert False
            except ValueError:
                pass
    chars = []
    class F:
        def __int__(self):
            if len(chars) < 3000:
                chars.append((UUID(0x2a01), F()))
            return 2
    chars.append((UUID(0x2a00), F()))
    try:
        ble.gatts_register_services(((UUID(0x180f), chars),))
    except ValueError:
        pass
    junk = None
    def spoil(l):
        global junk
        l.clear()
        l.extend([1] * 3000)
        gc.collect()
        junk = [bytearray(b"A" * 120) for _ in range(200)]
    class Spoils:
        def __init__(self, l):
            self.l = l
        def __int__(self):
            spoil(self.l)
            return 0
        def __len__(self):
            spoil(self.l)
            return 0
        def __iter__(self):
            return iter(())
    l = []
    l.extend([(Spoils(l), b"123456")] + [(0, b"123456") for _ in range(15)])
    ble.gap_accept_list(l)
    l = []
    l.extend([Spoils(l)] + [1] * 20)
    raises(107, ble.gattc_read_multiple, 5, l)
    pair = []
    pair.extend((Spoils(pair), b"123456"))
    ble.gap_accept_list([pair])
    c = []
    c.extend((UUID(0x2a00), 2, Spoils(c)))
    try:
        ble.gatts_register_services(((UUID(0x180f), (c,)),))
    except (ValueError, TypeError):
        pass
    value = bytearray(20)
    class Shrinks:
        def __bool__(self):
            value[:] = b""
            spoil([])
            return False
        def __int__(self):
            self.__bool__()
            return 0
    ((h,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
    ble.gatts_write(h, value, Shrinks())
    assert ble.gatts_read(h) == b"", ble.gatts_read(h)
    gc.collect()
    """).end(60)


def test_options_are_converted_once():
    """A generator names events; a reason that is no UTF-8 is told all the same."""
    Program("""
    ble.config(events=(n for n in (64, 69)))
    assert ble.config("events") == (64, 69)
    ble.config(events=map(int, ("65",)))
    assert ble.config("events") == (65,)
    raises(22, lambda: ble.config(events=(n for n in (64, 2)), gap_name="no"))
    assert ble.config("events") == (65,) and ble.config("gap_name") == b"MPY WOAD"
    """).end()
    Program("""
    e = raises(19, ble.active, True)
    assert "nowhere" in e.args[1], e.args
    """, {"WOAD_HCI": b"unix:/nowhere/\xff".decode("utf-8", "surrogateescape")}).end()


def test_handlers_that_end_the_radio():
    """active(False), and methods that would wait, in the handler of an event that a method raises itself."""
    inside = ("ble.active(False)", "ble.gap_advertise(100000, b'x')", "ble.gap_disconnect(conn); ble.gap_advertise(100000, b'x'); time.sleep_ms(50)")
    cancel = "for i in range(4): ble.gattc_read(conn, 12)"
    for n, (before, act, event, what) in enumerate((
        ("", "ble.gap_pair(conn)", 29, inside[0]), (cancel, "ble.gattc_cancel(conn)", 16, inside[0]),
        (cancel, "ble.gattc_cancel(conn)", 16, inside[1]), ("", "ble.gap_pair(conn)", 29, inside[2]),
    )):
        s = Program(SERVER + "    peer()")
        s.line("READY")
        c = Program("""
    armed = False
    def handler(event, data):
        global armed
        irq(event, data)
        if armed and event == %d:
            armed = False
            %s
    """ % (event, what) + CLIENT + """
    ble.irq(handler)
    time.sleep_ms(300)
    %s
    armed = True
    try:
        %s
    except OSError as e:
        print("RAISED", e)
    while armed:
        time.sleep_ms(10)
    time.sleep_ms(100)
    if %r:
        assert ble.active() is False
        ble.active(True)
    ble.gap_advertise(100000, b"x")
    """ % (before, act, what == inside[0]))
        c.say(s.line("MAC"))
        c.end()
        s.say("")
        s.end()


def test_secrets_that_end_the_radio():
    """active(False) in the handler that active(True) asks for secrets."""
    Program("""
    for answer in (None, bytes(16)):
        for kind in (10, 2):
            def handler(event, data):
                if event == 29 and data[0] == kind:
                    ble.active(False)
                    return answer
                return None
            ble.irq(handler)
            assert ble.active(True) is False
            assert ble.active() is False
            ble.irq(None)
            assert ble.active(True) is True
            ble.gap_advertise(100000, b"x")
            ble.active(False)
    """).end()


def test_an_exception_that_cant_be_shown():
    """Printing it raises again: the handler is taken out, and everything else goes on."""
    s = Program("up(); ble.gap_advertise(20000, b'x'); print('READY'); sys.stdin.readline()")
    s.line("READY")
    for what in ("E()", "ValueError(A())"):
        Program("""
    class E(Exception):
        def __repr__(self):
            raise E()
    class A:
        def __repr__(self):
            raise ValueError(A())
    def handler(event, data):
        if event == 5:
            raise %s
    ble.active(True)
    ble.irq(handler)
    ble.gap_scan(500, 30000, 30000)
    time.sleep_ms(700)
    ble.irq(irq)
    ble.gap_scan(None)
    ble.gap_scan(500, 30000, 30000)
    wait(5)
    wait(6)
    ble.active(False)
    assert ble.active(True)
    """ % what).end()
    s.say("")
    s.end()


def test_an_event_costs_no_heap():
    """With the collector off the heap does not grow, by scan results or notifications; and each arrives with the heap locked, and full."""
    path = os.path.join(scratch, "heap.sock")
    h = hub("unix:" + path)
    b = Between(path, "between.sock")
    s = Program(SERVER + "    peer()", {"WOAD_HCI": "unix:" + path})
    s.line("READY")
    notifications = EVENTS // 10
    c = Program("""
    import gc, micropython
    n = 0
    last = None
    def handler(event, data):
        global n, last
        if event == 5 and data[0] == 1 and data[4] == b"\\2\\1\\6\\5\\tWoad":
            n += 1
            last = data                         # kept: its content changes, and it never dangles
        elif event == 18 and data[1] == 12 and data[2] == b"notified":
            n += 1
        elif event == 7:
            irq(event, data)
    def count(name, wanted):
        global n
        n = 0
        before = gc.mem_alloc()
        print(name)
        end = time.ticks_add(time.ticks_ms(), 500000)
        while n < wanted and time.ticks_diff(end, time.ticks_ms()) > 0:
            time.sleep_ms(10)
        grown = gc.mem_alloc() - before
        assert n == wanted, (name, n)
        return grown
    up()
    ble.irq(handler)
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    ble.gap_scan(0, 30000, 30000)
    count("WARM", 10)
    gc.collect()
    gc.disable()
    assert count("SCANNED", %d) == 0
    assert count("NOTIFIED", %d) == 0
    micropython.heap_lock()
    count("LOCKED", 100)
    micropython.heap_unlock()
    n = 0
    hoard = []
    for size in (16384, 1024, 64, 1):
        try:
            while True:
                hoard.append(bytearray(size))
        except MemoryError:
            pass
    print("FULL")
    while n < 100:
        time.sleep_ms(10)
    hoard = None
    gc.enable()
    assert ble.config("dropped") == 0
    assert len(last) == 5
    print("DONE")
    """ % (EVENTS, notifications), {"WOAD_HCI": b.spec})
    c.say(s.line("MAC"))
    c.line("WARM", 20)
    b.put(reports(10))
    c.line("SCANNED", 20)
    for k in range(0, EVENTS, 1000):
        b.put(reports(min(1000, EVENTS - k)))
    c.line("NOTIFIED", 500)
    one = b"\x1b\x0c\x00notified"
    one = len(one).to_bytes(2, "little") + b"\x04\x00" + one
    handle = int.from_bytes(b.handle, "little") | 0x2000   # the first packet of a frame
    b.put((b"\x02" + handle.to_bytes(2, "little") + len(one).to_bytes(2, "little") + one) * notifications)
    c.line("LOCKED", 500)
    b.put(reports(100))
    c.line("FULL", 60)
    b.put(reports(100))
    c.line("DONE", 60)
    c.end()
    s.say("")
    s.end()
    h.terminate()
    h.wait()


def test_a_handler_of_a_closed_channel_ends_others():
    """Two channels with unread data, and their connection, are over: the handler of the first ends the second."""
    s, c = pair("""
    import gc
    chans = []
    def handler(event, data):
        irq(event, data)
        if event == 23:
            chans.append(data[:2])
        if event == 24 and chans:
            other = [c for c in chans if c[1] != data[1]]
            chans.clear()
            ble.l2cap_disconnect(*other[0])
            gc.collect()
            bytearray(3000)
    up()
    ble.irq(handler)
    ble.l2cap_listen(0x80, 512)
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(2, 20000)
    assert len([e for e in events if e[0] == 24]) == 2 and not chans, events
    ble.gap_advertise(20000, b"x")
    """, CLIENT + """
    cids = []
    for n in range(2):
        time.sleep_ms(100)
        ble.l2cap_connect(conn, 0x80, 512)
        cids.append(wait(23)[1])
    for cid in cids:
        if not ble.l2cap_send(conn, cid, bytes(100)):
            wait(26)
    time.sleep_ms(200)
    for cid in cids:
        ble.l2cap_disconnect(conn, cid)
        wait(24)
    time.sleep_ms(300)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_options_given_many_times():
    """A keyword comes as often as a mapping says; more of them than there are names are an error, and nothing is set."""
    Program("""
    class Many:
        def keys(self):
            return ["rxbuf"] * n
        def __getitem__(self, key):
            return 200
    for n, well in ((16, True), (17, False), (40, False), (4000, False)):
        ble.config(rxbuf=100)
        try:
            ble.config(**Many())
            assert well, n
        except TypeError:
            assert not well, n
        assert ble.config("rxbuf") == (200 if well else 100), n
    """).end()


def test_octets_of_a_uuid_are_kept():
    """A memoryview of a UUID that nobody else has keeps its octets."""
    Program(COLLECTS + """
    views = [(n, memoryview(UUID(n))) for n in range(0x1800, 0x1820)]
    junk = collects()
    for n, v in views:
        assert bytes(v) == n.to_bytes(2, "little"), (n, bytes(v))
    """).end(60)


def test_no_second_event_after_the_end():
    """The handler of the first of two events ends the radio, when both have waited for a method: the second does not come."""
    for first, second, act in ((64, 2, "peer"), (15, 16, "read")):
        s = Program("""
    up()
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x3a),)),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, _, _ = wait(1, 20000)
    peer()
    ble.gap_disconnect(conn)
    """)
        s.line("READY")
        c = Program("""
    ended = False
    def handler(event, data):
        global ended
        irq(event, data)
        if event == %d:
            ended = True
            ble.active(False)
    ble.config(events=(64,))
    up()
    ble.irq(handler)
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    print("THERE")
    if %r:
        ble.gattc_read(conn, 12)
    while not ended:
        try:
            ble.gap_advertise(100000, b"x")
        except OSError as e:
            assert ended and e.errno == 19
    time.sleep_ms(100)
    assert not [e for e in events if e[0] == %d], events
    assert ble.active(True)
    """ % (first, act == "read", 8 if second == 2 else second))
        c.say(s.line("MAC"))
        c.line("THERE")
        if act == "peer":
            s.say("")
        c.end()
        if act != "peer":
            s.say("")
        s.end()


def test_what_is_kept_never_dangles():
    """Objects of an event that are kept, events inside a handler: what the outer handler was given stays as it was until it returns."""
    s = Program("up(); ble.gap_advertise(20000, b'outer', resp_data=b'inner'); print('READY'); sys.stdin.readline()")
    s.line("READY")
    c = Program("""
    import gc
    kept = []
    n = 0
    def handler(event, data):
        global n
        if event == 5 and bytes(data[4]) == b"outer":
            n += 1
            before = bytes(data[1])
            kept.append((data, data[1], data[4], data[4][1:3]))
            if n % 10 == 0:
                ble.gap_scan(None)                  # SCAN_DONE comes inside
                ble.gap_scan(0, 30000, 30000)
            gc.collect()
            assert len(data) == 5 and bytes(data[4]) == b"outer" and bytes(data[1]) == before
        elif event == 6:
            assert data == (), data
            kept.append((data,))
            irq(event, data)
    up()
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    while n < 40:
        time.sleep_ms(10)
    ble.irq(None)
    gc.collect()
    junk = [bytes(b"\\xee" * 71) for _ in range(3000)]
    assert len([e for e in events if e[0] == 6]) == 4, events
    for k in kept:
        text = repr(k) + "".join(str(bytes(x)) for x in k[1:])
        assert "\\\\xee" not in text, text
    """)
    c.end(60)
    s.say("")
    s.end()


REFUSES = """
    import gc, micropython
    refused = 0
    def handler(event, data):
        global refused, gone
        if event == 4:
            refused += 1
            return 5
        if event == 22:
            refused += 1
            return 1
        if event == 74:
            refused += 1
            return False
        if event == 1:
            events.append((event, None))
        if event == 2:
            gone = True                         # nothing is allocated
    gone = False
    ble.config(events=(74,))
"""


def test_a_refusal_stays_a_refusal():
    """With the heap full, or locked, also while a method waits: what the handler always refuses is never granted, and everything is answered."""
    server = REFUSES + """
    up()
    ble.irq(handler)
    ((a, b),) = ble.gatts_register_services(((U, ((C, 0x1a), (UUID(0x2a38), 0x80a))),))
    ble.l2cap_listen(200, 100)
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    def waits():
        micropython.heap_lock()
        while not gone:
            ble.gap_advertise(100000, b"x")
        micropython.heap_unlock()
    def full():
        hoard = []
        for size in (16384, 1024, 64, 1):
            try:
                while True:
                    hoard.append(bytearray(size))
            except MemoryError:
                pass
        while not gone:
            time.sleep_ms(10)
    def raises():
        def bad(event, data):
            if event in (4, 22, 74):
                raise MemoryError
            return handler(event, data)
        ble.irq(bad)
        while ble.gap_connections():
            time.sleep_ms(10)
    %s()
    print("REFUSED", refused)
    """
    for how in ("waits", "full", "raises"):
        s, c = pair(server % how, CLIENT + """
    for n in range(10):
        ble.gattc_read(conn, 12)
        d = wait(16, 20000)
        assert d[2] in (0x105, 0x111) or (%r and n), d
        if %r:
            break
        ble.gattc_read(conn, 15)
        d = wait(16, 20000)
        assert d[2] in (0x108, 0x111), d
        ble.gattc_write(conn, 12, b"x", 1)
        d = wait(17, 20000)
        assert d[2] in (0, 0x111), d
        ble.l2cap_connect(conn, 200, 100)
        d = wait(24, 20000)
        assert d[3] in (24, 6), d
    ble.gap_disconnect(conn)
    wait(8)
    """ % (how == "raises", how == "raises"))
        s.end(60)
        if how != "raises":
            assert int(s.line("REFUSED")) == 30, s.lines


def test_a_part_is_asked_for():
    """A peer that begins with a later part of a value (Read Blob): the handler is asked, and its refusal holds.  Any number but 0 refuses."""
    for answer, error in ((8, 8), (0x100, 0x11), (-256, 0x11), (0x105, 5)):
        path = os.path.join(scratch, "part%d.sock" % answer)
        h = hub("unix:" + path)
        b = Between(path, "part%d.between" % answer)
        s = Program("""
    up()
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x02),)),))
    ble.gatts_write(char, b"#the secret")
    def handler(event, data):
        irq(event, data)
        return %d if event == 4 else None
    ble.irq(handler)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn = wait(1, 20000)[0]
    for offset in (0, 0, 1, 4):
        assert wait(4) == (conn, char)
        print("ASKED")
    time.sleep_ms(300)
    """ % answer, {"WOAD_HCI": b.spec})
        s.line("READY")
        c = Program(CLIENT + "    time.sleep_ms(8000)", {"WOAD_HCI": "unix:" + path})
        c.say(s.line("MAC"))
        time.sleep(1)
        for att in (b"\x0a\x0c\0", b"\x0c\x0c\0\0\0", b"\x0c\x0c\0\1\0", b"\x0c\x0c\0\4\0"):
            l2cap = bytes((len(att), 0, 4, 0)) + att
            b.put(b"\x02" + bytes((b.handle[0], b.handle[1] | 0x20, len(l2cap), 0)) + l2cap)
            time.sleep(0.1)
        s.end()
        assert b"secret" not in b.said and b.said.count(b"\x0c\0" + bytes((error,))) == 4, b.said
        c.kill()
        h.terminate()
        h.wait()


def test_services_added_where_others_are_removed():
    """gatts_remove_services calls the handler for the indications that end with the service: what it adds is served and kept, what is gone is gone."""
    s = Program(COLLECTS + """
    new = None
    def handler(event, data):
        global new
        irq(event, data)
        if event == 20 and data[2] and new is None:
            ((new,),) = ble.gatts_add_services(((UUID(0xaaaa), ((UUID(0xaaab), 2),)),))
            ble.gatts_write(new, b"the new one")
    up()
    ble.config(events=(71,))
    ble.irq(handler)
    ((other,),) = ble.gatts_register_services(((UUID(0x181a), ((UUID(0x2a6e), 2),)),))
    ((v,),) = ble.gatts_add_services(((UUID(0x1815), ((UUID(0x2a56), 0x22),)),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    print("HANDLE", v)
    conn = wait(71, 20000)[0]
    for n in range(3):
        ble.gatts_indicate(conn, v, b"12345678")
    ble.gatts_remove_services(v)
    assert new and new != v, new
    raises(22, ble.gatts_write, v, b"gone")
    raises(22, ble.gatts_remove_services, v)
    held = collects()
    print("NEW", new)
    wait(2, 20000)
    ble.gatts_remove_services(new)
    raises(22, ble.gatts_write, new, b"gone")
    """)
    s.line("READY")
    c = Program(CLIENT + """
    ble.gattc_write(conn, int(sys.stdin.readline()) + 1, b"\\2\\0", 1)
    wait(17)
    new = int(sys.stdin.readline())
    ble.gattc_discover_services(conn, UUID(0xaaaa))
    assert wait(9)[3] == UUID(0xaaaa)
    wait(10)
    ble.gattc_read(conn, new)
    assert wait(15)[2] == b"the new one"
    ble.gap_disconnect(conn)
    wait(8)
    """)
    c.say(s.line("MAC"))
    c.say(s.line("HANDLE"))
    c.say(s.line("NEW"))
    c.end(30)
    s.end(30)


def test_a_handler_that_refused_and_failed():
    """One that has refused and is taken out by an exception is no permission for what it would have refused."""
    s, c = pair(REFUSES + """
    up()
    n = 0
    def once(event, data):
        global n
        if event == 4:
            n += 1
            if n == 2:
                raise ValueError
            return 5
        return handler(event, data)
    ble.irq(once)
    ble.gatts_register_services(((U, ((C, 0x1a),)),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    time.sleep_ms(100)
    peer()
    ble.irq(None)
    print("NOBODY")
    peer()
    """, CLIENT + """
    for status in (0x105, 0x111, 0x111):
        ble.gattc_read(conn, 12)
        assert wait(16)[2] == status
    """)
    s.say("")
    s.line("NOBODY")
    s.say("")
    s.end()


def test_a_bond_is_asked_for_while_a_method_waits():
    """GET_SECRET comes at once: a bonded peer is known again although the program is inside gap_advertise()."""
    kept = {k: os.path.join(scratch, k + ".asked") for k in "sc"}
    program = """
    secrets = {}
    try:
        secrets = eval(open(FILE).read())
    except OSError:
        pass
    def handler(event, data):
        if event == 29:
            kind, index, key = data
            return None if key is None else secrets.get((kind, bytes(key)))
        if event == 30:
            kind, key, value = data
            secrets[(kind, bytes(key))] = bytes(value)
            with open(FILE, "w") as f:
                f.write(repr(secrets))
            return True
        irq(event, data)
    ble.irq(handler)
    ble.config(bond=True, le_secure=True, events=(73,))
    ble.active(True)
    print("MAC", ble.config("mac")[1].hex())
    """
    server = "    FILE = %r" % kept["s"] + program + """
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    while not [e for e in events if e[0] == 28]:
        ble.gap_advertise(100000, b"x")
    assert wait(28)[1:] == (1, 0, 1, 16), events
    assert len(ble.gap_bonds()) == 1
    wait(2, 20000)
    """
    client = "    FILE = %r" % kept["c"] + program + """
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    ble.gap_pair(conn)
    assert wait(28, 20000)[1:] == (1, 0, 1, 16), events
    time.sleep_ms(300)
    """
    for n in range(3):
        spec = "unix:" + os.path.join(scratch, "asked-%d.sock" % n)
        h = hub(spec)
        s, c = pair(server, client, {"WOAD_HCI": spec})
        s.end(30)
        h.terminate()
        h.wait()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
