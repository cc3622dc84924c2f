// The plane: devices, walls, connections and advertising, seen from above.
import { Canvas, colours, roundStep } from './canvas.js';
import { rssi } from './rssi.js';

const RADIUS = 9, RADIUS_MIN = 4, CROWD = 20, PULSE_MS = 900, LABELS_MAX = 60, RSSI_MAX = 12, LABEL_ROOM = 70, FONT = '12px system-ui, sans-serif';

const STILL = matchMedia('(prefers-reduced-motion: reduce)');

export class Plane extends Canvas {
  constructor(element, air, ui) {
    super(element);
    Object.assign(this, { air, ui, scale: 0, x0: 0, y0: 0, fitted: 0, touched: false, action: null });
    element.addEventListener('pointerdown', e => this.down(e));
    element.addEventListener('pointermove', e => this.moved(e));
    element.addEventListener('pointerup', e => this.up(e));
    element.addEventListener('pointercancel', e => this.up(e));
    element.addEventListener('wheel', e => {
      e.preventDefault();
      const { px, py } = this.where(e);
      this.zoom(e.deltaY < 0 ? 1.15 : 1 / 1.15, px, py);
    }, { passive: false });
    element.addEventListener('keydown', e => this.key(e));
  }

  // --- where things are ---

  toX(x) { return (x - this.x0) * this.scale; }
  toY(y) { return (y - this.y0) * this.scale; }
  fromX(px) { return px / this.scale + this.x0; }
  fromY(py) { return py / this.scale + this.y0; }

  fit() {
    const xs = [], ys = [];
    for (const d of this.air.devices) { xs.push(d.x); ys.push(d.y); }
    for (const [x1, y1, x2, y2] of this.air.world.walls) { xs.push(x1, x2); ys.push(y1, y2); }
    if (!xs.length) { xs.push(0, 5); ys.push(0, 4); }
    const low = { x: Math.min(...xs), y: Math.min(...ys) }, high = { x: Math.max(...xs), y: Math.max(...ys) };
    const width = Math.max(high.x - low.x, 2), height = Math.max(high.y - low.y, 1.5), margin = 56;
    this.scale = Math.min(Math.max(this.width - 2 * margin, 50) / width, Math.max(this.height - 2 * margin, 50) / height, 400);
    this.x0 = (low.x + high.x) / 2 - this.width / 2 / this.scale;
    this.y0 = (low.y + high.y) / 2 - this.height / 2 / this.scale;
    this.fitted = this.air.devices.length;
  }

  // A user who has not moved the view sees all devices.
  fitNewcomers() {
    if (!this.scale || (!this.touched && (this.fitted !== this.air.devices.length || this.fittedWidth !== this.width))) {
      this.fit();
      this.fittedWidth = this.width;
    }
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const x = this.fromX(px), y = this.fromY(py);
    this.scale = Math.min(Math.max(this.scale * factor, 0.05), 4000);
    this.x0 = x - px / this.scale;
    this.y0 = y - py / this.scale;
    this.touched = true;
  }

  show() { this.touched = false; this.scale = 0; }

  // In a crowd devices are as small as they have to be.
  get radius() {
    if (this.air.devices.length <= CROWD) return RADIUS;
    return Math.min(Math.max(this.scale * 0.4, RADIUS_MIN), RADIUS);
  }

  deviceAt(px, py) {
    let best = null, least = (this.radius + 8) ** 2;
    for (const d of this.air.devices) {
      const far = (this.toX(d.x) - px) ** 2 + (this.toY(d.y) - py) ** 2;
      if (far < least) { best = d; least = far; }
    }
    return best;
  }

  connectionAt(px, py) {
    for (const [a, b] of this.links()) {
      const ax = this.toX(a.x), ay = this.toY(a.y), bx = this.toX(b.x), by = this.toY(b.y);
      const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const t = Math.min(Math.max(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length, 0), 1);
      if ((ax + t * (bx - ax) - px) ** 2 + (ay + t * (by - ay) - py) ** 2 < 64) return this.air.connectionBetween(a.number, b.number);
    }
    return null;
  }

  // --- a pointer, and keys ---

  down(e) {
    if (e.button) return;
    const { px, py } = this.where(e), device = this.deviceAt(px, py);
    this.element.focus();
    this.element.setPointerCapture(e.pointerId);
    if (this.ui.drawsWall) {
      const at = [this.fromX(px), this.fromY(py)];
      this.action = { wall: [...at, ...at] };
    } else if (device) {
      this.ui.selectDevice(device.number);
      this.action = { device: device.number, dx: device.x - this.fromX(px), dy: device.y - this.fromY(py) };
    } else {
      this.action = { pan: true, px, py, moved: false };
    }
    e.preventDefault();
  }

