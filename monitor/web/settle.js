// A person's decision: on a request that nobody knows the fate of, to have one wait at another terminal, or to have a terminal
// pause or go on.

const dialog = document.getElementById('settle');
const form = dialog.querySelector('form');
const error = document.getElementById('settle-error');

const what = {
  adopt: 'The order exists at Front Payment: this request is that order. tillpost reads it, and refuses one of another amount.',
  resubmit: 'It was certainly not carried out: it is sent once more, after one more search that finds nothing. If you are wrong, the customer pays twice.',
  abandon: 'It is given up, and never sent again. If the customer has paid, pay it back at Front Payment.',
  pause: 'Nothing new is started at this terminal until somebody resumes it. What is on it goes on to its end; what waits may expire.',
  move: 'Nothing of it was sent yet. It waits at the end of the other terminal’s queue; the till that asked for it is told there and where it asked.',
  resume: 'What waits at this terminal is started, in its order.',
};
const alarm = 'The alarm ends. What the customer has paid stays paid: hand over the goods, or pay it back.';

let current = null;

/** settle asks for what a decision needs, says what it will do, and sends it. */
export function settle(request, choice, amount) {
  const ends = choice === 'abandon' && request.state && request.state !== 'in_doubt' && request.state !== 'unresolved';
  const decision = { outcome: choice };
  if (request.revision) decision.revision = request.revision;
  ask(choice, `${request.kind || 'request'} ${amount}`, ends ? alarm : what[choice], ['Request', request.requestId],
    `requests/${encodeURIComponent(request.requestId)}/resolution`, decision);
  form.elements.orderUuid.value = request.orderUuid || '';
}

/** pause asks who has a terminal pause or resume, and sends it. */
export function pause(terminal, choice) {
  ask(choice, terminal.name || terminal.uuid, what[choice], ['Terminal', terminal.uuid], `terminals/${encodeURIComponent(terminal.uuid)}/${choice}`, {});
}

/** move asks to which of the terminals a request is to go, and sends it. */
export function move(request, terminals, amount) {
  ask('move', `${request.kind} ${amount}`, what.move, ['Request', request.requestId], `requests/${encodeURIComponent(request.requestId)}/move`, {});
  form.elements.to.replaceChildren(...terminals.map((t) => new Option(t.name || t.uuid, t.uuid)));
  form.elements.to.focus();
}

function ask(choice, title, text, [kind, id], path, decision) {
  current = { choice, path, decision };
  const name = choice[0].toUpperCase() + choice.slice(1);
  document.getElementById('settle-title').textContent = `${name} ${title}`;
  document.getElementById('settle-what').textContent = text;
  document.getElementById('settle-kind').textContent = kind;
  document.getElementById('settle-id').textContent = id;
  document.getElementById('settle-order').hidden = choice !== 'adopt';
  form.elements.orderUuid.required = choice === 'adopt';
  form.elements.orderUuid.value = '';
  document.getElementById('settle-to').hidden = choice !== 'move';
  document.getElementById('settle-do').textContent = name;
  error.textContent = '';
  dialog.showModal();
  (choice === 'adopt' ? form.elements.orderUuid : form.elements.by).focus();
}

document.getElementById('settle-no').addEventListener('click', () => dialog.close());

form.addEventListener('submit', async (e) => {
  e.preventDefault();
  const { choice, path } = current;
  const decision = { ...current.decision, by: form.elements.by.value.trim() };
  if (decision.outcome === 'adopt') decision.orderUuid = form.elements.orderUuid.value.trim();
  if (choice === 'move') decision.to = form.elements.to.value;
  const go = document.getElementById('settle-do');
  go.disabled = true;
  error.textContent = 'Sending …';
  try {
    const reply = await fetch(`/api/v1/${path}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(decision),
    });
    if (!reply.ok) {
      const no = await reply.json().catch(() => ({}));
      throw new Error(no.detail || `the answer was ${reply.status}`);
    }
    dialog.close();
  } catch (why) {
    error.textContent = `Not done: ${why.message}`;
  } finally {
    go.disabled = false;
  }
});
