package lane

import (
	"context"
	"sync"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

// connFresh is how long a connection may wait at a lane for the submission that starts on it: a server closes idle ones.
const connFresh = 3 * time.Second

// conn is a connection that was never used, for the next submission.
type conn struct {
	*api.Conn
	until time.Time // when it has waited here for too long
	spare bool      // it is of the gateway's, which says how old it may be
}

func spareConn(c *api.Conn) conn   { return conn{c, time.Now().Add(connFresh), true} }
func dialledConn(c *api.Conn) conn { return conn{c, time.Now().Add(connFresh), false} }

// ready is the connection on which a lane's next submission starts, if there is one. The lane's goroutine puts it there; it may
// be taken for the order that is being accepted, too.
type ready struct {
	mu sync.Mutex
	c  conn
}

// swap puts another one, or none, in its place, and returns it.
func (r *ready) swap(c conn) (was conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, r.c = r.c, c
	return was
}

// has reports whether there is one of which something is so.
func (r *ready) has(is func(conn) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Conn != nil && is(r.c)
}

// take removes and returns the one of which something is so, none if there is none.
func (r *ready) take(is func(conn) bool) (c conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c.Conn != nil && is(r.c) {
		c, r.c = r.c, c
	}
	return c
}

// dial readies a fresh connection for the next submission, where none is at hand, before that is written to disk, so that an outage
// costs neither doubt nor writes.
func (l *lane) dial() {
	if l.next.dialing || l.stopping() {
		return
	}
	l.next.dialing = true
	l.background(func(ctx context.Context) {
		c, retry, err := l.o.Gateway.Dial(ctx)
		l.do(func() { l.dialled(c, retry, err) })
	})
}

// dialled goes on with the connection, or says why there is none.
func (l *lane) dialled(c *api.Conn, retry time.Duration, err error) {
	l.next.dialing = false
	if err == nil {
		l.keepConn(dialledConn(c))
		l.moved = true
		return
	}
	at := l.o.Store.Lane(l.terminal)
	if at.Holder != 0 || at.Head == 0 || l.stopping() {
		return
	}
	if r, err := l.o.Store.Get(at.Head); err == nil {
		l.of(r.Seq).dials++
		l.waits(r, outbox.WaitAPIUnreachable, retry)
	}
	l.wakeAt(at.Head, outbox.TimerRetry, retry, false)
}

// Expect readies a connection for an order that has come and is looked at once a commit is over, if it may start then.
func (ls *Lanes) Expect(terminal string) {
	if !ls.free(terminal) {
		return
	}
	l := ls.lane(terminal)
	l.do(func() {
		if l.free(l.terminal) && !l.hasConn() {
			l.dial()
		}
	})
}

// atHand takes the connection that is ready here, or for all lanes; none where there is none.
func (l *lane) atHand() conn {
	c := l.ready.take(l.serves)
	if c.Conn == nil {
		c = spareConn(l.o.Gateway.Spare())
	}
	return c
}

// keepConn has the next submission start on a connection, if there is one and it comes soon.
func (l *lane) keepConn(c conn) {
	if c.Conn == nil {
		return
	}
	drop(l.ready.swap(c))
	time.AfterFunc(time.Until(c.until), func() { // the request that it was meant for did not come
		drop(l.ready.take(func(now conn) bool { return now.Conn == c.Conn }))
	})
}

// serves reports whether a submission may start on a connection now.
func (l *lane) serves(c conn) bool {
	return !time.Now().After(c.until) && (!c.spare || l.o.Gateway.SpareServes(c.Conn))
}

// hasConn reports whether a submission may start now on a connection that is ready.
func (l *lane) hasConn() bool { return l.ready.has(l.serves) }

// takeConn returns the connection that a submission starts on; none where it serves no more, because the turn took long to be
// written: then the call dials one.
func (l *lane) takeConn() *api.Conn {
	c := l.ready.take(l.serves)
	l.dropConn()
	return c.Conn
}

func (l *lane) dropConn() { drop(l.ready.swap(conn{})) }

// drop closes a connection on which nothing was sent.
func drop(c conn) {
	if c.Conn != nil {
		_ = c.Close()
	}
}
