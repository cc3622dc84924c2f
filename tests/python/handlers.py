#!/usr/bin/env python3
"""The module and time: slow handlers, controllers that never stop talking, programs that are stopped, and calls that wait while packets come.

handlers.py [NAME…]: those tests whose names contain one of the words.  Limits are for a busy machine.
"""
import os
import signal
import sys
import time

from memory import Between, reports
from run import CLIENT, SERVER, Program, hub, main, pair, scratch

NEIGHBOUR = "up(); ble.gap_advertise(20000, b'x'); print('READY'); sys.stdin.readline()"
# Events that come all the time, and what a call takes meanwhile.
SCANNING = """
    n = 0
    def handler(event, data):
        global n
        n += 1
    up()
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    while n < 5:
        time.sleep_ms(10)
    def took(f, *a):
        start = time.ticks_ms()
        try:
            r = f(*a)
        except OSError as e:
            r = e.errno
        return r, time.ticks_diff(time.ticks_ms(), start)
"""


def flooded(name, code, packets, seconds=30):
    path = os.path.join(scratch, name + ".sock")
    h = hub("unix:" + path)
    b = Between(path, name + ".between")
    p = Program(code, {"WOAD_HCI": b.spec})
    p.line("FLOOD")
    b.floods(packets, seconds)
    p.end(60)
    h.terminate()
    h.wait()


def test_a_handler_slower_than_the_air():
    """time.sleep() and sleep_ms() end, and so does the program, while the handler takes longer than packets need to come."""
    flooded("slow", """
    n = 0
    def handler(event, data):
        global n
        if event == 5:
            n += 1
            time.sleep_ms(8)
    up()
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    print("FLOOD")
    start = time.ticks_ms()
    while n < 3:
        time.sleep_ms(10)
    gone = time.ticks_diff(time.ticks_ms(), start)
    assert gone < 5000, gone                # it came out of its first sleep, too
    for f, t in ((time.sleep, 1), (time.sleep_ms, 1000), (time.sleep_us, 1000000)):
        start = time.ticks_ms()
        f(t)
        gone = time.ticks_diff(time.ticks_ms(), start)
        assert 990 <= gone < 5000, (f, gone)
    assert n > 30, n
    ble.gap_scan(None)
    """, reports(50))


def test_a_sleep_ends_while_the_handler_works():
    """A handler of 10 ms that calls a method which waits, as fast as reports come: the program has its turn between two of them."""
    for more, limit in (("ble.gap_advertise(100000, b'x')", 2500), ("pass", 2000)):
        neighbours = [Program(NEIGHBOUR) for _ in range(6)]
        for s in neighbours:
            s.line("READY")
        Program("""
    n = 0
    def handler(event, data):
        global n
        if event == 5:
            n += 1
            time.sleep_ms(10)
            %s
    up()
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    while n < 3:
        time.sleep_ms(10)
    for k in range(3):
        start = time.ticks_ms()
        time.sleep_ms(1000)
        gone = time.ticks_diff(time.ticks_ms(), start)
        assert 990 <= gone < %d, gone
    ble.gap_scan(None)
    """ % (more, limit)).end(40)
        for s in neighbours:
            s.say("")
            s.end()


def test_a_controller_that_never_stops_talking():
    """The program has its turn, and its radio goes on: Ctrl-C, and active(False), too."""
    flooded("talks", """
    up()
    print("FLOOD")
    start = time.ticks_ms()
    time.sleep(1)
    loops = 0
    while time.ticks_diff(time.ticks_ms(), start) < 2000:
        loops += 1
    assert time.ticks_diff(time.ticks_ms(), start) < 8000
    assert loops > 10
    ble.gap_advertise(100000, b"x")
    ble.active(False)
    """, bytes((4, 0xff, 1, 0)) * 1000, 20)


NOTIFIES = """
    up()
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x12),)),))
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn = wait(1, 20000)[0]
    while not [e for e in events if e[0] == 2]:
        try:
            ble.gatts_notify(conn, char, b"12345678")
        except OSError:
            pass
        time.sleep_ms(5)
    """


