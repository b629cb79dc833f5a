// The technician's page: what needs a person first, then what is connected, what each terminal does, and the requests.

import { h, list } from './dom.js';
import { follow, lastNews, now } from './live.js';
import { age, amount, time } from './text.js';
import { causes, lanes, names, problems, stages, states, waits } from './words.js';
import { details, search } from './requests.js';
import { move, pause, settle } from './settle.js';
import { charts } from './charts.js';

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

const seen = { agent: null, terminals: new Map(), requests: new Map(), mayWrite: false, stale: true };

// What is shown of the ended ones; open ones are all shown, and so is what a person has to decide.
const newestShown = 50;

function amountOf(r) {
  return r.amount ? amount(r.amount.value, r.amount.currency, 'en') : '';
}

function nameOf(uuid) {
  return seen.terminals.get(uuid)?.name || uuid;
}

/** since is a time of day with its age beside it, which is kept up. */
function since(at) {
  return h('span', { class: 'since' }, h('time', { datetime: at }, time(at, now())), ' ', h('span', { class: 'age', 'data-since': at }, `(${age(at, now())})`));
}

function tellAges() {
  for (const e of document.querySelectorAll('[data-since]')) e.textContent = `(${age(e.dataset.since, now())})`;
}

// ---- what needs a person

function doubtful(r) {
  return r.state === 'in_doubt' || r.state === 'unresolved';
}

function alarms() {
  const ids = new Map();
  for (const p of seen.agent?.problems || []) if (p.requestId) ids.set(p.requestId, p);
  return ids;
}

/** needs lists what a person has to do: what stops payments first, and the oldest of that first. */
function needs() {
  const all = seen.agent?.problems || [];
  const items = all.filter((p) => !p.requestId && !all.some((c) => c.code === causes[p.code]))
    .map((p) => ({ key: p.code, problem: p, folded: all.filter((f) => causes[f.code] === p.code), stops: p.stopsPayments, since: p.since }));
  const told = alarms();
  for (const r of seen.requests.values()) {
    const p = told.get(r.requestId);
    if (p || doubtful(r)) items.push({ key: `r-${r.requestId}`, request: r, problem: p, stops: p?.stopsPayments ?? r.state === 'in_doubt', since: p?.since || r.at });
    told.delete(r.requestId);
  }
  for (const p of told.values()) items.push({ key: `r-${p.requestId}`, request: { requestId: p.requestId }, problem: p, stops: p.stopsPayments, since: p.since });
  items.forEach((i) => { i.may = seen.mayWrite; });
  return items.sort((a, b) => b.stops - a.stops || (a.since < b.since ? -1 : 1));
}

function need(item) {
  const { problem, request, folded = [] } = item;
  const code = problem?.code;
  const title = code ? problems[code] || code : 'tillpost is looking whether it was carried out';
  return h('li', { class: item.stops ? 'need stops' : 'need', 'data-problem': code, 'data-request': request?.requestId, 'data-state': request?.state },
    h('h3', null, title, item.stops && h('span', { class: 'tag' }, 'stops payments')),
    h('p', null, problem?.message || 'The reply to it was lost. It is never sent again by itself.'),
    request && requestLine(request),
    h('p', { class: 'todo' }, problem?.todo || 'Wait, or look at the terminal and at Front Payment, and settle it.', ' ', h('a', { href: `/help#${code || 'needsStaff'}` }, 'What to do')),
    folded.map((f) => h('p', { class: 'folded', 'data-problem': f.code }, `Follows from it: ${problems[f.code] || f.code}.`)),
    h('p', { class: 'muted' }, 'since ', since(item.since)),
    request && actions(request),
    request && details(request.requestId, seen));
}

function requestLine(r) {
  return h('p', null, [r.kind, amountOf(r), r.terminalUuid && `at ${nameOf(r.terminalUuid)}`].filter(Boolean).join(' '), ' ', h('code', null, r.requestId));
}

/** actions are the buttons of what can be settled. */
function actions(r) {
  if (!seen.mayWrite) return h('p', { class: 'muted' }, 'This page may only read here: open it on the machine itself, or have users set up (http.web_config_file).');
  const choices = doubtful(r) || !r.state ? ['adopt', 'resubmit', 'abandon'] : ['abandon'];
  return h('p', { class: 'actions' }, choices.map((c) => h('button', { type: 'button', 'data-action': c, click: () => settle(r, c, amountOf(r)) }, c[0].toUpperCase() + c.slice(1))));
}

// ---- the page's parts

