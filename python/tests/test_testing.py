"""The pytest plugin: its fixture, MicroPython programs in lock-step, reports of failures."""
import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import woad
import woad.testing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEART = ROOT / "examples/python/heart_rate_sensor.py"
RATE = "00002a37-0000-1000-8000-00805f9b34fb"
ECHO = HERE / "programs/uart_echo.py"
LIB = Path(woad.__file__).parents[1]


@pytest.fixture
async def sensor(air):
    program = await air.micropython(HEART, name="sensor", place=(0, 0))
    yield program
    assert air.time > 0


async def test_micropython_and_bleak_in_virtual_time(air, sensor):
    real, begin = time.monotonic(), air.time
    device = await air.bleak.BleakScanner.find_device_by_name("Woad heart")
    got = []
    async with air.bleak.BleakClient(device) as client:
        assert await sensor.line("a central connects")
        await client.start_notify(RATE, lambda sender, value: got.append(air.time))
        await air.sleep(600)
    assert await sensor.line("it has gone")
    assert 1190 <= len(got) <= 1210 and 600 < air.time - begin < 603
    assert all(abs(b - a - 0.5) < 0.1 for a, b in zip(got, got[1:]))
    assert time.monotonic() - real < 20


async def test_hosts_of_the_test_and_the_capture(air, sensor):
    phone = await air.host("phone", address="c0:11:22:33:44:55", place=(3, 0))
    link = await phone.connect(await phone.find(name="Woad heart"))
    assert await sensor.line("central") == "a central connects: c0:11:22:33:44:55"
    location = await link.characteristic(0x180D, 0x2A38)
    assert await link.read(location) == b"\2"
    await link.disconnect()
    read, answer = [p for p in air.capture.att() if p["name"].startswith("Read Re")]
    assert read["name"] == "Read Request" and read["handle"] == location.handle
    assert (read["from"], answer["from"]) == ("central", "peripheral")
    assert answer["value"] == "02" and 0 < read["time"] < answer["time"]
    assert "LL_TERMINATE_IND" in [p["name"] for p in air.capture.control()]
    assert "Read Response" in air.capture.text()


async def test_links_places_and_boxes(air, sensor):
    phone = await air.host()
    near = await phone.find(name="Woad heart")
    air.move(phone, 60, 0)
    far = await phone.find(name="Woad heart")
    assert far.rssi < near.rssi - 20
    air.link(sensor, phone).attenuation = 200
    with pytest.raises(TimeoutError):
        await phone.find(name="Woad heart", timeout=3)
    air.link("phone", "sensor").attenuation = 0
    air.off(sensor)
    with pytest.raises(TimeoutError):
        await phone.find(name="Woad heart", timeout=3)
    air.on(sensor)
    link = await phone.connect(await phone.find(name="Woad heart"))
    air.link(sensor, phone).loss = 1
    assert air.link(phone, sensor).loss == 1
    assert (await link.wait_closed()).name == "WOAD_HCI_CONNECTION_TIMEOUT"


async def test_a_program_that_is_killed_is_missed(air, sensor):
    ended = asyncio.Event()
    device = await air.bleak.BleakScanner.find_device_by_name("Woad heart")
    async with air.bleak.BleakClient(device, lambda client: ended.set()):
        sensor.kill()
        assert sensor.status == -9
        await asyncio.wait_for(ended.wait(), 30)


async def test_a_program_for_bleak_as_a_program_of_the_air(air):
    echo = await air.micropython(ECHO)
    examples = "/usr/share/doc/python3-bleak/examples"
    uart = await air.run(f"python3 {examples}/uart_service.py", name="uart", stdin=True)
    await uart.line("start typing")
    uart.write("hello\n")
    assert await uart.line("received") == r"received: bytearray(b'HELLO\n')"
    uart.write("again\n")
    assert await echo.line("again") == r"got b'again\n'"
    uart.process.stdin.close()
    assert await uart.wait() == 0 and await echo.line("gone")


