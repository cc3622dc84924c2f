// The page of `woad air --web` in headless Chromium, with two MicroPython programs on the air.
// `page.mjs [WORD…]`: the tests whose names have one of the words; `--pictures` makes docs/pictures/page-*.png instead.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { chromium } = createRequire(join(root, 'build', 'web', 'package.json'))('playwright-core');
const scratch = mkdtempSync(join(tmpdir(), 'woad-web-'));
const woad = join(root, 'build', 'woad'), micropython = join(root, 'build', 'micropython');
const browserPath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
const children = [];

// A program whose lines can be awaited.
class Program {
  constructor(command, args, env = {}) {
    this.lines = [];
    this.waiting = [];
    this.process = spawn(command, args, { env: { ...process.env, ...env } });
    children.push(this.process);
    for (const stream of [this.process.stdout, this.process.stderr])
      createInterface({ input: stream }).on('line', line => {
        this.lines.push(line);
        this.waiting.forEach(f => f());
      });
  }

  say(line) { this.process.stdin.write(line + '\n'); }

  // The next line, from `from` on, that matches.
  line(pattern, from = 0) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${pattern} in ${this.lines.join('\n')}`)), 15000);
      const look = () => {
        const found = this.lines.slice(from).map(line => line.match(pattern)).find(Boolean);
        if (!found) return;
        clearTimeout(late);
        this.waiting = this.waiting.filter(f => f !== look);
        resolve(found);
      };
      this.waiting.push(look);
      look();
    });
  }

  end() {
    return new Promise(resolve => {
      if (this.process.exitCode !== null || this.process.signalCode) return resolve();
      this.process.on('exit', resolve);
      this.process.kill();
    });
  }
}

let airs = 0;
async function startAir(...options) {
  const path = join(scratch, `air${airs++}`);
  const air = new Program(woad, ['air', `unix:${path}`, '--web', ...options]);
  const url = (await air.line(/^web (http:\S+)$/))[1];
  const program = name => new Program(micropython, [join(root, 'tests', 'web', `${name}.py`)],
    { WOAD_HCI: `unix:${path}`, WOAD_NAME: name });
  return { air, url, path, program };
}

// A page; what its console says is an error of the test.
async function openPage(browser, url, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.errors = [];
  page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') page.errors.push(m.text()); });
  page.on('pageerror', e => page.errors.push(e.message));
  await page.goto(url);
  page.setDefaultTimeout(10000);
  return page;
}

const device = (page, name) => page.locator(`[data-device="${name}"]`);
async function select(page, name) {
  await page.click('#tab-devices');
  if (await device(page, name).getAttribute('aria-pressed') !== 'true') await device(page, name).click();
}
async function heard(page, by, of) {
  await select(page, by);
  return Number((await page.locator(`[data-rssi="${of}"]`).textContent()).split(' ')[0]);
}
// Where a device is on the canvas, by the page's own view.
async function place(page, name) {
  const box = await page.locator('#plane').boundingBox();
  const at = await page.evaluate(title => window.woad.placeOf(title), name);
  return { x: box.x + at.x, y: box.y + at.y };
}
async function until(what, ms = 8000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
async function scan(monitor) {
  const from = monitor.lines.length;
  monitor.say('scan');
  return Number((await monitor.line(/^rssi (-?\d+)$/, from))[1]);
}

const tests = {
  // One run of two programs: they are seen, dragged, connected; a packet is decoded.
  async two_programs(browser) {
    const { url, program } = await startAir();
    const page = await openPage(browser, url);
    const sensor = program('sensor');
    await device(page, 'sensor').waitFor();     // the first: it stands on the left
    const monitor = program('monitor');
    await monitor.line(/^ready$/);
    await device(page, 'monitor').waitFor();
    await until(async () => (await device(page, 'sensor').textContent()).includes('advertising'));

    const before = await scan(monitor);
    assert.equal(await heard(page, 'monitor', 'sensor'), before, 'the page shows what the program hears');

    // The view may still make room for the second device: its place is where the pointer can take it.
    const from = await until(async () => {
      const at = await place(page, 'sensor');
      await page.mouse.move(at.x, at.y);
      return await page.evaluate(() => document.getElementById('plane').style.cursor) === 'grab' && at;
    });
    await page.mouse.down();
    await page.mouse.move(from.x - 60, from.y + 20, { steps: 4 });
    await page.mouse.move(from.x - 200, from.y + 60, { steps: 6 });
    await page.mouse.up();
    let last;
    const after = await until(async () => {
      const dbm = await scan(monitor);
      last = [dbm, await heard(page, 'monitor', 'sensor')];
      return dbm < before - 3 && dbm === last[1] && dbm;
    }).catch(() => assert.fail(`the program heard ${before}, then ${last[0]}; the page shows ${last[1]}`));

    // Keys move it, too.
    await select(page, 'sensor');
    await page.focus('#plane');
    for (let k = 0; k < 8; k++) await page.keyboard.press('Shift+ArrowLeft');
    await until(async () => { const dbm = await scan(monitor); return dbm < after && dbm === await heard(page, 'monitor', 'sensor'); });

    monitor.say('connect');
    await monitor.line(/^read 2150$/);
    await monitor.line(/^subscribed 0$/);
    await until(async () => (await device(page, 'sensor').textContent()).includes('connected'));
    await page.click('#tab-connections');
    await page.locator('[data-connection]').click();
    await until(async () => /monitor → sensor/.test(await page.locator('.detail h3').textContent()));
    await until(async () => Number((await page.locator('.detail').textContent()).match(/packets(\d+)/)[1]) > 20);
    assert.equal(await page.locator('.plot canvas').count(), 2);
    await until(async () => (await page.locator('.events').textContent()).includes('Handle Value Notification'));

    // A packet of a connection event, by its link; its decode is the value that the sensor notifies.
    await page.locator('.events tr', { hasText: 'Handle Value Notification' }).first().locator('button').click();
    await until(async () => (await page.locator('.decode').textContent()).length > 20);
    await until(async () => {
      if ((await page.locator('.detail h3').textContent()) === 'Handle Value Notification') return true;
      await page.getByRole('button', { name: 'Next' }).click();
      return false;
    });
    const decode = await until(async () => {
      const text = await page.locator('.decode').textContent();
      return text.includes('Handle Value Notification') && text;
    });
    const value = decode.match(/value.*?([0-9a-f]{4})/);
    assert(value, decode);
    const temperature = parseInt(value[1].slice(2) + value[1].slice(0, 2), 16);
    assert(temperature >= 2150 && temperature < 2200, decode);

    // A device that is off ends the connection; the program notices.
    await select(page, 'sensor');
    await page.getByRole('button', { name: 'Switch off' }).click();
    await until(async () => (await device(page, 'sensor').textContent()).includes('off'));
    await until(async () => !(await device(page, 'monitor').textContent()).includes('connected'), 15000);
    await page.getByRole('button', { name: 'Switch on' }).click();
    await until(async () => !(await device(page, 'sensor').textContent()).includes('off'));
    assert.deepEqual(page.errors, []);
    await page.close();
    await Promise.all([sensor.end(), monitor.end()]);
  },

  // Pause, steps, speed; loss, noise, walls; the capture.
  async time_and_surroundings(browser) {
    const { url, program } = await startAir();
    const sensor = program('sensor'), monitor = program('monitor');
    await monitor.line(/^ready$/);
    const page = await openPage(browser, url);
    await device(page, 'sensor').waitFor();
    const clock = () => page.locator('.clock').textContent();

    await page.click('#pause');
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    await page.waitForTimeout(500);
    const still = await clock();
    await page.waitForTimeout(400);
    assert.equal(await clock(), still);
    await page.getByRole('button', { name: '1 s', exact: true }).click();
    const ms = text => { const [h, m, s] = text.split(':'); return Math.round((h * 3600 + m * 60 + +s) * 1000); };
    await until(async () => ms(await clock()) - ms(still) >= 1000);
    await page.waitForTimeout(400);
    assert.equal(ms(await clock()) - ms(still), 1000);
    const seen = () => page.locator('.counts').textContent().then(t => Number(t.match(/(\d+) packets/)[1]));
    const count = await seen();
    await page.getByRole('button', { name: 'Packet', exact: true }).click();
    await until(async () => (await seen()) === count + 1);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.locator('.time select').selectOption('10');
    const start = ms(await clock()), began = Date.now();
    await page.waitForTimeout(1000);
    assert(ms(await clock()) - start > 2 * (Date.now() - began), 'ten times as fast, or what the machine can do');
    await page.locator('.time select').selectOption('1');

    // A wall between them takes its loss from what the program hears.
    const before = await scan(monitor);
    await page.click('#tab-surroundings');
    await page.getByPlaceholder('1 0 1 4 12').fill('1.8 -3 1.8 3 20');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByText('20 dB').waitFor();
    assert.equal(await scan(monitor), before - 20);
    await page.getByRole('button', { name: 'Remove' }).click();
    await until(async () => !(await page.getByText('20 dB').count()));
    assert.equal(await scan(monitor), before);
    await page.getByLabel('Noise').fill('-60');
    await page.getByLabel('Packets lost').fill('300');
    await until(async () => /300/.test(await page.locator('#panel').textContent()));
    await page.reload();
    await page.click('#tab-surroundings');
    await until(async () => /300 ‰/.test(await page.locator('#panel').textContent()) && /-60 dBm/.test(await page.locator('#panel').textContent()));

    const download = page.waitForEvent('download');
    await page.getByText('Download capture').click();
    const file = join(scratch, 'air.pcapng');
    await (await download).saveAs(file);
    const decoded = new Program(woad, ['decode', file]);
    await decoded.line(/ADV_IND/);
    await decoded.end();
    assert.deepEqual(page.errors, []);
    await page.close();
    await Promise.all([sensor.end(), monitor.end()]);
  },

  async refused_without_the_token(browser) {
    const { air, url } = await startAir();
    const wrong = url.replace(/\/[0-9a-f]{32}\//, '/');
    for (const address of [wrong, url.replace(/.{3}\/$/, '000/'), wrong + 'air.pcapng'])
      assert.equal((await fetch(address)).status, 403);
    const page = await browser.newPage();
    await page.goto(wrong);
    assert.match(await page.textContent('body'), /token/);
    // Another origin cannot use it, even with the token.
    const refused = await page.evaluate(address => new Promise(resolve => {
      const s = new WebSocket(address, 'woad');
      s.onopen = () => resolve('open');
      s.onclose = () => resolve('closed');
    }), url.replace(/^http:\/\/127.0.0.1/, 'ws://localhost') + 'ws');
    assert.equal(refused, 'closed');
    await page.close();
    await air.end();
  },

  // By keys alone, 400 pixels wide: nothing is wider than the screen.
  async narrow_and_by_keys(browser) {
    const { url, program } = await startAir();
    const sensor = program('sensor');
    const page = await openPage(browser, url, { viewport: { width: 400, height: 800 }, colorScheme: 'dark' });
    await device(page, 'sensor').waitFor();
    const isWide = () => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
    const reached = [];
    for (let k = 0; k < 25; k++) {
      await page.keyboard.press('Tab');
      reached.push(await focused());
    }
    for (const one of ['pause', 'Download capture', 'plane', 'tab-devices', 'timeline', 'Follow'])
      assert(reached.includes(one), `${one} is not in ${reached}`);
    await page.focus('#tab-devices');
    for (const tab of ['connections', 'packet', 'surroundings', 'devices']) {
      await page.keyboard.press('ArrowRight');
      await until(async () => (await focused()) === `tab-${tab}`);
      assert(!await isWide(), tab);
    }
    await page.focus('#plane');
    await page.keyboard.press('n');
    await until(async () => await device(page, 'sensor').getAttribute('aria-pressed') === 'true');
    assert(!await isWide());
    const x = () => page.getByLabel('x, m').inputValue();
    const before = Number(await x());
    await page.keyboard.press('ArrowRight');
    await until(async () => Math.abs(Number(await x()) - before - 0.1) < 0.001);
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    await page.focus('#timeline');
    await page.keyboard.press('ArrowLeft');
    await until(async () => /ADV_IND/.test(await page.locator('.decode').textContent().catch(() => '')));
    const first = await page.locator('.detail dd').first().textContent();
    await page.keyboard.press('ArrowLeft');
    await until(async () => (await page.locator('.detail dd').first().textContent()) < first);
    assert(!await isWide());
    await page.keyboard.press('End');
    await until(async () => await page.getByRole('button', { name: 'Follow' }).getAttribute('aria-pressed') === 'true');
    assert.deepEqual(page.errors, []);
    await page.close();
    await sensor.end();
  },

  // 200 devices that advertise: the page draws on, and its main thread is free.
  async two_hundred_devices(browser) {
    const { url, path } = await startAir();
    const crowd = new Program('python3', [join(root, 'tests', 'web', 'crowd.py'), path, '200']);
    await crowd.line(/^ready$/);
    const page = await openPage(browser, url);
    await until(async () => /200 devices/.test(await page.locator('.counts').textContent()), 15000);
    await page.waitForTimeout(1000);
    // How long it takes to draw, which other work of the machine changes less than frames a second.
    const cost = await page.evaluate(() => new Promise(resolve => {
      const took = { plane: [], timeline: [] };
      for (const name of Object.keys(took)) {
        const view = window.woad.views()[name], draw = view.draw;
        view.draw = g => {
          const begun = performance.now();
          draw.call(view, g);
          took[name].push(performance.now() - begun);
        };
      }
      const median = all => all.sort((a, b) => a - b)[all.length >> 1];
      setTimeout(() => resolve({ frames: took.plane.length, ms: median(took.plane) + median(took.timeline) }), 2000);
    }));
    console.log(`     ${cost.frames / 2} frames a second, ${cost.ms.toFixed(1)} ms each to draw`);
    assert(cost.frames > 4 && cost.ms < 10, 'drawn in less than a frame');
    assert.deepEqual(page.errors, []);
    await page.close();
    await crowd.end();
  },
};

async function pictures(browser) {
  const world = join(scratch, 'world');
  const places = { sensor: [0, 0], monitor: [3.4, 0.7], 'device 1': [1.2, 2.6], 'device 2': [4.8, 2.4], 'device 3': [2.6, -1.4], 'device 4': [5.2, -0.6] };
  const lines = Object.entries(places).map(([name, at]) => `place "${name}" ${at.join(' ')}`);
  writeFileSync(world, ['wall 2 -1.8 2 1.2 8', 'wall 2 1.2 6 1.2 5', ...lines, ''].join('\n'));
  const { url, path, program } = await startAir('--seed', '7', '--world', world);
  const crowd = new Program('python3', [join(root, 'tests', 'web', 'crowd.py'), path, '4']);
  await crowd.line(/^ready$/);
  const sensor = program('sensor'), monitor = program('monitor');
  await monitor.line(/^ready$/);
  monitor.say('connect');
  await monitor.line(/^subscribed 0$/);
  for (const [name, scheme, width, height] of [['light', 'light', 1280, 800], ['dark', 'dark', 1280, 800], ['narrow-light', 'light', 400, 900], ['narrow-dark', 'dark', 400, 900]]) {
    const page = await openPage(browser, url, { viewport: { width, height }, colorScheme: scheme });
    await device(page, 'sensor').waitFor();
    if (name === 'light') {
      await page.click('#tab-surroundings');
      await page.getByLabel('Packets lost').fill('80');
    }
    await page.click('#tab-connections');
    await page.locator('[data-connection]').click();
    await page.waitForTimeout(name === 'light' ? 12000 : 1500);
    if (scheme === 'dark') {
      await page.locator('.events tr', { hasText: 'Notification' }).first().locator('button').click();
      await page.waitForTimeout(600);
    }
    await page.screenshot({ path: join(root, 'docs', 'pictures', `page-${name}.png`), fullPage: width < 900 });
    await page.close();
  }
  await Promise.all([sensor.end(), monitor.end(), crowd.end()]);
}

let failed = 0;
try {
  if (!browserPath) throw new Error("there is no Chromium: install Debian's chromium");
  const browser = await chromium.launch({ executablePath: browserPath, chromiumSandbox: process.getuid() !== 0, args: ['--disable-gpu'] });
  const words = process.argv.slice(2);
  if (words[0] === '--pictures') {
    await pictures(browser);
  } else {
    for (const [name, run] of Object.entries(tests)) {
      if (words.length && !words.some(word => name.includes(word))) continue;
      const start = Date.now();
      try {
        await run(browser);
        console.log(`ok   ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
      } catch (e) {
        failed++;
        console.log(`FAIL ${name}: ${e.stack}`);
      }
    }
    console.log(failed ? `${failed} failed` : 'the page is right');
  }
  await browser.close();
} catch (e) {
  failed++;
  console.log(`FAIL ${e.stack}`);
} finally {
  for (const child of children) child.kill();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