  moved(e) {
    const { px, py } = this.where(e), a = this.action;
    if (!a) {
      this.element.style.cursor = this.ui.drawsWall ? 'crosshair' : this.deviceAt(px, py) ? 'grab' : 'default';
      return;
    }
    if (a.wall) {
      a.wall[2] = this.fromX(px);
      a.wall[3] = this.fromY(py);
    } else if (a.device) {
      const d = this.air.byNumber.get(a.device);
      if (d) this.air.move(d, this.fromX(px) + a.dx, this.fromY(py) + a.dy);
    } else if (a.moved || Math.abs(px - a.px) + Math.abs(py - a.py) > 4) {
      this.x0 -= (px - a.px) / this.scale;
      this.y0 -= (py - a.py) / this.scale;
      Object.assign(a, { px, py, moved: true });
      this.touched = true;
    }
  }

  up(e) {
    const a = this.action, { px, py } = this.where(e);
    this.action = null;
    if (!a) return;
    if (a.wall && Math.hypot(a.wall[2] - a.wall[0], a.wall[3] - a.wall[1]) > 0.05) this.ui.addWall(a.wall);
    if (a.pan && !a.moved) {
      const c = this.connectionAt(px, py);
      if (c) this.ui.selectConnection(c.aa);
      else this.ui.selectDevice(0);
    }
  }

  key(e) {
    const step = e.shiftKey ? 1 : 0.1, d = this.air.byNumber.get(this.ui.device);
    const arrows = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (arrows[e.key] && d) this.air.move(d, d.x + arrows[e.key][0], d.y + arrows[e.key][1]);
    else if (e.key === 'n' || e.key === 'p') this.choose(e.key === 'n' ? 1 : -1);
    else if (e.key === '+' || e.key === '=') this.zoom(1.25);
    else if (e.key === '-') this.zoom(0.8);
    else if (e.key === '0') this.show();
    else return;
    e.preventDefault();
  }

  choose(step) {
    const all = this.air.devices;
    if (!all.length) return;
    const at = all.findIndex(d => d.number === this.ui.device);
    this.ui.selectDevice(all[(at + step + all.length) % all.length].number);
  }

  // --- drawing ---

  // Pairs of connected devices.
  links() {
    const pairs = [];
    for (const a of this.air.devices)
      for (const number of a.connected) {
        const b = this.air.byNumber.get(number);
        if (b && a.number < number) pairs.push([a, b]);
      }
    return pairs;
  }

  draw(g) {
    this.fitNewcomers();
    g.clearRect(0, 0, this.width, this.height);
    g.font = FONT;
    this.drawGrid(g);
    for (const w of this.air.world.walls) this.drawWall(g, w, false);
    if (this.action && this.action.wall) this.drawWall(g, this.action.wall, true);
    for (const i of this.air.world.interferers) this.drawInterferer(g, i);
    this.drawLinks(g);
    this.drawPulses(g);
    const selected = this.air.byNumber.get(this.ui.device);
    for (const d of this.air.devices) if (d !== selected) this.drawDevice(g, d);
    if (selected) {
      this.drawRssi(g, selected);
      this.drawDevice(g, selected);
    }
  }

  drawGrid(g) {
    const step = roundStep(70 / this.scale);
    g.strokeStyle = colours.grid;
    g.fillStyle = colours.dim;
    g.lineWidth = 1;
    g.beginPath();
    for (let x = Math.ceil(this.x0 / step) * step; this.toX(x) < this.width; x += step) {
      const px = Math.round(this.toX(x)) + 0.5;
      g.moveTo(px, 0);
      g.lineTo(px, this.height);
    }
    for (let y = Math.ceil(this.y0 / step) * step; this.toY(y) < this.height; y += step) {
      const py = Math.round(this.toY(y)) + 0.5;
      g.moveTo(0, py);
      g.lineTo(this.width, py);
    }
    g.stroke();
    const length = step * this.scale, y = this.height - 14;
    g.strokeStyle = g.fillStyle = colours.dim;
    g.beginPath();
    g.moveTo(14, y - 4); g.lineTo(14, y); g.lineTo(14 + length, y); g.lineTo(14 + length, y - 4);
    g.stroke();
    g.textAlign = 'left';
    g.fillText(step < 1 ? `${Math.round(step * 100)} cm` : `${step} m`, 18, y - 5);
  }

  drawWall(g, [x1, y1, x2, y2, db], isNew) {
    g.strokeStyle = colours.wall;
    g.lineWidth = 5;
    g.lineCap = 'round';
    g.setLineDash(isNew ? [8, 8] : []);
    g.beginPath();
    g.moveTo(this.toX(x1), this.toY(y1));
    g.lineTo(this.toX(x2), this.toY(y2));
    g.stroke();
    g.setLineDash([]);
    if (!isNew) {
      g.fillStyle = colours.dim;
      g.textAlign = 'left';
      g.fillText(`${db} dB`, (this.toX(x1) + this.toX(x2)) / 2 + 7, (this.toY(y1) + this.toY(y2)) / 2 - 5);
    }
  }

