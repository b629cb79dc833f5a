package bench

import (
	"net"
	"sync"
	"testing"
	"time"
)

// line is a way to a TCP server on which every byte is half a round trip under way, in both directions. As many are under way
// at once as there are: it is long, not narrow.
type line struct {
	target string
	trip   time.Duration

	done  sync.WaitGroup
	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
}

// openLine opens a line to a server until the benchmark ends, and returns where its near end is.
func openLine(b *testing.B, target string, trip time.Duration) (addr string) {
	b.Helper()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l := &line{target: target, trip: trip, open: map[net.Conn]bool{}}
	l.done.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { l.serve(b, near) })
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		l.ended = true
		for conn := range l.open {
			_ = conn.Close()
		}
		l.mu.Unlock()
		l.done.Wait()
	})
	return listener.Addr().String()
}

// serve is one connection. On the loopback interface a client is connected at once, where a real line has it wait for a
// round trip; so what it sends first is held back by one more than its own way.
func (l *line) serve(b *testing.B, near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", l.target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.open[near], l.open[far] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.carry(near, far, time.Now().Add(l.trip)) })
	both.Go(func() { l.carry(far, near, time.Time{}) })
	both.Wait()
	l.mu.Lock()
	delete(l.open, near)
	delete(l.open, far)
	l.mu.Unlock()
}

// parcel is what was read at once, and when it arrives.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry takes what comes from one end to the other, its end too, as if none had been sent before begun.
func (l *line) carry(from, to net.Conn, begun time.Time) {
	under := make(chan parcel, 1024)
	go func() {
		defer close(under)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			sent := time.Now()
			if sent.Before(begun) {
				sent = begun
			}
			under <- parcel{buffer[:n], sent.Add(l.trip / 2)}
			if err != nil {
				return
			}
		}
	}()
	var broken error
	for p := range under {
		time.Sleep(time.Until(p.due))
		if broken == nil {
			_, broken = to.Write(p.bytes)
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}
