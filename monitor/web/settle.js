// A person's decision on a request that nobody knows the fate of.

const dialog = document.getElementById('settle');
const form = dialog.querySelector('form');
const error = document.getElementById('settle-error');

const what = {
  adopt: 'The order exists at Front Payment: this request is that order. tillpost reads it, and refuses one of another amount.',
  resubmit: 'It was certainly not carried out: it is sent once more, after one more search that finds nothing. If you are wrong, the customer pays twice.',
  abandon: 'It is given up, and never sent again. If the customer has paid, pay it back at Front Payment.',
};
const alarm = 'The alarm ends. What the customer has paid stays paid: hand over the goods, or pay it back.';

let current = null;

/** settle asks for what a decision needs, says what it will do, and sends it. */
export function settle(request, choice, amount) {
  const ends = choice === 'abandon' && request.state && request.state !== 'in_doubt' && request.state !== 'unresolved';
  current = { request, choice };
  const name = choice[0].toUpperCase() + choice.slice(1);
  document.getElementById('settle-title').textContent = `${name} ${request.kind || 'request'} ${amount}`;
  document.getElementById('settle-what').textContent = ends ? alarm : what[choice];
  document.getElementById('settle-id').textContent = request.requestId;
  document.getElementById('settle-order').hidden = choice !== 'adopt';
  form.elements.orderUuid.required = choice === 'adopt';
  form.elements.orderUuid.value = request.orderUuid || '';
  document.getElementById('settle-do').textContent = name;
  error.textContent = '';
  dialog.showModal();
  (choice === 'adopt' ? form.elements.orderUuid : form.elements.by).focus();
}

document.getElementById('settle-no').addEventListener('click', () => dialog.close());

form.addEventListener('submit', async (e) => {
  e.preventDefault();
  const { request, choice } = current;
  const decision = { outcome: choice, by: form.elements.by.value.trim() };
  if (choice === 'adopt') decision.orderUuid = form.elements.orderUuid.value.trim();
  if (request.revision) decision.revision = request.revision;
  const go = document.getElementById('settle-do');
  go.disabled = true;
  error.textContent = 'Sending …';
  try {
    const reply = await fetch(`/api/v1/requests/${encodeURIComponent(request.requestId)}/resolution`, {
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
