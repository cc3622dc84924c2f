#!/usr/bin/env python3
"""Bonds in a file, as a program sees them: what is kept and in which order, and what it hears when they can't be written.

stores.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import sys

from run import CLIENT, SERVER, Program, main, pair, scratch

BONDS = """
    ble.config(bond=True, le_secure=True)
    def names():
        return [b[1][5] for b in ble.gap_bonds()]
"""


def folder(name):
    path = os.path.join(scratch, name)
    os.mkdir(path)
    return path


def bonded(code, env=None):
    """A program with a bond of one peer, and that peer."""
    s, c = pair(BONDS + SERVER + "    wait(28, 20000)\n    wait(2, 20000)\n" + code, BONDS + CLIENT + """
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    ble.gap_disconnect(conn)
    wait(8)
    """, env)
    return s


def test_unpair_says_what_is_still_in_the_file():
    """The folder is gone: gap_unpair() raises, again when it is called again, and the bond is out of the file when the folder is back."""
    for how in ("peer", ""):
        at = folder("unpair" + how)
        bonded("""
    import os
    ble.config(bond_store=AT + "/bonds")
    peer = ble.gap_bonds()[0][:2]
    assert ble.config("bond_error") == 0
    os.rename(AT, AT + "2")
    for n in range(2):
        raises(116, ble.gap_unpair, %s)
        assert ble.gap_bonds() == ()
        assert ble.config("bond_error") == 116
    os.rename(AT + "2", AT)
    ble.gap_unpair(%s)
    assert ble.config("bond_error") == 0
    %s
    ble.active(False)
    ble.active(True)
    assert ble.gap_bonds() == ()
    """.replace("AT", repr(at)) % (how, how, "raises(2, ble.gap_unpair, peer)" if how else "")).end(30)


def test_a_bond_that_is_not_kept_is_told():
    """A pairing when the file can't be written: a line on standard error, once, and config("bond_error"), until a write succeeds."""
    at = folder("told")
    program = BONDS.replace("le_secure=True", "le_secure=True, bond_store=%r" % (at + "/bonds")) + SERVER + """
    import os
    os.rename(AT, AT + "2")
    for n in range(2):
        wait(28, 20000)
        wait(2, 20000)
        assert ble.config("bond_error") == 116
        ble.gap_advertise(20000)
        events.clear()
    print("AGAIN", ble.config("mac")[1].hex())
    os.rename(AT + "2", AT)
    wait(28, 20000)
    wait(2, 20000)
    assert ble.config("bond_error") == 0
    """.replace("AT", repr(at))
    s = Program(program)
    s.line("READY")
    for n in range(3):
        c = Program(BONDS + CLIENT + """
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    ble.gap_disconnect(conn)
    wait(8)
    """)
        c.say(s.line("MAC"))
        c.end()
    lines = s.end()
    assert len([x for x in lines if "bond_store: " in x]) == 1, lines
    Program(BONDS.replace("le_secure=True", "le_secure=True, bond_store=%r" % (at + "/bonds")) + """
    ble.active(True)
    assert len(ble.gap_bonds()) == 3, ble.gap_bonds()
    """).end()


def test_the_order_of_bonds_is_kept():
    """Bonds that there are when a file is named stand in it as they stood: the one used last first."""
    at = folder("order")
    s = Program(BONDS + SERVER + """
    for n in range(3):
        wait(28, 20000)
        wait(2, 20000)
        ble.gap_advertise(20000)
    before = ble.gap_bonds()
    assert len(before) == 3
    ble.config(bond_store=%r)
    assert ble.gap_bonds() == before
    ble.active(False)
    ble.active(True)
    assert ble.gap_bonds() == before, (before, ble.gap_bonds())
    """ % (at + "/bonds"))
    s.line("READY")
    for n in range(3):
        c = Program(BONDS + CLIENT + """
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    ble.gap_disconnect(conn)
    wait(8)
    """)
        c.say(s.line("MAC"))
        c.end()
    s.end()