def test_what_waits_is_told_when_the_controller_goes():
    """Events that a slow handler has not come to, and the disconnection behind them: all are told, and before the radio's end."""
    for wanted in ((), (64, 72)):
        path = os.path.join(scratch, "goes-%d" % len(wanted))
        env = {"WOAD_HCI": "unix:" + path}
        h = hub("unix:" + path)
        s = Program(NOTIFIES, env)
        s.line("READY")
        c = Program("""
    n, before = 0, []
    def handler(event, data):
        global n
        irq(event, data)
        if event == 18:
            n += 1
            time.sleep_ms(15)
        elif event == 72:
            before.extend(e[0] for e in events)
    up()
    ble.config(events=%r)
    ble.irq(handler)
    ble.gap_connect(0, peer())
    wait(7)
    time.sleep_ms(1500)
    print("GO", n)
    while ble.active():
        time.sleep_ms(1)
    start = time.ticks_ms()
    time.sleep_ms(200)
    assert 199 <= time.ticks_diff(time.ticks_ms(), start) < 2000
    wait(8, 20000)
    if 72 in %r:
        wait(72)
        assert 64 in before and 8 in before, before
    raises(19, ble.active, True)
    print("TOLD", n)
    """ % (wanted, wanted), env)
        c.say(s.line("MAC"))
        n = int(c.line("GO"))
        h.kill()
        h.wait()
        os.unlink(path)
        c.end(40)
        assert int(c.line("TOLD")) > n + 20, (n, c.lines)
        s.kill()


def test_every_disconnection_is_told():
    """The controller stops and then goes while a method waits: of three connections each ends with both of its events, also for active(True) at once."""
    for more in ("time.sleep_ms(2000)", "raises(19, ble.active, True)"):
        path = os.path.join(scratch, "every-%d" % len(more))
        env = {"WOAD_HCI": "unix:" + path}
        h = hub("unix:" + path)
        peers = [Program("up(); ble.gap_advertise(20000, b'x'); print('READY'); wait(2, 30000)", env) for _ in range(3)]
        for s in peers:
            s.line("READY")
        c = Program("""
    def handler(event, data):
        irq(event, data)
        if event in (64, 8):
            time.sleep_ms(8)
    up()
    ble.config(events=(64,))
    ble.irq(handler)
    conns = []
    for n in range(3):
        ble.gap_connect(0, peer())
        conns.append(wait(7)[0])
    print("GO")
    sys.stdin.readline()
    raises(5, ble.gap_advertise, 100000)
    %s
    assert [e[0] for e in events if e[0] in (64, 8)] == [64, 8] * 3, events
    assert sorted(e[1][0] for e in events if e[0] == 8) == conns, events
    """ % more, env)
        for s in peers:
            c.say(s.line("MAC"))
        c.line("GO", 20)
        h.send_signal(signal.SIGSTOP)
        c.say("")
        time.sleep(0.5)
        h.kill()
        h.wait()
        os.unlink(path)
        c.end(40)
        for s in peers:
            s.kill()


def test_each_scan_has_its_own_end():
    """A scan that begins while the end of the one before still waits for a slow handler: its results come, and both end."""
    neighbours = [Program(NEIGHBOUR) for _ in range(3)]
    for s in neighbours:
        s.line("READY")
    Program("""
    done, after = [], 0
    def handler(event, data):
        global after
        if event == 5:
            after += len(done)
            time.sleep_ms(40)
        elif event == 6:
            done.append(time.ticks_ms())
    up()
    ble.irq(handler)
    ble.gap_scan(500, 30000, 30000)
    end = time.ticks_add(time.ticks_ms(), 600)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        ble.gap_advertise(100000, b"x")             # events wait meanwhile
    assert not done
    start = time.ticks_ms()
    ble.gap_scan(4000, 30000, 30000)
    while len(done) < 2 and time.ticks_diff(time.ticks_ms(), start) < 20000:
        time.sleep_ms(10)
    assert len(done) == 2 and after, (done, after)
    assert time.ticks_diff(done[1], start) >= 3900, (start, done)
    ble.gap_scan(300, 30000, 30000)
    while True:
        time.sleep_ms(300)
        try:
            ble.gap_scan(0, 30000, 30000)
            break
        except OSError as e:
            assert e.errno == 114, e                # the one before is still on
    ble.gap_scan(None)                              # tells what is still to be told, and no more
    assert len(done) == 4, done
    after = 0
    time.sleep_ms(2000)
    assert len(done) == 4 and not after, (done, after)
    """).end(60)
    for s in neighbours:
        s.say("")
        s.end()


