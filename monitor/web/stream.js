// A stream of events that is opened again when it ends or falls silent.

const silent = 25000; // ms

/** stream tells each event's name, text and id, until the function that it returns is called. */
export function stream(url, tell) {
  let source, again = 0, heard = 0;
  const close = () => { clearTimeout(again); source.close(); };
  const open = () => {
    heard = performance.now();
    source = new EventSource(url);
    for (const name of ['hello', 'agent', 'terminal', 'request', 'display', 'beat']) {
      source.addEventListener(name, (e) => { heard = performance.now(); tell(name, e.data, e.lastEventId); });
    }
    // The browser itself goes on after a broken connection, but not after a refusal.
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(again);
      again = setTimeout(open, 2000 + 3000 * Math.random());
    });
  };
  const watch = setInterval(() => {
    if (performance.now() - heard < silent) return;
    close(); // it died without a word
    open();
  }, 1000);
  open();
  return () => { clearInterval(watch); close(); };
}
