// The last 24 hours, drawn, with a table behind each drawing.

import { h, svg } from './dom.js';
import { hourOf, time } from './text.js';
import { states } from './words.js';

const every = 60000;
const wide = 480, high = 120;

// What is drawn, from the bottom up; the rest has a place in the table.
const kinds = ['paid', 'refunded', 'declined', 'cancelled', 'expired', 'rejected', 'unresolved', 'open'];

/** charts draws into a place, and again every minute while the page is seen. */
export function charts(place) {
  const read = async () => {
    if (document.hidden) return;
    try {
      const reply = await fetch('/api/v1/charts');
      if (reply.ok) draw(place, await reply.json());
    } catch { /* the page says itself that there is no news */ }
  };
  read();
  setInterval(read, every);
  document.addEventListener('visibilitychange', read);
}

function draw(place, data) {
  const asOf = h('p', { class: 'muted' }, `As of ${time(data.now, 0)}, by the hour of acceptance.`);
  place.replaceChildren(asOf, outcomes(data.hours), waits(data.hours), latency(data.api));
}

function outcomes(hours) {
  const sums = hours.map((hour) => Object.values(hour.outcomes).reduce((a, b) => a + b, 0));
  const most = Math.max(1, ...sums);
  const bars = hours.flatMap((hour, i) => {
    let y = high;
    return kinds.filter((k) => hour.outcomes[k]).map((k) => {
      const tall = hour.outcomes[k] / most * (high - 10);
      y -= tall;
      return svg('rect', { x: i * wide / 24 + 1, y, width: wide / 24 - 2, height: tall, class: `bar ${k}` });
    });
  });
  return figure('Orders and refunds', `at most ${most} an hour`, bars,
    table(['Hour', ...kinds.map((k) => states[k] || 'still open')], hours.map((hour) => [hourOf(hour.start), ...kinds.map((k) => hour.outcomes[k] || 0)])));
}

function waits(hours) {
  const most = Math.max(1, ...hours.map((hour) => hour.wait?.p95 || 0));
  const bars = hours.flatMap((hour, i) => ['p95', 'p50'].filter((p) => hour.wait).map((p) => {
    const tall = hour.wait[p] / most * (high - 10);
    return svg('rect', { x: i * wide / 24 + 1, y: high - tall, width: wide / 24 - 2, height: tall, class: `bar ${p}` });
  }));
  return figure('From the till to the end', `up to ${most.toFixed(1)} s`, bars,
    table(['Hour', 'half within, s', '95 of 100 within, s'], hours.filter((hour) => hour.wait).map((hour) => [hourOf(hour.start), hour.wait.p50.toFixed(1), hour.wait.p95.toFixed(1)])));
}

function latency(api) {
  const most = Math.max(0.001, ...api.operations.map((o) => o.meanSeconds));
  const bars = api.operations.map((o, i) => svg('rect', { x: i * wide / 11 + 2, y: high - o.meanSeconds / most * (high - 10), width: wide / 11 - 4, height: o.meanSeconds / most * (high - 10), class: 'bar p50' }));
  return figure('Front Payment’s answers', `mean, up to ${most.toFixed(3)} s; since the start at ${time(api.since, 0)}`, bars,
    table(['Operation', 'calls', 'mean, s', '95 of 100 within, s'], api.operations.map((o) => [o.operation, o.calls, o.meanSeconds.toFixed(3), o.p95WithinSeconds || 'more than 30'])));
}

function figure(title, about, bars, behind) {
  return h('figure', null, h('figcaption', null, h('strong', null, title), `, ${about}`),
    svg('svg', { viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': `${title}, ${about}; the table below has the figures` }, ...bars, svg('line', { x1: 0, x2: wide, y1: high, y2: high, class: 'axis' })),
    h('details', null, h('summary', null, 'Figures'), behind));
}

function table(head, rows) {
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'figures' }, h('table', null, h('thead', null, h('tr', null, head.map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', null, rows.map((r) => h('tr', null, r.map((c, i) => h(i ? 'td' : 'th', i ? null : { scope: 'row' }, String(c))))))));
}
