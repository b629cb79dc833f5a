// A till in a page: it takes a payment through tillpost, follows it to its end, over a reload too, and pays it back.
/* global mqtt */

const states = {
  queued: 'It is safe with tillpost.',
  sending: 'It is on its way to Front Payment.',
  awaiting_customer: 'The terminal shows it: please pay.',
  awaiting_refund: 'The terminal pays it back.',
  awaiting_approval: 'Somebody at Front Payment has to approve it; that can take days.',
  cancelling: 'It is being taken off the terminal.',
  in_doubt: 'It may have gone through or not. Do NOT repeat it, in cash or by card: tillpost is looking.',
  paid: 'Paid. Thank you!',
  refunded: 'The money is on its way back.',
  declined: 'Declined. Another card is another payment.',
  cancelled: 'Cancelled: it is not paid.',
  expired: 'It had to wait too long and was never sent. Nothing was charged.',
  rejected: 'Refused.',
  unresolved: 'Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.'
}
const waitingFor = {
  behind: 'other customers are first',
  terminalIsBusy: 'the terminal is busy; it is tried again by itself',
  apiUnreachable: 'no connection to Front Payment; it is kept, and sent when the line is back',
  waitingForOrder: 'the payment itself has not ended yet',
  needs_staff: 'call the shift leader, a person has to decide'
}
const patience = 5000 // ms without a status, after which a request is published again
const prefix = 'tillpost' // mqtt.topic_prefix of tillpost
const $ = selector => document.querySelector(selector)

// What a reload must not lose is in localStorage before it is published: id, topic, and the very bytes.
const kept = name => JSON.parse(localStorage.getItem(name) ?? 'null')
const keep = (name, value) => localStorage.setItem(name, JSON.stringify(value))

let client
let connection = 0 // counts them

function connect (settings) {
  client?.end(true)
  client = mqtt.connect(settings.broker, {
    protocolVersion: 5, // a refusal is in the acknowledgement then
    clientId: `page-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`, // two tabs must not be one client
    username: settings.username || undefined,
    password: settings.password || undefined,
    keepalive: 15,
    reconnectPeriod: 2000
  })
  const line = (connected, words) => {
    $('#line').dataset.connected = connected ? 'yes' : 'no'
    $('#line').textContent = words
  }
  client.on('connect', () => {
    line(true, `Connected to ${settings.broker}.`)
    $('#pay').disabled = false
    connection++
    // On every connect: what was begun goes on. Statuses are retained, so nothing is missed.
    for (const name of ['order', 'refund']) follow(name)
  })
  client.on('error', error => line(false, `The broker says no: ${error.message}`))
  client.on('close', () => line(false, 'No connection. It is tried again; is tillpost running, and is this page among its websocket_origins?'))
  client.on('message', (topic, body) => {
    if (body.length === 0) return // a cleared topic
    const message = JSON.parse(new TextDecoder().decode(body))
    for (const name of ['order', 'refund']) {
      const request = kept(name)
      if (!request) continue
      if (topic === request.status) told(name, message)
      if (topic === `${prefix}/rejects` && message.requestId === request.id && message.topic === request.topic) {
        told(name, { state: 'rejected', final: true, revision: 1, reason: message.reason })
      }
    }
  })
}

// begin keeps a request and sends it on its way.
function begin (name, kind, terminal, id, body) {
  const base = `${prefix}/terminals/${terminal}`
  keep(name, { id, terminal, topic: `${base}/${kind}s`, status: `${base}/status/${id}`, payload: JSON.stringify({ requestId: id, ...body }) })
  show()
  follow(name)
}

// follow listens for a request that was begun, and publishes it until tillpost has it: the same bytes are the same request,
// however often they come.
async function follow (name) {
  const request = kept(name)
  const mine = connection
  if (!request) return
  try {
    // First the ears, then the mouth: a refusal is told once.
    await client.subscribeAsync([request.status, `${prefix}/rejects`], { qos: 1 })
    while (kept(name)?.id === request.id && !kept(name).last && client.connected && mine === connection) {
      // Never retained: it would run again on every connect. The promise is the status, not this acknowledgement.
      client.publishAsync(request.topic, request.payload, { qos: 1 }).catch(() => {}) // a refusal is told on rejects too
      await new Promise(resolve => setTimeout(resolve, patience))
    }
  } catch { /* the connection is gone; the next one follows again */ }
}

