// The timeline: a lane for each channel, a box for each packet, as wide as it is long.
import { Canvas, colours, roundStep } from './canvas.js';
import { RETRANSMISSION, MALFORMED } from './air.js';

const LEFT = 74, TOP = 20, FONT = '11px system-ui, sans-serif';
const WIDTHS = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7];
const FOLLOW_BACK_US = 40000; // what is shown is so old, so that it moves evenly
// Lanes from the top: the primary advertising channels, then the others.
const LANES = [37, 38, 39, ...Array.from({ length: 37 }, (_, k) => k)];
const LANE_OF = LANES.reduce((all, channel, lane) => { all[channel] = lane; return all; }, []);

export class Timeline extends Canvas {
  constructor(element, air, ui) {
    super(element);
    Object.assign(this, { air, ui, span: 2e5, end: 0, follows: true, action: null });
    element.addEventListener('pointerdown', e => this.down(e));
    element.addEventListener('pointermove', e => this.moved(e));
    element.addEventListener('pointerup', e => this.up(e));
    element.addEventListener('wheel', e => {
      e.preventDefault();
      this.zoom(e.deltaY < 0 ? -1 : 1, this.where(e).px);
    }, { passive: false });
    element.addEventListener('keydown', e => this.key(e));
  }

  toX(us) { return LEFT + (us - this.end + this.span) / this.span * (this.width - LEFT); }
  fromX(px) { return this.end - this.span + (px - LEFT) / (this.width - LEFT) * this.span; }

  laneTop(lane) {
    const unit = (this.height - TOP) / (3 * 3 + 37);
    return TOP + (lane < 3 ? lane * 3 * unit : 9 * unit + (lane - 3) * unit);
  }

  zoom(step, px = this.width) {
    const at = WIDTHS.findIndex(w => w >= this.span), us = this.fromX(px);
    const next = WIDTHS[Math.min(Math.max(at + step, 0), WIDTHS.length - 1)];
    const part = (px - LEFT) / (this.width - LEFT);
    if (!this.follows) this.end = us + (1 - part) * next;
    this.span = next;
    this.ui.changed();
  }

  follow(on) {
    this.follows = on;
    this.ui.changed();
  }

  packetAt(px, py) {
    let best = null, least = 8;
    const first = this.air.indexAt(this.fromX(px) - 20000), last = this.fromX(px + 8);
    for (let k = first; k < this.air.packets.length && this.air.packets[k].us <= last; k++) {
      const p = this.air.packets[k], lane = LANE_OF[p.channel];
      const x1 = this.toX(p.us), x2 = Math.max(this.toX(p.us + p.airtime), x1 + 2);
      const y1 = this.laneTop(lane), y2 = this.laneTop(lane + 1);
      const dx = Math.max(x1 - px, 0, px - x2), dy = Math.max(y1 - py, 0, py - y2);
      if (dx + dy < least) { best = p; least = dx + dy; }
    }
    return best;
  }

  down(e) {
    if (e.button) return;
    const { px, py } = this.where(e);
    this.element.focus();
    this.element.setPointerCapture(e.pointerId);
    this.action = { px, py, from: px, end: this.end, hit: this.packetAt(px, py), moved: false };
    e.preventDefault();
  }

  moved(e) {
    const { px } = this.where(e), a = this.action;
    if (!a || (!a.moved && Math.abs(px - a.from) < 5)) return;
    a.moved = true;
    this.end = a.end - (px - a.from) / (this.width - LEFT) * this.span;
    this.follow(false);
  }

  up() {
    const a = this.action;
    this.action = null;
    if (a && !a.moved && a.hit) this.ui.selectPacket(a.hit);
  }