def test_what_a_controller_refuses_after_a_handler_has_asked():
    """gap_advertise() in the handler, on a controller with room for one connection: event 78, or a count; in the main program OSError."""
    path = os.path.join(scratch, "refuses")
    h = hub("unix:" + path, "--profile", "4.0")
    env = {"WOAD_HCI": "unix:" + path}
    for wanted in ((78,), ()):
        s, c = pair("""
    raised = []
    def handler(event, data):
        irq(event, data)
        if event == 3:
            try:
                ble.gap_advertise(20000, b"x")
            except OSError as e:            # called where it can wait
                raised.append(e.args[1])
    up()
    ble.config(events=%r)
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x8),)),))
    ble.irq(handler)
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(1, 20000)
    wait(2, 20000)
    told = [e[1] for e in events if e[0] == 78]
    later = 5 - len(raised)
    assert later and raised == [0x20c] * len(raised), raised
    assert told == ([(0, 0x20c)] * later if 78 in %r else []), told
    assert ble.config("dropped") == later - len(told)
    """ % (wanted, wanted), CLIENT + """
    for n in range(5):
        time.sleep_ms(200)
        ble.gattc_write(conn, 12, b"go", 1)
        assert wait(17)[2] == 0
    time.sleep_ms(200)
    ble.gap_disconnect(conn)
    wait(8)
    """, env)
        s.end()
    h.terminate()
    h.wait()


def test_a_program_that_was_stopped():
    """SIGSTOP, SIGCONT in the middle of a method: the controller's answer, which came meanwhile, is read before time is told."""
    p = Program("""
    up()
    print("BEGUN")
    end = time.ticks_add(time.ticks_ms(), 9000)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        ble.gap_advertise(100000, b"x")
    assert ble.active()
    print("WELL")
    """)
    p.line("BEGUN")
    for k in range(3):
        time.sleep(0.05 + 0.011 * k)
        p.p.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        p.p.send_signal(signal.SIGCONT)
    p.end(40)
    p.line("WELL")


def interrupted(program, times, pause):
    """Ctrl-C, so many times, each after the program has said that it caught the last: the third that finds one pending would end it."""
    program.line("GO")
    for n in range(times):
        time.sleep(pause + 0.013 * n)
        program.p.send_signal(signal.SIGINT)
        program.line("CAUGHT %d." % (n + 1))
    program.say("")
    program.end(40)


def test_ctrl_c_does_not_leave_the_host_in_the_middle():
    """Ctrl-C comes while methods move packets and while the host runs in sleeps: the program catches it, and events and scheduled functions still come."""
    s = Program(NEIGHBOUR)
    s.line("READY")
    for body in ("""
            ble.gap_advertise(50000, b"x")
            ble.gatts_write(char, b"x" * 20, True)
            ble.gap_advertise(None)
    """, """
            time.sleep_ms(5)
    """):
        interrupted(Program("""
    import micropython
    import select
    n, ran, caught, ended = 0, [], 0, False
    def handler(event, data):
        global n
        n += 1
    up()
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x12),)),))
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    told = select.poll()
    told.register(sys.stdin, select.POLLIN)
    print("GO")
    while not ended:
        try:
            while not told.poll(0):
                %s
            ended = True
        except KeyboardInterrupt:
            caught += 1
            print("CAUGHT", str(caught) + ".")
    ble.irq(handler)                        # an interrupt in the handler takes it out
    before = n
    micropython.schedule(ran.append, 1)
    time.sleep_ms(1000)
    assert n > before + 5, (before, n)
    assert ran == [1]
    ble.active(False)
    ble.active(True)
    """ % body.strip()), 8, 0.15)
    s.say("")
    s.end()


