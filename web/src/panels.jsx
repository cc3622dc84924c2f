// The panels beside the plane: devices, connections, a packet, the surroundings.
import { useEffect, useState } from 'preact/hooks';
import { BUCKET_US, ENCRYPTED, KINDS, MALFORMED, PHYS, RETRANSMISSION } from './air.js';
import { Plot } from './plots.jsx';
import { rssi } from './rssi.js';

const seconds = us => (us / 1e6).toFixed(6);
const hex = aa => `0x${aa.toString(16).padStart(8, '0')}`;
const perSecond = 1e6 / BUCKET_US;
const THROUGHPUT = [
  { label: 'to the peripheral', colour: 'central', of: b => b.octets[0] * perSecond * 8 / 1000 },
  { label: 'to the central', colour: 'peripheral', of: b => b.octets[1] * perSecond * 8 / 1000 },
];
const RETRANSMISSIONS = [{ label: 'retransmissions', colour: 'bad', of: b => b.again * perSecond }];

// --- devices ---

function deviceState(air, d) {
  if (d.off) return 'off';
  if (d.connected.length) return d.connected.length > 1 ? `${d.connected.length} connections` : 'connected';
  return air.isAdvertising(d) ? 'advertising' : 'idle';
}

// A number that a user may change; what is typed is sent when it is complete.
function NumberField({ label, value, step, min, max, onSet }) {
  const [typed, setTyped] = useState(null);
  const set = () => {
    const number = Number(typed);
    if (typed !== null && typed !== '' && Number.isFinite(number)) onSet(number);
    setTyped(null);
  };
  return (
    <label class="field">{label}
      <input type="number" step={step} min={min} max={max} value={typed === null ? value : typed}
        onInput={e => setTyped(e.target.value)} onBlur={set} onChange={set}
        onKeyDown={e => { if (e.key === 'Enter') set(); }} />
    </label>
  );
}

function Device({ air, ui, d }) {
  const others = air.devices.filter(o => o !== d).map(o => ({ o, dbm: rssi(o, d, air.world.walls) }))
    .sort((a, b) => b.dbm - a.dbm).slice(0, 20);
  const send = line => ui.send(line);
  return (
    <section class="detail" aria-label={`Device ${air.title(d.number)}`}>
      <h3>{air.title(d.number)}</h3>
      <dl>
        <dt>number</dt><dd>{d.number}</dd>
        <dt>address</dt><dd class="mono">{d.address}</dd>
        <dt>state</dt><dd>{deviceState(air, d)}</dd>
        <dt>packets seen</dt><dd>{d.sent}</dd>
      </dl>
      <div class="row">
        <NumberField label="x, m" step="0.1" value={d.x.toFixed(2)} onSet={x => air.move(d, x, d.y)} />
        <NumberField label="y, m" step="0.1" value={d.y.toFixed(2)} onSet={y => air.move(d, d.x, y)} />
        <NumberField label="power, dBm" step="1" min="-127" max="20" value={d.power}
          onSet={power => send(`place ${d.number} ${d.x} ${d.y} ${power}`)} />
      </div>
      <div class="row">
        <button aria-pressed={d.off} onClick={() => send(`${d.off ? 'on' : 'off'} ${d.number}`)}>
          {d.off ? 'Switch on' : 'Switch off'}</button>
        <span class="dim">{d.off ? 'Nobody hears it, and it hears nobody.' : ''}</span>
      </div>
      {others.length > 0 && <>
        <h4>It hears</h4>
        <table class="list"><tbody>{others.map(({ o, dbm }) =>
          <tr key={o.number}><td>{air.title(o.number)}</td>
            <td class="number" data-rssi={o.name || o.number}>{dbm} dBm</td>
            <td class="dim">{dbm < air.world.noise + 10 ? 'too weak for 1M' : ''}</td></tr>)}</tbody></table>
      </>}
    </section>
  );
}

export function Devices({ air, ui }) {
  const selected = air.byNumber.get(ui.device);
  if (!air.devices.length)
    return <p class="hint">No device is on the air yet. A program joins with <code>WOAD_HCI</code> set to the name that <code>woad air</code> serves.</p>;
  return (
    <>
      <ul class="choices" aria-label="Devices">
        {air.devices.map(d =>
          <li key={d.number}><button aria-pressed={d.number === ui.device} data-device={d.name || d.number}
            onClick={() => ui.selectDevice(d.number === ui.device ? 0 : d.number)}>
            <i class={`dot ${d.off ? 'off' : d.connected.length ? 'central' : air.isAdvertising(d) ? 'adv' : 'dim'}`} />
            <span class="grow">{air.title(d.number)}</span><span class="dim">{deviceState(air, d)}</span></button></li>)}
      </ul>
      {selected && <Device air={air} ui={ui} d={selected} key={selected.number} />}
    </>
  );
}

