package agent

import (
	"time"

	"tillpost/agent/config"
	"tillpost/internal/hostport"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/client"
)

// flushAtStart bounds how long tills wait at the embedded broker's start until everything that is retained is with it.
const flushAtStart = 5 * time.Second

// embeddedBroker makes the broker that is part of the agent, and opens its address: an address that is taken is best
// reported while somebody watches the start.
func (a *Agent) embeddedBroker(handlers mqtt.Handlers) (mqtt.Bus, error) {
	c := a.cfg.MQTT.Embedded
	up := handlers.Up
	handlers.Up = func() {
		up()
		// Who connects is sent what is retained as fast as it reads; with what is published after that it has to keep up.
		a.publish.Flush(flushAtStart)
	}
	broker, err := broker.New(broker.Options{
		Listen: c.Listen, WebSocketListen: c.WebSocketListen, WebSocketOrigins: c.WebSocketOrigins,
		Topics: a.topics, CertFile: c.CertFile, KeyFile: c.KeyFile, UsersFile: c.UsersFile,
		ReadSecret: config.ReadSecretFile, Statuses: a.publish.Statuses(), Log: a.log, CloseGrace: busGrace,
	}, handlers)
	if err != nil {
		return nil, err
	}
	if err := broker.Listen(); err != nil {
		return nil, err
	}
	a.opened = append(a.opened, broker.Close)
	a.log.Info("tills connect to the embedded broker", "address", broker.Addr(), "tls", c.CertFile != "", "users", c.UsersFile != "")
	if broker.WebSocketAddr() != "" {
		a.log.Info("tills in a browser connect over WebSockets", "address", broker.WebSocketAddr(), "path", "/mqtt", "tls", c.CertFile != "", "origins", c.WebSocketOrigins)
	}
	far := hostport.BeyondLoopback(broker.Addr()) || broker.WebSocketAddr() != "" && hostport.BeyondLoopback(broker.WebSocketAddr())
	if c.UsersFile != "" && c.CertFile == "" && far {
		a.log.Warn("tills send their passwords unencrypted; set cert_file and key_file in [mqtt.embedded]")
	}
	return broker, nil
}

func (a *Agent) openBus() (mqtt.Bus, error) {
	handlers := mqtt.Handlers{Deliver: a.intake.Deliver, Up: a.busUp, Down: a.busDown, Agent: a.fence.SawAgent, Status: a.fence.SawStatus}
	c := a.cfg.MQTT
	switch {
	case a.opts.Bus != nil:
		return a.opts.Bus(a.topics, a.will, handlers)
	case c.Embedded != nil:
		return a.embeddedBroker(handlers)
	}
	return client.New(client.Options{
		URL: c.URL, ClientID: c.ClientID, Topics: a.topics, Username: c.Username, Password: a.cfg.PasswordReader(),
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, Will: a.will, CloseGrace: busGrace,
	}, handlers)
}

func (a *Agent) busUp() {
	if a.connectedBefore.Swap(true) {
		a.metrics.MQTTReconnect()
	}
	a.metrics.MQTTConnected(true)
	a.connections.sawBroker(true, nil)
	a.intake.Connected()
	a.fence.Connected()
	a.log.Info("connected to the broker")
	a.publish.Connected(true)
}

func (a *Agent) busDown(err error) {
	a.metrics.MQTTConnected(false)
	a.connections.sawBroker(false, err)
	a.publish.Connected(false)
	if err != nil {
		a.log.Warn("no connection to the broker; it is tried again", "err", err)
	}
}