  drawInterferer(g, [x, y, dbm]) {
    const px = this.toX(x), py = this.toY(y);
    g.strokeStyle = g.fillStyle = colours.bad;
    g.lineWidth = 2;
    g.strokeRect(px - 6, py - 6, 12, 12);
    g.textAlign = 'left';
    g.fillText(`interferer ${dbm} dBm`, px + 11, py + 4);
  }

  drawLinks(g) {
    const now = performance.now();
    for (const [a, b] of this.links()) {
      const c = this.air.connectionBetween(a.number, b.number);
      const active = c ? Math.max(0, 1 - (now - c.flashAt) / 400) : 0;
      g.strokeStyle = c && c.aa === this.ui.connection ? colours.accent : colours.central;
      g.globalAlpha = 0.45 + 0.55 * active;
      g.lineWidth = 2 + 2 * active;
      g.beginPath();
      g.moveTo(this.toX(a.x), this.toY(a.y));
      g.lineTo(this.toX(b.x), this.toY(b.y));
      g.stroke();
      g.globalAlpha = 1;
    }
  }

  drawPulses(g) {
    const now = performance.now();
    if (STILL.matches) return;
    g.strokeStyle = colours.adv;
    g.lineWidth = 1.5;
    for (const [number, at] of this.air.pulses) {
      const d = this.air.byNumber.get(number), part = (now - at) / PULSE_MS;
      if (part >= 1 || !d) {
        this.air.pulses.delete(number);
        continue;
      }
      if (d.off) continue;
      g.globalAlpha = 0.8 * (1 - part);
      g.beginPath();
      g.arc(this.toX(d.x), this.toY(d.y), this.radius + 26 * part, 0, 2 * Math.PI);
      g.stroke();
    }
    g.globalAlpha = 1;
  }

  // What the selected device hears of its nearest neighbours.
  drawRssi(g, d) {
    const far = o => (o.x - d.x) ** 2 + (o.y - d.y) ** 2;
    const others = this.air.devices.filter(o => o !== d && !o.off).sort((a, b) => far(a) - far(b)).slice(0, RSSI_MAX);
    g.setLineDash([3, 5]);
    g.lineWidth = 1;
    g.textAlign = 'center';
    for (const o of others) {
      const x = (this.toX(o.x) + this.toX(d.x)) / 2, y = (this.toY(o.y) + this.toY(d.y)) / 2;
      g.strokeStyle = colours.dim;
      g.beginPath();
      g.moveTo(this.toX(d.x), this.toY(d.y));
      g.lineTo(this.toX(o.x), this.toY(o.y));
      g.stroke();
      if (Math.hypot(this.toX(o.x) - this.toX(d.x), this.toY(o.y) - this.toY(d.y)) < LABEL_ROOM) continue;
      const text = `${rssi(o, d, this.air.world.walls)} dBm`, width = g.measureText(text).width;
      g.fillStyle = colours.ground;
      g.globalAlpha = 0.85;
      g.fillRect(x - width / 2 - 3, y - 9, width + 6, 16);
      g.globalAlpha = 1;
      g.fillStyle = colours.text;
      g.fillText(text, x, y + 3);
    }
    g.setLineDash([]);
  }

  drawDevice(g, d) {
    const x = this.toX(d.x), y = this.toY(d.y), selected = d.number === this.ui.device;
    if (x < -80 || y < -40 || x > this.width + 80 || y > this.height + 40) return;
    g.beginPath();
    g.arc(x, y, this.radius, 0, 2 * Math.PI);
    g.fillStyle = d.off ? colours.ground : d.connected.length ? colours.central : this.air.isAdvertising(d) ? colours.adv : colours.dim;
    g.fill();
    g.lineWidth = selected ? 3 : 1.5;
    g.strokeStyle = selected ? colours.accent : d.off ? colours.off : colours.ground;
    g.stroke();
    if (selected) {
      g.beginPath();
      g.arc(x, y, this.radius + 4, 0, 2 * Math.PI);
      g.stroke();
    }
    if (d.off) {
      g.strokeStyle = colours.off;
      g.lineWidth = 1.5;
      g.beginPath();
      g.moveTo(x - 5, y - 5); g.lineTo(x + 5, y + 5);
      g.stroke();
    }
    if (selected || this.air.devices.length <= LABELS_MAX) {
      g.fillStyle = d.off ? colours.off : colours.text;
      g.textAlign = 'center';
      g.fillText(this.air.title(d.number), x, y + this.radius + 15);
    }
  }
}
