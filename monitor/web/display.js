// The display that customers read.

import { follow, lastNews } from './live.js';
import { amount, time } from './text.js';

const languages = ['no', 'en', 'sv', 'da', 'de'];
const turn = 4000; // ms that each language has

// What is said while nothing is known; the agent says the same.
const offline = {
  no: 'Terminalen er ikke tilgjengelig nå',
  en: 'The terminal is not available right now',
  sv: 'Terminalen är inte tillgänglig just nu',
  da: 'Terminalen er ikke tilgængelig lige nu',
  de: 'Das Terminal ist zurzeit nicht verfügbar',
};
const news = {
  no: 'Siste nytt', en: 'Last news', sv: 'Senaste nytt', da: 'Seneste nyt', de: 'Letzte Nachricht',
};

const body = document.body;
const text = document.querySelector('[data-text]');
const sum = document.querySelector('[data-amount]');
const terminal = decodeURIComponent(location.pathname.split('/').pop());
const fixed = new URLSearchParams(location.search).get('lang');

let shown = null, stale = true, language = 0, turning = 0;

function draw() {
  const lang = fixed || languages[language];
  const known = !stale && shown;
  document.documentElement.lang = lang;
  body.dataset.phase = known ? shown.phase : 'offline';
  body.toggleAttribute('data-stale', stale);
  say(text, known ? shown.text[lang] : offline[lang]);
  say(sum, known && shown.amount ? amount(shown.amount.value, shown.amount.currency, lang) : '');
  say(document.getElementById('name'), shown?.name || '');
  const at = lastNews();
  say(document.getElementById('news'), stale && at ? `${news[lang]}: ${time(at, 0)}` : '');
}

// say changes only what is another text, so that nobody is told the same again.
function say(e, words) {
  if (e.textContent !== words) e.textContent = words;
}

// Each phase begins with the first language, so that all of them have their turn.
function restart() {
  clearInterval(turning);
  language = 0;
  if (!fixed) turning = setInterval(() => { language = (language + 1) % languages.length; draw(); }, turn);
  draw();
}

follow(`/api/v1/events?display=${encodeURIComponent(terminal)}`, {
  display(d) {
    if (d.terminalUuid !== terminal) return;
    const news = !shown || d.phase !== shown.phase || d.requestId !== shown.requestId;
    shown = d;
    if (news) restart(); else draw();
  },
}, (old) => {
  stale = old;
  restart();
});

// A display that sleeps shows nothing. Where the browser knows no such wish, the machine's own settings have to do.
const awake = () => navigator.wakeLock?.request('screen').catch(() => {});
document.addEventListener('visibilitychange', () => { if (!document.hidden) awake(); });
awake();
