package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/internal/hostport"
	"tillpost/internal/term"
	"tillpost/monitor"
)

// The outbox is locked while the daemon runs, so the command line talks to the daemon over its HTTP side.
const (
	daemonTimeout = 15 * time.Second
	daemonAnswer  = 8 << 20
	// The user for the HTTP side, where http.web_config_file has users.
	envWebUser     = "TILLPOST_WEB_USER"
	envWebPassword = "TILLPOST_WEB_PASSWORD" // the name of the variable, not a password
)

// daemonError is an answer of the daemon that is an error.
type daemonError struct{ text string }

func (e *daemonError) Error() string { return e.text }

// daemonClient calls the running daemon of a configuration.
type daemonClient struct {
	cfg  *config.Config
	base string // of its URLs
	http *http.Client
}

// findDaemon returns a client for the daemon of the configuration that the command line names; --url says where that is
// if it is not reachable as configured.
func findDaemon(c *cobra.Command) (*daemonClient, error) {
	cfg, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	given, err := c.Flags().GetString("url")
	if err != nil || given != "" {
		return &daemonClient{cfg, strings.TrimRight(given, "/"), http.DefaultClient}, err
	}
	address, err := hostport.Near(cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	certFile, secured := monitor.WebTLS(cfg.HTTP.WebConfigFile)
	if !secured {
		return &daemonClient{cfg, "http://" + address, http.DefaultClient}, nil
	}
	client, err := knownBy(certFile)
	return &daemonClient{cfg, "https://" + address, client}, err
}

// knownBy returns a client that accepts the first certificate of a file and no other; it need not be made out to
// the address at which the daemon is reached from here.
func knownBy(certFile string) (*http.Client, error) {
	if certFile == "" {
		return http.DefaultClient, nil
	}
	raw, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read the daemon's certificate: %w; name the daemon's address with --url", err)
	}
	known, _ := pem.Decode(raw)
	if known == nil {
		return nil, fmt.Errorf("the daemon's certificate %s does not begin with one in PEM form; name the daemon's address with --url", certFile)
	}
	verify := func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, known.Bytes) {
			return fmt.Errorf("it presents another certificate than the one in %s", certFile)
		}
		return nil
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: verify},
	}}, nil
}

// askFor makes one call to the daemon that changes nothing, and reads the JSON answer.
func askFor[T any](ctx context.Context, d *daemonClient, path string, query url.Values) (v T, err error) {
	raw, err := d.call(ctx, path, query, nil)
	if err == nil {
		err = readAnswer(raw, &v)
	}
	return v, err
}

// readAnswer reads what the daemon answered.
func readAnswer(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the daemon's answer can't be read: %w; is it of the same version?", err)
	}
	return nil
}

// get makes one call to the daemon of the configuration, which changes nothing, and returns its client and the JSON answer.
func get(c *cobra.Command, path string, query url.Values) (*daemonClient, json.RawMessage, error) {
	d, err := findDaemon(c)
	if err != nil {
		return nil, nil, err
	}
	raw, err := d.call(c.Context(), path, query, nil)
	return d, raw, err
}

// post has the daemon do what body says, and returns the JSON answer.
func post(c *cobra.Command, path string, body any) (json.RawMessage, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	d, err := findDaemon(c)
	if err != nil {
		return nil, err
	}
	return d.call(c.Context(), path, nil, raw)
}

// call makes one call to the daemon, a POST if it has a body, and returns the answer.
func (d *daemonClient) call(ctx context.Context, path string, query url.Values, body []byte) (json.RawMessage, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(ctx, daemonTimeout)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, method, d.base+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the daemon's address: %w", err)
	}
	if user := os.Getenv(envWebUser); user != "" {
		rq.SetBasicAuth(user, os.Getenv(envWebPassword))
	}
	reply, err := d.http.Do(rq)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return nil, fmt.Errorf("the daemon does not answer at %s: %w; start it with tillpost run, or name its address with --url", d.base, err)
	}
	defer func() { _ = reply.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(reply.Body, daemonAnswer))
	if err != nil {
		return nil, fmt.Errorf("the daemon's answer broke off: %w", err)
	}
	if reply.StatusCode/100 != 2 {
		return nil, refusedBy(d.base, reply.StatusCode, raw)
	}
	return raw, nil
}

// refusedBy returns the error for an answer of the daemon that is one.
func refusedBy(base string, status int, raw []byte) error {
	var refusal struct {
		Code, Detail string
		Reason       struct {
			Code, Message string
			Errors        []struct{ Path, Message string }
		}
	}
	if json.Unmarshal(raw, &refusal) != nil || refusal.Reason.Code == "" {
		if status == http.StatusUnauthorized {
			return &daemonError{"the daemon asks for a user; set " + envWebUser + " and " + envWebPassword}
		}
		said := cmp.Or(refusal.Detail, term.OneLine(string(raw[:min(len(raw), 400)])))
		if status == http.StatusBadRequest {
			return usagef("%s", said)
		}
		return &daemonError{fmt.Sprintf("at %s it says %d: %s", base, status, said)}
	}
	text := refusal.Reason.Code + ": " + refusal.Reason.Message
	for _, e := range refusal.Reason.Errors {
		if !strings.Contains(text, e.Message) {
			text += "; " + e.Path + " " + e.Message
		}
	}
	return &daemonError{text}
}

// oneArg checks the one argument of a subcommand that is about one of what.
func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usagef("%s takes one %s", c.CommandPath(), what)
		}
		return nil
	}
}

// daemonFlags adds the flags of every subcommand that calls the daemon.
func daemonFlags(c *cobra.Command) *cobra.Command {
	c.Flags().String("url", "", "the daemon's HTTP `URL`, where it is not the configuration's http.listen")
	return c
}
