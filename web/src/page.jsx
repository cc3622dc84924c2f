// The page of `woad air --web`.
import { render } from 'preact';
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { Air } from './air.js';
import { readColours } from './canvas.js';
import { Connections, Devices, Packet, Surroundings } from './panels.jsx';
import { Plane } from './plane.js';
import { Timeline } from './timeline.js';
import './page.css';

const REFRESH_MS = 200, NOTE_MS = 6000;
const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100];
const TABS = [['devices', 'Devices', Devices], ['connections', 'Connections', Connections], ['packet', 'Packet', Packet], ['surroundings', 'Surroundings', Surroundings]];

const air = new Air();

// What the user looks at; the canvases and panels share it.
const ui = {
  device: 0, connection: 0, packet: null, tab: 'devices', drawsWall: false, wallDb: 12, note: '', plotNow: 0,
  latest: {}, timeline: null, plane: null, changed() {},

  selectDevice(number) {
    ui.device = number;
    ui.connection = 0;
    if (number) ui.tab = 'devices';
    ui.changed();
  },
  selectConnection(aa) {
    ui.connection = aa;
    ui.device = 0;
    if (aa) ui.tab = 'connections';
    ui.changed();
  },
  selectPacket(p) {
    ui.packet = p;
    ui.tab = 'packet';
    if (ui.timeline) ui.timeline.reveal(p);
    ui.changed();
  },
  selectNumber(n) {
    const p = air.packets.find(one => one.n === n);
    if (p) ui.selectPacket(p);
    else ui.say('That packet is not kept any more.');
  },
  stepPacket(by) { if (ui.timeline) ui.timeline.step(by); },
  show(tab) { ui.tab = tab; ui.changed(); },

  say(note) {
    ui.note = note;
    ui.noteAt = performance.now();
    ui.changed();
  },
  async send(line) {
    const answer = await air.send(line);
    if (!answer.ok) ui.say(answer.error);
    return answer;
  },
  // A slider: one line is under way, the latest value follows it.
  async sendLatest(word, value) {
    const running = ui.latest[word];
    if (running) {
      running.next = value;
      return;
    }
    const state = ui.latest[word] = { next: value };
    while (state.next !== null) {
      const next = state.next;
      state.next = null;
      await ui.send(`${word} ${next}`);
    }
    ui.latest[word] = null;
  },
  drawWalls(on) { ui.drawsWall = on; ui.changed(); },
  addWall(wall) {
    const round = n => Math.round(n * 100) / 100;
    ui.drawsWall = false;
    ui.send(`wall ${wall.map(round).join(' ')} ${ui.wallDb}`);
    ui.changed();
  },
};

function clock(us) {
  const s = us / 1e6, whole = Math.floor(s);
  const two = n => String(n).padStart(2, '0');
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${(s % 60).toFixed(3).padStart(6, '0')}`;
}

function Time() {
  const w = air.world, running = !w.paused;
  return (
    <div class="time" role="group" aria-label="Time">
      <span class="clock mono" title="the air's time">{clock(air.now())}</span>
      <button id="pause" onClick={() => ui.send(running ? 'pause' : 'continue')}>{running ? 'Pause' : 'Continue'}</button>
      <button disabled={running} title="to the next packet" onClick={() => ui.send('step')}>Packet</button>
      <button disabled={running} onClick={() => ui.send('step 10')}>10 ms</button>
      <button disabled={running} onClick={() => ui.send('step 1000')}>1 s</button>
      <label>speed <select value={String(w.speed)} onChange={e => ui.send(`speed ${e.target.value === '0' ? 'max' : e.target.value}`)}>
        {w.virtual && <option value="0">no limit</option>}
        {[...new Set([...SPEEDS, ...(w.speed ? [w.speed] : [])])].sort((a, b) => a - b).map(s => <option key={s} value={String(s)}>× {s}</option>)}
      </select></label>
    </div>
  );
}

function Header() {
  return (
    <header>
      <h1>Woad <span class="dim">the air</span></h1>
      <Time />
      <span class="counts dim">{air.devices.length} devices · {air.seen} packets
        {air.skipped + air.lost > 0 && <b class="flaw"> · {air.skipped + air.lost} not shown: too many at a time</b>}</span>
      <a class="button" href="air.pcapng" download="air.pcapng">Download capture</a>
    </header>
  );
}

function Tabs() {
  const at = TABS.findIndex(([name]) => name === ui.tab);
  const key = e => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!step) return;
    const next = TABS[(at + step + TABS.length) % TABS.length][0];
    ui.show(next);
    requestAnimationFrame(() => document.getElementById(`tab-${next}`).focus());
    e.preventDefault();
  };
  const Panel = TABS[at][2];
  return (
    <aside>
      <div role="tablist" aria-label="Panels" onKeyDown={key}>{TABS.map(([name, label]) =>
        <button key={name} role="tab" id={`tab-${name}`} aria-controls="panel" aria-selected={ui.tab === name}
          tabIndex={ui.tab === name ? 0 : -1} onClick={() => ui.show(name)}>{label}</button>)}</div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${ui.tab}`}><Panel air={air} ui={ui} /></div>
    </aside>
  );
}

