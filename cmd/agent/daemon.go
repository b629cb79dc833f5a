package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
)

// The outbox is locked while the daemon runs, so the command line talks to the daemon over its HTTP side.
const (
	daemonTimeout = 15 * time.Second
	daemonAnswer  = 8 << 20
	// The user for the HTTP side, where http.web_config_file has users.
	envWebUser     = "TILLPOST_WEB_USER"
	envWebPassword = "TILLPOST_WEB_PASSWORD" // the name of the variable, not a password
)

// daemonError is an answer that is not what was asked for.
type daemonError struct {
	status int
	text   string
}

func (e *daemonError) Error() string { return e.text }

// daemonURL is where the daemon of a configuration answers; --url says it where that is not reachable as configured.
func daemonURL(c *cobra.Command, cfg *config.Config) (string, error) {
	given, err := c.Flags().GetString("url")
	if err != nil || given != "" {
		return strings.TrimRight(given, "/"), err
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil {
		return "", fmt.Errorf("http.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// askDaemon makes one call to the daemon and gives its JSON answer.
func askDaemon(c *cobra.Command, method, path string, query url.Values, body []byte) (json.RawMessage, error) {
	cfg, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	base, err := daemonURL(c, cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), daemonTimeout)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, method, base+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the daemon's address: %w", err)
	}
	if user := os.Getenv(envWebUser); user != "" {
		rq.SetBasicAuth(user, os.Getenv(envWebPassword))
	}
	reply, err := http.DefaultClient.Do(rq)
	if err != nil {
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("the daemon does not answer at %s: %w; start it with tillpost run, or name its address with --url", base, err)
	}
	defer func() { _ = reply.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(reply.Body, daemonAnswer))
	if err != nil {
		return nil, fmt.Errorf("the daemon's answer broke off: %w", err)
	}
	if reply.StatusCode/100 != 2 {
		return nil, refusedBy(reply.StatusCode, raw)
	}
	return raw, nil
}

// refusedBy words what the daemon answered instead.
func refusedBy(status int, raw []byte) error {
	var refusal struct {
		Reason struct {
			Code, Message string
			Errors        []struct{ Path, Message string }
		}
	}
	if json.Unmarshal(raw, &refusal) != nil || refusal.Reason.Code == "" {
		if status == http.StatusUnauthorized {
			return &daemonError{status, "the daemon asks for a user; set " + envWebUser + " and " + envWebPassword}
		}
		return &daemonError{status, oneLine(string(raw))}
	}
	text := refusal.Reason.Code + ": " + refusal.Reason.Message
	for _, e := range refusal.Reason.Errors {
		if !strings.Contains(text, e.Message) {
			text += "; " + e.Path + " " + e.Message
		}
	}
	return &daemonError{status, text}
}

// daemonFlags are those of every subcommand that asks the daemon.
func daemonFlags(c *cobra.Command) *cobra.Command {
	c.Flags().String("url", "", "the daemon's HTTP `URL`, where it is not the configuration's http.listen")
	return c
}
