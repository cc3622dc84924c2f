#!/usr/bin/env python3
"""The air's time and the programs': lock-step on the wall's clock, and virtual time (docs/clock.md).

clock.py [NAME…]: those tests whose names contain one of the words.
"""
import filecmp
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time

from run import CLIENT, SERVER, Program, air, main, scratch



def script(name, code):
    path = os.path.join(scratch, name)
    with open(path, "w") as f:
        f.write(textwrap.dedent(code))
    return path


def woad_run(*args, timeout=120, code=0, stdin=subprocess.DEVNULL):
    """Lines of `woad run`, and how long it took."""
    began = time.monotonic()
    r = subprocess.run([air, "run", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, stdin=stdin)
    text = r.stdout.decode()
    assert r.returncode == code, (r.returncode, text[-2000:])
    return text.splitlines(), time.monotonic() - began


def said(lines, name):
    """What a program has printed, with the air's time before it."""
    found = [re.match(r" *([0-9.]+) (.*?) *\| (.*)", x) for x in lines]
    return [(float(m.group(1)), m.group(3)) for m in found if m and m.group(2) == name]


def virtual(*programs, options=(), **more):
    args = []
    for p in programs:
        args += ["--", p] if args else [p]
    return woad_run("--clock", "virtual", *options, *args, **more)


SENSOR = """
    import bluetooth, time
    ble = bluetooth.BLE()
    conns = set()
    def irq(event, data):
        if event == 1:
            conns.add(data[0])
            ble.gap_advertise(100000, b"\\x02\\x01\\x06")
        if event == 2:
            conns.discard(data[0])
    ble.irq(irq)
    ble.active(True)
    ((h,),) = ble.gatts_register_services(((bluetooth.UUID(0x180d), ((bluetooth.UUID(0x2a37), 0x12),)),))
    ble.gap_advertise(100000, b"\\x02\\x01\\x06")
    for i in range(SECONDS):
        time.sleep(1)
        for c in conns:
            ble.gatts_notify(c, h, b"%d" % i)
    print("notified until", time.ticks_ms())
    """
COUNTER = """
    import bluetooth, time
    ble = bluetooth.BLE()
    got = 0
    found = conn = None
    def irq(event, data):
        global got, found, conn
        if event == 5 and not found:
            found = (data[0], bytes(data[1]))
        if event == 7:
            conn = data[0]
        if event == 8:
            conn = None
        if event == 18:
            got += 1
    ble.irq(irq)
    ble.active(True)
    ble.gap_scan(0, 30000, 30000)
    while not found:
        time.sleep_ms(10)
    ble.gap_scan(None)
    ble.gap_connect(*found)
    while conn is None:
        time.sleep_ms(10)
    ble.gattc_write(conn, 13, b"\\x01\\x00", 1)
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < (SECONDS - 10) * 1000:
        time.sleep(1)
    print("got", got)
    ble.active(False)
    """


def hour(capture, seconds=3600):
    files = [script("sensor.py", SENSOR.replace("SECONDS", str(seconds)))]
    files += [script("%s.py" % n, COUNTER.replace("SECONDS", str(seconds))) for n in ("first", "second")]
    return virtual(*files, options=("--seed", "7", "--pcap", capture))


def test_an_hour():
    """A sensor that notifies once a second, and two centrals: each gets all, within seconds."""
    lines, took = hour(os.path.join(scratch, "hour.pcap"))
    for name in ("first", "second"):
        (at, text), = said(lines, name)
        assert 3588 <= int(text.split()[1]) <= 3592, lines
    assert said(lines, "sensor")[0][1] == "notified until %d" % round(said(lines, "sensor")[0][0] * 1000 - 0.5), lines
    print("  an hour in %.1f s" % took)


def test_the_same_packets_each_time():
    """One seed, the same programs: equal captures, also beside programs that take all of the machine."""
    captures = [os.path.join(scratch, "same-%d.pcap" % n) for n in range(2)]
    hour(captures[0], 120)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        hour(captures[1], 120)
    finally:
        for p in busy:
            p.kill()
            p.wait()
    assert os.path.getsize(captures[0]) > 100000
    assert filecmp.cmp(*captures, shallow=False)


def test_the_same_order_each_time():
    """A set of tuples, whose hash begins with an address: programs go through it in one order."""
    orders = {tuple(said(virtual(script("order.py", "print(list({(n, 64) for n in range(40)}))"))[0], "order")[0]) for _ in range(4)}
    assert len(orders) == 1, orders


def test_a_loop_that_reads_the_clock():
    lines, _ = virtual(script("loop.py", """
    import time
    for ms in (1, 10, 2000):
        start = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start) < ms:
            pass
        print(time.ticks_diff(time.ticks_ms(), start) - ms)
    start = time.time()
    time.sleep(5)
    print(round(time.time() - start), time.localtime()[:3])
    """))
    assert [x for _, x in said(lines, "loop")] == ["0", "0", "0", "5 (2026, 1, 1)"], lines


def test_steps_of_asyncio():
    """sleep_ms(n) while a ThreadSafeFlag is awaited: exact in virtual time; on the wall's within 1 ms of the same without a radio."""
    code = """
    import asyncio, time
    if RADIO:
        import bluetooth
        bluetooth.BLE().active(True)
    async def steps():
        flag = asyncio.ThreadSafeFlag()
        waits = asyncio.create_task(flag.wait())
        for n in (1, 2, 5, 12):
            start = time.ticks_us()
            for i in range(50):
                await asyncio.sleep_ms(n)
            print(time.ticks_diff(time.ticks_us(), start) / 50000)
        waits.cancel()
    asyncio.run(steps())
    """
    on, off = script("on.py", code.replace("RADIO", "True")), script("off.py", code.replace("RADIO", "False"))
    lines, _ = virtual(on)
    assert [float(x) for _, x in said(lines, "on")] == [1, 2, 5, 12], lines
    for _ in range(3):  # on the wall's clock the machine may be busy with something else
        figures = []
        for name, path in (("on", on), ("off", off)):
            lines, _ = woad_run(path)
            figures.append([float(x) for _, x in said(lines, name)])
        if all(a - b < 1 for a, b in zip(*figures)):
            break
    else:
        assert False, figures
    print("  with a radio %s, without %s" % tuple(figures))


def test_standard_input_holds_the_air():
    """A program that waits for a line stops virtual time for all."""
    p = subprocess.Popen([air, "run", "--clock", "virtual", "--stdin", "asks", script("asks.py", """
    import sys, time
    time.sleep(1)
    print("ASKS", time.ticks_ms())
    sys.stdin.readline()
    print("HEARD", time.ticks_ms())
    """), "--", script("ticks.py", """
    import time
    for i in range(4):
        time.sleep_ms(500)
        print("TICK", time.ticks_ms())
    """)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    out = p.communicate("go\n", timeout=60)[0].splitlines()
    assert p.returncode == 0, out
    asks, heard = said(out, "asks")
    assert int(heard[1].split()[1]) - int(asks[1].split()[1]) <= 1, out
    assert [int(x.split()[1]) // 10 for _, x in said(out, "ticks")] == [50, 100, 150, 200], out


def served_by(name, clock):
    """An air on a socket, and what a program needs to reach it."""
    path = os.path.join(scratch, name)
    p = subprocess.Popen([air, "air", "unix:" + path, "--clock", clock], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "serving" in p.stdout.readline()
    return p, {"WOAD_HCI": "unix:" + path, "WOAD_CLOCK": clock}


def log_of(p):
    p.terminate()
    return p.communicate(timeout=60)[0]


def test_a_program_that_crashes():
    """The others go on, and its connections end, when it is killed while it waits, and while it is busy."""
    for way in ("time.sleep(1000)", "os.system('sleep 20')"):
        served, env = served_by("crash-%d" % len(way), "virtual")
        s = Program("    import os\n" + SERVER + """
    wait(1, 100000)
    print("COME")
    %s
    """ % way, dict(env, WOAD_NAME="dies"))
        s.line("READY")
        c = Program(CLIENT + """
    print("THERE")
    sys.stdin.readline()
    wait(8, 30000)
    time.sleep(10)
    """, dict(env, WOAD_NAME="lives"))
        c.say(s.line("MAC"))
        c.line("THERE")
        s.line("COME")
        s.kill()
        c.say("")
        c.end()
        log_of(served)


def test_a_program_that_is_stopped():
    """SIGSTOP, in either clock: after a second the others go on, which the log says; it comes back."""
    for clock in ("virtual", "wall"):
        served, env = served_by("stopped-" + clock, clock)
        a = Program("""
    import os
    up()
    print("STOPS")
    os.system("kill -STOP $PPID")
    time.sleep_ms(500)
    print("END")
    """, dict(env, WOAD_NAME="stops"))
        a.line("STOPS")
        b = Program("""
    up()
    ble.gap_scan(0)
    for i in range(10):
        time.sleep_ms(100)
    print("END")
    """, dict(env, WOAD_NAME="goes on"))
        b.line("END", 10)
        time.sleep(1)
        a.p.send_signal(signal.SIGCONT)
        a.line("END")
        a.end()
        b.end()
        log = log_of(served)
        if clock == "virtual":
            assert "is busy: the air goes on without it" in log and "waits again" in log, log


def test_a_program_that_joins_late():
    """It begins at the air's time of that moment; one whose clock was the machine's until it switched its radio on goes on from there."""
    served, env = served_by("late", "virtual")
    a = Program("""
    up()
    ble.gap_advertise(20000, b"x")
    for i in range(50):
        time.sleep(1)
    print("NOW", time.ticks_ms())
    sys.stdin.readline()
    time.sleep(5)
    """, env)
    assert 50000 <= int(a.line("NOW")) < 50100
    del env["WOAD_CLOCK"]
    b = Program("""
    start = time.ticks_ms()
    up()
    assert 0 <= time.ticks_diff(time.ticks_ms(), start) < 5000
    print("JOINED")
    ble.gap_scan(2000, 30000, 30000)
    wait(6)
    assert [e for e in events if e[0] == 5]
    """, env)
    b.line("JOINED")
    a.say("")
    b.end()
    a.end()
    log_of(served)


def test_a_host_that_keeps_no_time_is_refused():
    served, _ = served_by("strange", "virtual")
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.path.join(scratch, "strange"))
    s.settimeout(60)
    assert s.recv(10) == b""
    assert "a host is refused: it does not keep the air's virtual time" in log_of(served)


def test_a_starved_program_loses_nothing():
    """The peripheral is stopped for 0.7 s again and again, as by a machine that is busy: the central's short time limits hold all
    the same, because the air waits, and the clocks of both with it."""
    s = Program(SERVER + """
    wait(1)
    for i in range(20):
        ble.gatts_notify(0, char, b"%d" % i)
        time.sleep_ms(50)
    wait(2, 20000)
    """, {"WOAD_NAME": "starved"})
    s.line("READY")
    c = Program(CLIENT + """
    for i in range(10):
        ble.gattc_read(conn, 12)
        assert wait(15, 300)[0] == conn
        wait(16, 300)
    print("READ")
    for i in range(20):
        wait(18, 3000)
    ble.gap_disconnect(conn)
    wait(8, 300)
    """, {"WOAD_NAME": "short of time"})
    c.say(s.line("MAC"))
    end = time.monotonic() + 40
    while c.p.poll() is None and time.monotonic() < end:
        s.p.send_signal(signal.SIGSTOP)
        time.sleep(0.7)
        s.p.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    c.end()
    s.end()


def test_an_air_that_is_stopped():
    """`woad air` gets no processor time for a second: time stands still for its programs, and goes on for them with the air's."""
    at = scratch + "/stopped"
    hub = subprocess.Popen([air, "air", "unix:" + at], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    hub.stdout.readline()
    p = Program("""
    up()
    for n in range(200):
        print("BEAT")
        time.sleep_ms(10)
    """, {"WOAD_HCI": "unix:" + at})
    p.line("BEAT")
    scan = subprocess.Popen([air, "scan", "1"], env=dict(os.environ, WOAD_HCI="unix:" + at), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    hub.send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    before = len(p.lines)
    time.sleep(1.2)
    after = len(p.lines)
    running = scan.poll() is None
    hub.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    later = len(p.lines)
    p.p.kill()
    scan.wait(10)
    hub.terminate()
    hub.wait(10)
    assert after - before <= 2, "%d beats while the air stood still" % (after - before)
    assert later - after > 5, "%d beats in 0.3 s after that" % (later - after)
    assert running and scan.returncode == 0


def test_a_loop_that_waits_for_nothing():
    """On the wall's clock a program that never waits is let go after a second, and its radio goes on."""
    s = Program(SERVER + """
    wait(1, 100000)
    wait(2, 100000)
    """)
    s.line("READY")
    c = Program("""
    up()
    ble.gap_connect(0, peer(), 100000)      # a second of the processor may be long
    while not [e for e in events if e[0] == 7]:
        pass
    conn = [e for e in events if e[0] == 7][0][1][0]
    ble.gattc_read(conn, 12)
    while not [e for e in events if e[0] == 16]:
        pass
    ble.gap_disconnect(conn)
    wait(8)
    """)
    c.say(s.line("MAC"))
    c.end(120)
    s.end(120)


def test_a_handler_that_sleeps():
    """In virtual time, while packets come that it cannot read; and short sleeps that run no handler."""
    lines, _ = virtual(script("advertises.py", """
    import bluetooth, time
    ble = bluetooth.BLE()
    ble.active(True)
    ble.gap_advertise(20000, b"x")
    time.sleep(12)
    """), script("sleeps.py", """
    import bluetooth, time
    ble = bluetooth.BLE()
    n = 0
    def irq(event, data):
        global n
        if event == 5 and n < 3:
            n += 1
            time.sleep_ms(300)
    ble.irq(irq)
    ble.active(True)
    ble.gap_scan(3000, 30000, 30000)
    time.sleep(5)
    print("HEARD", n, time.ticks_ms())
    for i in range(1000):
        time.sleep_us(1900)
    print("SLEPT", time.ticks_ms())
    """))
    (_, heard), (_, slept) = said(lines, "sleeps")
    assert heard.startswith("HEARD 3 50"), lines
    assert 6900 <= int(slept.split()[1]) < 7200, lines


def test_a_loop_of_questions():
    """A program that asks its controller again and again, and never reads its clock, does not stop virtual time."""
    lines, _ = virtual(script("advertises.py", """
    import bluetooth, time
    ble = bluetooth.BLE()
    ble.active(True)
    time.sleep(1)
    ble.gap_advertise(20000, b"x")
    time.sleep(2)
    """), script("questions.py", """
    import bluetooth, time
    ble = bluetooth.BLE()
    events = []
    ble.irq(lambda event, data: events.append(event))
    ble.active(True)
    ble.gap_scan(0, 30000, 30000)
    while 5 not in events:
        ble.gap_advertise(1000000, b"y")
    print("HEARD", time.ticks_ms())
    """))
    (_, heard), = said(lines, "questions")
    assert 1000 <= int(heard.split()[1]) < 1100, lines


def test_select_looks_again():
    """On the wall's clock: an object without a descriptor that is made ready by a thread, and by the second of two scheduled functions."""
    code = """
    import asyncio, bluetooth, _thread, micropython, time
    ble = bluetooth.BLE()
    ble.active(True)
    async def main():
        flag = asyncio.ThreadSafeFlag()
        def sleeps():
            time.sleep_ms(200)
            flag.set()
        def irq(event, data):
            if event == 6:
                micropython.schedule(lambda _: None, 0)
                micropython.schedule(lambda _: flag.set(), 0)
        start = time.ticks_ms()
        HOW
        await flag.wait()
        print("WOKEN", time.ticks_diff(time.ticks_ms(), start))
    asyncio.run(main())
    """
    for name, how in (("thread", "_thread.start_new_thread(sleeps, ())"), ("scheduled", "ble.irq(irq); ble.gap_scan(200, 30000, 30000)")):
        lines, _ = woad_run(script(name + ".py", code.replace("HOW", how)))
        (_, woken), = said(lines, name)
        assert 195 <= int(woken.split()[1]) < 400, lines


def test_waits_without_a_limit():
    """In virtual time: the clock does not leap to its end, and nothing spins."""
    served, env = served_by("forever", "virtual")
    p = Program("""
    import asyncio
    ble.active(True)
    time.sleep(1)
    async def main():
        print("WAITS")
        await asyncio.ThreadSafeFlag().wait()
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("END", time.time() < 2000000000)
    """, dict(env))
    p.line("WAITS")
    p.p.send_signal(signal.SIGINT)
    assert p.line("END") == "True"
    p.end()
    log_of(served)


def test_another_spelling_of_the_path():
    served, env = served_by("spelled", "virtual")
    env["WOAD_HCI"] = env["WOAD_HCI"].replace(scratch, scratch + "//.")
    Program("""
    up()
    time.sleep(2)
    assert 2000 <= time.ticks_ms() < 2100, time.ticks_ms()
    """, env).end()
    log_of(served)


def clock_connection(served_name, number, join=True):
    """As a program keeps time, but by this test."""
    s = socket.socket(socket.AF_UNIX)
    s.bind("\0woad-clock/%d/%d" % (os.getpid(), number))
    s.connect(os.path.join(scratch, served_name))
    s.settimeout(60)
    if join:
        s.send(b"\x01\xc1\xff" + bytes([7 + 32]) + b"WOAD\x01" + struct.pack("<H", 0) + b"liar".ljust(32, b"\0"))
    return s


def waiting(s, serial=0, kind=0, blocked=0, until=2**64 - 1, read=0, written=0, slip=0, cpu=0):
    s.send(b"\x01\xc2\xff" + bytes([46]) + struct.pack("<IBBQQQQQ", serial, kind, blocked, until, read, written, slip, cpu))


def last_slip(s):
    """In seconds, of all SLIP that have come."""
    slip = 0
    while select.select([s], [], [], 0.3)[0]:
        data = s.recv(65536)
        at = data.rfind(b"WOAD\xc2")
        if at >= 0:
            slip = struct.unpack("<Q", data[at + 5:at + 13])[0] / 1e6
    return slip


def test_a_busy_program_says_how_far_it_is():
    """The air goes on by its processor time, a third of what passes; it is not let go, although it is busy for three seconds."""
    served, _ = served_by("busy", "wall")
    s = clock_connection("busy", 1)
    host = socket.socket(socket.AF_UNIX)
    host.connect(os.path.join(scratch, "busy"))
    host.send(b"\x01\x03\x0c\x00")
    assert len(host.recv(100)) == 7
    waiting(s, read=7, written=4)
    before = last_slip(s)
    began = time.monotonic()
    for n in range(1, 41):
        waiting(s, kind=3, read=7, written=4, cpu=n * 25000)
        time.sleep(0.075)
    waiting(s, read=7, written=4, cpu=1000000)
    air_time = time.monotonic() - began - (last_slip(s) - before)
    assert 0.5 < air_time < 1.5, air_time
    s.close()
    host.close()
    assert "goes on without it" not in log_of(served)


def test_waits_that_answer_nothing():
    """In virtual time, with a serial that was never sent: the program is let go after a second."""
    served, env = served_by("serial", "virtual")
    s = clock_connection("serial", 1)
    stop = threading.Event()

    def lie():
        while not stop.wait(0.2):
            waiting(s, 12345, until=10**9)
    thread = threading.Thread(target=lie, daemon=True)
    thread.start()
    p = Program("""
    for i in range(5):
        time.sleep_ms(100)
    print("END")
    """, env)
    try:
        p.line("END", 20)
    finally:
        stop.set()
        thread.join()
        p.end()
        log = log_of(served)
    assert log.count("goes on without it") == 1 and "again" not in log, log
    s.close()


LIES = os.environ.get("LIES", "").split()


def test_programs_that_lie():
    """Wrong counts, times that are over, half messages, silence, others' messages: another program's second ends all the same."""
    for clock in ("wall", "virtual"):
        for what in LIES or ("read", "past", "slip", "blocked", "silent", "half", "kind", "busy", "garbage"):
            name = "lies-%s-%s" % (clock, what)
            served, env = served_by(name, clock)
            s = clock_connection(name, len(name), what != "silent")
            host = socket.socket(socket.AF_UNIX)
            host.connect(os.path.join(scratch, name))
            host.send(b"\x01\x03\x0c\x00")
            stop = threading.Event()

            def lie():
                serial = 0
                try:
                    while not stop.wait(0.002 if clock == "wall" else 0):
                        if what == "read":
                            waiting(s, serial, read=99)
                        elif what == "past":
                            waiting(s, serial, until=0, read=7, written=4)
                        elif what == "slip":
                            waiting(s, serial, until=1, slip=2**63, cpu=2**63 + serial)
                        elif what == "blocked":
                            waiting(s, serial, blocked=1)
                        elif what == "kind":
                            waiting(s, serial, kind=9)
                        elif what == "busy":
                            waiting(s, serial, kind=3, cpu=2**63 + serial)
                        elif what == "half":
                            s.send(b"\x01" if serial == 0 else b"")
                            serial = 1
                        elif what == "garbage":
                            s.send(os.urandom(100))
                        if not select.select([s], [], [], 0.002)[0]:
                            continue
                        data = s.recv(65536)
                        at = data.rfind(b"WOAD\xc1")
                        if at >= 0:
                            serial = struct.unpack("<I", data[at + 5:at + 9])[0]
                        if not data:
                            return
                except OSError:
                    pass
            thread = threading.Thread(target=lie, daemon=True)
            thread.start()
            p = Program("""
    for i in range(5):
        time.sleep_ms(100)
    up()
    time.sleep(1)
    print("END")
    """, env)
            p.line("END", 60)
            stop.set()
            thread.join()
            p.end()
            s.close()
            host.close()
            log_of(served)


def test_a_bond_outlives_a_restart():
    """Only the peripheral is restarted, in either clock: it is found at its address, and the bond holds."""
    for clock in ("wall", "virtual"):
        served, env = served_by("restart-" + clock, clock)
        peripheral = """
    ble.config(bond=True, le_secure=True, bond_store="%s")
    up()
    ble.gatts_register_services(((U, ((C, 0x0a | 0x200),)),))
    ble.gap_advertise(20000, b"\\x02\\x01\\x06")
    print("READY")
    wait(1, 1000000)
    wait(28, 20000)
    wait(2, 20000)
    """ % os.path.join(scratch, clock + ".bonds")
        s = Program(peripheral, dict(env, WOAD_NAME="restarted"))
        s.line("READY")
        c = Program("""
    ble.config(bond=True, le_secure=True)
    up()
    address = peer()
    for i in range(2):
        ble.gap_connect(0, address, 2000)
        while not [e for e in events if e[0] == 7]:
            if [e for e in events if e[0] == 8]:
                events.clear()
                ble.gap_connect(0, address, 2000)
            time.sleep_ms(10)
        conn = wait(7)[0]
        ble.gap_pair(conn)
        assert wait(28, 20000)[1:4] == (1, 0, 1)
        assert len(ble.gap_bonds()) == 1
        ble.gap_disconnect(conn)
        wait(8)
    """, dict(env, WOAD_NAME="stays"))
        c.say(s.line("MAC"))
        s.end()
        s = Program(peripheral, dict(env, WOAD_NAME="restarted"))
        c.end(120)
        s.end()
        log_of(served)


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:], jobs=2))     # programs in virtual time calculate without a pause
