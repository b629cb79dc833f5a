// The little that is needed to build and keep up a page.

/** h makes an element. Attributes that are false, null or undefined are left out; functions are listeners. */
export function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') e.addEventListener(name, value);
    else if (value !== false && value != null) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c !== false && c != null));
  return e;
}

/** svg makes an element of a drawing. */
export function svg(tag, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

const made = new WeakMap(); // what an element of a list was made of

/** list makes the children of parent those of items. An element whose item is as before stays as it is. */
export function list(parent, items, key, make) {
  const old = new Map([...parent.children].map((e) => [e.dataset.key, e]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item), now = JSON.stringify(item);
    let e = old.get(name);
    old.delete(name);
    if (!e || made.get(e) !== now) {
      const fresh = make(item);
      fresh.dataset.key = name;
      made.set(fresh, now);
      if (e) {
        const focus = keptFocus(e);
        if (place === e) place = fresh;
        e.replaceWith(fresh);
        restoreFocus(fresh, focus);
      }
      e = fresh;
    }
    if (e === place) place = place.nextElementSibling; else parent.insertBefore(e, place);
  }
  for (const e of old.values()) e.remove();
}

// keptFocus is what of an element has the focus, so that its successor can have it.
function keptFocus(e) {
  const at = document.activeElement;
  return e.contains(at) ? [...e.querySelectorAll('button,a,summary,input')].indexOf(at) : -1;
}

function restoreFocus(e, index) {
  if (index >= 0) e.querySelectorAll('button,a,summary,input')[index]?.focus();
}
