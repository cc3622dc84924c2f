"""Hosts on one air, through the package's public interface, in virtual time."""
import asyncio
import gc
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import woad

BATTERY, LEVEL, OTHER = 0x180F, 0x2A19, "6e400002-b5a3-f393-e0a9-e50e24dcca9e"


def run(main, **options):
    with woad.Air(**options) as air:
        return air.run(main(air))


async def pair_of(air, characteristic=None, **phone):
    """A sensor with one characteristic, a phone, and their connection from both sides."""
    level = characteristic or woad.Characteristic(LEVEL, read=True, write=True, notify=True,
                                                  value=b"Z")
    sensor = await air.host("sensor")
    other = await air.host("phone", **phone)
    sensor.add_service(woad.Service(BATTERY, [level]))
    await sensor.advertise(services=[BATTERY])
    link, served = await asyncio.gather(other.connect(sensor), sensor.accept())
    return sensor, other, link, served, level


def test_an_hour_takes_no_time():
    async def main(air):
        await asyncio.sleep(3600)
        return air.time
    begin = time.monotonic()
    assert 3600 <= run(main) < 3600.001
    assert time.monotonic() - begin < 5


def test_scan_reports_name_service_and_address():
    async def main(air):
        sensor = await air.host("sensor", address="c0:11:22:33:44:55")
        phone = await air.host("phone")
        await sensor.advertise(services=[BATTERY, OTHER], manufacturer={0xFFFF: b"xy"})
        found = await phone.find(name="sensor", service=BATTERY)
        reports = [r async for r in phone.scan(1)]
        return found, reports
    found, reports = run(main)
    assert str(found.address) == "c0:11:22:33:44:55" and found.connectable
    assert woad.values.to_uuid(OTHER) in [u for r in reports for u in r.services]
    assert {r.name for r in reports} - {None} == {"sensor"}
    assert {0xFFFF: b"xy"} in [r.manufacturer for r in reports]


def test_find_ends_without_the_device():
    async def main(air):
        phone = await air.host("phone")
        with pytest.raises(TimeoutError, match="nobody"):
            await phone.find(name="nobody", timeout=5)
        assert [r async for r in phone.scan(0.5)] == []  # the scan before has ended
        return air.time
    assert 5.5 <= run(main) < 7


def test_read_write_notify():
    async def main(air):
        sensor, phone, link, served, level = await pair_of(air)
        assert link.central and not served.central and served.peer == phone.address
        c = (await link.services())[-1].characteristic(LEVEL)
        assert await link.read(c) == b"Z"
        await link.write(c, b"new")
        assert level.value == b"new"
        got = []
        await link.subscribe(c, got.append)
        assert level.subscribers() == [served]
        for k in range(100):
            assert await level.notify(bytes([k])) == 1
        await asyncio.sleep(1)
        await link.unsubscribe(c)
        assert await level.notify(b"unheard") == 0
        assert got == [bytes([k]) for k in range(100)]
    run(main)


@pytest.mark.parametrize("size", [0, 1, 20, 21, 244, 245, 512])
def test_values_of_any_length(size):
    value = bytes(k % 251 for k in range(size))

    async def main(air):
        _, _, link, _, level = await pair_of(air)
        c = await link.characteristic(BATTERY, LEVEL)
        await link.write(c, value)
        assert level.value == value and await link.read(c) == value
        await link.exchange_mtu()
        await link.write(c, value[::-1])
        assert await link.read(c) == value[::-1]
    run(main)


def test_indications_wait_for_the_client():
    async def main(air):
        level = woad.Characteristic(LEVEL, indicate=True)
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        got = []
        await link.subscribe(c, got.append, indicate=True)
        before = air.time
        assert await level.notify(b"1") == 1 and got == [b"1"]
        assert air.time > before
    run(main)


def test_a_request_does_not_overtake_commands():
    async def main(air):
        level = woad.Characteristic(LEVEL, read=True, write_command=True)
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        for n in (1, 2, 50):
            for k in range(n):
                await link.write(c, bytes([n, k]), response=False)
            assert await link.read(c) == bytes([n, n - 1])
    run(main)


