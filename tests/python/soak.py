#!/usr/bin/env python3
"""One peripheral serves eight centrals at once, each of which comes and goes CYCLES times (100), subscribes and counts.

No connection is refused for good, no notification is lost (each is counted on both sides), and memory stays as it is.
"""
import os
import re
import sys
import time

import run

CYCLES = int(os.environ.get("CYCLES", "100"))
CENTRALS = 8
NOTIFICATIONS = 5

SERVER = """
    import gc
    up()
    ((char,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
    sent = {}
    gone = 0
    def handler(event, data):
        global gone
        if event == 1:
            sent[data[0]] = 0
            advertise()
        elif event == 2:
            gone += 1
            sent.pop(data[0])
        elif event == 3:
            sent[data[0]] = 1               # it has written: it listens
    def advertise():
        if len(sent) < 12:
            ble.gap_advertise(30000, b"\\x02\\x01\\x06")
    ble.irq(handler)
    advertise()
    print("READY")
    total = 0
    marks = []
    while gone < %d:
        for conn, n in list(sent.items()):
            if 0 < n <= %d:
                try:
                    ble.gatts_notify(conn, char, b"%%d" %% n)
                except OSError:
                    continue
                total += 1
                if conn in sent:
                    sent[conn] = n + 1
        time.sleep_ms(5)
        if gone %% 100 == 0 and (not marks or marks[-1][0] != gone):
            gc.collect()
            marks.append((gone, gc.mem_alloc()))
    print("SENT", total)
    print("MEMORY", [m for _, m in marks[1:]])
    assert ble.config("dropped") == 0
"""

CLIENT = """
    up()
    addr = peer()
    total = failed = cycles = 0
    while cycles < %d:
        events.clear()
        try:
            ble.gap_connect(0, addr, 3000, 15000, 30000)
        except OSError:
            time.sleep_ms(20)
            continue
        end = time.ticks_add(time.ticks_ms(), 8000)
        conn = None
        while conn is None:
            assert time.ticks_diff(end, time.ticks_ms()) > 0, events
            for e, d in events:
                if e == 7:
                    conn = d[0]
                elif e == 8:
                    conn = -1
            time.sleep_ms(1)
        if conn < 0:
            failed += 1
            continue
        ble.gattc_write(conn, 12, b"go", 1)
        if wait(17)[2]:
            failed += 1                     # it was lost before it began
            continue
        for i in range(%d):
            assert wait(18)[2] == b"%%d" %% (i + 1)
            total += 1
        ble.gap_disconnect(conn)
        wait(8)
        cycles += 1
    print("GOT", total, "FAILED", failed)
"""


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def main():
    start = time.time()
    server = run.Program(SERVER % (CYCLES * CENTRALS, NOTIFICATIONS))
    server.line("READY")
    mac = server.line("MAC")
    clients = [run.Program(CLIENT % (CYCLES, NOTIFICATIONS)) for _ in range(CENTRALS)]
    for c in clients:
        c.say(mac)
    time.sleep(10)
    early = rss(server.p.pid)
    for c in clients:
        c.p.wait(1200)
        if c.p is clients[0].p:
            late = rss(server.p.pid)
    lines = [c.end() and c.line("GOT") for c in clients]
    # Links that were never established count as gone too, and may let it end before the last central has left.
    server.p.wait(60)
    server.thread.join(10)
    got = sum(int(x.split()[0]) for x in lines)
    sent = int(server.line("SENT"))
    print("\n".join("central %d: got %s" % (i, x) for i, x in enumerate(lines)))
    print("server: sent %d; heap %s; RSS %d kB after 10 s, %d kB in the end" % (sent, server.line("MEMORY"), early, late))
    assert got == CYCLES * CENTRALS * NOTIFICATIONS
    assert sent >= got
    assert late < early + 400, "memory grows"
    print("%d connections in %.0f s" % (CYCLES * CENTRALS, time.time() - start))
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
