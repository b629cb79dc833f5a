package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// files holds the content in force of the broker's files. Only load changes it,
// which is called by one goroutine at a time.
type files struct {
	options *Options
	// users is nil where everybody may do everything.
	users atomic.Pointer[Users]
	// certificate is nil without TLS.
	certificate atomic.Pointer[tls.Certificate]

	usersText, certText, keyText string
}

func (f *files) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return f.certificate.Load(), nil
		},
	}
}

// load reads the files, and puts into force what has changed. A file that can't be used changes nothing.
func (f *files) load() (usersChanged bool, err error) {
	o := f.options
	if o.UsersFile != "" {
		text, err := o.ReadSecret(o.UsersFile)
		if err != nil {
			return false, fmt.Errorf("read the broker's users: %w", err)
		}
		if text != f.usersText {
			users, err := ParseUsers(o.Topics, text)
			if err != nil {
				return false, fmt.Errorf("the broker's users in %s: %w", o.UsersFile, err)
			}
			f.users.Store(users)
			f.usersText, usersChanged = text, true
		}
	}
	if o.CertFile == "" {
		return usersChanged, nil
	}
	cert, err := os.ReadFile(o.CertFile)
	if err != nil {
		return usersChanged, fmt.Errorf("read the broker's certificate: %w", err)
	}
	key, err := o.ReadSecret(o.KeyFile)
	if err != nil {
		return usersChanged, fmt.Errorf("read the broker's key: %w", err)
	}
	if string(cert) == f.certText && key == f.keyText {
		return usersChanged, nil
	}
	pair, err := tls.X509KeyPair(cert, []byte(key))
	if err != nil {
		return usersChanged, fmt.Errorf("the broker's certificate %s and key %s: %w", o.CertFile, o.KeyFile, err)
	}
	f.certificate.Store(&pair)
	f.certText, f.keyText = string(cert), key
	return usersChanged, nil
}

// watchFiles loads the files again and again, until ctx ends. It logs each fault
// once; until that is corrected the former content stays in force.
func (b *Broker) watchFiles(ctx context.Context) {
	if b.options.UsersFile == "" && b.options.CertFile == "" {
		return
	}
	tick := time.Tick(b.options.ReloadEvery)
	logged := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		changed, err := b.files.load()
		if changed {
			b.usersChanged()
			b.log.Info("the broker's users were read again")
		}
		switch {
		case err == nil:
			logged = ""
		case err.Error() != logged:
			logged = err.Error()
			b.log.Error("a file of the broker can't be used; what it held before stays in force", "err", err)
		}
	}
}
