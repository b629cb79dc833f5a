package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

const (
	// crowd is how many connections come at once, floodFor how long they stay at least.
	crowd    = 2000
	floodFor = 4 * time.Second
	// sold is how many orders have to be paid meanwhile. How long that takes says little: who floods shares the processor
	// with who is flooded.
	sold = 10
	// quietMemory is what the agent may take with strangers who are not let in, crowdMemory with 2,000 clients who are,
	// and of whom each is behind: 32 MiB wait for all of them together, the rest are connections.
	quietMemory = 128 << 20
	crowdMemory = 384 << 20
)

// flooded is a shop with four tills that sell all the time.
type flooded struct {
	*shop
	mu    sync.Mutex
	times []time.Duration // from a till's PUBLISH to the status paid
}

// TestFloods lets strangers do to each listener what strangers do. They go on until orders have been paid in spite of them,
// and afterwards the agent holds no more than before.
func TestFloods(t *testing.T) {
	slow(t)
	f := &flooded{shop: newShop(t, true, 4, nil)}
	f.Must(f.Sim.SetCustomer("", simulator.Pay(20*time.Millisecond)))
	f.Run()
	f.AwaitReady()
	ctx, stop := context.WithCancel(t.Context())
	selling, closed := context.WithCancel(ctx)
	var tills sync.WaitGroup
	defer func() { closed(); stop(); tills.Wait() }()
	for i := range 4 {
		till := newTill(f.shop, i)
		tills.Go(func() { till.run(ctx) })
		tills.Go(func() { f.sellAndWait(selling, till) })
	}
	for _, a := range f.attacks() {
		f.attack(ctx, a)
	}
	closed()
	if !proctest.Eventually(proctest.Patience, func() bool { return len(f.books.open(false)) == 0 }) {
		t.Errorf("not over: %v", f.books.open(false))
	}
	f.reconcile(false)
}

// attack is what strangers do to a listener, and the memory that the agent may take then.
type attack struct {
	name   string
	memory int64
	do     func(ctx context.Context)
}

func (f *flooded) attacks() []attack {
	const hello = "\x10\x40\x00\x04MQTT\x04\x02\x00\x3c\x00\x34aaa" // and the rest of the client id never comes
	return []attack{
		{"slow-loris on http.listen", quietMemory, func(ctx context.Context) {
			f.loris(ctx, f.Web, 400, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
		}},
		{"slow-loris on callback.listen", quietMemory, func(ctx context.Context) {
			f.loris(ctx, f.callback, 400, "GET /callback/x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
		}},
		{"slow-loris on the broker", quietMemory, func(ctx context.Context) { f.loris(ctx, f.Broker, crowd, hello) }},
		{"flood of http.listen", quietMemory, func(ctx context.Context) { f.storm(ctx, "http://"+f.Web+"/api/v1/requests") }},
		{"flood of callback.listen", quietMemory, func(ctx context.Context) {
			f.storm(ctx, "http://"+f.callback+"/callback/"+f.aMark()+"?orderUuid=ODR1&status=Approved&type=Payment")
		}},
		{"nonsense to the broker", quietMemory, f.nonsense},
		{"2,000 clients of the broker that read nothing", crowdMemory, f.deaf}, // last: what it took is given back slowly
	}
}

// attack measures a quiet while, one under attack, and what is left of it.
func (f *flooded) attack(ctx context.Context, a attack) {
	f.Helper()
	name := a.name
	f.forget()
	sleep(ctx, floodFor/3)
	quiet, n := f.median()
	files, goroutines := f.Agent.Files(), f.goroutines()
	attacking, stop := context.WithCancel(ctx)
	var attackers sync.WaitGroup
	attackers.Go(func() { a.do(attacking) })
	var peak atomic.Int64
	attackers.Go(func() {
		for sleep(attacking, 50*time.Millisecond) {
			peak.Store(max(peak.Load(), f.Agent.RSSAnon()))
		}
	})
	f.forget()
	sleep(ctx, floodFor)
	running := proctest.Eventually(proctest.Patience, func() bool { _, m := f.median(); return m >= sold })
	busy, m := f.median()
	stop()
	attackers.Wait()
	sleep(ctx, 500*time.Millisecond) // what waited at the door comes in yet, and finds out that nobody is there
	back := proctest.Eventually(proctest.Patience, func() bool { return f.Agent.Files() <= files+4 && f.goroutines() <= goroutines+8 })
	f.Logf("%s: an order takes %v (%d of them), in quiet %v (%d); at most %d KiB; %d files and %d goroutines before, %d and %d after",
		name, busy.Round(time.Millisecond), m, quiet.Round(time.Millisecond), n, peak.Load()>>10, files, goroutines, f.Agent.Files(), f.goroutines())
	if !running {
		f.Errorf("%s: no more than %d orders were paid in a minute", name, m)
	}
	if !proctest.Race && peak.Load() > a.memory {
		f.Errorf("%s: the agent took %d KiB", name, peak.Load()>>10)
	}
	if !back {
		f.Errorf("%s: the agent holds %d files and %d goroutines, before it were %d and %d", name, f.Agent.Files(), f.goroutines(), files, goroutines)
	}
	if !f.Agent.Running() {
		f.Fatalf("%s: the agent ended with %d", name, f.Agent.Code())
	}
}

// forget begins a while in which orders are timed.
func (f *flooded) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = nil
}

// median returns the median time of the orders that were paid in this while so far.
func (f *flooded) median() (took time.Duration, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.times) == 0 {
		return 0, 0
	}
	slices.Sort(f.times)
	return f.times[len(f.times)/2], len(f.times)
}

