package check

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"time"
)

// otherScheme reports a broker that can't be reached because mqtt.url has tcp:// for a port that speaks TLS, or the
// reverse. No login is sent. It returns false if that is not the fault.
func (c *checker) otherScheme(ctx context.Context, fs *findings, u *url.URL) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	switch {
	case u.Scheme == "tcp" && speaksTLS(ctx, u.Host):
		fs.fail(`write mqtt.url = "tls://`+u.Host+`"`, "%s speaks TLS, and mqtt.url begins with tcp://", u.Host)
	case u.Scheme == "tls" && speaksMQTT(ctx, u.Host):
		fs.fail(`write mqtt.url with the port on which it speaks TLS, which mostly is 8883, or, if it may be without, "tcp://`+u.Host+`"`,
			"%s speaks MQTT without TLS, and mqtt.url begins with tls://", u.Host)
	default:
		return false
	}
	return true
}

// speaksTLS reports whether TLS is spoken at an address, also where the handshake is refused.
func speaksTLS(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	err = secured.HandshakeContext(ctx)
	_, alerted := errors.AsType[tls.AlertError](err)
	return err == nil || alerted
}

// speaksMQTT reports whether an address refuses a CONNECT that has no client id and wants to keep its session.
func speaksMQTT(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	const nobody = "\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00"
	if _, err := io.WriteString(conn, nobody); err != nil {
		return false
	}
	var head [2]byte
	_, err = io.ReadFull(conn, head[:])
	return err == nil && head == [2]byte{0x20, 0x02}
}
