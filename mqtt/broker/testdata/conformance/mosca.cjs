// In the place of mosca, for its tests: a broker that is somewhere else, at $BROKER (host:port) and $BROKER_WEB (ws://…). What
// they ask of mosca's inside, its hooks and events, is not there.
'use strict'
const { EventEmitter } = require('node:events')
const Module = require('node:module')
const net = require('node:net')
const crypto = require('node:crypto')
const Connection = require('mqtt-connection')
const websocket = require('websocket-stream')

// Its store is not asked for, and wants modules that are compiled.
const load = Module._load
Module._load = (name, ...rest) => name === 'ascoltatori' ? {} : load(name, ...rest)

global.sinon = require('sinon')
global.chai = require('chai')
global.expect = chai.expect
global.buildOpts = () => ({
  keepalive: 1000, clientId: `mosca_${crypto.randomBytes(8).toString('hex')}`, protocolId: 'MQTT', protocolVersion: 4
})
global.donner = (count, done) => () => { if (--count === 0) done() }

class Server extends EventEmitter {
  constructor (settings, done) {
    super()
    setImmediate(() => done?.(null, this))
  }

  close (done) { setImmediate(done) }
}
global.mosca = { Server }

// What the embedded broker denies on purpose, and what can be asked of mosca only, is not run: docs/embedded-broker.md says why.
const denied = new Set(Object.values(require('./denied.json')).flat())
const run = global.it
global.it = Object.assign((title, test) => denied.has(title) ? undefined : run(title, test), { skip: () => {} })

const settings = () => ({})
const over = dial => () => {
  const stream = dial()
  const connection = new Connection(stream)
  stream.on('connect', () => connection.emit('connected'))
  return connection
}
const [host, port] = process.env.BROKER.split(':')
const tests = require('mosca/test/abstract_server')

describe('TCP', () => tests(settings, over(() => net.createConnection(Number(port), host))))
describe('WebSockets', () => tests(settings, over(() => websocket(process.env.BROKER_WEB, 'mqtt'))))