def test_a_new_file_takes_our_key():
    """With a private address, a bonded peer resolves it before a file is named, and after the next start, which has the file's key."""
    at = folder("irk")
    s = Program(BONDS + """
    up()
    ble.config(addr_mode=2)
    print("READY")
    ble.gap_advertise(20000, b"bond")
    wait(28, 20000)
    wait(2, 20000)
    ble.config(bond_store=%r)
    ble.active(False)
    ble.active(True)
    ble.config(addr_mode=2)
    assert len(ble.gap_bonds()) == 1
    ble.gap_advertise(20000, b"again")
    peer()
    """ % (at + "/bonds"))
    s.line("READY")
    c = Program(BONDS + """
    up()
    def seen(data):
        ble.gap_scan(0, 30000, 30000)
        while True:
            got = wait(5, 10000)
            if got[4] == data:
                ble.gap_scan(None)
                wait(6)
                return got[:2]
    ble.gap_connect(*seen(b"bond"))
    conn, _, _ = wait(7)
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    identity = ble.gap_bonds()[0][:2]
    ble.gap_disconnect(conn)
    wait(8)
    events.clear()
    again = seen(b"again")
    assert again[1] == identity[1], (again, identity)
    """)
    c.end(40)
    s.say("")
    s.end()


def test_a_file_named_later_does_not_bring_old_keys_back():
    """A file with the bond of an earlier pairing is named on an active radio: the peer's bond of now serves, and stands in the file."""
    at = folder("older")
    code = BONDS.replace("le_secure=True", "le_secure=True, bond_store=%r, events=(73,)" % (at + "/bonds")) + SERVER + """
    def served():
        assert wait(28, 20000)[1:] == (1, 0, 1, 16), events
        wait(2, 20000)
    served()
    ble.active(False)
    ble.config(bond_store=None)
    ble.active(True)
    assert ble.gap_bonds() == ()
    ble.gap_advertise(20000)
    events.clear()
    print("AGAIN", ble.config("mac")[1].hex())
    served()
    ble.config(bond_store=%r)
    assert len(ble.gap_bonds()) == 1
    ble.gap_advertise(20000)
    served()
    ble.active(False)
    ble.active(True)
    assert len(ble.gap_bonds()) == 1
    ble.gap_advertise(20000)
    served()
    assert not [e for e in events if e[0] == 73], events
    """ % (at + "/bonds")
    s, c = pair(code, BONDS.replace("le_secure=True", "le_secure=True, events=(73,)") + """
    up()
    at = peer()
    for n in range(4):
        if n == 1:
            ble.gap_unpair()
        for tries in range(5):
            ble.gap_connect(0, at, 4000)
            while not [e for e in events if e[0] in (7, 8)]:
                time.sleep_ms(10)
            if [e for e in events if e[0] == 7]:
                break
            events.clear()
        conn = wait(7)[0]
        ble.gap_pair(conn)
        assert wait(28, 10000)[1:] == (1, 0, 1, 16), (n, events)
        time.sleep_ms(200)
        ble.gap_disconnect(conn)
        wait(8)
        events.clear()
    """)
    s.end(60)


# A program that keeps secrets as aioble does: each one schedules a function, and the scheduler's queue has four places.
SCHEDULES = """
    import micropython
    ble.config(bond=True, le_secure=True)
    secrets, saves = {}, []
    def value(n):
        v = bytearray(80)
        v[0:8] = bytes((1, n, 0, 0, 0, 0, 0xc0, 16))
        v[24:40] = bytes(range(n, n + 16))
        v[40], v[74] = 1, 4
        return bytes(v)
    def know(count):
        for n in range(1, count + 1):
            for t in (1, 2):
                secrets[(t, value(n)[:7])] = value(n)
            secrets[(11, value(n)[:7])] = bytes(13) + b"\\x0d\\0\\1\\0"
    def keeps(event, data):
        if event == 29:
            kind, index, key = data
            if key is not None:
                return secrets.get((kind, bytes(key)))
            found = [v for k, v in secrets.items() if k[0] == kind]
            return found[index] if index < len(found) else None
        if event == 30:
            kind, key, v = data
            key = (kind, bytes(key))
            if v is None and key not in secrets:
                return False
            if v is None:
                del secrets[key]
            else:
                secrets[key] = bytes(v)
            micropython.schedule(saves.append, 1)
            return True
        irq(event, data)
    def left():
        return [k for k in secrets if k[0] != 10]
    ble.irq(keeps)
"""


def test_unpair_where_each_secret_schedules_a_function():
    """gap_unpair() of several bonds, at once or one by one, in the main program or in a scheduled function: all secrets are removed."""
    for body in ("ble.gap_unpair()", "for b in ble.gap_bonds(): ble.gap_unpair(b[:2])"):
        for how in ("remove(0)", "micropython.schedule(remove, 0); time.sleep_ms(500)"):
            Program(SCHEDULES + """
    know(5)
    ble.active(True)
    assert len(ble.gap_bonds()) == 5
    time.sleep_ms(50)
    def remove(_):
        %s
    %s
    assert ble.gap_bonds() == () and left() == [], (ble.gap_bonds(), left())
    time.sleep_ms(200)
    assert len(saves) >= 15, saves
    ble.active(False)
    ble.active(True)
    assert ble.gap_bonds() == ()
    ble.gap_advertise(20000)
    """ % (body, how)).end()


