// Plots of one connection over the air's time: throughput each way, retransmissions.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { BUCKET_US } from './air.js';
import { colours } from './canvas.js';

const SPAN_S = 30, PER_SECOND = 1e6 / BUCKET_US;

// Columns for uPlot: time in seconds, and each series; times without packets are zeros.
export function columns(connection, now, series) {
  const last = Math.floor(now / BUCKET_US), count = SPAN_S * PER_SECOND, first = Math.max(last - count, 0);
  const by = new Map(connection.buckets.map(b => [b.key, b]));
  const times = [], values = series.map(() => []);
  for (let key = first; key < last; key++) {
    const b = by.get(key);
    times.push(key / PER_SECOND);
    series.forEach((s, k) => values[k].push(b ? s.of(b) : 0));
  }
  return [times, ...values];
}

export function Plot({ title, connection, now, series, unit }) {
  const holder = useRef(), plot = useRef();
  useEffect(() => {
    const axis = { stroke: () => colours.dim, grid: { stroke: () => colours.grid, width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const make = () => {
      if (plot.current) plot.current.destroy();
      plot.current = new uPlot({
        width: holder.current.clientWidth, height: 130, cursor: { show: false }, legend: { show: false },
        scales: { x: { time: false }, y: { range: (u, low, high) => [0, Math.max(high * 1.1, 1)] } },
        axes: [{ ...axis, size: 24, values: (u, all) => all.map(v => `${v} s`) }, { ...axis, size: 48 }],
        series: [{}, ...series.map(s => ({ stroke: () => colours[s.colour], width: 1.5, points: { show: false } }))],
      }, [[], ...series.map(() => [])], holder.current);
    };
    make();
    const observer = new ResizeObserver(() => {
      const width = holder.current ? holder.current.clientWidth : 0;
      if (width) plot.current.setSize({ width, height: 130 });
    });
    observer.observe(holder.current);
    return () => { observer.disconnect(); plot.current.destroy(); plot.current = null; };
  }, []);
  useEffect(() => { plot.current.setData(columns(connection, now, series)); }, [connection, now]);
  return (
    <figure class="plot">
      <figcaption>{title} <span class="dim">({unit})</span>{series.map(s =>
        <span class="key"><i class={`swatch ${s.colour}`} />{s.label}</span>)}</figcaption>
      <div ref={holder} />
    </figure>
  );
}