def test_ctrl_c_while_the_radio_and_the_bonds_file_open():
    """Ctrl-C in active(True), config(bond_store=...) and active(False): each is whole, and the next one works."""
    interrupted(Program("""
    import select
    caught, errors, rounds, ended = 0, [], 0, False
    told = select.poll()
    told.register(sys.stdin, select.POLLIN)
    print("GO")
    while not ended:
        try:
            while rounds <= 10 or not told.poll(0):
                try:
                    ble.active(True)
                    ble.config(bond_store=%r)
                    ble.config(bond_store=None)
                    ble.gap_advertise(50000, b"x")
                    ble.active(False)
                    rounds += 1
                except OSError as e:
                    errors.append(e.args)
            ended = True
        except KeyboardInterrupt:
            caught += 1
            print("CAUGHT", str(caught) + ".")
    assert not errors and rounds > 10, (rounds, errors)
    ble.active(False)
    ble.active(True)
    """ % os.path.join(scratch, "interrupted-bonds")), 20, 0.05)


def test_ctrl_c_ends_what_does_not_return_to_the_interpreter():
    """A number with billions of digits: the third Ctrl-C ends the process."""
    p = Program("""
    up()
    n = 1 << 28
    print("GO")
    big = 7 ** n
    """)
    p.line("GO")
    for _ in range(3):
        time.sleep(0.3)
        assert p.p.poll() is None, p.lines
        p.p.send_signal(signal.SIGINT)
    p.end(code=-signal.SIGINT)


def full_pipe():
    """Both ends of a pipe whose next write waits."""
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(w, True)
    return r, w


def test_ctrl_c_while_an_exception_of_the_handler_is_shown():
    """Standard error waits, and Ctrl-C comes twice: the handler is out, the second interrupt is the program's, the scheduler runs."""
    s = Program(NEIGHBOUR)
    s.line("READY")
    r, w = full_pipe()
    p = Program("""
    import micropython
    n, ran = 0, []
    def handler(event, data):
        global n
        if event == 5:
            n += 1
            if n == 1:
                print("IN")
                time.sleep_ms(3000)
    up()
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    try:
        time.sleep(20)
        print("SLEPT")
    except KeyboardInterrupt:
        print("CAUGHT")
    time.sleep_ms(500)
    assert n == 1, n                        # it was taken out
    micropython.schedule(ran.append, 1)
    time.sleep_ms(100)
    assert ran == [1]
    ble.irq(handler)
    time.sleep_ms(1000)
    assert n > 5, n
    """, stderr=w)
    os.close(w)
    p.line("IN")
    for _ in range(2):
        time.sleep(0.3)
        p.p.send_signal(signal.SIGINT)
    time.sleep(0.3)
    said = b""
    while True:
        got = os.read(r, 65536)
        if not got:
            break
        said += got
    p.end(40)
    p.line("CAUGHT")
    os.close(r)
    s.say("")
    s.end()