function Note() {
  if (air.state === 'closed')
    return <div class="note" role="alert">The air has ended, or another page took its place. <button onClick={open}>Connect again</button></div>;
  if (ui.note && performance.now() - ui.noteAt < NOTE_MS) return <div class="note" role="alert">{ui.note}</div>;
  return null;
}

function PlanePane() {
  const element = useRef();
  useEffect(() => { ui.plane = new Plane(element.current, air, ui); }, []);
  return (
    <section class="plane" aria-label="Plane">
      <canvas ref={element} id="plane" tabIndex={0} role="application"
        aria-label="Devices on a plane. N and P choose a device, the arrow keys move it, shift makes the steps longer, plus and minus zoom, 0 shows all." />
      <div class="tools"><button title="closer" aria-label="Closer" onClick={() => ui.plane.zoom(1.4)}>+</button>
        <button title="farther" aria-label="Farther" onClick={() => ui.plane.zoom(1 / 1.4)}>−</button>
        <button onClick={() => ui.plane.show()}>All</button></div>
      <ul class="keys" aria-label="Colours"><li><i class="dot adv" />advertising</li><li><i class="dot central" />connected</li><li><i class="dot dim" />idle</li><li><i class="dot off" />off</li></ul>
    </section>
  );
}

function TimelinePane() {
  const element = useRef();
  useEffect(() => { ui.timeline = new Timeline(element.current, air, ui); ui.changed(); }, []);
  const t = ui.timeline, span = t ? t.span : 0;
  return (
    <section class="timeline" aria-label="Timeline">
      <div class="bar"><h2>Packets</h2>
        <span class="dim span">{span >= 1e6 ? `${span / 1e6} s` : `${span / 1000} ms`}</span>
        <button aria-label="A shorter time" onClick={() => t.zoom(-1)}>+</button><button aria-label="A longer time" onClick={() => t.zoom(1)}>−</button>
        <button aria-pressed={!!t && t.follows} onClick={() => t.follow(!t.follows)}>Follow</button>
        <ul class="keys" aria-label="Colours"><li><i class="swatch adv" />advertising</li><li><i class="swatch aux" />auxiliary</li><li><i class="swatch central" />central</li><li><i class="swatch peripheral" />peripheral</li><li><i class="swatch bad" />sent again</li></ul></div>
      <canvas ref={element} id="timeline" tabIndex={0} role="application"
        aria-label="Packets by channel and time. The left and right arrow keys choose a packet, plus and minus zoom, End follows the time." />
    </section>
  );
}

function App() {
  const [, refresh] = useReducer(n => n + 1, 0);
  useEffect(() => {
    ui.changed = refresh;
    // Five times a second what the panels show is made anew, if anything has come.
    let news = true;
    air.onChange(() => { news = true; });
    const timer = setInterval(() => {
      if (!news && air.world.paused) return;
      news = false;
      ui.plotNow = air.now();
      refresh();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return <><Header /><Note /><main><PlanePane /><Tabs /><TimelinePane /></main></>;
}

function open() { air.open(new URL('ws', location.href).href.replace(/^http/, 'ws')); }

// Space pauses and continues, unless something else takes it.
document.addEventListener('keydown', e => {
  if (e.key === ' ' && !e.target.closest('button, input, select, a, summary')) {
    ui.send(air.world.paused ? 'continue' : 'pause');
    e.preventDefault();
  }
});
readColours();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', readColours);
open();
// For tests: where a device is on the canvas of the plane, and the canvases.
window.woad = {
  views: () => ({ plane: ui.plane, timeline: ui.timeline }),
  placeOf(title) {
    const d = air.devices.find(one => air.title(one.number) === title);
    return d && { x: ui.plane.toX(d.x), y: ui.plane.toY(d.y) };
  },
};
render(<App />, document.getElementById('page'));