def test_unpair_in_a_handler_that_stops_the_radio():
    """gap_unpair(), then active(False), in the handler of another event: the secrets are gone, and the bonds do not come back."""
    Program(SCHEDULES + """
    know(5)
    ble.active(True)
    done = []
    def stops(event, data):
        if event == 6 and not done:
            done.append(event)
            ble.gap_unpair()
            ble.active(False)
        return keeps(event, data)
    ble.irq(stops)
    ble.gap_scan(20)
    while not done:
        time.sleep_ms(10)
    ble.active(True)
    assert left() == [] and ble.gap_bonds() == (), (left(), ble.gap_bonds())
    """).end()


def test_pairing_in_whose_event_the_radio_is_stopped():
    """active(False) in the handler of the event that says "bonded", or of the first secret: the program has all secrets, and the bond holds after
    active(True)."""
    for stop in ("event == 28", "event == 30"):
        s = Program(SCHEDULES + """
    ble.active(True)
    ble.gatts_register_services(((U, ((C, 0x12),)),))
    print("MAC", ble.config("mac")[1].hex())
    done = []
    def stops(event, data):
        answer = keeps(event, data)
        if %s and not done:
            done.append(event)
            ble.active(False)
        return answer
    ble.irq(stops)
    ble.gap_advertise(20000, b"x")
    print("READY")
    while not done:
        time.sleep_ms(10)
    ble.active(True)
    assert len(ble.gap_bonds()) == 1, (ble.gap_bonds(), left())
    ble.gap_advertise(20000, b"x")
    events.clear()
    print("AGAIN", ble.config("mac")[1].hex())
    assert wait(28, 20000)[1:] == (1, 0, 1, 16)
    """ % stop)
        mac = s.line("MAC")
        s.line("READY")
        c = Program(SCHEDULES + """
    ble.active(True)
    def come():
        ble.gap_connect(0, bytes.fromhex("%s"))
        conn = wait(7)[0]
        ble.gap_pair(conn)
        return conn
    come()
    assert wait(28)[1:] == (1, 0, 1, 16)
    wait(8, 20000)
    sys.stdin.readline()
    come()
    assert wait(28)[1:] == (1, 0, 1, 16)
    """ % mac)
        assert s.line("AGAIN") == mac
        c.say("")
        c.end()
        s.end()


def test_unpair_says_that_the_program_has_failed():
    """The handler raises an exception for the first secret: gap_unpair() raises OSError, and the bonds are gone from the host."""
    for peer in ("", "ble.gap_bonds()[0][:2]"):
        Program(SCHEDULES + """
    know(1)
    ble.active(True)
    def fails(event, data):
        1 / 0
    ble.irq(fails)
    raises(5, ble.gap_unpair%s)
    assert ble.gap_bonds() == ()
    """ % (peer and ", " + peer)).end()


def test_a_bond_that_evicts_another_where_each_secret_schedules_a_function():
    """All places are taken, and an unknown peer pairs: the old bond's secrets go, the new one's come, and then the program hears of the pairing."""
    s = Program(SCHEDULES + """
    know(32)
    ble.active(True)
    ble.gatts_register_services(((U, ((C, 0x12),)),))
    print("MAC", ble.config("mac")[1].hex())
    assert len(ble.gap_bonds()) == 32
    ble.gap_advertise(20000, b"x")
    print("READY")
    assert wait(28, 20000)[1:] == (1, 0, 1, 16)
    time.sleep_ms(500)
    known = sorted(bytes((b[0],)) + bytes(reversed(b[1])) for b in ble.gap_bonds())
    assert 30 <= len(known) <= 32, len(known)       # a bond with a signing key has two places
    for t in (1, 2):
        assert sorted(k[1] for k in left() if k[0] == t) == known
    wait(2, 20000)
    """)
    s.line("READY")
    c = Program(BONDS + CLIENT + """
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    time.sleep_ms(200)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    c.say(s.line("MAC"))
    c.end()
    s.end()


def test_a_path_with_a_nul():
    """The path is not cut there: it is refused, and neither file is made."""
    Program("""
    import os
    for name in ("keys\\0elsewhere", b"keys\\0", "\\0"):
        raises(22, ble.config, bond_store=name, gap_name="new")
    assert ble.config("gap_name") == b"MPY WOAD"
    assert "keys" not in os.listdir("."), os.listdir(".")
    """).end()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
