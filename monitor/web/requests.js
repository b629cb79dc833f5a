// A request's history, and the search for one.

import { h } from './dom.js';
import { time } from './text.js';
import { now } from './live.js';
import { story } from './words.js';

const opened = new Set(); // stay open when what is above them changes

/** details is a request's history behind a summary, read when it is opened. */
export function details(id) {
  const body = h('div', null, 'Reading …');
  const box = h('details', { open: opened.has(id), toggle: () => {
    if (!box.open) { opened.delete(id); return; }
    opened.add(id);
    load(id, body);
  } }, h('summary', null, 'History'), body);
  if (box.open) load(id, body);
  return box;
}

async function load(id, body) {
  try {
    const reply = await fetch(`/api/v1/requests/${encodeURIComponent(id)}`);
    const r = await reply.json();
    if (!reply.ok) throw new Error(r.detail);
    body.replaceChildren(h('div', null,
      h('dl', { class: 'facts' }, pair('requestId', r.requestId), r.orderUuid && pair('order', r.orderUuid), r.targetRequestId && pair('about', r.targetRequestId), pair('revision', r.revision)),
      h('ol', { class: 'history' }, r.history.map((e) => h('li', null, h('time', { datetime: e.at }, time(e.at, now())), ' ', story(e)))),
      r.evidence?.length && h('h4', null, 'What was looked at'),
      r.evidence?.length && h('ul', null, r.evidence.map((e) => h('li', null, `${time(e.at, now())} ${e.looked}: ${e.seen}`)))));
    body.querySelectorAll('h4').forEach((e) => e.classList.add('looked'));
  } catch (why) {
    body.textContent = `It can’t be read now: ${why.message}`;
  }
}

function pair(name, value) {
  return h('div', null, h('dt', null, name), h('dd', null, h('code', null, String(value))));
}

/** search finds requests by a whole requestId or order uuid. */
export function search(form, found, row) {
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    const q = form.elements.q.value.trim();
    if (!q) { found.replaceChildren(); return; }
    try {
      const reply = await fetch(`/api/v1/requests?q=${encodeURIComponent(q)}`);
      const answer = await reply.json();
      if (!reply.ok) throw new Error(answer.detail);
      found.replaceChildren(...(answer.requests.length ? answer.requests.map(row) : [h('li', null, 'Nothing with that requestId or order uuid is kept here.')]));
    } catch (why) {
      found.replaceChildren(h('li', null, `It can’t be searched now: ${why.message}`));
    }
  });
}
