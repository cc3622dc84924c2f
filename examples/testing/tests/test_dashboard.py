"""The dashboard and the thermometer together."""
import asyncio

import pytest

from conftest import HERE


async def test_it_connects_once(air, dashboard, thermometer):
    await air.sleep(30)
    assert dashboard.connections == 1 and dashboard.shown[0] == "connected to Thermometer"


async def test_it_shows_each_measurement(air, dashboard):
    dashboard.history.clear()
    await air.sleep(60.5)
    assert 60 <= len(dashboard.history) <= 61


async def test_temperatures_rise_and_fall(air, dashboard):
    await air.sleep(120)
    assert dashboard.minimum == 20 and dashboard.maximum == 25
    assert 22 < dashboard.mean < 23


async def test_measurements_are_a_second_apart(air, dashboard):
    await air.sleep(30)
    times = [t for t, _ in dashboard.history]
    assert all(0.9 < b - a < 1.1 for a, b in zip(times, times[1:]))


async def test_the_battery_is_full_at_first(dashboard):
    assert dashboard.battery == 100


@pytest.mark.parametrize("milliseconds", [100, 250, 5000, 60000])
async def test_the_interval_can_be_set(air, dashboard, thermometer, milliseconds):
    assert await dashboard.set_interval(milliseconds) == milliseconds
    await thermometer.line(f"interval {milliseconds}")
    await air.sleep(2)
    dashboard.history.clear()
    await air.sleep(milliseconds / 1000 * 10)
    assert 9 <= len(dashboard.history) <= 11


@pytest.mark.parametrize("milliseconds", [0, 99, 60001, 65535])
async def test_intervals_out_of_range_change_nothing(dashboard, milliseconds):
    assert await dashboard.set_interval(milliseconds) == 1000


async def test_an_alarm_is_given_once(air, dashboard, thermometer):
    await dashboard.set_limit(22)
    await thermometer.line("alarm at 2225")
    await air.sleep(120)
    assert dashboard.alarms == [22.25] and "ALARM: 22.25 °C" in dashboard.shown


async def test_no_alarm_without_a_reason(air, dashboard):
    await air.sleep(120)
    assert dashboard.alarms == []


async def test_a_new_limit_gives_a_new_alarm(air, dashboard):
    for limit in (21, 24):
        await dashboard.set_limit(limit)
        await air.sleep(60)
    assert len(dashboard.alarms) == 2 and dashboard.alarms[0] > 21 and dashboard.alarms[1] > 24


async def test_a_lost_connection_is_made_again(air, dashboard, thermometer):
    air.link(thermometer, "bleak").loss = 1
    await thermometer.line("disconnected")
    assert not dashboard.connected.is_set() or dashboard.connections == 1
    await air.sleep(30)
    air.link(thermometer, "bleak").loss = 0
    await asyncio.wait_for(dashboard.connected.wait(), 60)
    assert dashboard.connections == 2 and "lost" in dashboard.shown


async def test_out_of_reach_and_back(air, dashboard, thermometer):
    air.move(thermometer, 2000, 0)
    await thermometer.line("disconnected")
    await air.sleep(60)
    assert "no thermometer" in dashboard.shown
    air.move(thermometer, 2, 0)
    await asyncio.wait_for(dashboard.connected.wait(), 60)
    before = len(dashboard.history)
    await air.sleep(10)
    assert len(dashboard.history) >= before + 9


async def test_a_thermometer_that_is_switched_off_and_on(air, dashboard, thermometer):
    thermometer.kill()
    await air.sleep(30)
    assert "lost" in dashboard.shown
    await air.micropython(HERE / "thermometer.py", name="second")
    await asyncio.wait_for(dashboard.connected.wait(), 60)
    assert dashboard.connections == 2


@pytest.mark.parametrize("loss", [0.05, 0.2, 0.4])
async def test_packets_that_are_lost_lose_no_measurement(air, dashboard, thermometer, loss):
    air.link(thermometer, "bleak").loss = loss
    await air.sleep(2)
    dashboard.history.clear()
    await air.sleep(60)
    assert 59 <= len(dashboard.history) <= 61 and dashboard.connections == 1


@pytest.mark.air(limit=4000)
async def test_an_hour(air, dashboard):
    await dashboard.set_interval(10000)
    dashboard.history.clear()
    await air.sleep(3600)
    assert 359 <= len(dashboard.history) <= 361 and dashboard.connections == 1


async def test_the_program_as_its_users_run_it(air, thermometer):
    program = await air.run(f"python3 {HERE / 'dashboard.py'} 30", name="program")
    assert await program.line("connected") == "connected to Thermometer"
    assert await program.line("°C")
    assert await program.wait() == 0
    assert program.lines[-1].endswith("°C") and "measurements" in program.lines[-1]


async def test_the_program_without_a_thermometer(air):
    program = await air.run(f"python3 {HERE / 'dashboard.py'} 25", name="program")
    assert await program.wait() == 0
    assert program.lines == ["no thermometer"] * 2


async def test_two_dashboards_take_turns(air, dashboard, thermometer):
    other = await air.run(f"python3 {HERE / 'dashboard.py'} 60", name="other")
    assert await other.line("no thermometer")
    dashboard.task.cancel()
    await asyncio.gather(dashboard.task, return_exceptions=True)
    assert await other.line("connected")


async def test_the_battery_runs_down(air, dashboard, thermometer):
    await dashboard.set_interval(100)
    await air.sleep(60)
    air.off(thermometer)
    await thermometer.line("disconnected")
    air.on(thermometer)
    await asyncio.wait_for(dashboard.connected.wait(), 60)
    assert 92 <= dashboard.battery <= 95


async def test_values_of_a_wrong_length_change_nothing(air, dashboard):
    from dashboard import INTERVAL, LIMIT
    for characteristic in (INTERVAL, LIMIT):
        before = await dashboard.client.read_gatt_char(characteristic)
        for octets in (b"", b"\1", b"\1\2\3"):
            await dashboard.client.write_gatt_char(characteristic, octets, response=True)
        assert await dashboard.client.read_gatt_char(characteristic) == before


# --- what is on the air ---------------------------------------------------------------------------

async def test_notifications_on_the_air(air, dashboard):
    await air.sleep(10)
    sent = [p for p in air.capture.att() if p["name"] == "Handle Value Notification"]
    assert len(sent) >= len(dashboard.history) > 8
    assert all(p["from"] == "peripheral" and len(p["value"]) == 4 for p in sent)


async def test_an_alarm_is_confirmed(air, dashboard, thermometer):
    await dashboard.set_limit(21)
    await thermometer.line("alarm")
    await air.sleep(5)
    names = [p["name"] for p in air.capture.att()]
    assert names.count("Handle Value Indication") == 1
    assert names.count("Handle Value Confirmation") == 1
