package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// runner is a relay at work, with its tills.
type runner struct {
	b     *testing.B
	relay relay
	api   *books
	tills []*stubbornTill

	mu        sync.Mutex
	published map[string]time.Time // by id
	places    map[string]int       // in what order they were placed, by id
	next      int
}

// openRunner opens a shop and starts the relay, under another program if wrap names one. When it returns, an order of
// each till has come to the API.
func openRunner(b *testing.B, r relay, wrap ...string) *runner {
	b.Helper()
	broker, api := r.open()
	r.start(wrap...)
	n := &runner{b: b, relay: r, api: api, published: map[string]time.Time{}, places: map[string]int{}}
	for i := range peersTerminals {
		n.tills = append(n.tills, &stubbornTill{addr: broker, id: fmt.Sprintf("till-%d", i)})
	}
	b.Cleanup(func() {
		for _, t := range n.tills {
			t.close()
		}
	})
	// A relay that has never run has no session at the broker yet: what comes before that is nobody's.
	for end := time.Now().Add(time.Minute); ; {
		if n.awaitAll(n.load(peersTerminals, 0), time.Second) == 0 {
			return n
		}
		if time.Now().After(end) {
			b.Fatalf("%s takes no orders", r.name())
		}
	}
}

// place has a till place the next order, at its own terminal, however long that takes. It gives up after a minute.
func (n *runner) place(till int) (id string) {
	n.mu.Lock()
	n.next++
	id = fmt.Sprintf("peers-%d", n.next)
	n.places[id] = n.next
	n.published[id] = time.Now()
	n.mu.Unlock()
	topic, payload := n.relay.message(till, id)
	if err := n.tills[till].publish(topic, payload); err != nil {
		n.b.Errorf("%s: %v", n.relay.name(), err)
	}
	return id
}

// pace has orders placed at so many a second, from one terminal after the other.
func (n *runner) pace(orders, rate int) (ids []string) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for i := range orders {
		<-ticker.C
		ids = append(ids, n.place(i%peersTerminals))
	}
	return ids
}

// load has all tills place their share of the orders, each with that much time between two.
func (n *runner) load(orders int, between time.Duration) (ids []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for t := range peersTerminals {
		all.Go(func() {
			for range orders / peersTerminals {
				id := n.place(t)
				mu.Lock()
				ids = append(ids, id)
				mu.Unlock()
				time.Sleep(between)
			}
		})
	}
	all.Wait()
	return ids
}

// awaitAll waits until all orders are in the API's books, so long at most, and returns how many are not.
func (n *runner) awaitAll(ids []string, within time.Duration) (missing int) {
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		charged := n.api.charged()
		missing = 0
		for _, id := range ids {
			if charged[id] == 0 {
				missing++
			}
		}
		if missing == 0 || time.Now().After(end) {
			return missing
		}
	}
}

// awaitQuiet waits until the books have not grown for a while, so long at most.
func (n *runner) awaitQuiet(quiet, within time.Duration) {
	last, since := 0, time.Now()
	for end := time.Now().Add(within); time.Now().Before(end) && time.Since(since) < quiet; time.Sleep(100 * time.Millisecond) {
		if now := n.api.Count(simulator.OpCreate); now != last {
			last, since = now, time.Now()
		}
	}
}

// twice counts the orders that were charged more than once.
func (n *runner) twice(ids []string) (twice int) {
	charged := n.api.charged()
	for _, id := range ids {
		if charged[id] > 1 {
			twice++
		}
	}
	return twice
}

// disordered counts the orders that came to the API after one that was placed later at the same terminal.
func (n *runner) disordered(ids []string) (disordered int) {
	want := map[string]bool{}
	for _, id := range ids {
		want[id] = true
	}
	last, seen := map[string]int{}, map[string]bool{}
	for _, o := range n.api.Orders() {
		id := idOf(o.Body)
		if !want[id] || seen[id] {
			continue
		}
		seen[id] = true
		if n.places[id] < last[o.Terminal] {
			disordered++
		}
		last[o.Terminal] = max(last[o.Terminal], n.places[id])
	}
	return disordered
}

// firstAfter is when the first order came into the books after that.
func (n *runner) firstAfter(back time.Time) (first time.Time) {
	for _, o := range n.api.Orders() {
		if o.CreatedAt.After(back) && (first.IsZero() || o.CreatedAt.Before(first)) {
			first = o.CreatedAt
		}
	}
	return first
}

// loseReplies has one reply in 10 to an order be lost after the order was carried out, or no longer.
func (n *runner) loseReplies(on bool) {
	n.api.ClearFaults()
	if on {
		n.api.Inject(simulator.Fault{Operation: simulator.OpCreate, Every: 10, Do: simulator.DropAfter()})
	}
}

// stubbornTill publishes until it is acknowledged, over a new connection where it has to. It is for one goroutine at a time.
type stubbornTill struct {
	addr, id string
	till     *till
}

