// Package certtest makes certificates for tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Options are what a certificate may have of its own. The zero value is one for 127.0.0.1 that is valid now.
type Options struct {
	// From and To are when it is valid; both zero: an hour ago until in an hour.
	From, To time.Time
	// Nameless leaves it without a name but its subject.
	Nameless bool
	// Key is used instead of a new one.
	Key *ecdsa.PrivateKey
}

// Certificate is one that signs itself, and serves both sides.
type Certificate struct {
	TLS tls.Certificate
	// PEM is the certificate without its key.
	PEM []byte
	// CertFile and KeyFile are PEM files that are gone when the test ends. The first is its CA's as well.
	CertFile, KeyFile string
}

// New makes a certificate.
func New(t testing.TB, o Options) Certificate {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if o.Key == nil {
		var err error
		o.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
	}
	if o.From.IsZero() && o.To.IsZero() {
		o.From, o.To = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: o.From, NotAfter: o.To,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if !o.Nameless {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, o.Key.Public(), o.Key)
	must(err)
	key, err := x509.MarshalPKCS8PrivateKey(o.Key)
	must(err)
	dir := t.TempDir()
	c := Certificate{
		TLS:      tls.Certificate{Certificate: [][]byte{der}, PrivateKey: o.Key},
		PEM:      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	must(os.WriteFile(c.CertFile, c.PEM, 0o600))
	must(os.WriteFile(c.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	return c
}