def test_handlers_answer_at_once_later_and_with_errors():
    async def slow(connection):
        await asyncio.sleep(5)
        return b"slow"

    async def main(air):
        level = woad.Characteristic(LEVEL, read=True, write=True, on_read=slow)
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        before = air.time
        assert await link.read(c) == b"slow" and air.time - before >= 5
        level.on_read = lambda connection: b"fast"
        assert await link.read(c) == b"fast"

        def refuse(connection, value):
            raise woad.AttError(0x80)
        level.on_write, level.value = refuse, b"old"
        with pytest.raises(woad.AttError) as caught:
            await link.write(c, b"new")
        assert caught.value.code == 0x80 and level.value == b"old"
    run(main)


def test_a_handler_with_a_bug_is_unlikely_error_and_reported():
    async def main(air):
        def bug(connection):
            return 1 // 0
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        level = woad.Characteristic(LEVEL, read=True, on_read=bug)
        _, _, link, _, _ = await pair_of(air, level)
        with pytest.raises(woad.AttError) as caught:
            await link.read(await link.characteristic(BATTERY, LEVEL))
        assert caught.value.name == "WOAD_ATT_UNLIKELY"
        assert [type(r["exception"]) for r in reported] == [ZeroDivisionError]
    run(main)


def test_a_cancelled_error_of_a_handler_is_answered_and_ends_nothing():
    async def main(air):
        def cancelled(connection, value):
            raise asyncio.CancelledError
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        level = woad.Characteristic(LEVEL, read=True, write=True, on_write=cancelled, value=b"Z")
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        with pytest.raises(woad.AttError) as caught:
            await link.write(c, b"a")
        assert caught.value.name == "WOAD_ATT_UNLIKELY"
        assert await link.read(c) == b"Z"
        assert [type(r["exception"]) for r in reported] == [asyncio.CancelledError]
    run(main)


@pytest.mark.parametrize("value", [bytearray(b"xy"), memoryview(b"xy"), [0x78, 0x79]])
def test_octets_of_any_kind_are_values(value):
    async def main(air):
        level = woad.Characteristic(LEVEL, read=True, write=True, notify=True, value=value)
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        assert await link.read(c) == b"xy"
        got = []
        await link.subscribe(c, got.append)
        assert await level.notify(value) == 1
        # Beside another procedure: it is made behind the caller's back.
        assert (await asyncio.gather(link.read(c), link.write(c, value), link.read(c))
                == [b"xy", None, b"xy"])
        assert got == [b"xy"] and level.value == b"xy" and type(level.value) is bytes
    run(main)


@pytest.mark.parametrize("value", ["text", None, 3])
def test_what_has_no_octets_is_refused_and_the_client_gets_an_answer(value):
    async def main(air):
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
        level = woad.Characteristic(LEVEL, read=True, write=True, notify=True, value=value)
        _, _, link, _, _ = await pair_of(air, level)
        c = await link.characteristic(BATTERY, LEVEL)
        level.on_read = lambda connection: value
        for _ in range(2):  # what a handler returns, and the value
            with pytest.raises(woad.AttError) as caught:
                await link.read(c)
            assert caught.value.name == "WOAD_ATT_UNLIKELY"
            level.on_read = None
        assert [type(r["exception"]) for r in reported] == [TypeError] * 2
        results = await asyncio.gather(link.read(c), link.write(c, value), return_exceptions=True)
        assert [type(r) for r in results] == [woad.AttError, TypeError]
        await link.write(c, b"old")
        if value is not None:  # None: the present value
            with pytest.raises(TypeError):
                await level.notify(value)
        assert await link.read(c) == level.value == b"old"
    run(main)


def test_att_errors_and_arguments_have_names():
    async def main(air):
        _, phone, link, _, _ = await pair_of(air)
        with pytest.raises(woad.AttError) as caught:
            await link.read(0x7000)
        assert caught.value.name == "WOAD_ATT_INVALID_HANDLE"
        with pytest.raises(woad.AttError):
            await link.characteristic(BATTERY, 0x2A00)
        with pytest.raises(ValueError, match="512"):
            await link.write(3, bytes(513))
        with pytest.raises(ValueError, match="handle"):
            await link.read(0)
        with pytest.raises(woad.CallError) as refused:
            await phone.connect(link.peer)
        assert refused.value.name == "WOAD_EISCONN"
    run(main)