// sellAndWait sells one thing after the other.
func (f *flooded) sellAndWait(ctx context.Context, t *till) {
	for n := 1; sleep(ctx, 20*time.Millisecond); n++ {
		id := fmt.Sprintf("%s-%05d", t.terminal, n)
		begin := time.Now()
		t.put(newOrder(t.terminal, id, n, f.Today(), 4200))
		for !f.books.now(id).Final {
			if !sleep(ctx, 5*time.Millisecond) {
				return
			}
		}
		f.mu.Lock()
		f.times = append(f.times, time.Since(begin))
		f.mu.Unlock()
	}
}

// each runs n strangers at once; none of them minds an error.
func each(ctx context.Context, n int, stranger func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { stranger(i) })
		if i%50 == 49 {
			sleep(ctx, 10*time.Millisecond)
		}
	}
	all.Wait()
}

// connect returns a connection that is reset when ctx ends, so that no port stays behind.
func connect(ctx context.Context, addr string) (net.Conn, func()) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, func() {}
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the port is then used up for a while
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() { stop(); _ = conn.Close() }
}

// loris connects many times, begins to say something and goes on with a byte now and then. Who is cut off, comes again.
func (f *flooded) loris(ctx context.Context, addr string, n int, begin string) {
	each(ctx, n, func(int) {
		for ctx.Err() == nil {
			conn, end := connect(ctx, addr)
			for say := begin; conn != nil; say = "y" {
				if _, err := io.WriteString(conn, say); err != nil || !sleep(ctx, 300*time.Millisecond) {
					break
				}
			}
			end()
			sleep(ctx, 100*time.Millisecond)
		}
	})
}

// storm asks as fast as it can.
func (f *flooded) storm(ctx context.Context, url string) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	each(ctx, 64, func(int) {
		for ctx.Err() == nil {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return
			}
			if reply, err := client.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, reply.Body) // what is answered is not looked at
				_ = reply.Body.Close()
			}
		}
	})
}

// aMark returns the mark of an order that the API was sent.
func (f *flooded) aMark() string {
	f.Helper()
	orders := f.Sim.Orders()
	if len(orders) == 0 || len(orders[0].References) == 0 {
		f.Fatal("no order bears a mark")
	}
	return orders[0].References[0]
}

// deaf connects as many clients as there may be, who subscribe to everything and read none of it.
func (f *flooded) deaf(ctx context.Context) {
	each(ctx, crowd, func(i int) {
		conn, end := connect(ctx, f.Broker)
		defer end()
		if conn == nil || mqtttest.Greet(conn, fmt.Sprintf("deaf-%d", i), keepalive, shoptest.Prefix+"/#") != nil {
			return
		}
		<-ctx.Done()
	})
}

// nonsense says things that no client says, one after the other.
func (f *flooded) nonsense(ctx context.Context) {
	words := []string{
		"GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\x7f", "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f\x82\x05\x00\x09\x00\x01#", "\x16\x03\x01\x02\x00\x01", "\x00",
		"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f\x30\xff\xff\xff\x7f",
	}
	each(ctx, 100, func(i int) {
		for ctx.Err() == nil {
			conn, end := connect(ctx, f.Broker)
			if conn != nil {
				_, _ = io.WriteString(conn, words[i%len(words)]) // it may be cut off
				_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				_, _ = io.Copy(io.Discard, conn)
			}
			end()
			sleep(ctx, 20*time.Millisecond)
		}
	})
}
