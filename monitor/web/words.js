// What the agent's code words mean, for people.

export const states = {
  queued: 'waits for its turn', sending: 'is being sent', in_doubt: 'in doubt', awaiting_customer: 'on the terminal',
  awaiting_refund: 'is being paid back', awaiting_approval: 'waits for an approval', cancelling: 'is being cancelled',
  paid: 'paid', refunded: 'paid back', submitted: 'handed in', done: 'done', declined: 'declined', cancelled: 'cancelled',
  rejected: 'rejected', expired: 'expired, never sent', unresolved: 'unresolved',
};

export const waits = {
  behind: 'others are before it', terminalIsBusy: 'the terminal is busy', apiUnreachable: 'Front Payment does not answer',
  apiError: 'Front Payment has trouble', rateLimited: 'Front Payment allows no more calls just now',
  unauthorized: 'Front Payment does not accept the token', clockUnknown: 'the clock is not known to be right',
  waitingForOrder: 'its order is not finished', checking: 'it is being looked into', needs_staff: 'somebody has to decide',
  paused: 'the terminal is paused', wrongAccount: 'the outbox belongs to another account',
  outboxRolledBack: 'the outbox is an old copy', anotherAgent: 'another tillpost runs',
};

export const lanes = { idle: 'idle', busy: 'busy', in_doubt: 'in doubt', paused: 'paused', waiting: 'waits' };

export const stages = { name: 'name', connection: 'connection', tls: 'TLS', token: 'token', answer: 'answer' };

export const names = { api: 'Front Payment', broker: 'MQTT broker' };

export const problems = {
  apiUnreachable: 'Front Payment does not answer', unauthorized: 'Front Payment refuses the token',
  rateLimited: 'Front Payment allows no more calls',
  clockUnknown: 'The clock is not known to be right', outboxFull: 'The disk is full', outboxFailed: 'The outbox can’t be written',
  wrongAccount: 'The outbox belongs to another account', outboxRolledBack: 'The outbox is an old copy',
  anotherAgent: 'Another tillpost runs', outboxRestored: 'The outbox was restored', needsStaff: 'Somebody has to decide',
  unresolved: 'Nobody knows whether it was carried out', latePayment: 'A payment came late', furtherOrderPaid: 'Paid twice',
};

/** causes says which problem another one follows from. */
export const causes = { clockUnknown: 'apiUnreachable', outboxRestored: 'outboxRolledBack' };

const events = {
  Added: 'The till asked for it; it is on disk', Due: 'Its turn came', Accepted: 'Front Payment took it', Done: 'Carried out',
  Busy: 'The terminal was busy', Unavailable: 'Front Payment was not reached; nothing was sent', RateLimited: 'Front Payment asked to wait',
  Unauthorized: 'The token was not accepted; nothing was done', Refused: 'Front Payment said no',
  Ambiguous: 'The reply was lost: it may or may not have been carried out', StatusSeen: 'Front Payment told how it stands',
  Found: 'Found at Front Payment', NotFound: 'Looked for at Front Payment, and not found', CallbackSeen: 'Front Payment called back',
  CancelWanted: 'Somebody wants it cancelled', ResendWanted: 'Shown on the terminal again', CheckWanted: 'Somebody asked how it stands',
  Resolved: 'A person decided', Expired: 'Its time ran out before it was sent', CustomerTimeout: 'The customer took too long',
  DoubtTimeout: 'Looked for as long as allowed', Restarted: 'tillpost was started again', BooksSeen: 'The order’s books were read',
  HintRead: 'The order that Front Payment named was read', Moved: 'A person had it wait at another terminal', TargetSeen: 'What it is about has ended',
};

/** story is one entry of a history in words. */
export function story(entry) {
  const by = entry.by ? ` (${entry.by})` : '';
  const code = entry.code ? `: ${entry.code}` : '';
  const to = entry.to ? `, ${entry.to}` : '';
  return `${events[entry.event] || entry.event}${to}${by}${code} → ${states[entry.state] || entry.state}`;
}
