// What happens, while somebody looks, and what the server's clock says.

import { stream } from './stream.js';

const staleAfter = 25000; // ms without a beat

let lastBeat = -Infinity; // by this machine's steady clock
let serverAt = 0;         // the server's time at lastBeat, in ms

/** now is the server's time in ms, 0 before the first word of it. */
export function now() {
  return serverAt && serverAt + performance.now() - lastBeat;
}

/** lastNews is the server's time of the last beat in ms, 0 before the first. */
export function lastNews() {
  return serverAt;
}

/**
 * follow hears of events while the page is seen. on has a function for each, which gets its data and id; stale is called
 * with true or false when that changes, true at first. alone is where events come from in a browser that has no shared
 * workers.
 */
export function follow(alone, on, stale) {
  let isStale = true;
  const judge = () => {
    const old = performance.now() - lastBeat >= staleAfter;
    if (old !== isStale) stale(isStale = old);
  };
  const heard = source(alone, (name, text, id) => {
    const data = JSON.parse(text);
    on[name]?.(data, id);
    if (name !== 'hello' && name !== 'beat') return;
    lastBeat = performance.now();
    serverAt = Date.parse(data.now);
    judge();
    if (name === 'hello') newBuild(data.build);
  });
  document.addEventListener('visibilitychange', () => {
    judge();
    if (document.hidden) heard.close(); else heard.open();
  });
  addEventListener('pagehide', heard.close);
  addEventListener('pageshow', (e) => { if (e.persisted && !document.hidden) heard.open(); });
  setInterval(judge, 1000);
  stale(true);
  if (!document.hidden) heard.open();
}

const workerWithin = 4000; // ms in which a worker has to speak

// source opens and closes what events come from: a stream that all pages share, or else one of this page's own.
function source(alone, tell) {
  let stop = null, worker = null, wanted = false, silence = 0;
  const own = () => {
    worker = null;
    if (wanted) stop ||= stream(alone, tell);
  };
  if ('SharedWorker' in globalThis) {
    const shared = worker = new SharedWorker('/web/worker.js', { type: 'module', name: document.documentElement.dataset.build });
    shared.port.onmessage = ({ data }) => {
      clearTimeout(silence);
      if (worker) tell(...data); else shared.port.postMessage('leave');
    };
    shared.onerror = own;
  }
  return {
    open() {
      wanted = true;
      if (!worker) { own(); return; }
      worker.port.postMessage('follow');
      clearTimeout(silence);
      silence = setTimeout(own, workerWithin);
    },
    close() {
      wanted = false;
      clearTimeout(silence);
      if (worker) worker.port.postMessage('leave');
      if (stop) stop();
      stop = null;
    },
  };
}

// newBuild loads the page again where the server is another build, once for each.
function newBuild(build) {
  if (build === document.documentElement.dataset.build) return;
  try {
    if (sessionStorage.getItem('build') === build) return;
    sessionStorage.setItem('build', build);
  } catch { return; }
  location.reload();
}
