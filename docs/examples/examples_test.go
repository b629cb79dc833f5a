// Package examples runs the tills of this folder, each in a process of its own, against a real broker, the agent and
// the simulated API.
package examples

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox/bolt"
)

// bound is how long one till may take.
const bound = 2 * proctest.Patience

func TestMain(m *testing.M) {
	// The agent starts this binary again to check its outbox.
	bolt.RunChecker()
	os.Exit(m.Run())
}

// example is a till in one language.
type example struct {
	name string
	// command prepares it and returns its command line; it skips the test where what it needs is not installed.
	command func(t *testing.T) []string
	// broker makes the flags that name a broker of mosquitto's address host:port.
	broker func(host, port string) []string
	// patience of a second.
	patience string
}

var tills = []example{
	{"python", python, func(host, port string) []string { return []string{"--host", host, "--port", port} }, "1"},
	{"javascript", javascript, func(host, port string) []string { return []string{"--broker", "mqtt://" + host + ":" + port} }, "1"},
	{"php", php, func(host, port string) []string { return []string{"--host", host, "--port", port} }, "1"},
	{"go", golang, func(host, port string) []string { return []string{"--broker", "tcp://" + host + ":" + port} }, "1s"},
}

func python(t *testing.T) []string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} { // Debian's package is for Debian's Python
		if exec.CommandContext(t.Context(), name, "-c", "import paho.mqtt.client").Run() == nil {
			return []string{name, "-B", "python/till.py"}
		}
	}
	proctest.Lacks(t, "paho-mqtt for Python is not installed: apt install python3-paho-mqtt")
	return nil
}

func javascript(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		proctest.Lacks(t, "Node.js is not installed")
	}
	if _, err := os.Stat("javascript/node_modules/mqtt"); err != nil {
		proctest.Lacks(t, "mqtt for Node.js is not installed: npm ci, in docs/examples/javascript")
	}
	return []string{"node", "javascript/till.mjs"}
}

func php(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("php"); err != nil {
		proctest.Lacks(t, "PHP is not installed: apt install php-cli")
	}
	return []string{"php", "php/till.php"}
}

func golang(t *testing.T) []string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "till")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "go", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return []string{binary}
}

// TestTills plays five scenes with each till.
func TestTills(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the tills run as processes of their own, which takes a while")
	}
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	t.Run("all", func(t *testing.T) { // it ends once all parallel tests in it have
		for _, e := range tills {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				command := e.command(t)
				for _, s := range []struct {
					name string
					play func(s *scene)
				}{{"sale", sale}, {"decline", decline}, {"refusal", refusal}, {"doubt", doubt}, {"found", found}} {
					t.Run(s.name, func(t *testing.T) {
						t.Parallel()
						s.play(newScene(t, e, command, broker))
					})
				}
			})
		}
	})
}

// sale begins while the agent is not there: the till has to publish again, and may, until its request is safe.
func sale(s *scene) {
	id := s.name + "-1"
	till := s.start("--request-id", id)
	s.spy.await(s, 2, "/orders")
	s.runAgent()
	till.ends(0,
		`order   published as `+id,
		`order   no answer from tillpost yet: published again under the same requestId`,
		`order   queued: It is safe with tillpost\.`,
		`order   awaiting_customer: The terminal shows it: please pay\.`,
		`order   paid: Paid\. Thank you!`,
		`refund  published as `+id+`\.refund`,
		`refund  refunded: The money is on its way back\.`,
	)
	// A till that comes back after a crash and begins again under the same ids changes nothing.
	s.start("--request-id", id).ends(0, `order   paid: Paid\. Thank you!`, `refund  refunded: The money is on its way back\.`)
	orders := s.sim.Orders()
	if len(orders) != 1 || len(orders[0].Refunds) != 1 {
		s.Errorf("%d orders at the API, want 1 with 1 refund: %+v", len(orders), orders)
	}
}