def test_what_was_sent_before_a_stop():
    """A program that was stopped for longer than unread data of a closed channel stays has not waited: it reads them."""
    s = Program("""
    up()
    ble.l2cap_listen(22, 200)
    ble.gap_advertise(20000, b"x")
    print("READY")
    conn, cid, psm, _, _ = wait(23, 20000)
    wait(25)
    print("COME")
    peer()
    time.sleep_ms(500)
    assert not [e for e in events if e[0] == 24], events
    buf = bytearray(200)
    assert ble.l2cap_recvinto(conn, cid, buf) == 100
    assert wait(24)[:2] == (conn, cid)
    """)
    s.line("READY")
    c = Program(CLIENT + """
    time.sleep_ms(100)
    ble.l2cap_connect(conn, 22, 200)
    cid = wait(23)[1]
    if not ble.l2cap_send(conn, cid, bytes(100)):
        wait(26)
    peer()
    ble.l2cap_disconnect(conn, cid)
    wait(24)
    time.sleep_ms(200)
    print("CLOSED")
    peer()
    """)
    c.say(s.line("MAC"))
    s.line("COME")
    c.say("")
    c.line("CLOSED")
    s.p.send_signal(signal.SIGSTOP)
    time.sleep(6)
    s.p.send_signal(signal.SIGCONT)
    s.say("")
    s.end()
    c.say("")
    c.end()


def test_time_limits_of_sockets():
    """A time limit is one limit, however many packets of the radio come meanwhile."""
    s = Program(NEIGHBOUR)
    s.line("READY")
    Program(SCANNING + """
    import socket
    at = socket.getaddrinfo("127.0.0.1", 0)[0][-1]
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(at)
    l = socket.socket()
    l.bind(at)
    l.listen(1)
    for f, a in ((u.recv, (10,)), (u.recvfrom, (10,)), (u.read, (10,)), (l.accept, ())):
        for sock in (u, l):
            sock.settimeout(1)
        before = n
        r, gone = took(f, *a)
        assert r in (11, 110) and 990 <= gone < 4000, (f, r, gone)
        assert n > before, "no event came meanwhile"
    u.settimeout(None)
    u.setblocking(False)
    assert took(u.recv, 10)[0] == 11
    """).end(40)
    s.say("")
    s.end()


def test_sleep_us():
    """time.sleep_us() lasts as long as it was asked to; events come during a long one."""
    s = Program(NEIGHBOUR)
    s.line("READY")
    Program(SCANNING + """
    for us in (300000, 1000, 50):
        before = n
        start = time.ticks_us()
        time.sleep_us(us)
        gone = time.ticks_diff(time.ticks_us(), start)
        assert us <= gone < us + 2000000, (us, gone)
        assert us < 300000 or n > before
    """).end(40)
    s.say("")
    s.end()


def test_asyncio_steps():
    """Tasks that sleep 4 to 17 ms do, with an object in the loop that is no descriptor."""
    Program("""
    import asyncio
    up()
    flag = asyncio.ThreadSafeFlag()
    async def waits():
        await flag.wait()
    async def steps():
        task = asyncio.create_task(waits())
        await asyncio.sleep_ms(0)
        for ms in (4, 9, 12, 15, 17):
            gone = []
            for n in range(20):
                start = time.ticks_us()
                await asyncio.sleep_ms(ms)
                gone.append(time.ticks_diff(time.ticks_us(), start))
            assert ms * 1000 - 1000 <= min(gone) < ms * 1000 + 2500, (ms, sorted(gone))
        flag.set()
        await task
    asyncio.run(steps())
    """).end(60)


def test_other_threads():
    """A method called in another thread says so; nothing else happens."""
    Program("""
    import _thread
    up()
    ((h,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
    said = []
    def other():
        for f in (lambda: ble.gap_advertise(100000, b"x"), lambda: ble.gap_advertise(None), lambda: ble.gatts_write(h, b"x"),
                  lambda: ble.gatts_read(h), lambda: ble.active(False), lambda: ble.config("mac"), lambda: ble.config(gap_name="x"),
                  lambda: ble.gap_scan(None), lambda: ble.l2cap_send(0, 64, b"x")):
            try:
                f()
                said.append("nothing")
            except RuntimeError as e:
                said.append("main thread" in str(e))
        said.append(None)
    _thread.start_new_thread(other, ())
    while None not in said:
        time.sleep_ms(10)
    assert said == [True] * 9 + [None], said
    ble.gap_advertise(100000, b"x")
    assert ble.gatts_read(h) == b""
    ble.active(False)
    """).end()


