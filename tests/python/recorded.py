"""Logs of the programs of a run against other hosts, and their replay: the same octets again.

begin(folder): from now on each MicroPython program of run.py has a log there, with keys; its random numbers are of a seed.
replay(): runs each program again, with `woad replay`; returns how many were reproduced, and of how many.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

EPOCH_US = 0x00dcddb30f2f8000                                # a log's times count from the year 0
folder = None
records = []


def begin(path):
    global folder
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    folder = path


class Record:
    """A program: its words, where it ran, and when it read what."""

    def __init__(self, case, argv, cwd, environ):
        self.log = os.path.join(folder, "%d.btsnoop" % len(records))
        self.case, self.argv, self.cwd, self.input = case, argv, cwd, []
        self.seed = str(len(records) + 1)
        environ.update(WOAD_BTSNOOP=self.log, WOAD_BTSNOOP_KEYS="1", WOAD_SEED=self.seed)
        self.env = {k: v for k, v in environ.items() if k not in ("WOAD_HCI", "WOAD_BTSNOOP", "WOAD_NAME")}
        records.append(self)

    def said(self, text):
        self.input.append((time.time(), text))

    def begun_s(self):
        """Unix time of its first packet; None: it has sent none."""
        with open(self.log, "rb") as f:
            head = f.read(40)
        return (struct.unpack(">Q", head[32:40])[0] - EPOCH_US) / 1e6 if len(head) == 40 else None


def again(woad, record):
    """The last line of what `woad replay` says, and its standard error."""
    begun = record.begun_s()
    lines = record.log[:-8] + ".input"
    with open(lines, "w") as f:
        f.writelines("%f %s\n" % (at - begun, text) for at, text in record.input)
    home = record.log[:-8] + ".home"                        # files of an earlier program are not there
    os.makedirs(home)
    r = subprocess.run([woad, "replay", "--clock", "wall", "--json", "--tolerance", "300", "--late", "20", "--patience", "20",
                        "--input", lines, record.log, "--", *record.argv], env=record.env, cwd=home, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = r.stdout.decode().splitlines()
    with open(record.log[:-8] + ".json", "w") as f:
        f.write(r.stdout.decode() + r.stderr.decode())
    said = json.loads(out[-1]) if out else {"result": "nothing"}
    said["credits"] = is_of_credits(out)
    return r.returncode, said, r.stderr.decode()


def is_of_credits(lines):
    """Both packets give credits of one channel, but not as many: how often a program reads its channel while packets arrive
    is of the processor time that it gets, which is in no log."""
    two = [json.loads(x).get("signal", {}) for x in lines if '"from":"recorded"' in x or '"from":"sent"' in x]
    return len(two) == 2 and all(x.get("code") == 22 for x in two) and two[0]["cid"] == two[1]["cid"]


def replay(woad, jobs=6):
    todo = [r for r in records if os.path.exists(r.log) and r.begun_s() is not None]
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda r: again(woad, r), todo))
    same = packets = credits = 0
    for record, (code, said, err) in zip(todo, results):
        packets += said.get("host_packets", 0)
        if code == 0:
            same += 1
        elif said["credits"]:
            credits += 1
        else:
            last = [x for x in err.splitlines() if re.search("woad replay:", x)][-1:] or [err[-200:]]
            print("FAIL replay of %s, %s: %s, packet %s: %s" % (record.case, os.path.relpath(record.log), said["result"],
                                                                said.get("packet"), " ".join(last)), flush=True)
    print("%d of %d logs are reproduced, %d up to a channel's credits, which depend on time; %d packets of the hosts" % (
        same, len(todo), credits, packets), flush=True)
    return same + credits, len(todo)