func decline(s *scene) {
	if err := errors.Join(s.sim.SetNextCustomers(terminal, simulator.Decline(100*time.Millisecond)), s.sim.SetBusy(terminal, true)); err != nil {
		s.Fatal(err)
	}
	s.runAgent(`doubt_check = "2s"`) // so long a list may lag as long as none was measured
	till := s.start()
	till.says("the terminal is busy")
	if err := s.sim.SetBusy(terminal, false); err != nil {
		s.Fatal(err)
	}
	till.ends(1,
		`order   queued: It is safe with tillpost\. Waiting: the terminal is busy; it is tried again by itself\.`,
		`order   declined: Declined\. Another card is another order, with a new requestId\.`,
	)
}

func refusal(s *scene) {
	s.runAgent()
	s.start("--amount", "42.001").ends(1,
		`order   rejected: Refused\.`,
		`order   reason: invalidRequest: .*/order/orderSummary/grandTotal must be a positive amount .*`,
	)
	if n := len(s.sim.Orders()); n != 0 {
		s.Errorf("%d orders at the API", n)
	}
}

// doubt loses a create before it is carried out: nobody can know, so that the cashier hears what not to do.
func doubt(s *scene) {
	s.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
	s.runAgent(`doubt_check = "2s"`, `doubt_hold = "8s"`)
	s.start().ends(3,
		`order   in_doubt: It may have gone through or not\. Do NOT repeat it, in cash or by card: tillpost is looking\.`,
		`order   in_doubt: .* tillpost is looking\. It found no trace so far\. Call the shift leader: a person has to decide\.`,
		`order   unresolved: Nobody knows whether it went through\. Call the shift leader, and do NOT repeat it\.`,
		`order   reason: doubtUnresolved: .*`,
	)
	if n := s.sim.Count(simulator.OpCreate); n != 1 {
		s.Errorf("%d creates, want 1", n)
	}
}

// found loses the reply to a create that was carried out: tillpost finds the order, and the sale goes on.
func found(s *scene) {
	s.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
	s.runAgent()
	s.start().ends(0, `order   in_doubt: .*`, `order   paid: .*`, `refund  refunded: .*`)
	if n := len(s.sim.Orders()); n != 1 {
		s.Errorf("%d orders at the API, want 1", n)
	}
}

// process is a till that runs.
type process struct {
	*scene
	command *exec.Cmd
	output  *proctest.Output
	ended   chan error
}

// start runs the till against the scene's broker and prefix.
func (s *scene) start(flags ...string) *process {
	s.Helper()
	host, port, _ := strings.Cut(s.broker.Addr, ":")
	line := append(append([]string{}, s.command...), s.example.broker(host, port)...)
	line = append(append(line, "--prefix", s.prefix, "--terminal", terminal, "--patience", s.example.patience), flags...)
	ctx, cancel := context.WithTimeout(s.Context(), bound)
	s.Cleanup(cancel)
	p := &process{scene: s, command: exec.CommandContext(ctx, line[0], line[1:]...), output: proctest.NewOutput(0, token), ended: make(chan error, 1)}
	p.command.Stdout, p.command.Stderr = p.output, p.output
	p.command.WaitDelay = time.Second
	if err := p.command.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	return p
}

// says waits until the till has said something.
func (p *process) says(text string) {
	p.Helper()
	if !proctest.Eventually(bound, func() bool { return strings.Contains(p.output.String(), text) }) {
		p.Fatalf("the till does not say %q, but:\n%s", text, p.output)
	}
}

// ends waits for its end, and wants lines that match the patterns, in this order, and the exit code.
func (p *process) ends(code int, lines ...string) {
	p.Helper()
	err := <-p.ended
	if got := p.command.ProcessState.ExitCode(); got != code {
		p.Errorf("the till ended with %d (%v), want %d", got, err, code)
	}
	rest := strings.Split(p.output.String(), "\n")
	for _, pattern := range lines {
		line := regexp.MustCompile("^" + pattern + "\r?$")
		at := 0
		for at < len(rest) && !line.MatchString(rest[at]) {
			at++
		}
		if at == len(rest) {
			p.Errorf("the till does not say %q, or not in its turn", pattern)
			break
		}
		rest = rest[at+1:]
	}
	p.output.Check(p, fmt.Sprint(p.command.Args))
}