async def test_programs_that_fail_or_say_nothing(air, tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("print('now')\nraise SystemExit(3)\n")
    program = await air.micropython(script)
    with pytest.raises(woad.testing.ProgramFailed, match=r"(?s)fails has ended without 'x'.*now"):
        await program.line("x")
    assert await program.wait() == 3
    with pytest.raises(ValueError, match="stdin=True"):
        program.write("x")
    silent = tmp_path / "silent.py"
    silent.write_text("import time\nwhile True:\n    time.sleep(1)\n")
    program = await air.micropython(silent)
    with pytest.raises(TimeoutError, match="silent has not printed 'x' in 5 s"):
        await program.line("x", 5)
    with pytest.raises(TimeoutError, match="silent has not ended"):
        await program.wait(5)
    program.stop()
    assert program.status == -15
    echo = await air.run("echo one two")
    assert await echo.line() == "one two" and await echo.wait() == 0


async def test_wrong_uses_are_said(air, tmp_path):
    await air.host("phone")
    with pytest.raises(ValueError, match="not another's"):
        await air.host("phone")
    with pytest.raises(FileNotFoundError):
        await air.micropython(tmp_path / "missing.py")
    with pytest.raises(ValueError, match="command"):
        await air.run("")
    with pytest.raises(ValueError, match="no device"):
        air.link("phone", "nobody")
    with pytest.raises(ValueError, match="two devices"):
        air.link("phone", "phone")
    with pytest.raises(ValueError, match="loss"):
        air.link("phone", (await air.host("b"))).loss = 2
    with pytest.raises(ValueError, match="no such line|nonsense"):
        air.control("nonsense")
    with pytest.raises(ValueError):
        woad.testing.Air(seed=-1)


def test_missing_programs_are_said(monkeypatch):
    monkeypatch.setenv("WOAD_PROGRAM", "/nonexistent/woad")
    with pytest.raises(woad.testing.TestSetupError, match="WOAD_PROGRAM"):
        woad.testing.Air()


@pytest.mark.air(seed=7, loss=0.1)
async def test_a_marker_chooses_the_seed(air):
    assert air.seed == 7


def test_airs_one_after_the_other_leave_nothing(monkeypatch):
    folders, fds = [], len(os.listdir("/proc/self/fd"))
    for k in range(20):
        with woad.testing.Air(seed=k) as air:
            async def main():
                await air.host()
                await air.sleep(10)
                return air.time
            assert 10 <= air.do(main()) < 11
            folders.append(air.folder)
        air.close()
    assert not any(f.exists() for f in folders)
    assert len(os.listdir("/proc/self/fd")) <= fds + 1  # the clock's, until the next air


# --- the plugin in runs of its own ----------------------------------------------------------------

CONFTEST = ""
PASSING = """
import pytest
from pathlib import Path

@pytest.mark.parametrize("k", range(6))
async def test_reading(air, k):
    sensor = await air.micropython({heart!r}, name="sensor")
    air.link(sensor, await air.host("phone")).loss = 0.1
    device = await air.bleak.BleakScanner.find_device_by_name("Woad heart")
    async with air.bleak.BleakClient(device) as client:
        await client.start_notify({rate!r}, lambda *_: None)
        await air.sleep(20)

def test_usual():
    pass
""".format(heart=str(HEART), rate=RATE)
FAILING = """
async def test_fails(air):
    sensor = await air.micropython({heart!r}, name="sensor")
    phone = await air.host("phone")
    link = await phone.connect(await phone.find(name="Woad heart"))
    await link.read(await link.characteristic(0x180D, 0x2A38))
    assert False, "as it should"

async def test_stalls(air):
    await air.host("phone")
    import asyncio
    await asyncio.get_running_loop().create_future()

async def test_program_fails(air, tmp_path):
    (tmp_path / "x.py").write_text("import time; time.sleep(1); 1 / 0")
    await air.micropython(tmp_path / "x.py")
    await air.sleep(3)
""".format(heart=str(HEART))


def run_pytest(tmp_path, text, *options, code=0):
    (tmp_path / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p",
         "woad.testing.plugin", *options, "test_it.py"], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(LIB), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == code, done.stdout
    return done.stdout


def test_equal_seeds_give_equal_captures(tmp_path):
    for folder, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        run_pytest(tmp_path, PASSING, "--woad-seed", seed, "--woad-pcap", folder)
    first, second, other = ([p.read_bytes() for p in sorted((tmp_path / f).iterdir())]
                            for f in "abc")
    assert len(first) == 6 and first == second and first != other
    assert len(set(first)) == 1  # equal tests, too


def test_xdist_runs_them_side_by_side(tmp_path):
    output = run_pytest(tmp_path, PASSING, "-n", "2", "--woad-pcap", "a")
    assert "7 passed" in output
    run_pytest(tmp_path, PASSING, "--woad-pcap", "b")
    one, other = ([p.read_bytes() for p in sorted((tmp_path / f).iterdir())] for f in "ab")
    assert one == other


def test_a_failure_shows_the_last_packets(tmp_path):
    output = run_pytest(tmp_path, FAILING, "--woad-limit", "100", code=1)
    assert "the last packets on the air (--woad-seed 1" in output
    assert re.search(r"ATT Read Response .*value=02", output), output
    assert "sensor has printed" in output and "a central connects" in output
    assert "the test has not ended in 100 s of the air's time" in output
    assert "ZeroDivisionError" in output and "x has failed (status 1)" in output
    # the third test itself passes; its program's end is an error of the fixture
    assert "2 failed, 1 passed, 1 error" in output, output


def test_the_test_in_the_docs(tmp_path):
    docs = (ROOT / "docs/testing.md").read_text()
    (text,) = re.findall(r"```python\n(.*?)```", docs, flags=re.S)
    (tmp_path / "heart_rate_sensor.py").symlink_to(HEART)
    assert "1 passed" in run_pytest(tmp_path, text)


def test_options_that_are_wrong(tmp_path):
    assert "--woad-seed is a number" in run_pytest(tmp_path, PASSING, "--woad-seed", "x", code=1)
    output = run_pytest(tmp_path, FAILING, "--woad-seed", "random", "-k", "test_fails",
                        "--woad-packets", "0", code=1)
    assert "the last packets" not in output
