"""bleak on Woad's hosts: in an air of this process, and its own examples, unmodified, against
MicroPython programs.  WOAD_BLEAK_CHECKOUT=/path: with the bleak of that checkout, too."""
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import bleak
import pytest
from bleak.exc import BleakDeviceNotFoundError, BleakError

import woad
import woad.bleak

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = HERE / "programs"
HEART = ROOT / "examples/python/heart_rate_sensor.py"
SITE = Path(woad.__file__).parent / "site"
CHECKOUTS = [None] + [Path(p) for p in [os.environ.get("WOAD_BLEAK_CHECKOUT")] if p]
BATTERY, LEVEL = 0x180F, 0x2A19
LEVEL_UUID = "00002a19-0000-1000-8000-00805f9b34fb"


@pytest.fixture(autouse=True)
def bleak_on_woad():
    woad.bleak.install(air_time=False)
    yield
    woad.bleak.uninstall()


def run(main, **options):
    """Runs main(air, sensor, level) with bleak on a phone of the same air."""
    async def outer(air):
        level = woad.Characteristic(LEVEL, read=True, write=True, write_command=True, notify=True,
                                    value=b"Z")
        sensor = await air.host("sensor")
        sensor.add_service(woad.Service(BATTERY, [level]))
        woad.bleak.use_host(await air.host("phone"))
        await sensor.advertise(services=[BATTERY], manufacturer={0xFFFF: b"xy"})
        return await main(air, sensor, level)
    with woad.Air(**options) as air:
        return air.run(outer(air))


def test_a_scan_finds_what_is_advertised():
    async def main(air, sensor, level):
        seen = []
        async with bleak.BleakScanner(lambda d, a: seen.append((d, a))):
            await asyncio.sleep(1)
        found = await bleak.BleakScanner.discover(1, return_adv=True)
        ((device, data),) = found.values()
        assert len(seen) >= 9 and device.name == "sensor"
        assert device.address == str(sensor.address).upper()
        assert data.local_name == "sensor" and data.manufacturer_data == {0xFFFF: b"xy"}
        assert data.service_uuids == ["0000180f-0000-1000-8000-00805f9b34fb"]
        assert -60 < data.rssi <= -20 and data.tx_power is None
        assert not await bleak.BleakScanner.discover(
            1, service_uuids=["0000181a-0000-1000-8000-00805f9b34fb"])
        begin = air.time
        assert await bleak.BleakScanner.find_device_by_name("nobody", timeout=3) is None
        assert 3 <= air.time - begin < 3.1
    run(main)


def test_scanners_share_the_radio_with_each_other_and_with_connections():
    async def main(air, sensor, level):
        other = await air.host("other")
        await other.advertise(connectable=False)
        counts = {"sensor": 0, "other": 0}

        def count(device, data):
            counts[data.local_name or "sensor"] += 1
        async with bleak.BleakScanner(count):
            device = await bleak.BleakScanner.find_device_by_name("sensor")
            before = dict(counts)
            async with bleak.BleakClient(device):
                await asyncio.sleep(2)
            assert counts["other"] - before["other"] >= 15
            assert await bleak.BleakScanner.discover(1)
    run(main)


def test_a_client_reads_writes_and_is_notified():
    async def main(air, sensor, level):
        ended = []
        device = await bleak.BleakScanner.find_device_by_name("sensor")
        client = bleak.BleakClient(device, disconnected_callback=ended.append)
        assert not client.is_connected
        with pytest.raises(BleakError):
            await client.read_gatt_char(LEVEL_UUID)
        async with client:
            assert client.is_connected and client.mtu_size == 247
            c = client.services.get_characteristic(LEVEL_UUID)
            assert c.properties == ["read", "write-without-response", "write", "notify"]
            assert c.max_write_without_response_size == 244 and c.handle == level.handle
            assert [d.uuid[4:8] for d in c.descriptors] == ["2902"]
            assert await client.read_gatt_char(c) == b"Z" == await client.read_gatt_char(c.handle)
            await client.write_gatt_char(c, b"new", response=True)
            assert level.value == b"new"
            await client.write_gatt_char(c, bytearray(b"command"), response=False)
            await asyncio.sleep(1)
            assert level.value == b"command"
            long = bytes(range(256)) * 2
            await client.write_gatt_char(c, long, response=True)
            assert await client.read_gatt_char(c) == long
            got = []
            await client.start_notify(LEVEL_UUID, lambda sender, value: got.append((sender, value)))
            assert await client.read_gatt_descriptor(c.descriptors[0].handle) == b"\1\0"
            await level.notify(b"1")
            await asyncio.sleep(1)
            await client.stop_notify(LEVEL_UUID)
            assert await level.notify(b"2") == 0
            assert [(s.uuid, bytes(v)) for s, v in got] == [(LEVEL_UUID, b"1")]
            assert not ended
        assert ended == [client] and not client.is_connected
        await sensor.advertise()
        await client.connect()  # the same object again
        assert await client.read_gatt_char(LEVEL_UUID) == b"2"
        await client.disconnect()
        await client.disconnect()
    run(main)


