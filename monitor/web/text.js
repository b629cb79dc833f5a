// Times, ages and amounts as people write them.

const zone = document.documentElement.dataset.zone || 'UTC';

function formatter(options) {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...options });
  } catch {
    return new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hourCycle: 'h23', timeZoneName: 'short', ...options });
  }
}

const clock = formatter({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const hour = formatter({ hour: '2-digit', minute: '2-digit' });
const date = formatter({ day: 'numeric', month: 'short' });

/** time is a time of day in the store's zone, with its date unless that is today by the server's clock. */
export function time(at, now) {
  const t = new Date(at);
  const day = date.format(t);
  return now && day !== date.format(new Date(now)) ? `${day} ${clock.format(t)}` : clock.format(t);
}

/** hourOf is a time of day without seconds. */
export function hourOf(at) {
  return hour.format(new Date(at));
}

/** age is how long ago something was, by the server's clock. */
export function age(at, now) {
  const s = Math.max(0, Math.floor((now - Date.parse(at)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

const marks = { no: [' ', ','], sv: [' ', ','], da: ['.', ','], de: ['.', ','], en: [',', '.'] };
const kroner = ['NOK', 'SEK', 'DKK'];

/** amount writes money as a language does. value is a decimal with two digits; no digit of it is computed with. */
export function amount(value, currency, language) {
  const [group, point] = marks[language];
  const [whole, rest] = value.split('.');
  const number = whole.replace(/\B(?=(\d{3})+$)/g, group) + point + rest;
  if (language === 'en') return `${currency} ${number}`;
  if (!kroner.includes(currency)) return `${number} ${currency}`;
  return `${number} kr${language === 'da' ? '.' : ''}`;
}
