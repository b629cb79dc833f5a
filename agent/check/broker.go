package check

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"tillpost/internal/hostport"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"
)

// nameTimeout is how long the broker may take to send its name.
const nameTimeout = 2 * time.Second

type brokerFacts struct {
	findings []Finding
	// agent is the agent's last state there; nil where there is none, or it was not read.
	agent *message.AgentState
}

// broker connects under a client id of its own, and sends a message to itself.
func (c *checker) broker(ctx context.Context) brokerFacts {
	fs := about("broker")
	if c.cfg.MQTT.Embedded != nil {
		c.embedded(fs)
		return brokerFacts{findings: fs.done(), agent: c.embeddedAgent(ctx)}
	}
	u, _ := url.Parse(c.cfg.MQTT.URL) // the configuration was checked
	var r reached
	config, err := c.brokerTLS(u)
	if err == nil {
		r, err = reach(ctx, u.Hostname(), u.Port(), config)
	}
	if err != nil {
		if u.Scheme != "tls" || !c.otherScheme(ctx, fs, u) {
			fs.unreached(err)
		}
		return brokerFacts{findings: fs.done()}
	}
	if !r.end.IsZero() {
		c.expiry(fs, u.Host, r.end)
	}
	if u.Scheme == "tcp" && !hostport.Loopback(u.Hostname()) {
		fs.warn("use tls://", "%s is not encrypted: orders, and the password, can be read on the way", u.Host)
	}
	back := c.loop(ctx)
	if back.err != nil && u.Scheme == "tcp" && c.otherScheme(ctx, fs, u) {
		return brokerFacts{findings: fs.done()}
	}
	if !c.reportLoop(fs, u.Host, back) {
		return brokerFacts{findings: fs.done(), agent: back.agent}
	}
	five := c.rights(ctx, fs, u)
	q := c.quirks(ctx)
	q.report(fs)
	name := c.brokerName(ctx)
	switch {
	case name == "" && q.isRabbitMQ():
		name = "RabbitMQ, by what it does"
	case name == "" && !five:
		name = oldBroker
	}
	c.reportPersistence(fs, u, name)
	return brokerFacts{findings: fs.done(), agent: back.agent}
}

// brokerTLS returns nil for a broker without TLS.
func (c *checker) brokerTLS(u *url.URL) (*tls.Config, error) {
	if u.Scheme != "tls" {
		return nil, nil // no TLS
	}
	config := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	var err error
	if config.RootCAs, err = readRoots(c.cfg.MQTT.CAFile); err != nil {
		return nil, &unreached{"not asked: mqtt.ca_file can't be used", "see secrets"}
	}
	if c.cfg.MQTT.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.cfg.MQTT.CertFile, c.cfg.MQTT.KeyFile)
		if err != nil {
			return nil, &unreached{"not asked: mqtt.cert_file can't be used", "see secrets"}
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// clientID returns an id that begins as the agent's does, for brokers whose rules go by that.
func (c *checker) clientID() string { return c.cfg.MQTT.ClientID + "-check-" + rand.Text()[:6] }

// loopResult is what became of the message that we sent to ourselves.
type loopResult struct {
	// err: no connection came about.
	err error
	// acked: the broker acknowledged the message; lost: it hung up on it.
	acked, lost bool
	// took is how long the message was away; 0: it did not come back.
	took  time.Duration
	agent *message.AgentState
}

// busEvent is one call of the bus's handlers; one field is set.
type busEvent struct {
	up      bool
	down    error
	message *mqtt.Delivery
}

// loop sends a message to ourselves, with the agent's login, on a topic of the agent's that no terminal has. It is empty
// and retained, which to everybody means only that there is nothing on that topic: nothing stays at the broker, and a
// running agent, which gets it too, takes it for a display's. Brokers acknowledge what their access list denies (or hang
// up), and grant subscriptions that match nothing, so only the message's return shows that we may write and read.
func (c *checker) loop(ctx context.Context) loopResult {
	topics := mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}
	topic := topics.Display("tillpost-check-" + rand.Text()[:12])
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	bus, events, end, err := c.subscribe(ctx, topics.Agent(), topics.RequestFilter())
	if err != nil {
		return loopResult{err: err}
	}
	defer end()

	var result loopResult
	var sent time.Time
	var acked <-chan struct{}
	var token mqtt.Token
	patience := time.NewTimer(answerTimeout)
	defer patience.Stop()
	for {
		select {
		case e := <-events:
			switch {
			case e.up:
				sent = time.Now()
				token = bus.Publish(mqtt.Message{Topic: topic, Retained: true})
				acked = token.Done()
				patience.Reset(c.machine.returnTimeout)
			case e.down != nil && sent.IsZero():
				result.err = e.down
				return result
			case e.down != nil:
				result.lost = true
				return result
			case e.message.Topic == topics.Agent():
				result.agent = readState(e.message.Payload)
			case e.message.Topic == topic:
				result.took = time.Since(sent)
				return result
			}
		case <-acked:
			result.acked, acked = token.Wait(ctx) == nil, nil
		case <-patience.C:
			if sent.IsZero() {
				result.err = errors.New("it does not answer as a broker does")
			}
			return result
		case <-ctx.Done():
			if sent.IsZero() {
				result.err = ctx.Err()
			}
			return result
		}
	}
}