def test_the_controller_fails_while_out_of_band_data_are_made():
    """HCI Hardware Error (Vol 4, Part E, 7.7.16) during gap_oob(): an OSError, and the radio can be started again."""
    path = os.path.join(scratch, "oob.sock")
    h = hub("unix:" + path)
    b = Between(path, "oob.between")
    p = Program("""
    import micropython, os
    done = False
    def late(_):
        global done
        print("NOW")
        time.sleep_ms(1000)               # a scheduled function reads no packets
        raises(5, ble.gap_oob)
        assert not ble.active()
        done = True
    up()
    micropython.schedule(late, 0)
    while not done:
        time.sleep_ms(10)
    os.putenv("WOAD_HCI", "unix:%s")
    ble.active(True)
    assert [len(x) for x in ble.gap_oob()] == [16, 16]
    """ % path, {"WOAD_HCI": b.spec})
    p.line("NOW")
    b.more.put(bytes((4, 0x10, 1, 0)))
    p.end(30)
    h.terminate()
    h.wait()


# The receiver of five SDUs: `handler` is its handler, `until` waits for the connection's end.
RECEIVER = """
    octets, closed = [], None
    buf = bytearray(300)
    slow = %s
    def handler(event, data):
        global closed
        if event == 25:
            if slow and not octets:
                time.sleep_ms(1000)
                %s
            octets.append(bytes(buf[:ble.l2cap_recvinto(data[0], data[1], buf)]))
        elif event == 24:
            closed = len(events)
        irq(event, data)
    up()
    ble.irq(handler)
    ble.l2cap_listen(22, 200)
    ble.gap_advertise(20000, b"x")
    print("READY")
    wait(23, 20000)
    end = time.ticks_add(time.ticks_ms(), 20000)
    while 2 not in [e[0] for e in events] and time.ticks_diff(end, time.ticks_ms()) > 0:
        %s
    assert b"".join(octets) == b"".join(bytes((n,)) * 150 for n in range(5)), [len(x) for x in octets]
    assert [e[0] for e in events if e[0] in (2, 24)] == [24, 2], events
    assert ble.config("dropped") == 0
"""
SENDER = CLIENT + """
    time.sleep_ms(100)
    ble.l2cap_connect(conn, 22, 200)
    cid = wait(23)[1]
    for n in range(5):
        if not ble.l2cap_send(conn, cid, bytes((n,)) * 150):
            wait(26)
    %s
    ble.gap_disconnect(conn)
    wait(8)
"""


def test_what_arrived_before_the_connection_ended_can_be_read():
    """The sender ends the connection while the receiver's handler, or a method, still holds up the events of the data."""
    waits = "ble.gap_advertise(20000, b'x')"
    for slow, method, loop in ((True, "pass", "time.sleep_ms(5)"), (True, "ble.config(addr_mode=0)", "time.sleep_ms(5)"),
                               (False, "pass", waits)):
        for end in ("time.sleep_ms(300)", "time.sleep_ms(300); ble.l2cap_disconnect(conn, cid); wait(24)"):
            s, _ = pair(RECEIVER % (slow, method, loop), SENDER % end)
            s.end(30)


def test_what_nobody_read_is_counted():
    """The receiver gets the events and does not read: the connection's end drops the rest, once each channel, and after event 24."""
    s, _ = pair("""
    up()
    ble.l2cap_listen(22, 200)
    ble.gap_advertise(20000, b"x")
    print("READY")
    cid = wait(23, 20000)[1]
    wait(2, 20000)
    assert [e[0] for e in events if e[0] in (24, 25)] == [25] * 5 + [24], events
    assert ble.config("dropped") == 1, ble.config("dropped")
    raises(22, ble.l2cap_recvinto, 0, cid, bytearray(10))
    """, SENDER % "time.sleep_ms(300)")
    s.end(30)