def test_services_can_be_limited():
    async def main(air, sensor, level):
        async with bleak.BleakClient(str(sensor.address), services=["180f"]) as client:
            assert [s.uuid[4:8] for s in client.services] == ["180f"]
    run(main)


def test_errors_are_bleaks():
    async def main(air, sensor, level):
        with pytest.raises(BleakDeviceNotFoundError):
            await bleak.BleakClient("02:00:00:00:00:77", timeout=3).connect()
        with pytest.raises(BleakError, match="six octets"):
            await bleak.BleakClient("nonsense").connect()

        def refuse(connection):
            raise woad.AttError(0x80)
        async with bleak.BleakClient(str(sensor.address)) as client:
            level.on_read = refuse
            with pytest.raises(BleakError):
                await client.read_gatt_char(LEVEL_UUID)
            with pytest.raises(BleakError):
                await client.read_gatt_char("00002a00-0000-1000-8000-00805f9b34ff")
            with pytest.raises(BleakError):
                await client.connect()
            with pytest.raises(ValueError):
                await client.write_gatt_char(LEVEL_UUID, bytes(513), response=True)
            level.on_read = lambda connection: asyncio.sleep(1000)
            read = asyncio.ensure_future(client.read_gatt_char(LEVEL_UUID))
            await asyncio.sleep(1)
            sensor.close()
            with pytest.raises(BleakError, match="Not connected"):
                await read
    run(main)


def test_a_connection_that_is_lost_is_noticed_and_a_device_that_is_off_times_out():
    async def main(air, sensor, level):
        ended = asyncio.Event()
        device = await bleak.BleakScanner.find_device_by_name("sensor")
        async with bleak.BleakClient(device, lambda client: ended.set()) as client:
            sensor.close()
            await asyncio.wait_for(ended.wait(), 10)
            assert not client.is_connected
        begin = air.time
        with pytest.raises(TimeoutError):
            await bleak.BleakClient(device, timeout=5).connect()
        assert 4.99 <= air.time - begin < 5.2
    run(main)


def test_a_callback_that_raises_is_reported_and_ends_nothing():
    async def main(air, sensor, level):
        reported, calls, others = [], [], []

        def bug(device, data):
            calls.append(device)
            if len(calls) == 2:
                raise asyncio.CancelledError
            return 1 // 0
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        async with bleak.BleakScanner(bug), bleak.BleakScanner(lambda d, a: others.append(d)):
            await asyncio.sleep(2)
        assert len(calls) >= 15 and len(others) >= 15
        assert len(reported) == len(calls)
        reported.clear()
        client = bleak.BleakClient(others[0], lambda client: 1 // 0)
        await client.connect()
        await client.disconnect()
        assert not client.is_connected
        assert [type(r["exception"]) for r in reported] == [ZeroDivisionError]
    run(main)


def test_a_scan_that_is_refused_is_reported():
    async def main(air, sensor, level):
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        phone = await woad.bleak.adapter.adapter().host()
        other = phone.scan()
        await anext(other)
        async with bleak.BleakScanner(lambda d, a: None):
            await asyncio.sleep(1)
        assert [r["exception"].name for r in reported] == ["WOAD_EALREADY"]
        await other.aclose()
    run(main)


def test_connect_can_be_cancelled():
    async def main(air, sensor, level):
        device = await bleak.BleakScanner.find_device_by_name("sensor")
        for delay in (0, 0.001, 0.05, 0.2, 0.5):
            client = bleak.BleakClient(device)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.connect(), delay)
            assert not client.is_connected
            await asyncio.sleep(1)
            await sensor.stop_advertising()
            await sensor.advertise()
        async with client:
            assert client.is_connected
    run(main)


