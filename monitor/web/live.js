// One stream of events, closed while nobody looks, and what the server's clock says.

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
 * follow opens the stream and keeps it open while the page is seen. on has a function for each event, which gets its
 * data and id; stale is called with true or false when that changes, true at first.
 */
export function follow(url, on, stale) {
  let source = null, again = 0, isStale = true, opened = 0;

  const judge = () => {
    const old = performance.now() - lastBeat >= staleAfter;
    if (old !== isStale) stale(isStale = old);
  };
  const beat = (data) => {
    lastBeat = performance.now();
    serverAt = Date.parse(data.now);
    judge();
  };
  const close = () => {
    clearTimeout(again);
    if (source) source.close();
    source = null;
  };
  const open = () => {
    close();
    opened = performance.now();
    source = new EventSource(url);
    for (const [name, take] of Object.entries(on)) source.addEventListener(name, (e) => take(JSON.parse(e.data), e.lastEventId));
    source.addEventListener('hello', (e) => { const hello = JSON.parse(e.data); beat(hello); newBuild(hello.build); });
    source.addEventListener('beat', (e) => beat(JSON.parse(e.data)));
    source.addEventListener('error', () => {
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        again = setTimeout(open, 2000 + 3000 * Math.random());
      }
    });
  };

  document.addEventListener('visibilitychange', () => {
    judge();
    if (document.hidden) close(); else if (!source) open();
  });
  addEventListener('pagehide', close);
  addEventListener('pageshow', () => { if (!source && !document.hidden) open(); });
  setInterval(() => {
    judge();
    // A connection that died without a word is given up.
    if (source && performance.now() - Math.max(lastBeat, opened) >= staleAfter) open();
  }, 1000);
  stale(true);
  if (!document.hidden) open();
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