// told takes a status: the newest by revision, for a broker may repeat an older one.
function told (name, message) {
  const request = kept(name)
  if (request.last && request.last.revision > message.revision) return
  request.last = message
  keep(name, request)
  show()
}

function show () {
  for (const [name, section] of [['order', $('#order')], ['refund', $('#refunded')]]) {
    const request = kept(name)
    section.hidden = !request
    section.dataset.state = request?.last?.state ?? 'new'
    section.dataset.request = request?.id ?? ''
    section.querySelector('.words').textContent = request ? describe(request.last) : ''
  }
  const order = kept('order')
  $('#order .amount').textContent = order ? JSON.parse(order.payload).order.orderSummary.grandTotal : ''
  $('#sale').hidden = Boolean(order)
  $('#refund').hidden = order?.last?.state !== 'paid' || Boolean(kept('refund'))
  // A sale that may have been paid is never put away by the page.
  const open = [order, kept('refund')].some(request => request && (!request.last?.final || request.last.state === 'unresolved'))
  $('#next').hidden = !order || open
}

function describe (status) {
  if (!status) return 'Published. No answer from tillpost yet: it is not safe so far.'
  let words = `${status.state}: ${states[status.state] ?? ''}`
  const waiting = status.waiting?.code
  if (waiting && waiting !== 'checking') words += ` Waiting: ${waitingFor[waiting] ?? waiting}.`
  if (status.reason) words += ` (${status.reason.code}: ${status.reason.message})`
  if (status.late) words += ' This came after another end had been told: call the shift leader.'
  return words
}

function order (amount) {
  return {
    products: [{ name: 'Hair wash', quantity: '1', rate: amount, tax: '0', amount }],
    orderSummary: { subTotal: amount, totalTax: '0.00', totalDiscount: '0.00', grandTotal: amount },
    receiptPrint: false,
    // The shop's own, for a walk-in customer; [order_defaults] in tillpost's configuration spares the till these two.
    sendOrderBy: { sms: false, email: true },
    customerDetails: {
      type: 'private', countryCode: '+47', msisdn: '40000000', email: 'till@shop.example', name: 'Walk-in',
      address: { street: 'Storgata 1', zip: '0155', city: 'Oslo', country: 'NO' }
    }
  }
}

// Without a secure context, as on http:// of another machine, there is no crypto.randomUUID.
const newID = () => [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')

$('#sale').addEventListener('submit', event => {
  event.preventDefault()
  if (kept('order')) return // two clicks are one sale
  const terminal = $('#settings').elements.terminal.value
  begin('order', 'order', terminal, newID(), { order: order(event.target.elements.amount.value) })
})
$('#refund').addEventListener('click', () => {
  const { id, terminal } = kept('order')
  // Its id is made of the sale's, so that the money is paid back once, whatever happens to this page.
  if (!kept('refund')) begin('refund', 'refund', terminal, `${id}.refund`, { orderRequestId: id, full: true })
})
$('#next').addEventListener('click', () => {
  // Who no longer waits unsubscribes: brokers bound how much a client may listen to.
  for (const name of ['order', 'refund']) {
    if (kept(name)) client?.unsubscribe(kept(name).status)
    localStorage.removeItem(name)
  }
  show()
})
$('#settings').addEventListener('submit', event => {
  event.preventDefault()
  const settings = Object.fromEntries(new FormData(event.target))
  sessionStorage.setItem('settings', JSON.stringify(settings)) // the password is gone with the tab
  connect(settings)
})

const settings = JSON.parse(sessionStorage.getItem('settings') ?? 'null')
if (settings) {
  for (const [name, value] of Object.entries(settings)) $('#settings').elements[name].value = value
  connect(settings)
}
show()