const heads = { online: 'Working', degraded: 'Working, with problems', offline: 'Not working', stale: 'No news from tillpost' };

function renderState() {
  const a = seen.agent;
  const state = seen.stale ? 'stale' : a?.state || 'stale';
  root.dataset.agent = state;
  const stops = seen.stale ? [] : (a?.problems || []).filter((p) => p.stopsPayments);
  byId('state').textContent = stops.some((p) => !p.requestId) ? 'Payments are stopped' : stops.length ? 'Payments are stopped at a terminal' : heads[state];
  const news = lastNews();
  byId('asof').textContent = news ? `${seen.stale ? 'What is shown is old. The last news came at' : 'As of'} ${time(news, 0)}` : 'Connecting …';
  if (!a) return;
  byId('shop').textContent = a.store.name || '';
  document.title = `${seen.stale ? 'No news' : heads[state]} · ${a.store.name || 'tillpost'}`;
  byId('facts').replaceChildren(
    fact('Version', a.build), fact('Running since', since(a.since)),
    fact('Clock', a.clock.known ? a.clock.skewSeconds === undefined ? 'right' : `right, ${Math.abs(a.clock.skewSeconds).toFixed(1)} s ${a.clock.skewSeconds < 0 ? 'behind' : 'ahead of'} Front Payment` : 'not known to be right'),
    fact('Disk', `${a.disk.room ? 'room' : 'FULL'}${a.disk.freeBytes === undefined ? '' : `, ${Math.floor(a.disk.freeBytes / 1e6)} MB free`}; outbox ${(a.disk.outboxBytes / 1e6).toFixed(1)} MB`),
    fact('Outbox', `${a.instance}, generation ${a.generation}`));
}

function fact(name, value) {
  return h('div', null, h('dt', null, name), h('dd', null, value));
}

function renderNeeds() {
  const items = needs();
  list(byId('needs'), items, (i) => i.key, need);
  byId('nothing').hidden = items.length > 0 || seen.stale || !seen.agent;
}

function renderConnections() {
  list(byId('connections'), seen.agent?.connections || [], (c) => c.name, (c) => {
    let reached = true;
    return h('li', { class: c.ok ? 'good' : 'bad' },
      h('strong', null, names[c.name] || c.name), ' ', c.ok ? 'answers' : 'does not', ' ', since(c.since),
      h('ol', { class: 'stages' }, Object.entries(stages).filter(([s]) => c.name === 'api' || s !== 'token').map(([s, word]) => {
        const failed = !c.ok && s === c.stage;
        const passed = reached && !failed;
        if (failed) reached = false;
        return h('li', { class: failed ? 'bad' : passed ? 'good' : 'unknown' }, `${word} ${failed ? '✗' : passed ? '✓' : '–'}`);
      })),
      c.message && h('p', null, c.message));
  });
}

function renderTerminals() {
  const items = [...seen.terminals.values()].map((t) => {
    const own = [...seen.requests.values()].filter((r) => r.terminalUuid === t.uuid && !r.final);
    const on = own.find((r) => r.state !== 'queued' && r.state !== 'awaiting_approval');
    return { t, on: on || null, next: own.find((r) => r.queuePosition === 1) || null, may: seen.mayWrite };
  });
  list(byId('terminals'), items, (i) => i.t.uuid, ({ t, on, next, may }) => h('li', { 'data-terminal': t.uuid, 'data-lane': t.lane },
    h('h3', null, t.name || t.uuid, ' ', h('span', { class: 'tag' }, lanes[t.lane] || t.lane), !t.active && h('span', { class: 'tag' }, 'not active')),
    h('p', null, on ? [`On it: ${on.kind} ${amountOf(on)}, ${states[on.state]}, since `, since(on.at)] : 'Nothing is on it.'),
    h('p', null, t.queueLength ? `${t.queueLength} wait${t.queueLength === 1 ? 's' : ''}.` : 'Nothing waits.',
      next?.waiting && ` ${waits[next.waiting.code] || next.waiting.code}`,
      next?.waiting?.nextAttemptAt && `; next attempt at ${time(next.waiting.nextAttemptAt, now())}`),
    t.paused && h('p', null, `Paused by ${t.paused.by} `, since(t.paused.since)),
    may && h('p', { class: 'actions' }, pauseButton(t)),
    h('p', { class: 'muted' }, h('code', null, t.uuid), ' ', h('a', { href: `/display/${encodeURIComponent(t.uuid)}` }, 'customer display'))));
}

