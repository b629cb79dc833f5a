package broker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mqtt"
)

func newTestBroker(t *testing.T) *Broker {
	t.Helper()
	b, err := New(Options{Listen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}}, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) { d.Ack() }, Up: func() {}, Down: func(error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPeerGreetingTimeout: who says nothing, or goes on saying a little, has
// ten seconds to be greeted.
func TestPeerGreetingTimeout(t *testing.T) {
	t.Parallel()
	for name, said := range map[string][]byte{"nothing": nil, "half a CONNECT": {0x10, 13, 0, 4, 'M'}} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBroker(t)
			ours, theirs := net.Pipe()
			p := b.admit(ours)
			go b.serve(p)
			if _, err := theirs.Write(said); err != nil {
				t.Fatal(err)
			}
			time.Sleep(connectTimeout - time.Millisecond)
			synctest.Wait()
			if p.gone() {
				t.Errorf("%s: closed too early", name)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("%s: still open after ten seconds: %v", name, err)
			}
			if len(b.allPeers()) != 0 {
				t.Errorf("%s: the connection is still counted", name)
			}
		})
	}
}

// TestWebSocketGreetingTimeout: opening a WebSocket and the login share the ten
// seconds.
func TestWebSocketGreetingTimeout(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{
		"nothing": "", "half a request": "GET /mqtt HTTP/1.1\r\nHost",
		"no login": "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBroker(t)
			ours, theirs := net.Pipe()
			p := b.admit(b.overWebSocket(ours))
			go b.serve(p)
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			time.Sleep(connectTimeout / 2)
			if _, err := io.WriteString(theirs, said); err != nil {
				t.Fatal(err)
			}
			time.Sleep(connectTimeout/2 - time.Millisecond)
			synctest.Wait()
			if p.gone() {
				t.Errorf("%s: closed too early", name)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if len(b.allPeers()) != 0 {
				t.Errorf("%s: still open after ten seconds", name)
			}
		})
	}
}

var helloFrame = []byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'}

// readsAll connects a client that subscribes to everything, and is not interested.
func readsAll(t *testing.T, b *Broker) (theirs net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	go b.serve(b.admit(ours))
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	for _, frame := range [][]byte{helloFrame, {0x82, 6, 0, 1, 0, 1, '#', 1}} {
		if _, err := theirs.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	return theirs
}

// TestPeerKeepAlive: a client that is silent for one and a half of its
// keepalive is gone, and its writes don't count for it.
func TestPeerKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBroker(t)
		theirs := readsAll(t, b)
		for range 89 {
			time.Sleep(time.Second)
			b.distribute(mqtt.Message{Topic: "test/agent", Payload: []byte("x")}, "", 1)
		}
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if b.peer("x") == nil {
			t.Error("closed too early")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if b.peer("x") != nil {
			t.Error("still there after one and a half of its keepalive")
		}
		_ = theirs.Close()
	})
}

// TestPeerStalls: sending to a client that reads nothing blocks nobody, and after
// ten seconds it is cut off.
func TestPeerStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		total := &atomic.Int64{}
		p := newPeer(ours, total)
		begun := time.Now()
		for range 8 {
			if _, err := p.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(begun) != 0 {
			t.Error("a write blocked")
		}
		waited := make(chan bool, 1)
		go func() { waited <- p.waitForRoom() }()
		time.Sleep(peerWriteTimeout - time.Millisecond)
		synctest.Wait()
		if p.gone() {
			t.Error("cut off too early")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if !p.gone() || total.Load() != 0 {
			t.Errorf("gone %t, and %d bytes still wait", p.gone(), total.Load())
		}
		if _, err := p.Write([]byte("x")); err == nil {
			t.Error("a write to a connection that was cut off")
		}
		_, _ = p.Close(), theirs.Close()
		<-waited
	})
}

// TestPeerBounds: one client may be a megabyte behind, all together a fixed
// amount.
func TestPeerBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		total := &atomic.Int64{}
		piece := make([]byte, maxBehind/4)
		open := func() (*peer, func()) {
			ours, theirs := net.Pipe()
			p := newPeer(ours, total)
			return p, func() { _, _ = p.Close(), theirs.Close() }
		}
		one, end := open()
		defer end()
		for range 4 {
			if _, err := one.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := one.Write([]byte("x")); !errors.Is(err, errTooSlow) {
			t.Errorf("one byte more than a client may be behind: %v", err)
		}
		synctest.Wait()
		if n := total.Load(); n != 0 {
			t.Fatalf("%d bytes wait for nobody", n)
		}
		for range maxBacklog / maxBehind {
			p, end := open()
			defer end()
			for range 4 {
				if _, err := p.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
		}
		last, end := open()
		defer end()
		if _, err := last.Write([]byte("x")); !errors.Is(err, errTooSlow) {
			t.Errorf("one byte more than all may be behind: %v", err)
		}
	})
}

// TestPeerLastWords: what was written before the end still goes out, for a
// second.
func TestPeerLastWords(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			p := newPeer(ours, &atomic.Int64{})
			if _, err := p.Write([]byte("because")); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_ = p.Close()
			if _, err := p.Write([]byte("x")); err == nil {
				t.Error("a write after the end")
			}
			if reads {
				if got, err := io.ReadAll(theirs); string(got) != "because" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			}
			p.waitClosed()
			if took := time.Since(begun); reads && took != 0 || !reads && took != closeTimeout {
				t.Errorf("closed after %v", took)
			}
			_ = theirs.Close()
		})
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter, other  string
		matches, meets bool
	}{
		{"a/+/c", "a/b/c", true, true},
		{"a/+/c", "a//c", true, true},
		{"a/+/c", "a/b/c/d", false, false},
		{"a/+", "a", false, false},
		{"a/#", "a", true, true},
		{"a/#", "a/b/c", true, true},
		{"a/#", "b", false, false},
		{"#", "a/b", true, true},
		{"a/b", "a/b", true, true},
		{"a/b", "a/c", false, false},
		{"a/b", "a/+", false, true},
		{"+/b/c", "a/+/c", false, true},
		{"+/b/c", "a/+/d", false, false},
		{"a/b", "#", false, true},
		{"a/b", "a/b/#", false, true},
		{"a/b", "a/b/c/#", false, false},
		{"a", "+/+", false, false},
	} {
		if got := filterMatches(tt.filter, tt.other); got != tt.matches {
			t.Errorf("%s matches %s: %t", tt.filter, tt.other, got)
		}
		if got, back := filtersMeet(tt.filter, tt.other), filtersMeet(tt.other, tt.filter); got != tt.meets || back != got {
			t.Errorf("%s meets %s: %t, %t", tt.filter, tt.other, got, back)
		}
	}
}

// TestBrokerLastWordsRead: before the end, clients have time to acknowledge
// what they were sent, and no longer than they need.
func TestBrokerLastWordsRead(t *testing.T) {
	t.Parallel()
	for _, acknowledges := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBroker(t)
			theirs := readsAll(t, b)
			synctest.Wait()
			b.distribute(mqtt.Message{Topic: "test/agent", Payload: []byte("offline")}, "", 1)
			begun := time.Now()
			want := time.Second
			if acknowledges {
				want = 300 * time.Millisecond
				time.AfterFunc(want, func() { _, _ = theirs.Write([]byte{0x40, 2, 0, 1}) })
			}
			b.awaitAcks(time.Second)
			if took := time.Since(begun); took != want {
				t.Errorf("acknowledges %t: waited %v", acknowledges, took)
			}
			_ = theirs.Close()
		})
	}
}
