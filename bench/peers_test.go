package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// peersTerminals is how many terminals the shop has, and how many tills: one for each.
const peersTerminals = 8

// BenchmarkPeers runs tillpost beside Telegraf, which a shop could reach for instead, and writes a table of both: bench/peers
// builds it and says where it is. Orders at a steady pace, and outages, take turns; the rest comes one relay after the other.
// What there is no time for is left out. Run it with -benchtime 1x.
func BenchmarkPeers(b *testing.B) {
	path := os.Getenv("TILLPOST_BENCH_TELEGRAF")
	if path == "" {
		b.Skip("bench/peers says where Telegraf is")
	}
	for b.Loop() {
		r := &contest{b: b, end: time.Now().Add(9 * time.Minute), results: map[string]map[string]string{}}
		r.relays = []relay{newOurs(b, brokerMosquitto), newOurs(b, brokerEmbedded), newTelegraf(b, path)}
		r.run()
		text := r.table()
		fmt.Println(text)
		if out := os.Getenv("TILLPOST_BENCH_TABLE"); out != "" {
			if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// relay is a program that takes orders from a broker to the API.
type relay interface {
	name() string
	// open makes a shop of its own, in a new folder, that runs nothing but the broker.
	open() (broker string, api *books)
	// start runs it, under another program if wrap names one, and does not wait for it.
	start(wrap ...string)
	pid() int
	stop()
	kill()
	// message is what a till sends for an order at a terminal.
	message(terminal int, id string) (topic string, payload []byte)
}

// contest has the relays do the same things.
type contest struct {
	b       *testing.B
	end     time.Time
	relays  []relay
	rows    []string
	results map[string]map[string]string // by row and relay
}

func (r *contest) run() {
	var all []*runner
	for _, relay := range r.relays {
		all = append(all, openRunner(r.b, relay))
	}
	for _, n := range all {
		time.Sleep(3 * time.Second) // the start is over
		r.note("idle RssAnon, MiB", n, "%.1f", figure(r.b, n.relay.pid(), "RssAnon")/1024)
	}
	r.latency(all)
	each := func(f func(n *runner)) {
		for _, n := range all {
			if time.Now().Before(r.end) {
				f(n)
			}
		}
	}
	each(r.outage)
	r.returns(all)
	each(r.lostReplies)
	each(r.kills)
	for _, n := range all {
		n.relay.stop()
	}
	each(r.syncs)
}

// note keeps a figure for the table.
func (r *contest) note(row string, n *runner, format string, args ...any) {
	if r.results[row] == nil {
		r.rows = append(r.rows, row)
		r.results[row] = map[string]string{}
	}
	r.results[row][n.relay.name()] = fmt.Sprintf(format, args...)
	fmt.Fprintf(os.Stderr, "%s: %s: %s\n", n.relay.name(), row, r.results[row][n.relay.name()])
}

// table is the figures in Markdown.
func (r *contest) table() string {
	var t strings.Builder
	t.WriteString("| |")
	for _, relay := range r.relays {
		fmt.Fprintf(&t, " %s |", relay.name())
	}
	t.WriteString("\n|" + strings.Repeat("---|", len(r.relays)+1) + "\n")
	for _, row := range r.rows {
		fmt.Fprintf(&t, "| %s |", row)
		for _, relay := range r.relays {
			value := r.results[row][relay.name()]
			if value == "" {
				value = "–"
			}
			fmt.Fprintf(&t, " %s |", value)
		}
		t.WriteString("\n")
	}
	return t.String()
}

// latency has the relays take turns in blocks of 50 orders at 20 a second.
func (r *contest) latency(all []*runner) {
	const blocks, orders = 6, 50
	took, cpu := map[*runner][]time.Duration{}, map[*runner]time.Duration{}
	for range blocks {
		for _, n := range all {
			before := used(r.b, n.relay.pid())
			ids := n.pace(orders, 20)
			n.awaitAll(ids, 30*time.Second)
			time.Sleep(200 * time.Millisecond) // it is found to be paid
			cpu[n] += used(r.b, n.relay.pid()) - before
			for _, id := range ids {
				if at := n.api.cameAt(id); !at.IsZero() {
					took[n] = append(took[n], at.Sub(n.published[id]))
				}
			}
		}
	}
	for _, n := range all {
		r.note("p50 till → API at 20/s, ms", n, "%.1f", quantile(took[n], 0.5))
		r.note("p99, ms", n, "%.1f", quantile(took[n], 0.99))
		r.note("CPU, ms an order at 20/s", n, "%.1f", cpu[n].Seconds()*1000/(blocks*orders))
	}
}

// outage has 1,000 orders placed while the API is away for 15 s.
func (r *contest) outage(n *runner) {
	const orders, lasts = 1000, 15 * time.Second
	r.down(n, true)
	end := time.Now().Add(lasts)
	ids := n.load(orders, (lasts-2*time.Second)*peersTerminals/orders)
	time.Sleep(time.Until(end))
	r.down(n, false)
	lost := n.awaitAll(ids, time.Minute)
	r.note("15 s outage, 1,000 orders: lost, twice, disordered", n, "%d, %d, %d", lost, n.twice(ids), n.disordered(ids))
}

// returns has the API be away for 15 s four times, for all relays at once, with an order of each till meanwhile.
func (r *contest) returns(all []*runner) {
	const lasts, times = 15 * time.Second, 4
	took, missing := map[*runner][]time.Duration{}, map[*runner]int{}
	for range times {
		ids, back := map[*runner][]string{}, map[*runner]time.Time{}
		for _, n := range all {
			r.down(n, true)
			time.Sleep(rand.N(time.Second)) // no two in step
			ids[n] = n.load(peersTerminals, 0)
		}
		time.Sleep(lasts)
		for _, n := range all {
			back[n] = time.Now()
			r.down(n, false)
		}
		for _, n := range all {
			missing[n] += n.awaitAll(ids[n], 30*time.Second)
			if first := n.firstAfter(back[n]); !first.IsZero() {
				took[n] = append(took[n], first.Sub(back[n]))
			}
		}
	}
	for _, n := range all {
		r.note("four outages of 15 s: orders that never came", n, "%d", missing[n])
		if len(took[n]) == times {
			r.note("first order after 15 s of outage, median and worst of four, s", n, "%.2f, %.2f", quantile(took[n], 0.5)/1000, quantile(took[n], 1)/1000)
		}
	}
}

// down cuts the API off, or brings it back.
func (r *contest) down(n *runner, down bool) {
	if err := n.api.SetDown(down); err != nil {
		r.b.Fatal(err)
	}
}

// lostReplies has 500 orders placed while one reply of 10 is lost.
func (r *contest) lostReplies(n *runner) {
	const orders = 500
	n.loseReplies(true)
	ids := n.load(orders, 100*time.Millisecond)
	lost := n.awaitAll(ids, time.Minute)
	n.loseReplies(false)
	n.awaitQuiet(5*time.Second, 20*time.Second)
	r.note("1 reply in 10 lost (500): charged twice, lost", n, "%d, %d", n.twice(ids), lost)
}

// kills ends a relay by kill -9 six times while orders are placed. Not charged is what the API never got: with tillpost that is
// what it was about to send, which it does not send again by itself but leaves to a person, unresolved.
func (r *contest) kills(n *runner) {
	const runs, orders = 6, 480
	var ids []string
	for range runs {
		loaded := make(chan []string, 1)
		go func() { loaded <- n.load(orders, 50*time.Millisecond) }()
		time.Sleep(time.Second + rand.N(time.Second))
		n.relay.kill()
		n.relay.start()
		ids = append(ids, <-loaded...)
		n.awaitQuiet(2*time.Second, 20*time.Second)
	}
	missing := n.awaitAll(ids, 30*time.Second)
	r.note("kill -9 under load, six runs of 480 orders: charged twice, not charged", n, "%d, %d", n.twice(ids), missing)
}

// syncs counts the syncs of 100 orders at 20 a second, in a shop of its own.
func (r *contest) syncs(old *runner) {
	trace := filepath.Join(r.b.TempDir(), "trace")
	wrap := strace(trace, "-e", "trace=fsync,fdatasync,sync_file_range,msync")
	if wrap == nil {
		return // the row is left out
	}
	n := openRunner(r.b, old.relay, wrap...)
	count := func() float64 {
		time.Sleep(500 * time.Millisecond)
		raw, err := os.ReadFile(trace)
		if err != nil {
			r.b.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.Split(string(raw), "\n"), func(line string) bool {
			return !strings.Contains(line, "sync(") && !strings.Contains(line, "sync_file_range(")
		})
		return float64(len(lines))
	}
	before := count()
	n.awaitAll(n.pace(100, 20), 30*time.Second)
	r.note("fsyncs an order", n, "%.1f", (count()-before)/100)
	n.relay.stop()
}