function pauseButton(t) {
  const choice = t.paused ? 'resume' : 'pause';
  return h('button', { type: 'button', 'data-action': choice, click: () => pause(t, choice) }, t.paused ? 'Resume' : 'Pause');
}

function renderRequests() {
  const all = [...seen.requests.values()].sort((a, b) => b.order - a.order);
  let ended = 0;
  const shown = all.filter((r) => !r.final || doubtful(r) || ended++ < newestShown);
  const alarmed = alarms(), stay = new Set(shown);
  for (const r of all) if (!stay.has(r) && !alarmed.has(r.requestId)) seen.requests.delete(r.requestId);
  list(byId('requests'), shown, (r) => r.requestId, row);
}

/** row is one request, with its history behind a button. */
export function row(r) {
  return h('li', { 'data-request': r.requestId, 'data-state': r.state, class: r.final ? 'ended' : 'open' },
    h('div', { class: 'line' },
      h('span', { class: `state ${r.state}` }, states[r.state] || r.state, r.late && ', late'),
      h('span', null, r.kind), h('span', { class: 'amount' }, amountOf(r)), h('span', null, nameOf(r.terminalUuid)), since(r.at)),
    r.waiting && h('p', null, waits[r.waiting.code] || r.waiting.code, r.queuePosition > 1 && `, number ${r.queuePosition}`, r.waiting.nextAttemptAt && `, next attempt at ${time(r.waiting.nextAttemptAt, now())}`),
    r.reason && h('p', null, r.reason.message || r.reason.code),
    moveButton(r),
    details(r.requestId, seen));
}

/** moveButton is for what waits in a queue, where there is another one. What was sent before is refused by tillpost. */
function moveButton(r) {
  if (!seen.mayWrite || r.state !== 'queued' || !['order', 'refund', 'approval'].includes(r.kind) || r.waiting?.attempts) return null;
  const others = [...seen.terminals.values()].filter((t) => t.uuid !== r.terminalUuid);
  if (!others.length) return null;
  return h('p', { class: 'actions' }, h('button', { type: 'button', 'data-action': 'move', click: () => move(r, others, amountOf(r)) }, 'Move'));
}

// ---- keeping up

// An alarm may be about a request that ended long ago, and was not told.
const asked = new Set();

async function ask(id) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    const reply = await fetch(`/api/v1/requests/${encodeURIComponent(id)}`);
    if (!reply.ok) return;
    const { history, evidence, accepted, ...r } = await reply.json();
    if (!seen.requests.has(id)) seen.requests.set(id, { ...r, order: -1 });
    draw('needs');
  } catch { asked.delete(id); }
}

const parts = { state: renderState, needs: renderNeeds, connections: renderConnections, terminals: renderTerminals, requests: renderRequests };
const dirty = new Set();
let drawing = 0;

function draw(...which) {
  which.forEach((w) => dirty.add(w));
  drawing ||= setTimeout(() => {
    drawing = 0;
    for (const w of dirty) if (caughtUp || w === 'state') parts[w]();
    dirty.clear();
  }, 30);
}

let order = 0, caughtUp = false;

function take(r) {
  const old = seen.requests.get(r.requestId);
  if (old && old.revision > r.revision) return;
  // The stream begins with the oldest, and what comes later is newer.
  r.order = old && caughtUp ? old.order : ++order;
  seen.requests.set(r.requestId, r);
  draw('requests', 'terminals', 'needs');
}

follow('/api/v1/events', {
  hello(d, id) {
    seen.mayWrite = d.mayWrite;
    if (!id.includes('.')) return; // it goes on from where it was
    caughtUp = false;
    seen.terminals.clear();
    seen.requests.clear();
    asked.clear();
  },
  beat() {
    tellAges();
    if (caughtUp) { draw('state'); return; }
    caughtUp = true;
    for (const id of alarms().keys()) if (!seen.requests.has(id)) ask(id);
    draw(...Object.keys(parts));
  },
  agent(a) {
    seen.agent = a;
    for (const id of alarms().keys()) if (caughtUp && !seen.requests.has(id)) ask(id);
    draw('state', 'needs', 'connections');
  },
  terminal(t) {
    seen.terminals.set(t.uuid, t);
    draw('terminals');
  },
  request: take,
}, (stale) => {
  seen.stale = stale;
  draw('state', 'needs');
});

search(byId('search'), byId('found'), row);
charts(byId('charts'));
if (['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)) byId('loopback').hidden = false;
byId('address').textContent = location.origin;
