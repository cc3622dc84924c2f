// What both canvases need: sharp pixels, the colours of the style sheet, and drawing when the browser wants a frame.

export const colours = {};
const NAMES = ['text', 'dim', 'line', 'grid', 'panel', 'ground', 'adv', 'aux', 'central', 'peripheral', 'stream', 'bad', 'wall', 'accent', 'off'];

export function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colours[name] = style.getPropertyValue(`--${name}`).trim();
}

export class Canvas {
  constructor(element) {
    this.element = element;
    this.context = element.getContext('2d');
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    this.resize();
    const frame = () => {
      if (!element.isConnected) return;
      if (this.width > 0 && !document.hidden) this.draw(this.context);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, box = this.element.getBoundingClientRect();
    this.width = box.width;
    this.height = box.height;
    this.element.width = Math.round(box.width * ratio);
    this.element.height = Math.round(box.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  where(e) {
    const box = this.element.getBoundingClientRect();
    return { px: e.clientX - box.left, py: e.clientY - box.top };
  }
}

// A step of 1, 2 or 5 times a power of ten that is at least `least`.
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const n of [1, 2, 5]) if (n * power >= least) return n * power;
  return 10 * power;
}