  key(e) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (steps[e.key]) this.step(steps[e.key]);
    else if (e.key === '+' || e.key === '=') this.zoom(-1);
    else if (e.key === '-') this.zoom(1);
    else if (e.key === 'End') this.follow(true);
    else return;
    e.preventDefault();
  }

  // The packet before or behind the selected one.
  step(by) {
    const all = this.air.packets;
    if (!all.length) return;
    const at = this.ui.packet ? all.findIndex(p => p.n === this.ui.packet.n) : -1;
    const next = at < 0 ? this.air.indexAt(this.end) - 1 : at + by;
    if (next >= 0 && next < all.length) this.ui.selectPacket(all[next]);
  }

  // A packet that was selected elsewhere is shown.
  reveal(p) {
    if (this.follows || p.us < this.end - this.span || p.us > this.end) this.end = p.us + this.span * 0.5;
    this.follow(false);
  }

  draw(g) {
    const wanted = Math.max(this.air.now() - (this.air.world.paused || this.air.world.virtual ? 0 : FOLLOW_BACK_US), this.span);
    if (this.follows) this.end = this.air.world.paused ? Math.max(this.air.lastUs, this.span) : wanted;
    g.clearRect(0, 0, this.width, this.height);
    g.font = FONT;
    const busy = this.drawPackets(g);
    this.drawLanes(g, busy);
    this.drawAxis(g);
  }

  drawAxis(g) {
    const step = roundStep(this.span / Math.max((this.width - LEFT) / 90, 1));
    g.textAlign = 'center';
    g.fillStyle = colours.dim;
    g.strokeStyle = colours.grid;
    g.lineWidth = 1;
    for (let us = Math.ceil((this.end - this.span) / step) * step; us < this.end; us += step) {
      const x = Math.round(this.toX(us)) + 0.5, digits = step >= 1e6 ? 0 : step >= 1e3 ? 3 : 6;
      g.beginPath();
      g.moveTo(x, TOP - 5);
      g.lineTo(x, TOP);
      g.stroke();
      if (x > LEFT + 24 && x < this.width - 30) g.fillText(`${(us / 1e6).toFixed(digits)} s`, x, 11);
    }
  }

  // Channels' names, and how much of the time each is in use.
  drawLanes(g, busy) {
    g.fillStyle = colours.panel;
    g.fillRect(0, 0, LEFT - 1, this.height);
    g.textAlign = 'left';
    g.fillStyle = colours.dim;
    g.fillText('channel', 4, 11);
    LANES.forEach((channel, lane) => {
      const y = this.laneTop(lane), height = this.laneTop(lane + 1) - y;
      g.fillStyle = colours.central;
      if (lane < 3) g.fillStyle = colours.adv;
      const part = Math.min(busy[channel] / this.span, 1);
      g.fillRect(28, y + height * 0.2, 42 * part, Math.max(height * 0.6, 1));
      const every = Math.ceil(12 / height);
      if (lane < 3 || channel % every === every >> 1) {
        g.fillStyle = colours.dim;
        g.fillText(String(channel), 8, y + height / 2 + 4);
      }
    });
    g.strokeStyle = colours.line;
    g.lineWidth = 1;
    g.beginPath();
    for (const lane of [0, 1, 2, 3]) {
      const y = Math.round(this.laneTop(lane)) + 0.5;
      g.moveTo(0, y);
      g.lineTo(this.width, y);
    }
    g.moveTo(LEFT - 0.5, 0);
    g.lineTo(LEFT - 0.5, this.height);
    g.stroke();
  }

  drawPackets(g) {
    const all = this.air.packets, busy = new Float64Array(40), from = this.end - this.span;
    const paint = [colours.adv, colours.aux, colours.central, colours.peripheral, colours.stream, colours.stream, colours.stream];
    for (let k = this.air.indexAt(from - 20000); k < all.length && all[k].us <= this.end; k++) {
      const p = all[k], lane = LANE_OF[p.channel];
      const x = this.toX(p.us), width = Math.max(p.airtime / this.span * (this.width - LEFT), 2.5);
      if (x + width < LEFT) continue;
      busy[p.channel] += p.airtime;
      const y = this.laneTop(lane), height = Math.max(this.laneTop(lane + 1) - y - 1, 2);
      g.globalAlpha = this.isMeant(p) ? 1 : 0.25;
      g.fillStyle = paint[p.kind];
      g.fillRect(x, y + 0.5, width, height);
      if (p.flags & (RETRANSMISSION | MALFORMED)) {
        g.fillStyle = colours.bad;
        g.fillRect(x, y + 0.5, width, Math.max(height * 0.35, 2));
      }
      if (this.ui.packet && this.ui.packet.n === p.n) {
        g.strokeStyle = colours.text;
        g.lineWidth = 2;
        g.strokeRect(x - 2, y - 1.5, width + 4, height + 4);
      }
    }
    g.globalAlpha = 1;
    return busy;
  }

  // A selected device or connection: the packets of others are pale.
  isMeant(p) {
    if (this.ui.connection) return p.aa === this.ui.connection;
    return !this.ui.device || p.sender === this.ui.device;
  }
}
