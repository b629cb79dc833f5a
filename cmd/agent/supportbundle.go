package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/check"
	"tillpost/agent/config"
	"tillpost/cmd/agent/bundle"
	"tillpost/mqtt/message"
	"tillpost/outbox/bolt"
)

// bundleRequests is how many of the newest requests a bundle shows.
const bundleRequests = 1000

func newSupportBundle() *cobra.Command {
	var output string
	var list bool
	c := &cobra.Command{
		Use:   "support-bundle",
		Short: "Pack what a developer needs to see into one file, without secrets and personal data",
		Long: `support-bundle writes one .tar.gz with what a list allows, and nothing else: version,
configuration, checks, metrics, requests with their states, the outbox's figures, and
the service's log. Its first member, manifest.json, names every other and what was
left out, and why. There is no secret and no personal data in it.

It works with the daemon down. --list shows what would be in it, and writes nothing.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			b := collectBundle(c, now)
			if list {
				return b.List(c.OutOrStdout())
			}
			file := cmp.Or(output, "tillpost-support-"+now.Format("20060102-150405")+".tar.gz")
			if err := b.Write(file); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), file)
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "write this `FILE` (default tillpost-support-TIME.tar.gz in the working folder)")
	c.Flags().BoolVar(&list, "list", false, "show what would be in it, and write nothing")
	return daemonFlags(c)
}

func collectBundle(c *cobra.Command, now time.Time) bundle.Bundle {
	cfg, broken := loadConfig(c)
	file, _ := c.Flags().GetString("config") // it was read for loadConfig
	ask := func(path string, query url.Values) func() ([]byte, error) {
		return func() ([]byte, error) {
			_, raw, err := get(c, path, query)
			return raw, err
		}
	}
	needs := func(read func(cfg *config.Config) ([]byte, error)) func() ([]byte, error) {
		return func() ([]byte, error) {
			if broken != nil {
				return nil, errors.New("the configuration can't be used: check.json says why")
			}
			return read(cfg)
		}
	}
	return bundle.Collect(thisBuild().Version, now, bundle.Secrets(cfg), []bundle.Source{
		{Name: "version.json", About: "which build it is", Read: func() ([]byte, error) { return indented(thisBuild()) }},
		{Name: "config.json", About: "the configuration's keys, without secrets and persons", Read: needs(bundle.Config)},
		{Name: "check.json", About: "what tillpost check finds", Read: func() ([]byte, error) { return bundleCheck(c.Context(), file) }},
		{Name: "system.json", About: "the machine and the service", Read: func() ([]byte, error) { return indented(bundle.System()) }},
		{Name: "agent.json", About: "state and problems of the running daemon", Read: ask("/api/v1/agent", nil)},
		{Name: "ready.txt", About: "whether the daemon takes requests", Read: ask("/readyz", nil)},
		{Name: "metrics.txt", About: "the daemon's metrics", Read: ask("/metrics", nil)},
		{Name: "terminals.json", About: "the terminals, as the daemon knows them, without persons", Read: bundleTerminals(ask("/api/v1/terminals", nil))},
		{Name: "requests.json", About: "the newest requests, as their statuses tell them", Read: ask("/api/v1/requests", url.Values{"limit": {fmt.Sprint(bundleRequests)}})},
		{Name: "outbox.txt", About: "the outbox's figures, or those of its last snapshot while the daemon runs", Read: needs(bundleOutbox)},
		{Name: "outbox.jsonl", About: "the requests in it with their histories, without persons; only while the daemon is down", Read: needs(bundleExport)},
		{Name: "journal.txt", About: "the last lines of the service's log", Read: func() ([]byte, error) { return bundle.Journal(c.Context()) }},
	})
}

func indented(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

func bundleCheck(ctx context.Context, file string) ([]byte, error) {
	var all report
	o := check.Options{File: file, Version: thisBuild().Version, Timeout: 20 * time.Second}
	all.OK = check.Run(ctx, o, func(f check.Finding) { all.Findings = append(all.Findings, f) })
	return indented(all)
}

// bundleOutbox describes the outbox, or its snapshot where a daemon has it open.
func bundleOutbox(cfg *config.Config) ([]byte, error) {
	var b bytes.Buffer
	err := verifyOutbox(&b, cfg.Outbox.Path, nil)
	if err != nil && exists(cfg.Outbox.Path+bolt.SuffixSnapshot) {
		b.Reset()
		err = verifyOutbox(&b, cfg.Outbox.Path+bolt.SuffixSnapshot, nil)
	}
	if _, damaged := errors.AsType[*bolt.DamagedError](err); damaged {
		return []byte(err.Error() + "\n"), nil // that is what a developer wants to know
	}
	return withoutNames(b.Bytes()), err
}

// withoutNames removes the names of who accepted something.
func withoutNames(text []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("  accepted ")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// bundleTerminals returns the terminals without who has paused them.
func bundleTerminals(read func() ([]byte, error)) func() ([]byte, error) {
	return func() ([]byte, error) {
		raw, err := read()
		if err != nil {
			return nil, err
		}
		var list struct {
			Terminals []message.TerminalInfo `json:"terminals"`
		}
		if err := readAnswer(raw, &list); err != nil {
			return nil, err
		}
		for _, t := range list.Terminals {
			if t.Paused != nil {
				t.Paused.By = "(left out)"
			}
		}
		return indented(list)
	}
}

func bundleExport(cfg *config.Config) ([]byte, error) {
	var b bytes.Buffer
	err := exportOutbox(&b, cfg.Outbox.Path, false)
	return b.Bytes(), err
}
