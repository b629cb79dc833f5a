package shoptest

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

const (
	// Token is what the API asks for; it is in the file "token".
	Token = "test-token"
	// Organization is whose terminals the API has.
	Organization = "ORG2074299506"
	// ConfigFile is the configuration's name, in the shop's folder.
	ConfigFile = "tillpost.toml"
)

// Private is what no process may ever write, and no message hold: the example's customer, and the token.
var Private = []string{"Nordmann", "46567468", "customer@email.com", "Luramyrveien", Token}

// Options say what a shop is made of. All but Program may be left out.
type Options struct {
	// Program is the tillpost that runs in the shop.
	Program *proctest.Binary
	// Mosquitto says how to run a broker for the shop. Without it, Broker is host:port of one that runs already, and without
	// either the agent is its own broker.
	Mosquitto *mqtttest.MosquittoOptions
	Broker    string
	// Terminals is how many there are, see [Terminal]; 0 is two.
	Terminals int
	// Customer is who comes to the terminals; the zero value pays at once.
	Customer simulator.Customer
	// Settings are added to those that every shop has, or replace them.
	Settings Settings
	// Said gets what all processes of the shop write, and is checked when the test ends. If it is nil, each process has one of
	// its own, which keeps everything.
	Said *proctest.Output
}

// Settings are values of the configuration by key, such as "policy.poll_interval". An int is written as a number, all else
// as the text that it prints as.
type Settings map[string]any

// Shop is one, until its test ends. Its methods are for the test's goroutine.
type Shop struct {
	testing.TB
	// Dir is the folder of the configuration, in which every process runs.
	Dir string
	// Zone is the shop's time zone, where it is far from midnight.
	Zone *time.Location
	// Mosquitto is the broker that was run for the shop, or nil.
	Mosquitto *mqtttest.Mosquitto
	// Broker is host:port where tills connect, and WebSocket where they do over WebSockets, "" if the agent is not the broker.
	Broker, WebSocket string
	// Sim is the API, and API its base URL.
	Sim *simulator.Simulator
	API string
	// Web is host:port of the agent's pages.
	Web string
	// Under is the program, with its arguments, that runs each process.
	Under []string
	// Agent is the agent's process that was started last.
	Agent *proctest.Process
	// Till is the till that was connected last.
	Till *mqtttest.Till
	// Heard has what the till that listens has received, and Ledgers the same of all that ever did; see Listen.
	Heard   *Ledger
	Ledgers []*Ledger

	program  *proctest.Binary
	said     *proctest.Output
	settings Settings
	unfollow func() // ends what is added to Heard
}

// New returns a shop whose agent does not run, and to which no till listens. It ends with the test.
func New(t testing.TB, o Options) *Shop {
	t.Helper()
	s := &Shop{
		TB: t, Dir: t.TempDir(), Zone: proctest.AwayFromMidnight(t), Broker: o.Broker, Web: proctest.FreeAddr(t),
		program: o.Program, said: o.Said, unfollow: func() {},
	}
	switch {
	case o.Mosquitto != nil:
		s.Mosquitto = mqtttest.StartMosquitto(t, *o.Mosquitto)
		s.Broker = s.Mosquitto.Addr
	case o.Broker == "":
		s.Broker, s.WebSocket = proctest.FreeAddr(t), proctest.FreeAddr(t)
	}
	s.simulate(o)
	s.Write("token", Token)
	s.settings = s.common()
	maps.Copy(s.settings, o.Settings)
	s.configure()
	if s.said != nil {
		t.Cleanup(func() {
			if s.Agent != nil {
				s.Agent.Kill()
			}
			s.said.Check(t, "the agent")
		})
	}
	return s
}

// Terminal returns the uuid of the shop's terminal i, counted from 0.
func Terminal(i int) string { return fmt.Sprintf("TRML10000000%02d", i) }

// Embedded reports whether the agent is the broker.
func (s *Shop) Embedded() bool { return s.WebSocket != "" }

// simulate serves the API.
func (s *Shop) simulate(o Options) {
	s.Helper()
	options := simulator.Options{
		Token: Token, Organization: Organization, Customer: o.Customer, Location: s.Zone,
		Callbacks: &http.Client{Timeout: proctest.Patience}, Thresholds: &simulator.Thresholds{},
	}
	for i := range cmp.Or(o.Terminals, 2) {
		options.Terminals = append(options.Terminals, simulator.Terminal{UUID: Terminal(i), Name: fmt.Sprintf("Counter %d", i)})
	}
	s.Sim = simulator.New(options)
	s.API = s.Serve(nil)
	s.Cleanup(s.Sim.Close)
}

// Serve opens one more address of the API, over TLS if there is a configuration for that, and returns its base URL.
func (s *Shop) Serve(secure *tls.Config) (url string) {
	s.Helper()
	var l net.Listener
	l, err := s.Sim.Listen(s.Context(), proctest.FreeAddr(s))
	s.Must(err)
	scheme, addr := "http", l.Addr().String()
	if secure != nil {
		scheme, l = "https", tls.NewListener(l, secure)
	}
	proctest.Serve(s, l, s.Sim)
	return scheme + "://" + addr + "/api/v1"
}

// common returns the settings that every shop has.
func (s *Shop) common() Settings {
	c := Settings{
		"store.timezone": s.Zone,
		"api.base_url":   s.API, "api.token_file": "token", "api.organization_uuid": Organization,
		"api.requests_per_minute": 100_000, "api.timeout": "5s",
		"mqtt.topic_prefix":    Prefix,
		"outbox.path":          "outbox.db",
		"http.listen":          s.Web,
		"policy.poll_interval": "50ms",
	}
	if s.Embedded() {
		c["mqtt.embedded.listen"], c["mqtt.embedded.websocket_listen"] = s.Broker, s.WebSocket
	} else {
		c["mqtt.url"] = "tcp://" + s.Broker
	}
	return c
}

// Set changes a setting. An agent that runs does not notice.
func (s *Shop) Set(key string, value any) {
	s.Helper()
	s.settings[key] = value
	s.configure()
}

// configure writes the configuration.
func (s *Shop) configure() {
	s.Helper()
	tables := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(s.settings)) {
		value := s.settings[key]
		if _, number := value.(int); !number {
			value = fmt.Sprintf("%q", fmt.Sprint(value))
		}
		dot := strings.LastIndexByte(key, '.')
		tables[key[:dot]] += fmt.Sprintf("%s = %v\n", key[dot+1:], value)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&text, "[%s]\n%s", name, tables[name])
	}
	s.Write(ConfigFile, text.String())
}

// Write writes a file into the shop's folder.
func (s *Shop) Write(name, text string) {
	s.Helper()
	s.Must(os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600))
}

// Read returns what a file there holds.
func (s *Shop) Read(name string) string {
	s.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Dir, name))
	s.Must(err)
	return string(raw)
}

// Must ends the test at an error.
func (s *Shop) Must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