// --- connections ---

function Events({ air, ui, c }) {
  const events = c.events.slice(-20).reverse();
  return (
    <table class="list events">
      <caption>Latest connection events</caption>
      <thead><tr><th>time, s</th><th>ch</th><th title="packets of the central, of the peripheral">packets</th><th>octets</th><th>again</th><th>what</th></tr></thead>
      <tbody>{events.map(e =>
        <tr key={e.n} class={e.again || !e.peripheral ? 'flawed' : ''}>
          <td class="mono"><button class="plain" onClick={() => ui.selectNumber(e.first)}>{seconds(e.us)}</button></td>
          <td class="number">{e.channel}</td><td class="number">{e.central}+{e.peripheral}</td>
          <td class="number">{e.octets}</td><td class="number">{e.again || ''}</td>
          <td>{e.names.join(', ') || <span class="dim">empty</span>}</td></tr>)}</tbody>
    </table>
  );
}

function Connection({ air, ui, c }) {
  const share = c.packets ? (100 * c.retransmissions / c.packets).toFixed(1) : '0.0';
  const last = c.events.slice(-12), gaps = last.slice(1).map((e, k) => e.us - last[k].us).sort((a, b) => a - b);
  return (
    <section class="detail" aria-label="Connection">
      <h3>{air.title(c.central)} → {air.title(c.peripheral)}</h3>
      <dl>
        <dt>access address</dt><dd class="mono">{hex(c.aa)}</dd>
        <dt>state</dt><dd>{c.ended ? 'terminated' : air.isLive(c) ? 'open' : 'silent'}{c.stream ? ', stream' : ''}</dd>
        <dt>events</dt><dd>{c.eventCount}{gaps.length > 0 && `, one each ${(gaps[gaps.length >> 1] / 1000).toFixed(2)} ms`}</dd>
        <dt>packets</dt><dd>{c.packets}, {c.retransmissions} of them sent again ({share} %)</dd>
        <dt>octets</dt><dd>{c.octets[0]} to the peripheral, {c.octets[1]} to the central</dd>
      </dl>
      <Plot title="Throughput" unit="kbit/s" connection={c} now={ui.plotNow} series={THROUGHPUT} />
      <Plot title="Retransmissions" unit="per second" connection={c} now={ui.plotNow} series={RETRANSMISSIONS} />
      <Events air={air} ui={ui} c={c} />
    </section>
  );
}

export function Connections({ air, ui }) {
  const all = air.sortedConnections(), selected = air.connections.get(ui.connection);
  if (!all.length) return <p class="hint">No connection has been on the air since this page was opened.</p>;
  return (
    <>
      <ul class="choices" aria-label="Connections">{all.slice(0, 40).map(c =>
        <li key={c.key}><button aria-pressed={c.aa === ui.connection} data-connection={hex(c.aa)}
          onClick={() => ui.selectConnection(c.aa === ui.connection ? 0 : c.aa)}>
          <i class={`dot ${air.isLive(c) ? 'central' : 'off'}`} />
          <span class="grow">{air.title(c.central)} → {air.title(c.peripheral)}</span>
          <span class="dim">{c.stream ? 'stream' : air.isLive(c) ? '' : 'ended'}</span></button></li>)}</ul>
      {selected && <Connection air={air} ui={ui} c={selected} key={selected.key} />}
    </>
  );
}

// --- a packet ---

const isNested = v => v !== null && typeof v === 'object';

// The protocols of a decode, the highest first, then what the radio says of the packet.
function byLayer(packet) {
  const all = Object.entries(packet);
  return [...all.filter(([, v]) => isNested(v)).reverse(), ...all.filter(([, v]) => !isNested(v))];
}

// A decode as a tree: objects and lists of objects are indented.
function Tree({ value, entries }) {
  return (
    <dl class="tree">{(entries || Object.entries(value)).map(([key, v]) => {
      const nested = isNested(v);
      const list = Array.isArray(v) ? v : null;
      return (
        <div key={key} class={nested ? 'nested' : 'leaf'}>
          <dt>{key}</dt>
          <dd>{list ? (list.length ? list.map((item, k) => typeof item === 'object' ? <Tree key={k} value={item} /> : <span key={k}>{String(item)} </span>) : 'none')
            : nested ? <Tree value={v} /> : <span class="mono">{key === 'aa' ? hex(v) : String(v)}</span>}</dd>
        </div>);
    })}</dl>
  );
}

