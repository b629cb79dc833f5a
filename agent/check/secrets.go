package check

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"tillpost/agent/config"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
)

// soonExpired is how long before its end a certificate is worth a warning.
const soonExpired = 21 * 24 * time.Hour

const embeddedCert = "mqtt.embedded.cert_file"

// quoted is what YAML's errors repeat of the file, which holds users' password hashes.
var quoted = regexp.MustCompile("`[^`]*`")

// secrets checks every file that the configuration names, but for the token, which is a subject of its own.
func (c *checker) secrets() []Finding {
	fs := about("secrets")
	if read := c.cfg.PasswordReader(); read != nil {
		if _, err := read(); err != nil {
			fs.fail("put the broker's password alone into the file", "mqtt.password_file: %v", err)
		} else {
			c.readable(fs, "mqtt.password_file", c.cfg.MQTT.PasswordFile)
		}
	}
	c.pair(fs, "mqtt.cert_file", c.cfg.MQTT.CertFile, c.cfg.MQTT.KeyFile)
	c.authorities(fs, "mqtt.ca_file", c.cfg.MQTT.CAFile)
	c.authorities(fs, "api.ca_file", c.cfg.API.CAFile)
	if e := c.cfg.MQTT.Embedded; e != nil {
		c.pair(fs, embeddedCert, e.CertFile, e.KeyFile)
		if e.UsersFile != "" {
			c.users(fs, e.UsersFile)
		}
	}
	if file := c.cfg.HTTP.WebConfigFile; file != "" {
		if err := web.Validate(file); err != nil {
			fs.fail("correct the file, or take the key out", "http.web_config_file %s: %s", file, quoted.ReplaceAllString(err.Error(), "…"))
		}
	}
	if len(fs.list) == 0 {
		fs.ok("the files that the configuration names are there and well guarded")
	}
	return fs.done()
}

func (c *checker) users(fs *findings, file string) {
	text, err := config.ReadSecretFile(file)
	if err != nil {
		fs.fail("the file must be there, hold the users of the broker, and be closed to all but the service's user", "mqtt.embedded.users_file: %v", err)
		return
	}
	if _, err := broker.ParseUsers(mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}, text); err != nil {
		fs.fail("correct it", "mqtt.embedded.users_file %s: %v", file, err)
		return
	}
	c.readable(fs, "mqtt.embedded.users_file", file)
}

// token reports whether there is a token to call with.
func (c *checker) token(fs *findings) bool {
	_, err := c.cfg.Token()
	switch {
	case errors.Is(err, config.ErrNoToken):
		fs.fail("a credential of systemd is seen by the service alone: to check it too, give it here in TILLPOST_API_TOKEN", "%v", err)
	case err != nil:
		fs.fail("the file must hold the token alone, and be closed to all but the service's user", "%v", err)
	case c.cfg.API.TokenFile != "":
		c.readable(fs, "api.token_file", c.cfg.API.TokenFile)
	}
	return err == nil
}

// readable warns of a file that we can read only because we are root.
func (c *checker) readable(fs *findings, key, file string) {
	service, ok := c.machine.service()
	if !ok || service.mayRead(file) {
		return
	}
	fs.warn(fmt.Sprintf("if it runs as that user: chown %s %s", service.name, file),
		"%s: the user %s can't read %s", key, service.name, file)
}

func (c *checker) pair(fs *findings, key, certFile, keyFile string) {
	if certFile == "" {
		return
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil && hasPassphrase(keyFile) {
		fs.fail("take it out (openssl pkey -in "+keyFile+" -out NEWFILE), and let the file's mode guard the key", "%s: the key %s has a passphrase, and nobody is there to type it", key, keyFile)
		return
	}
	if err != nil {
		fs.fail("both files must be PEM and belong together", "%s: %v", key, err)
		return
	}
	if _, err := config.ReadSecretFile(keyFile); err != nil {
		fs.fail("tillpost does not start with it", "%s: the key is not well guarded: %v", key, err)
	}
	c.expiry(fs, key+" "+certFile, cert.Leaf.NotAfter)
	if key == embeddedCert && nameless(cert.Leaf) {
		fs.warn(withName("NAME"), "%s: %s has no subjectAltName, without which tills take no name of this machine for the right one", key, certFile)
	}
}

// nameless reports whether a certificate names its holder only by its subject, the old way.
func nameless(cert *x509.Certificate) bool {
	return len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs)+len(cert.EmailAddresses) == 0
}

// withName returns how to make a certificate with a name.
func withName(host string) string {
	kind := "DNS:"
	if net.ParseIP(host) != nil {
		kind = "IP:"
	}
	return "make one that has it: openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=" + host + " -addext subjectAltName=" + kind + host + " -keyout key.pem -out cert.pem"
}

func hasPassphrase(file string) bool {
	data, err := os.ReadFile(file)
	for err == nil {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

// expiry reports a certificate that has ended or soon will.
func (c *checker) expiry(fs *findings, what string, end time.Time) {
	left := end.Sub(c.machine.now())
	day := end.In(c.cfg.Store.Location).Format("2 January 2006")
	switch {
	case left <= 0:
		fs.fail("renew it", "%s: the certificate ended on %s", what, day)
	case left < soonExpired:
		fs.warn("renew it", "%s: the certificate ends on %s, in %d days", what, day, int(left.Hours()/24))
	}
}

func (c *checker) authorities(fs *findings, key, file string) {
	if file == "" {
		return
	}
	if _, err := readRoots(file); err != nil {
		fs.fail("name the PEM file of the authority that signed the other side's certificate", "%s: %v", key, err)
	}
}

// readRoots reads a PEM bundle; for "" it returns nil, which is the system's roots.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // a nil pool is the system's roots
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		if block, _ := pem.Decode(data); block != nil {
			return nil, fmt.Errorf("%s holds a %s, not a certificate", file, block.Type)
		}
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}
