#!/usr/bin/env python3
"""What waits for the program's handler, and what the program changes meanwhile: what is told, answered or kept is as it is then.

changes.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import sys

from memory import Between
from run import CLIENT, Program, hub, main, pair, scratch

# os.system() stops the whole program, and a method that waits finds afterwards what has come: that waits for the handler until the
# scheduler runs, which is not before the next jump.
SERVER = """
    import os
    told = []
    def handler(event, data):
        if event == 3:
            told.append((event, data[1], ble.gatts_read(data[1])))
        if event in (4, 71):
            told.append((event,) + tuple(data))
        irq(event, data)
    up()
    ble.irq(handler)
    ble.config(events=(71,))
    ((first,),) = ble.gatts_register_services(((U, ((C, 0x8),)),))
    ((old,),) = ble.gatts_add_services(((UUID(0x1815), ((UUID(0x2a56), 0x2 | 0x4 | 0x10),)),))
    assert (first, old) == (12, 15)
    ble.gatts_write(old, b"open")
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(3, 20000)
    told.clear()
    os.system("sleep 1.5")
    ble.gap_accept_list([])
"""
GO = CLIENT + """
    ble.gattc_write(conn, 12, b"go", 1)
    assert wait(17)[2] == 0
    time.sleep_ms(200)
    ble.gattc_write(conn, 15, b"stranger", 0)
