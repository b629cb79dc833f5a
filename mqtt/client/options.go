package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"tillpost/mqtt"
)

// Options say how to reach an external broker. URL, ClientID and Topics are
// required; a zero duration stands for its default.
type Options struct {
	// URL is tcp://host:port or tls://host:port; the port may be left out (1883 and 8883).
	URL string
	// ClientID must stay the same from run to run: the broker keeps what was
	// not acknowledged under it. Two clients with one id throw each other out.
	ClientID string
	Topics   mqtt.Topics
	Username string
	// Password is asked for on each connect, as its file may have changed; nil is no password.
	Password func() (string, error)
	// CAFile, CertFile and KeyFile are PEM files for tls, read on each
	// connect. Without CAFile the system's roots are used.
	CAFile, CertFile, KeyFile string
	// PeerCertFile is a PEM file with the one certificate that the broker has to
	// present. Its names and its issuer don't count then, and CAFile is not used.
	PeerCertFile string
	// Will returns the last will's payload on each connect; it is retained on Topics.Agent(). nil is no last will.
	Will func() []byte

	// KeepAlive is how long the connection may be silent before it is probed. It is rounded to seconds. Default 15 s.
	KeepAlive time.Duration
	// WriteTimeout bounds each write and the wait for the reply to a probe,
	// so that a half-open connection is noticed. Default 10 s.
	WriteTimeout time.Duration
	// ConnectTimeout bounds dialling, the handshake and the subscription. Default 15 s.
	ConnectTimeout time.Duration
	// CloseGrace is how long an ordered end waits for what is under way. Default 2 s.
	CloseGrace time.Duration
	// BackoffMin and BackoffMax bound the random pause before the next attempt. Default 500 ms and 15 s.
	BackoffMin, BackoffMax time.Duration
}

func (o *Options) setDefaults() {
	o.KeepAlive = max(cmp.Or(o.KeepAlive, 15*time.Second).Round(time.Second), time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 15*time.Second)
	o.CloseGrace = cmp.Or(o.CloseGrace, 2*time.Second)
	o.BackoffMin = cmp.Or(o.BackoffMin, 500*time.Millisecond)
	o.BackoffMax = max(cmp.Or(o.BackoffMax, 15*time.Second), o.BackoffMin)
}

// endpoint is a broker's URL in its parts.
type endpoint struct {
	address string
	host    string
	secure  bool
}

// parseURL refuses user and password in the URL: URLs end up in logs.
func parseURL(s string) (endpoint, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The error of url.Parse quotes the URL, which may hold a password.
		return endpoint{}, errors.New("the broker's URL can't be read; it must be like tls://host:8883")
	}
	e := endpoint{host: u.Hostname()}
	port := "1883"
	switch u.Scheme {
	case "tcp", "mqtt":
	case "tls", "ssl", "mqtts":
		e.secure = true
		port = "8883"
	default:
		return endpoint{}, errors.New("the broker's URL must begin with tcp:// or tls://")
	}
	switch {
	case u.User != nil:
		return endpoint{}, errors.New("the broker's URL must not hold a user or a password; they have settings of their own")
	case e.host == "":
		return endpoint{}, errors.New("the broker's URL names no host")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return endpoint{}, errors.New("the broker's URL must end after the port")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	e.address = net.JoinHostPort(e.host, port)
	return e, nil
}

func (o *Options) tlsConfig(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if o.PeerCertFile != "" {
		return pinned(config, o.PeerCertFile)
	}
	if o.CAFile != "" {
		roots, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the broker's CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("the broker's CA file %s holds no certificate in PEM", o.CAFile)
		}
	}
	if o.CertFile != "" || o.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate for the broker: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// pinned makes config accept the first certificate of a file and no other. The
// handshake proves that whoever presents it has its key.
func pinned(config *tls.Config, file string) (*tls.Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the broker's own certificate: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("the file %s does not begin with a certificate in PEM", file)
	}
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
			return fmt.Errorf("the broker presents another certificate than the one in %s", file)
		}
		return nil
	}
	return config, nil
}

// dial opens the connection to the broker, TLS included; no MQTT is spoken yet.
func (o *Options) dial(ctx context.Context, e endpoint) (net.Conn, error) {
	dialer := &net.Dialer{}
	if !e.secure {
		return dialer.DialContext(ctx, "tcp", e.address)
	}
	config, err := o.tlsConfig(e.host)
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", e.address)
}