def test_pair_and_unpair():
    async def main(air, sensor, level):
        secret = woad.Characteristic(0x2A00, read=True, encrypted=True, value=b"secret")
        sensor.add_service(woad.Service(0x1234, [secret]))
        sensor.set_pairing(bond=True)
        phone = await woad.bleak.adapter.adapter().host()
        phone.set_pairing(bond=True)
        async with bleak.BleakClient(str(sensor.address)) as client:
            with pytest.raises(BleakError):
                await client.read_gatt_char(secret.handle)
            await client.pair()
            assert await client.read_gatt_char(secret.handle) == b"secret"
            await asyncio.sleep(1)
            assert phone.bonds() == [sensor.address] and len(sensor.bonds()) == 1
            await client.unpair()
            assert not client.is_connected and phone.bonds() == []
    run(main)


def test_no_host_in_an_air_is_said():
    async def main(air):
        with pytest.raises(BleakError, match="use_host"):
            await bleak.BleakScanner.discover(1)
    with woad.Air() as air:
        air.run(main(air))


def test_uninstall_leaves_bleak_as_it_was():
    from bleak.backends.scanner import BaseBleakScanner
    assert bleak.get_platform_scanner_backend_type is not None
    woad.bleak.uninstall()
    assert not woad.bleak.installed()
    assert "woad" not in repr(bleak.get_platform_client_backend_type)
    woad.bleak.install(air_time=False)
    assert issubclass(woad.bleak.WoadBleakScanner, BaseBleakScanner)


# --- bleak's own examples -------------------------------------------------------------------------

def environment(checkout, **more):
    paths = [str(SITE)] + ([str(checkout)] if checkout else [])
    return dict(os.environ, WOAD_BLEAK="1", PYTHONPATH=":".join(paths), PYTHONUNBUFFERED="1",
                **more)


def examples(checkout):
    return checkout / "examples" if checkout else Path("/usr/share/doc/python3-bleak/examples")


def woad_run(clock, peripheral, *command, checkout=None, until=60):
    """Runs `woad run`, and returns the lines of the program for bleak."""
    done = subprocess.run(
        [ROOT / "build/woad", "run", "--quiet", "--clock", clock, "--name", "peer,bleak",
         "--until", str(until), peripheral, "1", "--", sys.executable, *command],
        env=environment(checkout), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, timeout=90, check=False)
    assert done.returncode == 0, done.stdout
    return [line.partition("| ")[2] for line in done.stdout.splitlines() if " bleak " in line]


each = pytest.mark.parametrize("clock", ["virtual", "wall"])
versions = pytest.mark.parametrize("checkout", CHECKOUTS)


@each
@versions
def test_bleaks_discover(clock, checkout):
    lines = woad_run(clock, HEART, examples(checkout) / "discover.py", checkout=checkout,
                     until=7)
    assert any(line.endswith(": Woad heart") for line in lines), lines


@each
@versions
def test_bleaks_service_explorer(clock, checkout):
    lines = woad_run(clock, HEART, examples(checkout) / "service_explorer.py", "--name",
                     "Woad heart", checkout=checkout)
    text = "\n".join(lines)
    assert "[Service] 0000180d" in text and "Value: bytearray(b'\\x02')" in text, text
    assert "Error" not in text, text


@each
@versions
def test_bleaks_enable_notifications(clock, checkout):
    lines = woad_run(clock, HEART, examples(checkout) / "enable_notifications.py", "--name",
                     "Woad heart", "00002a37-0000-1000-8000-00805f9b34fb", checkout=checkout)
    values = [line for line in lines if "Heart Rate Measurement: bytearray(b'\\x06" in line]
    assert 9 <= len(values) <= 11, lines


