#!/usr/bin/env python3
"""What published programs do, which other stacks let them: odd arguments, handle 0, sends that a peer may not have, a peer that is quick to close.

elsewhere.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import sys

from memory import Between
from run import CLIENT, PRELUDE, SERVER, Program, hub, main, micropython, pair, scratch

# Call, what ours gives (an errno, or what it returns), what others give, why ours does.
ODD = (
    ("gap_advertise(0)", None, "default interval", "the same: a quotient of 0 is no interval"),
    ("gap_advertise(100)", None, "default interval", "the same: very many published programs"),
    ("gap_advertise(624)", None, "default interval", "the same"),
    ("gap_advertise(-1)", None, "default interval", "the same"),
    ("gap_advertise(625)", 22, "the controller's error", "an interval that the specification has not: an errno"),
    ("gap_advertise(19999)", 22, "the controller's error", "the same, as an errno"),
    ("gap_advertise(20000)", None, "runs", "the same"),
    ("gap_advertise(10240000)", None, "runs", "the same"),
    ("gap_advertise(10240624)", None, "runs", "the same: the quotient counts"),
    ("gap_advertise(10240625)", 22, "the controller's error", "the same, as an errno"),
    ("gap_advertise(100, connectable=False)", None, "default interval", "the same"),
    ("gap_advertise(100000, b'x' * 32)", 22, "-18", "an errno instead of the controller's code"),
    ("gap_advertise(None)", None, "stops", "the same, running or not"),
    ("gap_scan(-1)", None, "for ever", "the same"),
    ("gap_scan(None)", None, "stops", "the same"),
    ("gap_scan(1 << 31)", 22, "undefined", "no such time"),
    ("gap_scan(0, 0, 0)", None, "clamped", "the same"),
    ("gap_scan(None)", None, "stops", "the same"),
    ("gap_scan(0, 30000, 40000)", 22, "22", "the same"),
    ("gap_connect(4, b'123456')", 22, "22", "the same"),
    ("gap_connect(0, b'123456', -1)", 22, "undefined", "no such time"),
    ("gap_connect(0, b'123456', 10, 60000)", None, "the controller's error", "one interval alone moves the other with it"),
    ("gap_connect(None)", None, "ends the attempt", "the same"),
    ("gap_connect(0, b'123456', 10, None, 20000)", None, "the controller's error", "one interval alone moves the other with it"),
    ("gap_connect(None)", None, "ends the attempt", "the same"),
    ("gap_connect(0, b'123456', 10, 31000, 32000)", None, "runs", "the same"),
    ("gap_connect(None)", None, "ends the attempt", "the same"),
    ("gap_connect(0, b'123456', 10, 50000, 40000)", 22, "the controller's error", "the least is more than the most"),
    ("gap_disconnect(0)", False, "False", "the same"),
    ("gap_disconnect(-1)", False, "False", "the same"),
    ("gap_disconnect(65535)", False, "False", "the same"),
    ("gatts_read(9999)", b"", "b''", "the same"),
    ("gatts_write(9999, b'')", 22, "22", "the same"),
    ("gatts_write(h, b'')", 0, "0", "the same"),
    ("gatts_write(h, 'text')", 4, "4", "the same"),
    ("gatts_set_buffer(h, -1)", 22, "undefined", "no such size"),
    ("gatts_set_buffer(h, 65536)", 22, "undefined", "no such size"),
    ("gatts_set_buffer(h, 0)", None, "None", "the same"),
    ("gatts_notify(0, h)", 107, "107", "the same"),
    ("gatts_indicate(0, h)", 107, "107", "the same"),
    ("gattc_read(0, 1)", 107, "107", "the same"),
    ("gattc_write(0, 1, b'x', 5)", 22, "22", "the same"),
    ("gap_pair(0)", 107, "107", "the same"),
    ("gap_passkey(0, 2, 1000000)", 22, "22", "the same"),
    ("gap_passkey(0, 2 + 256, 1)", 22, "action 2", "an action that is not there is an error"),
    ("gap_keypress(0, 256)", 22, "not there", "no such key"),
    ("l2cap_listen(22, 1)", None, "an MTU of 32", "the same: clamped"),
    ("l2cap_listen(-1, 100)", 22, "undefined", "no such PSM"),
    ("l2cap_connect(0, 22, 100)", 107, "107", "the same"),
    ("l2cap_send(0, 64, b'')", 22, "22", "the same"),
    ("l2cap_recvinto(0, 64, None)", 22, "22", "the same"),
    ("config(mtu=22)", 22, "22", "the same"),
    ("config(mtu=528)", 22, "22", "the same"),
    ("config(addr_mode=4)", 22, "ignored", "a mode that is not there is an error"),
    ("config(io=5)", 22, "taken", "a capability that is not there is an error"),
)


def test_odd_arguments():
    """A table: the call, what ours gives, what others give, why."""
    Program("""
    up()
    ((h,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
    for call, wanted, others, why in %r:
        try:
            got = eval("ble." + call)
            if call == "gap_connect(None)":
                wait(8)         # the next attempt may begin when this one has ended
            assert type(wanted) is not int or wanted < 5, (call, got)
        except OSError as e:
            got = e.errno
        assert got == wanted, (call, got, wanted)
    """ % (ODD,)).end(60)


def test_a_send_that_the_peer_may_not_have():
    """A characteristic that needs encryption, on a link without: nothing is sent or raised, it is counted, and an indication ends."""
    s, c = pair("""
    up()
    ((a, b),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x10 | 0x20 | 0x200), (UUID(0x2a38), 0x12))),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, _, _ = wait(1)
    time.sleep_ms(200)
    assert ble.gatts_notify(conn, a, b"secret") is None
    assert ble.gatts_notify(conn, a) is None
    assert ble.gatts_notify_latest(conn, a, b"secret") is None
    assert ble.config("dropped") == 3
    assert ble.gatts_indicate(conn, a, b"secret") is None
    assert wait(20) == (conn, a, 0x105)
    ble.gatts_write(a, b"secret", True)
    ble.gatts_notify(conn, b, b"open")
    wait(2, 20000)
    """, CLIENT + """
    assert wait(18)[1:] == (15, b"open"), events
    assert not [e for e in events if e[0] in (18, 19)]
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_a_descriptor_that_needs_encryption():
    """The security flags of a descriptor hold as those of a value do: a peer without encryption reads only the open one."""
    s, c = pair("""
    up()
    ((a, d, e),) = ble.gatts_register_services(((U, ((C, 0x2, ((UUID(0x2901), 0x2 | 0x200), (UUID(0x2904), 0x2))),)),))
    assert (a, d, e) == (12, 13, 14)
    ble.gatts_write(d, b"secret")
    ble.gatts_write(e, b"open")
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(2, 20000)
    """, CLIENT + """
    ble.gattc_read(conn, 14)
    assert wait(15)[1:] == (14, b"open"), events
    assert wait(16)[2] == 0, events
    ble.gattc_read(conn, 13)
    assert wait(16) == (conn, 13, 0x105), events
    assert not [e for e in events if e[0] == 15], events
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_numbers_that_are_no_handles():
    """A number above 65535 is no handle and no connection: its lower 16 bits are not taken for one."""
    s, c = pair("""
    up()
    ((a,),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x10),)),))
    ble.gatts_write(a, b"value")
    for wrong in (65536 + a, a - 65536):
        assert ble.gatts_read(wrong) == b""
        raises(22, ble.gatts_write, wrong, b"x")
        raises(22, ble.gatts_set_buffer, wrong, 1)
    assert ble.gatts_read(a) == b"value"
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, _, _ = wait(1)
    raises(107, ble.gatts_notify, conn + 65536, a, b"x")
    assert ble.gap_disconnect(conn + 65536) is False
    wait(2, 20000)
    """, CLIENT + """
    raises(107, ble.gattc_read, conn + 65536, 12)
    raises(22, ble.gattc_discover_characteristics, conn, 1, 65536 + 20)
    raises(107, ble.gap_update, conn + 65536, 30000, 50000)
    raises(22, ble.gap_connect, 256, bytes(6))
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_an_indication_that_the_peer_may_not_have():
    """One for a peer without the security, and one that waits while its service goes: each ends, with 0x105, behind what came before."""
    s, c = pair("""
    up()
    ((go, a, b),) = ble.gatts_register_services(((U, ((C, 0x8), (UUID(0x2a56), 0x2 | 0x20 | 0x200), (UUID(0x2a57), 0x22))),))
    assert (go, a, b) == (12, 14, 17)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, _ = wait(3, 20000)
    events.clear()
    ble.gatts_indicate(conn, a, b"secret")
    told = len(events)
    assert told == 0, events                # the handler is called when the method has returned
    assert wait(20) == (conn, a, 0x105)
    for n in range(2):
        ble.gatts_indicate(conn, b, b"one is on its way, the other waits")
    ble.gatts_remove_services(go)
    assert wait(20) == (conn, b, 0x105), events
    wait(2, 20000)
    """, CLIENT + """
    ble.gattc_write(conn, 12, b"go", 1)
    wait(19)
    time.sleep_ms(200)
    assert not [e for e in events if e[0] in (18, 19)]
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_handle_0_again():
    """The first connection is 0, and so is the next when the program has heard that the first is over; two at once are not."""
    s = Program(SERVER + """
    for n in range(3):
        assert wait(1, 20000)[0] == 0
        ble.gatts_notify(0, char, b"%d" % n)
        assert wait(2, 20000)[0] == 0
        raises(107, ble.gatts_notify, 0, char, b"gone")
        ble.gap_advertise(20000)
    """)
    s.line("READY")
    c = Program("""
    up()
    who = peer()
    for n in range(3):
        ble.gap_connect(0, who)
        assert wait(7)[0] == 0
        assert wait(18) == (0, 12, b"%d" % n)
        assert ble.gap_disconnect(0) is True
        assert ble.gap_disconnect(0) is True        # while it ends
        assert wait(8)[0] == 0
        assert ble.gap_disconnect(0) is False
        raises(107, ble.gattc_read, 0, 12)
    """)
    c.say(s.line("MAC"))
    c.end()
    s.end()


def test_handle_0_for_who_advertises_in_its_handler():
    """As very many programs do: the handler of the end calls methods whose commands are out when it returns."""
    s = Program(SERVER + """
    def handler(event, data):
        irq(event, data)
        if event == 2:
            ble.gap_advertise(20000)
    ble.irq(handler)
    for n in range(4):
        assert wait(1, 20000)[0] == 0
        wait(2, 20000)
    """)
    s.line("READY")
    c = Program("""
    up()
    who = peer()
    for n in range(4):
        ble.gap_connect(0, who)
        conn = wait(7)[0]
        ble.gap_disconnect(conn)
        wait(8)
    """)
    c.say(s.line("MAC"))
    c.end()
    s.end()


def test_what_waits_for_a_connection_ends_with_it():
    """A send_update that had no room is not for the next connection of the same handle."""
    s = Program(SERVER + """
    wait(1)
    wait(3)
    for i in range(200):
        ble.gatts_write(char, b"old %d" % i, True)
    ble.gap_disconnect(0)
    wait(2, 20000)
    ble.gap_advertise(20000)
    assert wait(1, 20000)[0] == 0
    wait(3)
    while not [e for e in events if e[0] == 2]:
        try:
            ble.gatts_notify_latest(0, char, b"new")
        except OSError:
            pass                                    # it is over, or full
        time.sleep_ms(5)
    """)
    s.line("READY")
    c = Program("""
    up()
    who = peer()
    for n in range(2):
        ble.gap_connect(0, who)
        conn, _, _ = wait(7)
        if n == 0:
            ble.gattc_write(conn, 13, b"\\1\\0", 1)
            wait(17)
        events.clear()
        ble.gattc_write(conn, 12, b"go", 1)
        if n == 0:
            wait(8, 10000)
        else:
            time.sleep_ms(500)
            assert not [e for e in events if e[0] == 18 and e[1][2][:3] == b"old"], events
            ble.gap_disconnect(conn)
            wait(8)
    """)
    c.say(s.line("MAC"))
    c.end(30)
    s.end(30)


def test_reads_of_one_answer():
    """gattc_read gives what fits one answer, and the whole value after config(long_reads=True); a write that is cut is counted."""
    s, c = pair(SERVER + """
    ble.gatts_write(char, bytes(range(200)) * 3)
    wait(2, 20000)
    """, CLIENT + """
    def read():
        ble.gattc_read(conn, 12)
        r = wait(15)
        assert wait(16) == (conn, 12, 0) and r[:2] == (conn, 12)
        return r[2]
    whole = bytes(range(200)) * 3
    assert read() == whole[:22]
    ble.config(long_reads=True)
    assert read() == whole[:512]
    ble.config(long_reads=False)
    assert read() == whole[:22]
    ble.gattc_exchange_mtu(conn)
    wait(21)
    assert read() == whole[:255]
    assert ble.config("dropped") == 0
    ble.gattc_write(conn, 12, bytes(300), 1)
    assert wait(17)[2] == 0
    ble.gattc_write(conn, 12, bytes(300))
    ble.gattc_write(conn, 12, bytes(253))
    assert ble.config("dropped") == 2, ble.config("dropped")
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_channel_data_outlives_the_channel():
    """The peer sends and closes at once: what it sent is read, whole SDUs, and then the channel ends."""
    s = Program("""
    up()
    ble.l2cap_listen(22, 200)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, cid, psm, _, _ = wait(23, 20000)
    for n in range(5):
        wait(25)
    time.sleep_ms(500)
    buf = bytearray(150)
    for n in range(5):
        assert not [e for e in events if e[0] == 24], events
        assert ble.l2cap_recvinto(conn, cid, None) == 150 * (5 - n)
        assert ble.l2cap_recvinto(conn, cid, buf) == 150
        assert buf == bytes((n,)) * 150
    assert wait(24) == (conn, cid, 22, 0)
    raises(22, ble.l2cap_recvinto, conn, cid, buf)
    wait(23, 20000)
    wait(25)
    assert wait(2, 20000)
    assert [e[0] for e in events if e[0] in (24, 2)] == [24], events
    print("WELL")
    """)
    s.line("READY")
    c = Program(CLIENT + """
    time.sleep_ms(100)
    def channel():
        ble.l2cap_connect(conn, 22, 200)
        return wait(23)[1]
    cid = channel()
    for n in range(5):
        if not ble.l2cap_send(conn, cid, bytes((n,)) * 150):
            wait(26)
    ble.l2cap_disconnect(conn, cid)
    assert wait(24) == (conn, cid, 22, 0)
    time.sleep_ms(1500)
    cid = channel()
    ble.l2cap_send(conn, cid, b"unread")
    ble.l2cap_disconnect(conn, cid)
    wait(24)
    time.sleep_ms(300)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    c.say(s.line("MAC"))
    c.end(30)
    s.line("WELL", 30)
    s.end()


def test_channel_with_empty_sdus():
    """A peer that sends nothing at all, thousands of times, does not fill the channel of a program that reads."""
    s, c = pair("""
    up()
    ble.l2cap_listen(22, 100)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, cid, psm, _, _ = wait(23, 20000)
    buf = bytearray(100)
    got = []
    def reads(event, data):
        if event != 25:
            irq(event, data)
        else:
            n = ble.l2cap_recvinto(conn, cid, buf)
            if n:
                got.append(bytes(buf[:n]))
    ble.irq(reads)
    wait(2, 30000)
    assert got == [b"at last"], got
    """, CLIENT + """
    time.sleep_ms(100)
    ble.l2cap_connect(conn, 22, 100)
    cid = wait(23)[1]
    for n in range(3000):
        if not ble.l2cap_send(conn, cid, b""):
            wait(26)
    if not ble.l2cap_send(conn, cid, b"at last"):
        wait(26)
    time.sleep_ms(200)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end(40)


def test_channel_gives_whole_sdus():
    """Polled without a pause: an SDU or nothing."""
    s, c = pair("""
    up()
    ble.l2cap_listen(22, 2000)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, cid, psm, _, _ = wait(23, 20000)
    buf = bytearray(2000)
    n = 0
    end = time.ticks_add(time.ticks_ms(), 20000)
    while n < 10 and time.ticks_diff(end, time.ticks_ms()) > 0:
        ready = ble.l2cap_recvinto(conn, cid, None)
        got = ble.l2cap_recvinto(conn, cid, buf)
        assert ready % 2000 == 0 and got in (0, 2000), (ready, got)
        n += got == 2000
    assert n == 10, n
    wait(2, 20000)
    """, CLIENT + """
    time.sleep_ms(100)
    ble.l2cap_connect(conn, 22, 2000)
    cid = wait(23)[1]
    for n in range(10):
        if not ble.l2cap_send(conn, cid, bytes((n,)) * 2000):
            wait(26)
    time.sleep_ms(500)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end(40)


def test_the_peripheral_has_time_to_get_ready():
    """It listens 30 ms after its event 1; the central asks for a channel in its event 7, and gets it."""
    for n in range(5):
        s, c = pair("""
    up()
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    time.sleep_ms(30)
    ble.l2cap_listen(22, 200)
    wait(23)
    wait(2)
    """, """
    start = 0
    def handler(event, data):
        irq(event, data)
        if event == 7:
            ble.l2cap_connect(data[0], 22, 200)
    up()
    ble.irq(handler)
    ble.gap_connect(0, peer())
    conn = wait(23)[0]
    assert [e[0] for e in events] == [7], events
    ble.gap_disconnect(conn)
    wait(8)
    """)
        s.end()


def test_the_connection_is_told_first():
    """Whatever the peripheral does at once, event 7 comes before it is seen: a notification, the end; one event 66 for each question."""
    s = Program(SERVER + """
    def handler(event, data):
        irq(event, data)
        if event == 1:
            if n:
                ble.gap_disconnect(data[0])
            else:
                ble.gatts_notify(data[0], char, b"quick")
    ble.irq(handler)
    for n in range(2):
        wait(2, 20000)
        ble.gap_advertise(20000)
    """)
    s.line("READY")
    c = Program("""
    ble.config(events=(66,))
    up()
    who = peer()
    ble.gap_connect(0, who)
    conn = wait(18)[0]
    assert [e[0] for e in events if e[0] != 66] == [7], events
    assert not [e for e in events if e[0] == 66 and e[1][1] == 5], events
    ble.gap_link(conn, 5)
    while wait(66)[1] != 5:
        pass
    time.sleep_ms(300)
    assert not [e for e in events if e[0] == 66 and e[1][1] == 5], events
    ble.gap_disconnect(conn)
    wait(8)
    events.clear()
    ble.gap_connect(0, who)
    wait(8)
    assert [e[0] for e in events if e[0] != 66] == [7], events
    """)
    c.say(s.line("MAC"))
    c.end()
    s.end()


def test_a_peer_that_does_not_say_its_features():
    """The connection is told after half a second; at once, when the program gives the attempt up."""
    path = os.path.join(scratch, "features.sock")
    h = hub("unix:" + path)
    b = Between(path, "features.between")
    b.drops = (b"\x04\x3e\x0c\x04",)       # LE Read Remote Features Complete
    s = Program(SERVER + """
    for n in range(2):
        wait(2, 20000)
        ble.gap_advertise(20000)
    """, {"WOAD_HCI": "unix:" + path})
    s.line("READY")
    c = Program("""
    up()
    who = peer()
    for limit in (450, 100):
        ble.gap_connect(0, who)
        start = time.ticks_ms()
        if limit == 100:
            while not ble.gap_connections():
                time.sleep_ms(1)
            assert not events
            start = time.ticks_ms()
            ble.gap_connect(None)
        conn, _, _ = wait(7)
        gone = time.ticks_diff(time.ticks_ms(), start)
        assert gone > 450 if limit == 450 else gone < 400, gone
        raises(114, ble.gap_connect, None)
        ble.gap_disconnect(conn)
        wait(8)
        events.clear()
    """, {"WOAD_HCI": b.spec})
    c.say(s.line("MAC"))
    c.end()
    s.end()
    h.terminate()
    h.wait()


def test_bonds_that_were_there_are_kept():
    """A store that is named after the pairing has the bond at the next start."""
    late = os.path.join(scratch, "late.bonds")
    s, c = pair("    ble.config(bond=True)" + SERVER + "    wait(2, 20000)", "    ble.config(bond=True)" + CLIENT + """
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    ble.config(bond_store=%r)
    bonds = ble.gap_bonds()
    assert len(bonds) == 1
    ble.active(False)
    ble.active(True)
    assert ble.gap_bonds() == bonds
    raises(2, lambda: ble.config(bond_store="/nowhere/file"))
    """ % late)
    s.end()


def test_nothing_of_the_radio_is_standard_input():
    """A program that is started without standard input, output or errors: none of the radio's descriptors has the number."""
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        said = os.path.join(scratch, "stdio")
        code = PRELUDE + """
import os
ble.active(True)
os.system("ls -l /proc/$PPID/fd >%s")
""" % said
        Program(None, {"CODE": code}, command=["sh", "-c", '%s -c "$CODE" %s' % (micropython, closed)], stdin=False).end()
        with open(said) as f:
            mine = [x.split()[-3:] for x in f if "->" in x]
        assert any("socket" in x[2] for x in mine), mine
        assert not [x for x in mine if x[0] in ("0", "1", "2") and ("anon_inode" in x[2] or "socket" in x[2])], (closed, mine)


def test_connecting_during_a_scan():
    """As on other boards event 6 is raised before the attempt: its handler may connect, and then the outer call says so (114); it may
    stop the radio (19); an address that is none ends no scan."""
    s, c = pair(SERVER + """
    for k in range(2):
        wait(1, 20000)
        wait(2, 20000)
        ble.gap_advertise(20000, b"x")
    """, """
    up()
    target = peer()
    def handler(event, data):
        irq(event, data)
        if event == 6:
            action()
    ble.irq(handler)
    def connects():
        ble.gap_connect(0, target)
    for action, errno in ((connects, 114), (lambda: None, 0), (lambda: ble.active(False), 19)):
        ble.gap_scan(0, 30000, 30000)
        time.sleep_ms(50)
        raises(22, ble.gap_connect, 4, target)
        assert not [e for e in events if e[0] == 6]
        if errno:
            raises(errno, ble.gap_connect, 0, target)
        else:
            ble.gap_connect(0, target)
        wait(6)
        if errno != 19:
            ble.gap_disconnect(wait(7)[0])
            wait(8)
    assert not ble.active()
    """)
    s.end()


def test_descriptors_after_no_handle():
    """Where nothing can follow the handle, nothing is searched; 0 alone means from handle 1."""
    s, c = pair(SERVER + "    wait(2, 20000)", CLIENT + """
    for start in (-1, 65535, 70000, 136536, -65536, 1 << 31):
        raises(22, ble.gattc_discover_descriptors, conn, start, 65535)
        raises(22, ble.gattc_discover_characteristics, conn, start if start != 65535 else 65536, 65535)
    for start, end, first in ((0, 65535, 1), (12, 65535, 13), (65534, 65535, None)):
        ble.gattc_discover_descriptors(conn, start, end)
        assert wait(14) == (conn, 0)
        found = [e[1][1] for e in events if e[0] == 13]
        events.clear()
        assert found[:1] == ([first] if first else []), found
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_errors_have_words():
    """Why a call is refused, of the host and of the module, beside the number; the last refusal is not the next error's reason; with
    a locked heap the number stands alone."""
    p = Program("""
    import micropython
    def refused(f, *args):
        try:
            f(*args)
            print("NOT")
        except OSError as e:
            print("E", e.errno, e)
    refused(ble.gap_scan, 100)
    ble.active(True)
    refused(ble.gap_disconnect, 99)
    refused(ble.gattc_read, 5, 1)
    refused(ble.gap_scan, 0, 30000, 90000)
    refused(ble.gatts_write, 7777, b"")
    refused(ble.gap_advertise, 100, bytes(32))
    ble.gap_scan(0)
    refused(ble.gap_scan, 100, 30000, 30000)
    refused(ble.gatts_notify, 5, 1)
    def locked():
        micropython.heap_lock()
        try:
            ble.gattc_read(5, 1)
        except OSError as e:
            n = e.errno
        micropython.heap_unlock()
        print("LOCKED", n)
    locked()
    print("END")
    """)
    p.line("END")
    said = [x for x in p.lines if x.startswith("E ") or x == "NOT"]
    assert said == [
        "E 19 [Errno 19] ENODEV: Bluetooth is off: active(True) turns it on",
        "NOT",                                      # upstream's returns False
        "E 107 [Errno 107] ENOTCONN: no open connection has the number 0x05",
        "E 22 [Errno 22] EINVAL: window 144, interval 48 (625 us): 4 to 16384, window not above interval",
        "E 22 [Errno 22] EINVAL: no value has this handle",
        "E 22 [Errno 22] EINVAL: the interval is out of range, or the data have more than 31 octets",
        "E 114 [Errno 114] EALREADY: a scan runs",
        "E 107 [Errno 107] ENOTCONN",
    ], said
    assert p.line("LOCKED") == "107"


def test_asyncio_is_there():
    """Without MICROPYPATH and without a file; ~/.micropython/lib is looked into."""
    p = Program("""
    import asyncio
    import sys
    async def main():
        await asyncio.sleep_ms(1)
        print("SLEPT", any(x.endswith("/.micropython/lib") for x in sys.path))
    asyncio.run(main())
    """)
    assert p.line("SLEPT") == "True"


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