func (s *stubbornTill) publish(topic string, payload []byte) error {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s.till == nil {
			var conn net.Conn
			if conn, err = (&net.Dialer{}).DialContext(context.Background(), "tcp", s.addr); err != nil {
				continue
			}
			if s.till, err = hello(conn, s.id); err != nil {
				_ = conn.Close()
				continue
			}
		}
		_ = s.till.conn.SetDeadline(time.Now().Add(10 * time.Second)) // an error shows at once
		if err = s.till.publish(topic, payload); err == nil {
			return nil
		}
		s.close()
	}
	return err
}

func (s *stubbornTill) close() {
	if s.till != nil {
		_ = s.till.conn.Close()
		s.till = nil
	}
}

// ours is tillpost.
type ours struct {
	b       *testing.B
	broker  string
	shop    *shop
	process *proctest.Process
}

func newOurs(b *testing.B, broker string) *ours { return &ours{b: b, broker: broker} }

func (o *ours) name() string { return "tillpost, " + o.broker }

func (o *ours) open() (string, *books) {
	api := openBooks(o.b, peersTerminals)
	o.shop = &shop{broker: o.broker, api: api.addr, policy: "poll_interval = \"50ms\"\ndoubt_check = \"10s\"\ndoubt_hold = \"10s\""}
	o.shop.write(o.b)
	return o.shop.addr, api
}

func (o *ours) start(wrap ...string) { o.process = o.shop.again(o.b, wrap...) }
func (o *ours) pid() int             { return o.process.PID() }
func (o *ours) stop()                { o.process.Stop() }
func (o *ours) kill()                { o.process.Kill() }

func (o *ours) message(at int, id string) (string, []byte) {
	return orderTopic(terminal(at)), request(id)
}

// telegraf is Telegraf with an input of MQTT, a buffer on disk, and an output of HTTP that sends each order as soon as it
// comes. Its tills send what the API wants, for it adds nothing.
type telegraf struct {
	b         *testing.B
	path, dir string
	command   *exec.Cmd
	done      chan struct{}
}

func newTelegraf(b *testing.B, path string) *telegraf { return &telegraf{b: b, path: path} }

func (t *telegraf) name() string { return "Telegraf, disk buffer" }

func (t *telegraf) open() (string, *books) {
	api := openBooks(t.b, peersTerminals)
	m := mqtttest.StartMosquitto(t.b, mqtttest.Packaged())
	t.dir = t.b.TempDir()
	config := fmt.Sprintf(`
[agent]
interval = "10s"
flush_interval = "50ms"
flush_jitter = "0s"
metric_batch_size = 1
metric_buffer_limit = 100000
buffer_strategy = "disk"
buffer_directory = %q
omit_hostname = true
skip_processors_after_aggregators = true
logfile = %q

[[inputs.mqtt_consumer]]
servers = [%q]
topics = ["orders/+"]
qos = 1
client_id = "telegraf"
persistent_session = true
max_undelivered_messages = 100000
data_format = "value"
data_type = "string"

[[outputs.http]]
url = "http://%s%s"
timeout = "5s"
data_format = "template"
template = '{{ .Field "value" }}'
use_batch_format = false
[outputs.http.headers]
Content-Type = "application/json"
`, filepath.Join(t.dir, "buffer"), filepath.Join(t.dir, "log"), m.URL, api.addr, createPath)
	if err := os.WriteFile(filepath.Join(t.dir, "telegraf.conf"), []byte(config), 0o600); err != nil {
		t.b.Fatal(err)
	}
	return m.Addr, api
}

func (t *telegraf) start(wrap ...string) {
	line := append(append([]string{}, wrap...), t.path, "--config", filepath.Join(t.dir, "telegraf.conf"))
	command := exec.CommandContext(context.WithoutCancel(t.b.Context()), line[0], line[1:]...)
	command.Dir = t.dir
	if err := command.Start(); err != nil {
		t.b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = command.Wait() // it is ended by us
	}()
	t.command, t.done = command, done
	t.b.Cleanup(func() {
		_ = command.Process.Kill()
		<-done
	})
}

func (t *telegraf) pid() int { return t.command.Process.Pid }
func (t *telegraf) stop()    { t.end(syscall.SIGTERM) }
func (t *telegraf) kill()    { t.end(syscall.SIGKILL) }

func (t *telegraf) end(how os.Signal) {
	_ = t.command.Process.Signal(how)
	select {
	case <-t.done:
	case <-time.After(proctest.Patience):
		t.b.Error("Telegraf does not end")
		_ = t.command.Process.Kill()
		<-t.done
	}
}

func (t *telegraf) message(at int, id string) (string, []byte) {
	tomorrow := time.Now().Add(24 * time.Hour) // nowhere past
	head := fmt.Sprintf(`{"terminalUuid":%q,"orderDate":%q,`, terminal(at), tomorrow.Format("02 Jan, 2006"))
	return "orders/" + terminal(at), []byte(head + strings.TrimPrefix(string(order(id)), "{"))
}