"""
SECRET = "((UUID(0x1815), ((UUID(0x2a57), 0x2 | 0x200 | 0x10),)),)"


def test_a_request_of_a_service_that_is_replaced():
    """A read, a write and a subscription of an open value wait while one that needs encryption takes its place: Invalid Handle, and nothing
    is written or told."""
    for asks, event, status in (("gattc_read(conn, 15)", 16, 0x101), ("gattc_write(conn, 15, b'x', 1)", 17, 0x101),
                                ("gattc_write(conn, 16, b'\\x01\\x00', 1)", 17, 0)):
        s, c = pair(SERVER + """
    ble.gatts_remove_services(old)
    ((new,),) = ble.gatts_add_services(%s)
    ble.gatts_write(new, b"only for friends")
    assert new == old
    wait(2, 20000)
    assert told == [], told
    assert ble.gatts_read(new) == b"only for friends", ble.gatts_read(new)
    """ % SECRET, GO + """
    ble.%s
    assert wait(%d)[2] == %d, events
    ble.gap_disconnect(conn)
    wait(8)
    """ % (asks, event, status))
        s.end()


def test_a_handler_that_replaces_what_is_read():
    """The handler of a read replaces the service, and lets the read be: the value that has the handle now is not the answer."""
    s, c = pair(SERVER + """
    def replaces(event, data):
        if event == 4:
            ble.gatts_remove_services(old)
            ((new,),) = ble.gatts_add_services(%s)
            ble.gatts_write(new, b"only for friends")
            assert new == old
        irq(event, data)
    ble.irq(replaces)
    wait(4)
    wait(2, 20000)
    """ % SECRET, GO + """
    ble.gattc_read(conn, 15)
    assert wait(16)[2] == 0x101, events
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_a_write_of_a_connection_that_is_over():
    """It waits while the program registers other services: it is not theirs."""
    s, c = pair(SERVER + """
    handles = ble.gatts_register_services(((U, ((C, 0x8),)),) + %s)
    assert handles == ((12,), (15,)), handles
    wait(2)
    assert told == [], told
    assert ble.gatts_read(15) == b"", ble.gatts_read(15)
    """ % SECRET, GO + """
    time.sleep_ms(200)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


SECRETS = """
    secrets = {}
    told = []
    def handler(event, data):
        if event == 29:
            kind, index, key = data
            return secrets.get((kind, bytes(key))) if key is not None else None
        if event == 30:
            kind, key, value = data
            told.append((kind, value is not None))
            secrets[(kind, bytes(key))] = bytes(value) if value is not None else None
            if FORGETS and kind == 1 and value is not None:
                ble.gap_unpair()
            return True
        irq(event, data)
        if event == 3:
            end = time.ticks_add(time.ticks_ms(), 10000)
            while LOOKS and not ble.gap_bonds() and time.ticks_diff(end, time.ticks_ms()) > 0:
                ble.gap_accept_list([])
            if LOOKS:
                assert len(ble.gap_bonds()) == 1
                ble.gap_unpair(LOOKS)
    ble.config(bond=True, le_secure=True)
    up()
    ble.irq(handler)
    ble.gatts_register_services(((U, ((C, 0x8),)),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    os.system("sleep 1")
    ble.gap_accept_list([])
    wait(2, 30000)
    assert ble.gap_bonds() == ()
    assert not [k for k in secrets if k[0] != 10 and secrets[k]], told
    assert not [t for t in told if t[0] != 10 and t[1]] or FORGETS, told
    ble.active(False)
    ble.active(True)
    assert ble.gap_bonds() == ()
"""


def test_a_bond_that_is_forgotten_is_not_kept():
    """gap_unpair() while the secrets of the bond wait for the handler, and in the handler of the first: the program does not get its key
    to keep."""
    for looks, forgets in (("ble.gap_bonds()[0][:2]", False), ("None", True)):
        code = SECRETS.replace("LOOKS)", looks + ")").replace("LOOKS", str(not forgets)).replace("FORGETS", str(forgets))
        s, c = pair("    import os\n" + code, CLIENT + """
    ble.config(bond=True, le_secure=True)
    ble.gattc_write(conn, 12, b"go", 0)
    ble.gap_pair(conn)
    wait(28, 20000)
    time.sleep_ms(500)
    ble.gap_disconnect(conn)
    wait(8)
    """)
        s.end(40)


def test_a_bond_whose_end_waits_is_not_asked_for():
    """A bond gives way to that of another peer, and comes back before the handler has heard of it: what the program keeps is what the
    radio knows."""
    s = Program("""
    import os
    secrets, order, looks = {}, [], []
    def handler(event, data):
        if event == 29:
            kind, index, key = data
            if key is not None:
                return secrets.get((kind, bytes(key)))
            return secrets[order[index]] if kind == 2 and index < len(order) else None
        if event == 30:
            kind, key, value = data
            secrets[(kind, bytes(key))] = bytes(value) if value is not None else None
            return True
        irq(event, data)
        if event == 3 and looks:
            first = ble.gap_bonds()
            while ble.gap_bonds()[-1] == first[-1]:
                ble.gap_accept_list([])     # the other one pairs
            ble.gap_advertise(20000, b"x")
            print("OTHER")
            while len(ble.gap_connections()) < 2:
                time.sleep_ms(100)          # the list's change stops advertising for a moment
                ble.gap_accept_list([])
            end = time.ticks_add(time.ticks_ms(), 1500)
            while time.ticks_diff(end, time.ticks_ms()) > 0:
                ble.gap_accept_list([])
    def begins():
        ble.active(True)
        ble.gatts_register_services(((U, ((C, 0x8),)),))
        ble.gap_advertise(20000, b"x")
    ble.config(bond=True, le_secure=True)
    ble.irq(handler)
    begins()
    print("MAC", ble.config("mac")[1].hex())
    wait(28, 20000)
    wait(2, 20000)
    ble.active(False)
    for n in range(30):                     # a bond with keys of signed writes takes two of the 32 places
        v = bytearray(80)
        v[1:8] = bytes((n + 1, 2, 3, 4, 5, 6, 16))
        v[24:40] = v[41:57] = bytes((n + 1,)) * 16
        v[40] = v[57] = 1
        v[74] = 4
        secrets[(1, bytes(v[:7]))] = secrets[(2, bytes(v[:7]))] = bytes(v)
        order.append((2, bytes(v[:7])))
    order.insert(0, [k for k in secrets if k[0] == 2 and k not in order][0])
    begins()
    assert len(ble.gap_bonds()) == 31, ble.gap_bonds()
    looks.append(True)
    print("AGAIN")
    wait(1, 20000)
    os.system("sleep 1")
    ble.gap_accept_list([])
    wait(3, 20000)
    time.sleep_ms(500)
    known = {b[1] for b in ble.gap_bonds()}
    kept = {bytes(reversed(k[1][1:])) for k in secrets if k[0] == 2 and secrets[k]}
    assert known == kept, (known - kept, kept - known)
    assert len(known) == 31, known
    """)
    bonds = "    ble.config(bond=True, le_secure=True, events=(73,))\n" + CLIENT
    c = Program(bonds + """
    ble.gap_pair(conn)
    assert wait(28)[1] == 1
    to = ble.gap_bonds()[0][1]
    ble.gap_disconnect(conn)
    wait(8)
    peer()
    ble.gap_connect(0, to, 10000)
    ble.gap_pair(wait(7, 15000)[0])
    wait(28)
    peer()
    """)
    mac = s.line("MAC")
    c.say(mac)
    s.line("AGAIN", 20)
    other = Program(bonds + """
    ble.gattc_write(conn, 12, b"go", 0)
    ble.gap_pair(conn)
    assert wait(28)[1] == 1
    peer()
    """)
    other.say(mac)
    s.line("OTHER", 20)
    c.say("")
    s.end(30)
    for p in (c, other):
        p.kill()


def test_kept_bonds_are_known_as_far_as_there_is_room():
    """Of the bonds that a program keeps, as many are known after a start as the radio has places for: twice as many of LE Secure
    Connections as of legacy pairing, and of 64 those that have room."""
    for flags, kept, known in ((4, 20, 20), (4, 32, 32), (4, 64, 32), (0, 10, 10), (0, 16, 16), (0, 32, 16)):
        Program("""
    secrets = {}
    for n in range(%d):
        v = bytearray(80)
        v[1:8] = bytes((n + 1, 2, 3, 4, 5, 6, 16))
        v[24:40] = v[41:57] = bytes((n + 1,)) * 16
        v[40] = v[57] = 1
        v[74] = %d
        secrets[(1, bytes(v[:7]))] = secrets[(2, bytes(v[:7]))] = bytes(v)
    order = sorted(k for k in secrets if k[0] == 2)
    def handler(event, data):
        if event == 29:
            kind, index, key = data
            if key is not None:
                return secrets.get((kind, bytes(key)))
            return secrets[order[index]] if index < len(order) else None
        assert event == 30 and data[0] == 10, data
        return True
    ble.irq(handler)
    ble.active(True)
    assert len(ble.gap_bonds()) == %d, len(ble.gap_bonds())
    """ % (kept, flags, known), stdin=False).end()


def test_a_peer_that_is_faster_than_the_handler():
    """Notifications as fast as they are taken, and a handler of 15 ms: they wait with the controller, and memory does not grow."""
    path = os.path.join(scratch, "faster.sock")
    h = hub("unix:" + path)
    b = Between(path, "faster.between")
    s = Program("up(); ble.gap_advertise(20000, b'x'); print('READY'); sys.stdin.readline()", {"WOAD_HCI": "unix:" + path})
    s.line("READY")
    c = Program(CLIENT + """
    n = 0
    def handler(event, data):
        global n
        if event == 18:
            n += 1
            time.sleep_ms(15)
    def resident():
        for line in open("/proc/self/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    ble.irq(handler)
    print("FLOOD")
    while n < 100:
        time.sleep_ms(10)
    before = resident()
    for k in range(4):
        time.sleep(1)
    assert n > 200, n
    assert resident() < before + 150, (before, resident())
    assert ble.config("dropped") == 0
    """, {"WOAD_HCI": b.spec})
    c.say(s.line("MAC"))
    c.line("FLOOD")
    one = b"\x1b\x0c\x00notified"
    one = len(one).to_bytes(2, "little") + b"\x04\x00" + one
    handle = int.from_bytes(b.handle, "little") | 0x2000   # the first packet of a frame
    b.floods((b"\x02" + handle.to_bytes(2, "little") + len(one).to_bytes(2, "little") + one) * 200, 30)
    c.end(60)
    s.say("")
    s.end()
    h.terminate()
    h.wait()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