def test_waits_end_with_the_connection():
    async def main(air):
        level = woad.Characteristic(LEVEL, read=True, on_read=lambda c: asyncio.sleep(1000))
        sensor, phone, link, served, _ = await pair_of(air, level)
        reads = [asyncio.ensure_future(link.read(level.handle)) for _ in range(3)]
        await asyncio.sleep(1)
        await served.disconnect()
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(r) for r in results} == {woad.Disconnected}
        assert results[0].name == "WOAD_HCI_REMOTE_USER_TERMINATED"
        assert not link.connected and phone.connections == [] == sensor.connections
        with pytest.raises(woad.Disconnected):
            await link.read(level.handle)
    run(main)


def test_a_host_that_is_closed_is_noticed_by_its_peer():
    async def main(air):
        sensor, phone, link, served, _ = await pair_of(air)
        accepting = asyncio.ensure_future(sensor.accept())
        await asyncio.sleep(0)
        sensor.close()
        with pytest.raises(woad.HostClosed):
            await accepting
        with pytest.raises(woad.HostClosed):
            await sensor.advertise()
        reason = await link.wait_closed()
        assert reason.name == "WOAD_HCI_CONNECTION_TIMEOUT"
        sensor.close()
    run(main)


def test_connect_ends_by_its_timeout_and_can_be_cancelled():
    async def main(air):
        phone = await air.host("phone")
        with pytest.raises(woad.WoadError):
            await phone.connect("02:00:00:00:00:77", timeout=3)
        assert 3 <= air.time < 4
        attempt = asyncio.ensure_future(phone.connect("02:00:00:00:00:77", timeout=1000))
        await asyncio.sleep(1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        sensor = await air.host("sensor")
        await sensor.advertise()
        assert (await phone.connect(sensor)).connected
    run(main)


def test_a_cancelled_read_does_not_disturb_the_next():
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        for _ in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(link.read(level.handle), 0.001)
            assert await link.read(level.handle) == b"Z"
    run(main)


def test_pairing_encrypts():
    async def main(air):
        level = woad.Characteristic(LEVEL, read=True, encrypted=True, value=b"secret")
        _, _, link, _, _ = await pair_of(air, level)
        with pytest.raises(woad.AttError):
            await link.read(level.handle)
        await link.pair()
        assert link.encrypted and await link.read(level.handle) == b"secret"
    run(main)


def test_link_loss_ends_the_connection_and_distance_lowers_rssi():
    async def main(air):
        sensor, phone, link, _, _ = await pair_of(air)
        air.link(sensor, phone).loss = 1
        assert air.link(phone, sensor).loss == 1
        assert (await link.wait_closed()).name == "WOAD_HCI_CONNECTION_TIMEOUT"
        air.link(sensor, phone).loss = 0
        await sensor.advertise()
        near = await phone.find(name="sensor")
        sensor.move(30, 0)
        far = await phone.find(name="sensor")
        assert far.rssi < near.rssi
        with pytest.raises(ValueError):
            air.link(sensor, phone).loss = 2
        with pytest.raises(ValueError):
            air.link(sensor, sensor)
    run(main)


def test_equal_seeds_give_equal_packets(tmp_path):
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        for _ in range(20):
            await link.read(level.handle)
    captures = []
    for k, seed in enumerate((7, 7, 8)):
        path = tmp_path / f"{k}.pcap"
        run(main, seed=seed, loss=0.1, pcap=path)
        captures.append(path.read_bytes())
    assert captures[0] == captures[1] != captures[2] and len(captures[0]) > 2000


def test_what_never_happens_is_said():
    async def main(air):
        sensor = await air.host("sensor")
        await sensor.advertise()
        await sensor.accept()
    with pytest.raises(woad.AirStalled, match="100 s"):
        run(main, patience=100)


def test_a_program_that_only_yields_lets_time_pass():
    async def main(air):
        while air.time < 0.05:
            await asyncio.sleep(0)
    run(main)


def test_threads_are_waited_for():
    async def main(air):
        return await asyncio.to_thread(lambda: time.sleep(0.2) or 42)
    assert run(main) == 42


def test_services_come_and_go():
    async def main(air):
        sensor, _, link, _, level = await pair_of(air)
        extra = woad.Service(OTHER, [woad.Characteristic(0x2A00, read=True, value=b"x")])
        sensor.add_service(extra)
        assert len(await link.services()) == 4
        with pytest.raises(ValueError):
            sensor.add_service(extra)
        sensor.remove_service(extra)
        assert len(await link.services()) == 3
        with pytest.raises(ValueError):
            sensor.remove_service(extra)
    run(main)


@pytest.mark.parametrize("wrong", [
    lambda: woad.Air(seed=-1), lambda: woad.Air(loss=2), lambda: woad.Air(patience=0),
    lambda: woad.Address("zz:00:00:00:00:00"), lambda: woad.Address("1"),
    lambda: woad.Characteristic(LEVEL), lambda: woad.Characteristic(-1, read=True),
    lambda: woad.AttError(0)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError):
        wrong()


def test_hosts_with_wrong_arguments():
    async def main(air):
        for options in ({"controller": "9.9"}, {"mtu": 5}, {"connections": 0}, {"address": "x"},
                        {"name": "n" * 32}):
            with pytest.raises(ValueError):
                await air.host(**options)
        sensor = await air.host("sensor")
        with pytest.raises(ValueError, match="octets"):
            await sensor.advertise(name="n" * 31, services=[OTHER], manufacturer={1: bytes(20)})
        with pytest.raises(ValueError, match="interval"):
            await sensor.advertise(interval=99)
    run(main)
    with pytest.raises(OSError):
        woad.Air(pcap="/nonexistent/x.pcap")


def test_ctrl_c_ends_a_run():
    async def main(air):
        sensor = await air.host("sensor")
        await sensor.advertise(interval=0.02)
        await asyncio.sleep(1e8)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(main)
    timer.join()


def test_a_thousand_airs_leave_no_memory():
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        await link.read(level.handle)

    def many(n):
        for k in range(n):
            air = woad.Air(seed=k)
            air.run(main(air))
            del air
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = many(200)
    assert many(800) - before < 4000
    assert threading.active_count() == 1


def test_notifications_in_quantity():
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        await link.exchange_mtu()
        got = []
        await link.subscribe(await link.characteristic(BATTERY, LEVEL), got.append)
        begin = air.time
        for k in range(3000):
            await level.notify(k.to_bytes(20, "little"))
        await asyncio.sleep(5)
        assert got == [k.to_bytes(20, "little") for k in range(3000)]
        return begin
    run(main)


async def streaming(air, **options):
    """A pair whose sensor notifies as fast as it can, from a task of its own; what has arrived."""
    level = woad.Characteristic(LEVEL, read=True, write=True, notify=True, indicate=True)
    alarm = woad.Characteristic(OTHER, indicate=True)
    sensor, phone, link, served, _ = await pair_of(air, level, **options)
    sensor.add_service(woad.Service(0x1234, [alarm]))
    got, sent = [], []
    await link.subscribe(await link.characteristic(BATTERY, LEVEL), got.append)

    async def stream():
        for k in range(1 << 30):
            sent.append(await level.notify(k.to_bytes(20, "little")))
            if not sent[-1]:
                return

    return sensor, link, served, alarm, got, sent, asyncio.ensure_future(stream())


def test_indications_are_not_starved_by_notifications():
    async def main(air):
        sensor, link, served, alarm, got, sent, task = await streaming(air)
        alarms = []
        await link.subscribe(await link.characteristic(0x1234, OTHER), alarms.append,
                             indicate=True)
        for k in range(5):
            before = air.time
            assert await asyncio.wait_for(alarm.notify(bytes([k])), 30) == 1
            assert air.time - before < 10
        task.cancel()
        await asyncio.sleep(60)
        assert alarms == [bytes([k]) for k in range(5)]
        assert got[:5000] == [k.to_bytes(20, "little") for k in range(len(got))][:5000]
        assert len(sent) <= len(got) <= len(sent) + 1 and len(got) > 1000
    run(main)


def test_a_stream_ends_with_its_connection_its_subscription_and_its_host():
    async def main(air):
        sensor, link, served, alarm, got, sent, task = await streaming(air)
        await asyncio.sleep(2)
        await link.disconnect()
        await asyncio.sleep(1)
        assert not sensor.connections and sent[-1] == 0
        task.cancel()
        await asyncio.sleep(0)
        sensor, link, served, alarm, got, sent, task = await streaming(air)
        await asyncio.sleep(2)
        await link.unsubscribe(await link.characteristic(BATTERY, LEVEL))
        await asyncio.sleep(1)
        assert sent[-1] == 0 and len(got) > 1000
        task.cancel()
        await asyncio.sleep(0)
        sensor, link, served, alarm, got, sent, task = await streaming(air)
        await asyncio.sleep(2)
        sensor.close()
        with pytest.raises((woad.HostClosed, AttributeError, RuntimeError)) as caught:
            await task
        assert caught.type is woad.HostClosed
        assert (await link.wait_closed()).name == "WOAD_HCI_CONNECTION_TIMEOUT"
    run(main, patience=600)


def test_a_peer_that_is_out_of_reach_does_not_stop_the_others():
    async def main(air):
        sensor, link, served, alarm, got, sent, task = await streaming(air)
        task.cancel()
        other = await air.host("other")
        await sensor.advertise()
        second = await other.connect(sensor)
        heard = []
        c = await second.characteristic(BATTERY, LEVEL)
        await second.subscribe(c, heard.append)
        air.link(sensor, other).loss = 1
        level = sensor._values[c.handle]
        for k in range(3000):
            await level.notify(k.to_bytes(20, "little"))
        await asyncio.sleep(20)
        assert got[-1] == (2999).to_bytes(20, "little") and not second.connected
    run(main)


def test_timers_of_a_callback_are_exact():
    """The air goes on at once behind a callback, unless that has set a timer."""
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        loop, delays, k = asyncio.get_running_loop(), [], 0

        def on_value(value):
            begin = air.time
            loop.call_later(0.0001, lambda: delays.append(air.time - begin))
        await link.subscribe(await link.characteristic(BATTERY, LEVEL), on_value)
        for k in range(200):
            await level.notify(bytes([k]))
        await asyncio.sleep(5)
        assert len(delays) == 200 and 0.000099 < min(delays) <= max(delays) < 0.000111
    run(main)


def test_the_rate_of_notifications():
    """Of one core, with what else a machine does: a quarter of what was measured."""
    async def main(air):
        _, _, link, _, level = await pair_of(air)
        got = []
        await link.subscribe(await link.characteristic(BATTERY, LEVEL), got.append)
        begin = time.process_time()
        for k in range(30000):
            await level.notify(k.to_bytes(20, "little"))
        while len(got) < 30000:
            await asyncio.sleep(0.1)
        assert 30000 / (time.process_time() - begin) > 40000
    run(main)


def test_the_program_in_the_docs(tmp_path):
    docs = Path(__file__).resolve().parents[2] / "docs/python.md"
    (program,) = re.findall(r"```python\n(.*?)```", docs.read_text(), flags=re.S)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True,
                          stdout=subprocess.PIPE, text=True)
    assert done.stdout.splitlines() == [
        "b'Z'", "now 89", "the connection has ended: ended by this host (WOAD_HCI_LOCAL_HOST_TERMINATED)"]
    assert (tmp_path / "air.pcap").stat().st_size > 1000


def test_an_advertisement_that_is_refused_does_not_stop_the_next():
    async def main(air):
        sensor, phone = await air.host("sensor", connections=1), await air.host("phone")
        await sensor.advertise()
        link = await phone.connect(sensor)
        with pytest.raises(woad.CallError) as caught:
            await sensor.advertise()
        assert caught.value.name == "WOAD_ENOMEM"
        await link.disconnect()
        await asyncio.sleep(1)
        await sensor.advertise()
    run(main)