export function Packet({ air, ui }) {
  const [decode, setDecode] = useState(null), p = ui.packet;
  useEffect(() => {
    let current = true;
    setDecode(null);
    if (p) air.send(`packet ${p.n}`).then(answer => { if (current) setDecode(answer); });
    return () => { current = false; };
  }, [p && p.n]);
  if (!p) return <p class="hint">Choose a packet in the timeline: click it, or press the arrow keys there.</p>;
  const flags = [];
  if (p.flags & RETRANSMISSION) flags.push('sent again');
  if (p.flags & ENCRYPTED) flags.push('encrypted');
  if (p.flags & MALFORMED) flags.push('malformed');
  return (
    <section class="detail" aria-label="Packet" aria-live="polite">
      <h3>{p.name}</h3>
      <p>{KINDS[p.kind]} packet of <b>{air.title(p.sender)}</b>{flags.length > 0 && <b class="flaw"> {flags.join(', ')}</b>}</p>
      <dl>
        <dt>time</dt><dd class="mono">{seconds(p.us)} s</dd>
        <dt>channel, PHY</dt><dd>{p.channel}, {PHYS[p.phy]}</dd>
        <dt>airtime</dt><dd>{p.airtime} µs, {p.len} octets behind the header</dd>
        <dt>power</dt><dd>{p.dbm} dBm</dd>
      </dl>
      <div class="row">
        <button onClick={() => ui.stepPacket(-1)}>Previous</button><button onClick={() => ui.stepPacket(1)}>Next</button>
      </div>
      <h4>Decoded</h4>
      <div class="decode">{!decode ? <p class="dim">…</p> : decode.ok ? <Tree entries={byLayer(decode.packet)} /> : <p class="flaw">{decode.error}</p>}</div>
    </section>
  );
}

// --- surroundings ---

function Slider({ label, unit, min, max, step, value, onSet }) {
  const [moving, setMoving] = useState(null);
  useEffect(() => { setMoving(null); }, [value]);
  const shown = moving === null ? value : moving;
  return (
    <label class="slider"><span>{label} <b>{shown} {unit}</b></span>
      <input type="range" min={min} max={max} step={step} value={shown}
        onInput={e => { setMoving(Number(e.target.value)); onSet(Number(e.target.value)); }} />
    </label>
  );
}

function WallForm({ ui }) {
  const [text, setText] = useState('');
  const add = e => {
    const numbers = text.trim().split(/[\s,]+/).map(Number);
    e.preventDefault();
    if (numbers.length !== 5 || numbers.some(n => !Number.isFinite(n))) ui.say('A wall is five numbers: x and y of both ends, and the loss in dB.');
    else ui.send(`wall ${numbers.join(' ')}`).then(answer => { if (answer.ok) setText(''); });
  };
  return (
    <form class="row" onSubmit={add}>
      <label class="field grow">x1 y1 x2 y2 dB<input type="text" value={text} placeholder="1 0 1 4 12" onInput={e => setText(e.target.value)} /></label>
      <button>Add</button>
    </form>
  );
}

export function Surroundings({ air, ui }) {
  const w = air.world;
  return (
    <section class="detail" aria-label="Surroundings">
      <Slider label="Packets lost at random" unit="‰" min="0" max="1000" step="10" value={w.loss} onSet={n => ui.sendLatest('loss', n)} />
      <Slider label="Noise" unit="dBm" min="-120" max="-20" step="1" value={w.noise} onSet={n => ui.sendLatest('noise', n)} />
      <h4>Walls</h4>
      <div class="row">
        <button aria-pressed={ui.drawsWall} onClick={() => ui.drawWalls(!ui.drawsWall)}>Draw on the plane</button>
        <label class="field">loss, dB<input type="number" min="1" max="120" value={ui.wallDb} onInput={e => { ui.wallDb = Number(e.target.value) || 12; }} /></label>
      </div>
      <WallForm ui={ui} />
      {w.walls.length > 0 && <table class="list"><tbody>{w.walls.map(wall =>
        <tr key={wall.join()}><td class="mono">{wall[0]},{wall[1]} → {wall[2]},{wall[3]}</td><td class="number">{wall[4]} dB</td>
          <td><button onClick={() => ui.send(`wall ${wall.slice(0, 4).join(' ')} 0`)}>Remove</button></td></tr>)}</tbody></table>}
    </section>
  );
}