def test_answers_of_any_size():
    """What the handler of event 4 returns, and the reader's status: numbers above a machine word refuse, too, and the handler stays."""
    s, _ = pair(SERVER + """
    answers = [None, 0, 5, 256, True, "x", 1.5, (), 1 << 70, (1 << 70) + 3, (1 << 70) - (1 << 70), -1, 0]
    n = 0
    def handler(event, data):
        global n
        if event == 4:
            n += 1
            return answers[n - 1]
        if event == 22:
            return 1 << 70
        irq(event, data)
    ble.irq(handler)
    ble.l2cap_listen(22, 200)
    wait(2, 20000)
    assert n == len(answers), n
    """, CLIENT + """
    got = []
    for k in range(13):
        ble.gattc_read(conn, 12)
        got.append(wait(16)[2])
    assert got == [0, 0, 0x105, 0x111, 0x101, 0, 0, 0, 0x111, 0x103, 0, 0x1ff, 0], got
    ble.l2cap_connect(conn, 22, 200)
    assert wait(24)[3] == 24
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_an_update_needs_no_heap():
    """gatts_write(…, True) with the heap locked, while one client's queue is full: both clients get both values, and when the first
    goes with one that waits, the client that has its place next does not get that."""
    s = Program("""
    import micropython
    up()
    ((char, other, ready),) = ble.gatts_register_services(((U, ((C, 0x10), (UUID(0x2a38), 0x10), (UUID(0x2a39), 0x08))),))
    print("HANDLES", char, other, ready)
    ble.gap_advertise(20000, b"x")
    conns = []
    for k in range(2):
        conns.append(wait(1, 20000)[0])
        ble.gap_advertise(20000, b"x")
        wait(3, 20000)                  # it has subscribed
    def fill():
        for k in range(500):
            try:
                ble.gatts_notify(conns[0], char, bytes(20))
            except OSError:
                return
        raise Exception("never full")
    print("READY")
    sys.stdin.readline()
    fill()
    ones, twos = b"1" * 20, b"2" * 20
    failed = False
    micropython.heap_lock()
    try:
        ble.gatts_write(char, ones, True)
        ble.gatts_write(other, twos, True)
    except MemoryError:
        failed = True
    micropython.heap_unlock()
    assert not failed
    for k in range(2):
        wait(3, 20000)                  # it has got both
    fill()
    ble.gatts_write(char, b"3" * 20, True)
    ble.gap_disconnect(conns[0])
    wait(2)
    late = wait(1, 20000)[0]
    assert late & 0xff == conns[0] & 0xff, late
    wait(3, 20000)
    conns[0] = late
    fill()                              # so that what waits is retried
    ble.gatts_write(other, b"4" * 20, True)
    wait(3, 20000)
    """)
    handles = s.line("HANDLES").split()
    mac = s.line("MAC")
    client = CLIENT + """
    char, other, ready = %s
    for handle in (char, other):
        ble.gattc_write(conn, handle + 1, b"\\1\\0", 1)
        assert wait(17)[2] == 0
    got = []
    def notified():
        while True:
            _, handle, value = wait(18, 20000)
            got.append((handle, value))
            if %s:
                break
        ble.gattc_write(conn, ready, b"x", 1)
        wait(17)
    """ % (", ".join(handles), "%s")
    both = client % "(char, b'1' * 20) in got and (other, b'2' * 20) in got" + """
    ble.gattc_write(conn, ready, b"x", 1)
    wait(17)
    print("SUBSCRIBED")
    notified()
    %s
    """
    first = Program(both % "wait(8, 20000)")
    first.say(mac)
    first.line("SUBSCRIBED")
    second = Program(both % "")
    second.say(mac)
    second.line("SUBSCRIBED")
    s.line("READY")
    s.say("")
    second.end()
    first.end()
    third = Program(client % "(other, b'4' * 20) in got" + """
    ble.gattc_write(conn, ready, b"x", 1)
    wait(17)
    notified()
    assert (char, b"3" * 20) not in got, "what waited for another connection"
    """)
    third.say(mac)
    third.end()
    s.end()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
