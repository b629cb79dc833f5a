package setup

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v2"
	"golang.org/x/crypto/bcrypt"
)

// ParseUsers reads who may use the page: lines of NAME:HASH, as htpasswd writes them with bcrypt, or of NAME:PASSWORD; or
// a web configuration of Prometheus' exporter-toolkit, which is taken as it is. No error repeats what is behind a colon.
func (a *Answers) ParseUsers(data []byte) error {
	if bytes.Contains(data, []byte("basic_auth_users:")) || bytes.Contains(data, []byte("tls_server_config:")) {
		var web map[string]any
		if yaml.Unmarshal(data, &web) != nil {
			return errors.New("it looks like a web configuration, but is no YAML")
		}
		a.WebConfig = data
		return nil
	}
	users := map[string]string{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, secret, ok := strings.Cut(line, ":")
		if !ok || secret == "" {
			return fmt.Errorf("line %d is not NAME:PASSWORD or NAME:HASH", n)
		}
		hash, err := hashOf(name, secret)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		users[name] = hash
	}
	if len(users) == 0 {
		return errors.New("it names nobody; write a line NAME:PASSWORD for each user")
	}
	a.Users = users
	return nil
}

// AddUser adds a user of the page.
func (a *Answers) AddUser(name, password string) error {
	hash, err := hashOf(name, password)
	if err != nil {
		return err
	}
	if a.Users == nil {
		a.Users = map[string]string{}
	}
	a.Users[name] = hash
	return nil
}

func hashOf(name, secret string) (string, error) {
	if name == "" || strings.ContainsAny(name, ": \t\"'") {
		return "", errors.New("a user's name has no space, colon or quote, and at least one character")
	}
	if _, err := bcrypt.Cost([]byte(secret)); err == nil {
		return secret, nil
	}
	if strings.HasPrefix(secret, "$") || strings.HasPrefix(secret, "{") {
		return "", fmt.Errorf("%s has a hash that is not bcrypt's; make one with htpasswd -nBC 10 %s", name, name)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.DefaultCost)
	if err != nil {
		return "", fmt.Errorf("the password of %s can't be used: it has more than 72 bytes", name)
	}
	return string(hash), nil
}

// webConfig returns the page's web configuration; nil where it needs none.
func (a Answers) webConfig() []byte {
	if a.WebConfig != nil {
		return a.WebConfig
	}
	if len(a.Users) == 0 && !a.TLS {
		return nil
	}
	var b strings.Builder
	b.WriteString("# Made by \"tillpost init\": TLS and users of the page, in the format of Prometheus' exporter-toolkit.\n")
	if a.TLS {
		fmt.Fprintf(&b, "tls_server_config:\n  cert_file: %s\n  key_file: %s\n", certFile, keyFile)
	}
	if len(a.Users) > 0 {
		b.WriteString("basic_auth_users:\n")
		for _, name := range slices.Sorted(maps.Keys(a.Users)) {
			fmt.Fprintf(&b, "  %s: %q\n", name, a.Users[name])
		}
	}
	return []byte(b.String())
}
