package client

import (
	"net"
	"sync"
	"time"
)

// watchedConn sets a deadline for every write, so that a half-open connection is noticed, and calls lost at the first
// sign that the connection has ended: paho does not report every loss in its first moments.
//
// paho sets and clears write deadlines itself, from one goroutine while another writes a probe; here they are ignored.
type watchedConn struct {
	net.Conn
	writeTimeout time.Duration
	once         sync.Once
	lost         func(error)
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.report(err)
	}
	return n, err
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		c.report(err)
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.report(err)
	}
	return n, err
}

func (c *watchedConn) Close() error {
	c.report(net.ErrClosed)
	return c.Conn.Close()
}

func (c *watchedConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *watchedConn) SetWriteDeadline(time.Time) error { return nil }

func (c *watchedConn) report(err error) { c.once.Do(func() { c.lost(err) }) }