@each
@versions
def test_bleaks_sensortag(clock, checkout, tmp_path):
    address = "24:71:89:CC:09:05"
    wrapper = tmp_path / "sensortag.sh"
    wrapper.write_text(f"#!/bin/sh\nWOAD_HCI=$WOAD_HCI,addr={address} exec "
                       f"{ROOT / 'build/micropython'} {PROGRAMS / 'sensortag.py'}\n")
    wrapper.chmod(0o755)
    lines = woad_run(clock, wrapper, examples(checkout) / "sensortag.py", checkout=checkout)
    text = "\n".join(lines)
    assert "Model Number: CC2650" in text and "Battery Level: 85%" in text, text
    assert "I/O Data Post-Write Value: bytearray(b'\\x01')" in text
    assert 4 <= text.count("bytearray(b'\\x01')") - 2 <= 6, text


@each
@versions
def test_bleaks_uart_service(clock, checkout):
    process = subprocess.Popen(
        [ROOT / "build/woad", "run", "--quiet", "--clock", clock, "--name", "peer,bleak",
         "--stdin", "bleak", PROGRAMS / "uart_echo.py", "--", sys.executable,
         examples(checkout) / "uart_service.py"], env=environment(checkout), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.PIPE)
    try:
        def until(text):
            for line in process.stdout:
                if text in line:
                    return
            raise AssertionError(f"it has ended without {text!r}")
        until("start typing")
        process.stdin.write("hello\n")
        process.stdin.flush()
        until(r"received: bytearray(b'HELLO\n')")
        process.stdin.close()
        until("gone")
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_a_program_without_a_radio_gets_a_reason():
    program = "import asyncio, bleak\nasyncio.run(bleak.BleakScanner.discover(1))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(None, WOAD_HCI="unix:/nonexistent"),
        stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode and "BleakError: controller unix:/nonexistent" in done.stderr or \
        "BleakError" in done.stderr and "/nonexistent" in done.stderr, done.stderr


def test_the_pth_file_needs_nothing_that_is_not_in_the_path_yet(tmp_path):
    """As in a virtual environment, whose folder Python reads before the system's, with cffi."""
    package = Path(woad.__file__).parents[1]
    (pth,) = package.glob("*.pth")
    program = ("import sys\n"
               "late = [p for p in sys.path if 'dist-packages' in p or 'site-packages' in p]\n"
               "sys.path = [p for p in sys.path if p not in late]\n"
               f"exec(open({str(pth)!r}).read())\n"
               "sys.path += late\n"
               "import bleak\n"
               "print(type(bleak.BleakScanner()._backend).__name__)\n")
    for value, name in (("1", "WoadBleakScanner"), ("0", "BleakScannerBlueZDBus")):
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, WOAD_BLEAK=value, PYTHONPATH=str(package)),
                              check=True)
        assert done.stdout == name + "\n"


def test_python_m_woad_bleak_runs_a_program(tmp_path):
    program = tmp_path / "p.py"
    program.write_text("import sys, bleak, woad.bleak\nprint(sys.argv[1:], "
                       "woad.bleak.installed(), __name__)\n")
    done = subprocess.run([sys.executable, "-m", "woad.bleak", str(program), "a", "b"],
                          stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "['a', 'b'] True __main__\n"


def test_an_idle_client_on_the_wall_costs_no_processor_time():
    """A program that waits on the wall's clock sleeps."""
    program = ("import asyncio, bleak, time\n"
               "async def main():\n"
               "    await bleak.BleakScanner.discover(0.5)\n"
               "    before = time.process_time()\n"
               "    await asyncio.sleep(3)\n"
               "    print(time.process_time() - before)\n"
               "asyncio.run(main())\n")
    begin = time.monotonic()
    done = subprocess.run(
        [ROOT / "build/woad", "run", "--quiet", "--name", "bleak", sys.executable, "-c", program],
        env=environment(None), stdout=subprocess.PIPE, text=True, check=True)
    assert time.monotonic() - begin >= 3.5
    assert float(done.stdout.partition("| ")[2]) < 0.05, done.stdout