// subscribe runs a client whose events are sent on a channel until ctx ends. The caller calls end.
func (c *checker) subscribe(ctx context.Context, filters ...string) (bus *client.Subscriber, events <-chan busEvent, end func(), err error) {
	m := c.cfg.MQTT
	ctx, cancel := context.WithCancel(ctx)
	seen := make(chan busEvent)
	send := func(e busEvent) {
		select {
		case seen <- e:
		case <-ctx.Done():
		}
	}
	cert := ""
	if m.Embedded != nil {
		cert = m.Embedded.CertFile
	}
	bus, err = client.NewSubscriber(client.Options{
		URL: m.NearURL(), PeerCertFile: cert, ClientID: c.clientID(), Topics: mqtt.Topics{Prefix: m.TopicPrefix},
		Username: m.Username, Password: c.cfg.PasswordReader(), CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile,
		ConnectTimeout: connectTimeout, CloseGrace: 200 * time.Millisecond,
	}, filters, mqtt.Handlers{
		Up: func() { send(busEvent{up: true}) },
		Down: func(err error) {
			if err != nil {
				send(busEvent{down: err})
			}
		},
		Deliver: func(d mqtt.Delivery) { send(busEvent{message: &d}) },
	})
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = bus.Run(ctx) }) // why it ended came as an event
	return bus, seen, func() { cancel(); running.Wait() }, nil
}

func readState(payload []byte) *message.AgentState {
	var s message.AgentState
	if json.Unmarshal(payload, &s) != nil || s.State == "" {
		return nil
	}
	return &s
}

// reportLoop reports what became of the message to ourselves. It returns true if it came back.
func (c *checker) reportLoop(fs *findings, host string, l loopResult) bool {
	topics := mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}
	rights := "allow " + cmp.Or(c.cfg.MQTT.Username, anonymous) + " to read " + topics.RequestFilter() + " and to write " + topics.Display("+") +
		"; packaging/mosquitto/tillpost.acl has all that the agent needs"
	switch {
	case l.err != nil && refusedLogin(l.err):
		fs.fail("see mqtt.username and mqtt.password_file, and the broker's users", "%s does not let us in: %v", host, l.err)
	case l.err != nil:
		fs.fail("see mqtt.url, and the broker's log", "%s: %v", host, l.err)
	case l.took > 0:
		fs.ok("%s, a message to ourselves took %s", host, shortTime(l.took))
		return true
	case l.lost:
		fs.fail(rights, "%s hung up when we published to %s: its access list denies us that", host, topics.Display("+"))
	case l.acked:
		fs.fail(rights, "%s takes our messages, but they don't come back: its access list denies us to write, or to read", host)
	default:
		fs.fail("see the broker's log", "%s did not acknowledge a message in %s", host, c.machine.returnTimeout)
	}
	return false
}

const anonymous = "clients without a login"

// refusedLogin goes by the client library's texts, for want of errors to compare with.
func refusedLogin(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "not authorized") || strings.Contains(text, "bad user name or password") || strings.Contains(text, "identifier rejected")
}

// brokerName returns what the broker calls itself, "" where it does not publish that.
func (c *checker) brokerName(ctx context.Context) string {
	name := c.retained(ctx, "$SYS/broker/version", "$SYS/brokers/+/version")
	return clean(string(name[:min(len(name), 60)]))
}

// retained returns what the broker retains on one of some topics, nil if it sends us nothing.
func (c *checker) retained(ctx context.Context, topics ...string) []byte {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	_, events, end, err := c.subscribe(ctx, topics...)
	if err != nil {
		return nil
	}
	defer end()
	for {
		select {
		case e := <-events:
			if e.message != nil {
				return e.message.Payload
			}
			if e.down != nil {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}
