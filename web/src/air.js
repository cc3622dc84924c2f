// The air as this page knows it: a WebSocket to `woad air --web`, and what came by it.

const PACKETS_MAX = 30000, PACKETS_KEPT = 20000, EVENTS_MAX = 100, BUCKETS_MAX = 240, CONNECTIONS_MAX = 64;
const EVENT_GAP_US = 1000, GONE_US = 6e6;
export const BUCKET_US = 250000;
export const RETRANSMISSION = 1, MALFORMED = 2, ENCRYPTED = 4, MORE_DATA = 8, PAYLOAD = 16;
// Kinds of packets, as the capture numbers them.
export const KINDS = ['advertising', 'auxiliary', 'central', 'peripheral', 'central, stream', 'peripheral, stream', 'broadcast stream'];
export const PHYS = ['', '1M', '2M', 'coded'];

export const isOfCentral = p => p.kind === 2 || p.kind === 4;
export const isOfConnection = p => p.kind >= 2 && p.kind <= 5;

export class Air {
  constructor() {
    this.state = 'connecting';
    this.devices = [];
    this.byNumber = new Map();
    this.world = { us: 0, speed: 1, paused: false, virtual: false, loss: 0, noise: -105, walls: [], interferers: [] };
    this.worldAt = performance.now();
    this.packets = [];
    this.seen = 0; // packets in all
    this.skipped = 0;
    this.lost = 0;
    this.lastUs = 0;
    this.connections = new Map();
    this.pending = new Map();
    this.nextId = 1;
    this.moving = new Map();
    this.pulses = new Map();
    this.watchers = [];
  }

  open(url) {
    this.state = 'connecting';
    this.socket = new WebSocket(url, 'woad');
    this.socket.onopen = () => { this.state = 'open'; this.changed(); };
    this.socket.onmessage = e => this.take(JSON.parse(e.data));
    this.socket.onclose = () => {
      this.state = 'closed';
      for (const { resolve } of this.pending.values()) resolve({ ok: false, error: 'the air has ended' });
      this.pending.clear();
      this.changed();
    };
  }

  onChange(f) { this.watchers.push(f); }
  changed() { for (const f of this.watchers) f(); }

  // Sends a line; a promise of its answer, which never fails.
  send(line) {
    if (this.state !== 'open') return Promise.resolve({ ok: false, error: 'the air has ended' });
    const id = this.nextId++ % 1e9;
    this.socket.send(`${id} ${line}`);
    return new Promise(resolve => this.pending.set(id, { resolve }));
  }

  // Moves a device: one line is under way at a time, the latest place follows it.
  async move(device, x, y) {
    const at = { x: Math.round(x * 1000) / 1000, y: Math.round(y * 1000) / 1000 };
    const running = this.moving.get(device.number);
    device.x = at.x;
    device.y = at.y;
    if (running) {
      running.next = at;
      return;
    }
    const state = { next: at };
    this.moving.set(device.number, state);
    while (state.next) {
      const next = state.next;
      state.next = null;
      await this.send(`move ${device.number} ${next.x} ${next.y}`);
    }
    this.moving.delete(device.number);
  }

  now() {
    const w = this.world;
    if (w.paused || w.virtual || this.state !== 'open') return Math.max(w.us, this.lastUs);
    return Math.max(this.lastUs, w.us + (performance.now() - this.worldAt) * 1000 * w.speed);
  }

  title(number) {
    const d = this.byNumber.get(number);
    if (!d) return number ? `device ${number}` : 'a device';
    return d.name || `device ${number}`;
  }

  take(m) {
    this.skipped += m.skipped;
    this.lost = m.lost;
    if (m.list && m.list.ok) this.takeList(m.list.controllers);
    if (m.world && m.world.ok) {
      this.world = m.world;
      this.worldAt = performance.now();
    }
    m.packets.forEach((p, k) => this.takePacket(m.first + k, p));
    if (this.packets.length > PACKETS_MAX) this.packets.splice(0, this.packets.length - PACKETS_KEPT);
    for (const [id, answer] of m.answers || []) {
      const one = this.pending.get(id);
      this.pending.delete(id);
      if (one) one.resolve(answer);
    }
    this.changed();
  }

