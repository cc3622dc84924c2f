"""Hosts on ports to a `woad air`, on the wall's clock and in virtual time; pairing with a user."""
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import woad

ROOT = Path(__file__).resolve().parents[2]
WOAD = ROOT / "build/woad"


@pytest.fixture
def radio(tmp_path):
    """A `woad air` on the wall's clock; its name for WOAD_HCI, and its process."""
    path = tmp_path / "air"
    process = subprocess.Popen([WOAD, "air", "--quiet", f"unix:{path}"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr.readline().startswith(b"serving ")
    yield f"unix:{path}", process
    process.kill()
    process.wait()
    process.stderr.close()


def loops():
    return pytest.mark.parametrize("factory", [woad.PortLoop, asyncio.SelectorEventLoop])


@loops()
def test_two_hosts_of_one_program_meet_on_a_radio(radio, factory):
    async def main():
        level = woad.Characteristic(0x2A19, read=True, notify=True, value=b"Z")
        sensor = await woad.open_host(radio[0] + ",name=sensor", name="sensor")
        phone = await woad.open_host(radio[0] + ",name=phone,addr=c0:11:22:33:44:55")
        assert str(phone.address) == "c0:11:22:33:44:55"
        sensor.add_service(woad.Service(0x180F, [level]))
        await sensor.advertise()
        link = await phone.connect(await phone.find(name="sensor"))
        c = await link.characteristic(0x180F, 0x2A19)
        assert await link.read(c) == b"Z"
        got = []
        await link.subscribe(c, got.append)
        for k in range(200):
            await level.notify(bytes([k]) * 20)
        await asyncio.sleep(0.3)
        assert got == [bytes([k]) * 20 for k in range(200)]
        with pytest.raises(RuntimeError, match="woad control"):
            phone.move(1, 2)
        await link.disconnect()
        sensor.close()
        sensor.close()
        phone.close()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@loops()
def test_a_radio_that_ends_closes_its_hosts(radio, factory):
    async def main():
        phone = await woad.open_host(radio[0])
        scan = asyncio.ensure_future(phone.find(name="nobody"))
        await asyncio.sleep(0.1)
        radio[1].kill()
        with pytest.raises(woad.HostClosed):
            await scan
        with pytest.raises(woad.HostClosed):
            await phone.advertise()
        with pytest.raises(woad.PortError):
            await woad.open_host(radio[0])
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def test_a_path_that_is_no_utf_8(radio, tmp_path):
    async def main():
        (tmp_path / "\udcff").symlink_to(tmp_path)
        host = await woad.open_host(f"unix:{tmp_path}/\udcff/air")
        host.close()
    asyncio.run(main())


@pytest.mark.parametrize("spec, text", [
    ("unix:/nonexistent/air", "/nonexistent/air"), ("nonsense", "nonsense"), ("uart:/dev/null@9",
                                                                             "")])
def test_a_port_that_cannot_be_opened_says_why(spec, text):
    async def main():
        with pytest.raises(woad.PortError) as caught:
            await woad.open_host(spec)
        assert text in str(caught.value) and caught.value.code < 0
    asyncio.run(main())


def test_a_loop_that_ends_frees_its_hosts(radio):
    async def main(k):
        await woad.open_host(radio[0] + ",addr=c0:00:00:00:00:01")  # nobody else has the address
    for k in range(3):
        with asyncio.Runner(loop_factory=woad.PortLoop) as runner:
            runner.run(main(k))
        time.sleep(0.1)


def test_bonds_are_kept_in_a_file(radio, tmp_path):
    async def main(first):
        sensor = await woad.open_host(radio[0] + ",name=sensor", name="sensor",
                                      bonds=str(tmp_path / "s"))
        phone = await woad.open_host(radio[0] + ",name=phone", bonds=str(tmp_path / "p"))
        for host in (sensor, phone):
            host.set_pairing(bond=True)
        level = woad.Characteristic(0x2A19, read=True, encrypted=True, value=b"Z")
        sensor.add_service(woad.Service(0x180F, [level]))
        await sensor.advertise()
        assert len(phone.bonds()) == (0 if first else 1) == len(sensor.bonds())
        link = await phone.connect(sensor)
        await link.pair()
        assert link.encrypted and await link.read(level.handle) == b"Z"
        await asyncio.sleep(0.3)
        await link.disconnect()
        assert phone.bonds() == [sensor.address]
        if not first:
            phone.forget(sensor.address)
            with pytest.raises(woad.CallError) as caught:
                phone.forget(sensor.address)
            assert caught.value.name == "WOAD_ENOENT"
        sensor.close()
        phone.close()
    for first in (True, False):
        with asyncio.Runner(loop_factory=woad.PortLoop) as runner:
            runner.run(main(first))

    async def taken():
        with pytest.raises(OSError):
            await woad.open_host(radio[0], bonds="/nonexistent/bonds")
    asyncio.run(taken())


def pair_with(central, peripheral, right=True):
    """Pairs two hosts with these abilities; returns what their users were asked."""
    asked = []

    async def main(air):
        shown = asyncio.get_running_loop().create_future()

        async def on_passkey(connection, action, number):
            asked.append((connection.central, action))
            if action == "display":
                shown.set_result(number)
            elif action == "input":
                number = await shown
                return number if right else (number + 1) % 1000000
            return right
        sensor, phone = await air.host("sensor"), await air.host("phone")
        phone.set_pairing(io=central, mitm=True, on_passkey=on_passkey)
        sensor.set_pairing(io=peripheral, mitm=True, on_passkey=on_passkey)
        await sensor.advertise()
        link = await phone.connect(sensor)
        await link.pair()
        return link.encrypted
    with woad.Air() as air:
        assert air.run(main(air))
    return sorted(asked)


def test_a_passkey_is_shown_and_typed():
    assert pair_with("keyboard", "display") == [(False, "display"), (True, "input")]


def test_numbers_are_compared():
    assert pair_with("yes_no", "yes_no") == [(False, "compare"), (True, "compare")]


@pytest.mark.parametrize("io", [("keyboard", "display"), ("yes_no", "yes_no")])
def test_a_wrong_answer_fails_the_pairing(io):
    with pytest.raises(woad.WoadError):
        pair_with(*io, right=False)


def test_a_device_without_a_user_fails_where_mitm_is_demanded():
    with pytest.raises(woad.WoadError):
        pair_with("none", "display")


def test_a_passkey_handler_with_a_bug_ends_the_connection():
    async def main(air):
        sensor, phone = await air.host("sensor"), await air.host("phone")
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        phone.set_pairing(io="yes_no", mitm=True, on_passkey=lambda *_: 1 // 0)
        sensor.set_pairing(io="yes_no", mitm=True, on_passkey=lambda *_: True)
        await sensor.advertise()
        link = await phone.connect(sensor)
        with pytest.raises(woad.WoadError):
            await link.pair()
        with pytest.raises(ValueError, match="io is one of"):
            phone.set_pairing(io="telepathy")
        return reported
    with woad.Air() as air:
        assert air.run(main(air))


VIRTUAL = """
import asyncio, threading, time, woad
woad.use_air_time()

async def main():
    loop = asyncio.get_running_loop()
    begin, real = loop.time(), time.monotonic()
    host = await woad.open_host()
    await asyncio.sleep(3600)
    assert 3600 <= loop.time() - begin < 3601
    assert time.monotonic() - real < 5
    assert await asyncio.to_thread(lambda: time.sleep(0.2) or 42) == 42
    assert loop.time() - begin < 3602
    for k in range(200):  # threads that end at any moment
        woken = asyncio.Event()
        threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,)).start()
        await woken.wait()
        await asyncio.to_thread(int)
    await asyncio.sleep(3600)
    for k in range(5000):
        await asyncio.sleep(0)
    process = await asyncio.create_subprocess_exec("echo", "x", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    print(out, round(loop.time()))
    host.close()
asyncio.run(main())
"""


def test_a_program_in_virtual_time():
    begin = time.monotonic()
    done = subprocess.run(
        [WOAD, "run", "--quiet", "--clock", "virtual", "--name", "p", sys.executable, "-c", VIRTUAL],
        env=dict(os.environ, PYTHONPATH=str(Path(woad.__file__).parents[1])), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    assert done.returncode == 0 and "b'x\\n' 720" in done.stdout, done.stdout
    assert time.monotonic() - begin < 15


OUTSIDE = """
import asyncio, threading, time, woad
woad.use_air_time()

async def main():
    host = await woad.open_host()
    await asyncio.sleep(1)
    await asyncio.sleep(3600)  # nothing else happens: the program's time moves on by itself
    thread = threading.Thread(target=time.sleep, args=(1,))
    thread.start()
    await asyncio.sleep(0.05)  # while something runs outside, no faster than the wall's clock
    print("there", round(asyncio.get_running_loop().time()))
    thread.join()
    host.close()
asyncio.run(main())
"""


def test_a_wait_beside_a_thread_after_a_long_one():
    done = subprocess.run(
        [WOAD, "run", "--quiet", "--clock", "virtual", "--name", "p", sys.executable, "-c", OUTSIDE],
        env=dict(os.environ, PYTHONPATH=str(Path(woad.__file__).parents[1])), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    assert done.returncode == 0 and "there 3601" in done.stdout, done.stdout


def test_ctrl_c_ends_a_program_in_virtual_time():
    program = ("import asyncio, os, signal, woad\nwoad.use_air_time()\n"
               "async def main():\n"
               "    host = await woad.open_host()\n"
               "    await host.advertise()\n"
               "    print('up', os.getpid(), flush=True)\n"
               "    await asyncio.sleep(1e9)\n"
               "asyncio.run(main())\n")
    with subprocess.Popen(
            [WOAD, "run", "--clock", "virtual", "--name", "p", sys.executable, "-c",
             "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + program],
            env=dict(os.environ, PYTHONPATH=str(Path(woad.__file__).parents[1])), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            if " up " in line:
                os.kill(int(line.split()[-1]), 2)
                break
        rest = process.stdout.read()
        assert "KeyboardInterrupt" in rest, rest


def test_virtual_time_that_is_not_there_is_said():
    done = subprocess.run(
        [sys.executable, "-c", "import woad; woad.use_air_time()"], stderr=subprocess.PIPE,
        env=dict(os.environ, WOAD_CLOCK="virtual", WOAD_HCI="unix:/nonexistent",
                 PYTHONPATH=str(Path(woad.__file__).parents[1])), text=True, check=False)
    assert done.returncode and "woad air --clock virtual" in done.stderr
