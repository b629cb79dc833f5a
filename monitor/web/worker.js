// One stream for all the pages of a browser that are seen: it has six connections to a server, and each stream holds one.

import { stream } from './stream.js';

const pages = new Set();
let stop = null, again = 0;

// A page that comes needs everything, so the stream begins anew for all.
function restart() {
  clearTimeout(again);
  again = setTimeout(() => {
    if (stop) stop();
    stop = pages.size ? stream('/api/v1/events', (...event) => pages.forEach((p) => p.postMessage(event))) : null;
  }, 20);
}

self.onconnect = ({ ports: [page] }) => {
  page.onmessage = ({ data }) => {
    if (data === 'follow') pages.add(page); else pages.delete(page);
    if (data === 'follow' || !pages.size) restart();
  };
};
