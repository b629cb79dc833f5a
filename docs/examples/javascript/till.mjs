// A till in one file: it takes a payment through tillpost, follows it to its end, and pays it back.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import mqtt from 'mqtt'

const waitingFor = {
  behind: 'other customers are first',
  terminalIsBusy: 'the terminal is busy; it is tried again by itself',
  apiUnreachable: 'no connection to Front Payment; it is kept, and sent when the line is back',
  waitingForOrder: 'the payment itself has not ended yet'
}
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
  declined: 'Declined. Another card is another order, with a new requestId.',
  cancelled: 'Cancelled: it is not paid.',
  expired: 'It had to wait too long and was never sent. Nothing was charged.',
  rejected: 'Refused.',
  unresolved: 'Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.'
}
const needsStaff = 'It found no trace so far. Call the shift leader: a person has to decide.'

const { values: args } = parseArgs({
  options: {
    broker: { type: 'string', default: 'mqtt://localhost:1883' }, // mqtts://… for TLS
    username: { type: 'string' },
    'password-file': { type: 'string' },
    prefix: { type: 'string', default: 'tillpost' }, // mqtt.topic_prefix of tillpost
    terminal: { type: 'string', default: 'TRML1000000001' },
    amount: { type: 'string', default: '42.00' }, // kroner with two decimals, never a float
    patience: { type: 'string', default: '5' }, // seconds before a request is published again
    'request-id': { type: 'string', default: randomUUID() } // go on with a request that was begun before
  }
})
const patience = Number(args.patience) * 1000
const base = `${args.prefix}/terminals/${args.terminal}`
const listeners = new Set()

const client = mqtt.connect(args.broker, {
  username: args.username,
  password: args['password-file'] && readFileSync(args['password-file'], 'utf8').trim(),
  keepalive: 15,
  reconnectPeriod: 2000 // it connects and subscribes again by itself; statuses are retained, so nothing is missed
})
client.on('error', error => say('broker', error.message || error.code))
client.on('message', (topic, body) => {
  if (body.length === 0) return // a cleared topic
  const message = JSON.parse(body)
  for (const listener of listeners) listener(topic, message)
})

// carryOut publishes a request until tillpost has it, follows it, and returns the status that ends it.
function carryOut (kind, request) {
  const topic = `${base}/${kind}s`
  const statusTopic = `${base}/status/${request.requestId}`
  const payload = JSON.stringify(request) // once: what is published again has to be the same
  // Never retained: it would run again on every connect. The broker's acknowledgement is no promise, only a status is.
  const publish = () => client.publish(topic, payload, { qos: 1 })
  return new Promise(resolve => {
    let known = false
    let told
    let again
    const end = message => {
      clearInterval(again)
      listeners.delete(listener)
      if (message.reason) say(kind, `reason: ${message.reason.code}: ${message.reason.message}`)
      resolve(message.state ?? 'rejected')
    }
    const listener = (came, message) => {
      if (came === `${args.prefix}/agent` && message.state === 'offline') {
        say(kind, `tillpost is offline; ${known ? 'it has the request on disk' : 'the request is not safe yet'}`)
      } else if (came === `${args.prefix}/rejects` && message.requestId === request.requestId && message.topic === topic) {
        known = true
        say(kind, describe({ state: 'rejected' }))
        end(message)
      } else if (came === statusTopic) {
        known = true
        clearInterval(again)
        const words = describe(message)
        if (words !== told) say(kind, words)
        told = words
        if (message.final) end(message)
      }
    }
    listeners.add(listener)
    // First the ears, then the mouth: a refusal is told once.
    client.subscribe([statusTopic, `${args.prefix}/agent`, `${args.prefix}/rejects`], { qos: 1 }, () => {
      publish()
      say(kind, `published as ${request.requestId}`)
      again = setInterval(() => {
        say(kind, 'no answer from tillpost yet: published again under the same requestId')
        publish() // it stays one request
      }, patience)
      if (known) clearInterval(again)
    })
  })
}

function describe (status) {
  const waiting = status.waiting?.code
  let words = `${status.state}: ${states[status.state] ?? ''}`
  if (waiting === 'needs_staff') words += ` ${needsStaff}`
  else if (waiting && waiting !== 'checking') words += ` Waiting: ${waitingFor[waiting] ?? waiting}.`
  if (status.late) words += ' This came after another end had been told: call the shift leader.'
  return words
}

function say (kind, words) {
  console.log(`${kind.padEnd(6)}  ${words}`)
}

function order (requestId, amount) {
  return {
    requestId,
    order: {
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
}

// A real till writes the id down with the sale before it publishes. After a crash it goes on under the same id.
const id = args['request-id']
let state = await carryOut('order', order(id, args.amount))
let done = false
if (state === 'paid') {
  // The refund's id is made of the sale's, so that a second run does not pay back twice.
  state = await carryOut('refund', { requestId: `${id}.refund`, orderRequestId: id, full: true })
  done = state === 'refunded'
}
await client.endAsync()
process.exitCode = done ? 0 : state === 'unresolved' ? 3 : 1