  takeList(list) {
    const before = this.byNumber;
    this.byNumber = new Map();
    this.devices = list.map(d => {
      const old = before.get(d.number);
      if (old && this.moving.has(d.number)) { d.x = old.x; d.y = old.y; }
      d.advertisedAt = old ? old.advertisedAt : -1e12;
      d.sent = old ? old.sent : 0;
      this.byNumber.set(d.number, d);
      return d;
    });
  }

  takePacket(n, [us, channel, phy, kind, sender, len, airtime, aa, flags, name, dbm]) {
    const p = { n, us, channel, phy, kind, sender, len, airtime, aa, flags, name, dbm };
    const d = this.byNumber.get(sender);
    this.packets.push(p);
    this.seen++;
    this.lastUs = Math.max(this.lastUs, us + airtime);
    if (d) {
      d.sent++;
      if (kind < 2 && /ADV_|AUX_ADV|AUX_SYNC/.test(name)) d.advertisedAt = us;
    }
    if (!isOfConnection(p)) this.pulse(sender);
    else this.takeData(p);
  }

  pulse(number) {
    const now = performance.now(), last = this.pulses.get(number) || 0;
    if (now - last > 250) this.pulses.set(number, now);
  }

  takeData(p) {
    let c = this.connections.get(p.aa);
    if (!c || p.us - c.lastUs > GONE_US) {
      c = { aa: p.aa, key: `${p.aa}/${p.us}`, firstUs: p.us, lastUs: p.us, central: 0, peripheral: 0, packets: 0,
        retransmissions: 0, octets: [0, 0], events: [], buckets: [], eventCount: 0, stream: p.kind >= 4, ended: false };
      this.connections.delete(p.aa);
      this.connections.set(p.aa, c);
      if (this.connections.size > CONNECTIONS_MAX) this.connections.delete(this.connections.keys().next().value);
    }
    const ofCentral = isOfCentral(p), again = p.flags & RETRANSMISSION ? 1 : 0;
    if (ofCentral) c.central = p.sender || c.central;
    else c.peripheral = p.sender || c.peripheral;
    const octets = p.flags & PAYLOAD && !again ? p.len : 0;
    c.packets++;
    c.retransmissions += again;
    c.octets[ofCentral ? 0 : 1] += octets;
    if (p.name === 'LL_TERMINATE_IND') c.ended = true;
    let e = c.events[c.events.length - 1];
    if (!e || e.channel !== p.channel || p.us - e.endUs > EVENT_GAP_US) {
      e = { n: c.eventCount++, us: p.us, channel: p.channel, central: 0, peripheral: 0, octets: 0, again: 0, names: [], first: p.n };
      c.events.push(e);
      if (c.events.length > EVENTS_MAX) c.events.shift();
    }
    e.endUs = p.us + p.airtime;
    e[ofCentral ? 'central' : 'peripheral']++;
    e.octets += octets;
    e.again += again;
    if (p.name !== 'Empty') {
      if (!e.names.length) e.first = p.n; // the packet that one wants to see
      if (e.names.length < 4) e.names.push(p.name);
    }
    const key = Math.floor(p.us / BUCKET_US);
    let b = c.buckets[c.buckets.length - 1];
    if (!b || b.key !== key) {
      b = { key, octets: [0, 0], packets: 0, again: 0 };
      c.buckets.push(b);
      if (c.buckets.length > BUCKETS_MAX) c.buckets.shift();
    }
    b.packets++;
    b.again += again;
    b.octets[ofCentral ? 0 : 1] += octets;
    c.lastUs = p.us;
    c.flashAt = performance.now();
  }

  isLive(c) { return !c.ended && this.now() - c.lastUs < GONE_US; }
  isAdvertising(d) { return !d.off && this.now() - d.advertisedAt < 2.5e6; }

  // Connections with the live ones first.
  sortedConnections() {
    return [...this.connections.values()].sort((a, b) => this.isLive(b) - this.isLive(a) || b.firstUs - a.firstUs);
  }

  connectionBetween(a, b) {
    let found = null;
    for (const c of this.connections.values())
      if ((c.central === a && c.peripheral === b) || (c.central === b && c.peripheral === a))
        if (!c.stream && (!found || c.lastUs > found.lastUs)) found = c;
    return found;
  }

  // The index of the first packet that begins at `us` or later.
  indexAt(us) {
    let low = 0, high = this.packets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.packets[middle].us < us) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
