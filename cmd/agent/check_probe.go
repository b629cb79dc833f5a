package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/agent/probe"
	"tillpost/api"
	"tillpost/mqtt"
)

// probeFlags are the choices of "tillpost check --probe".
type probeFlags struct {
	terminal, output string
	yes              bool
	watch, pace      time.Duration
}

func (f *probeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.terminal, "probe", "", "place real orders of 1.00 at this `TERMINAL`, and tell how the API treats them")
	c.Flags().BoolVar(&f.yes, "yes", false, "with --probe: don't ask before")
	c.Flags().StringVarP(&f.output, "output", "o", "", "with --probe: write the report into this `FILE` (default tillpost-probe-TIME.json in the working folder)")
	c.Flags().DurationVar(&f.watch, "watch", time.Minute, "with --probe: look for the order on the terminal for this `TIME` at most")
	c.Flags().DurationVar(&f.pace, "pace", time.Second, "with --probe: pause this `TIME` between two looks")
}

// probeReport is what is written to the file for the developers.
type probeReport struct {
	At       time.Time `json:"at"`
	API      string    `json:"api"`
	Terminal string    `json:"terminal"`
	Version  string    `json:"version"`
	probe.Report
}

func runProbe(c *cobra.Command, f probeFlags, asJSON bool) error {
	cfg, err := loadConfig(c)
	switch {
	case err != nil:
		return err
	case !mqtt.ValidID(f.terminal):
		return usagef("--probe %q is no terminal's uuid; tillpost check lists them", f.terminal)
	case f.watch <= 0 || f.pace <= 0:
		return usagef("--watch and --pace want some time")
	case cfg.OrderDefaults.CustomerDetails == nil:
		return errors.New("the configuration names no walk-in customer, and every order needs one: set order_defaults.customerDetails, and try again")
	}
	if !f.yes {
		if err := agreeToProbe(c, cfg, f.terminal); err != nil {
			return err
		}
	}
	ctx, stop := untilSignal(c.Context())
	defer stop()
	o, done, err := probeOptions(ctx, c, cfg, f)
	if err != nil {
		return err
	}
	defer done()
	found, probing := probe.Run(ctx, o)
	all := probeReport{At: time.Now().UTC().Truncate(time.Second), API: cfg.API.BaseURL, Terminal: f.terminal, Version: thisBuild().Version, Report: found}
	return errors.Join(probing, reportProbe(c, f, all, asJSON))
}

func agreeToProbe(c *cobra.Command, cfg *config.Config, terminal string) error {
	_, err := fmt.Fprintf(c.OutOrStdout(), `This places two real orders of 1.00 %s at %s, at %s, and takes them off
the terminal again. Should somebody pay one, it is paid back. No till should use the terminal meanwhile.
Type probe to go on:
`, cfg.Store.Currency, terminal, cfg.API.BaseURL)
	if err != nil {
		return err
	}
	text, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n') // no answer is a no
	if strings.TrimSpace(text) != "probe" {
		return errors.New("nothing was placed")
	}
	return nil
}

// probeOptions makes the client and the raw calls, and listens for callbacks where that is possible.
func probeOptions(ctx context.Context, c *cobra.Command, cfg *config.Config, f probeFlags) (o probe.Options, done func(), err error) {
	var roots *x509.CertPool
	if cfg.API.CAFile != "" {
		pem, err := os.ReadFile(cfg.API.CAFile)
		if err != nil {
			return o, nil, fmt.Errorf("api.ca_file: %w", err)
		}
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
	}
	client, err := api.New(api.Options{
		BaseURL: cfg.API.BaseURL, OrganizationUUID: cfg.API.OrganizationUUID, Token: cfg.Token, Timeout: cfg.API.Timeout, RootCAs: roots,
		RequestsPerMinute: cfg.API.RequestsPerMinute, UserAgent: "tillpost/" + thisBuild().Version,
	})
	if err != nil {
		return o, nil, err
	}
	url, count, end := listenForCallbacks(ctx, cfg.Callback)
	plain := &http.Client{Timeout: cfg.API.Timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	return probe.Options{
		Client: client, Terminal: f.terminal, Amount: "1.00", Customer: cfg.OrderDefaults.CustomerDetails, SendOrderBy: cfg.OrderDefaults.SendOrderBy,
		OrderDate: time.Now().In(cfg.Store.Location).Format("02 Jan, 2006"), CallbackURL: url, Callbacks: count,
		Mark: func() string { return "probe-" + rand.Text()[:12] }, Watch: f.watch, Pace: f.pace,
		Say: func(format string, args ...any) { _, _ = fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...) },
		Raw: func(ctx context.Context, method, path string) (*http.Response, error) {
			rq, err := http.NewRequestWithContext(ctx, method, cfg.API.BaseURL+"/"+path, http.NoBody)
			if err != nil {
				return nil, err
			}
			token, err := cfg.Token()
			if err != nil {
				return nil, err
			}
			rq.Header.Set("Authorization", "Bearer "+token)
			rq.Header.Set("Accept", "application/json")
			return plain.Do(rq)
		},
	}, func() { end(); client.Close() }, nil
}

// listenForCallbacks counts the callbacks to the configured address; url is "" where it can't listen there.
func listenForCallbacks(ctx context.Context, c *config.Callback) (url string, count func() int, done func()) {
	var n atomic.Int64
	count = func() int { return int(n.Load()) }
	if c == nil {
		return "", count, func() {}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil { // the running agent has it
		return "", count, func() {}
	}
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	go func() { _ = server.Serve(l) }() // it ends with the probe
	return c.PublicURL + "/callback/probe-" + rand.Text()[:12], count, func() { _ = server.Close() }
}

// reportProbe shows what was found, and writes it to the file for the developers.
func reportProbe(c *cobra.Command, f probeFlags, all probeReport, asJSON bool) error {
	text, err := indented(all)
	if err != nil {
		return err
	}
	name := cmp.Or(f.output, "tillpost-probe-"+all.At.Format("20060102-150405")+".json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return fmt.Errorf("write the report: %w; name another file with --output", err)
	}
	out := c.OutOrStdout()
	if asJSON {
		_, err := out.Write(text)
		return err
	}
	for _, a := range all.Answers {
		_, _ = fmt.Fprintf(out, "%s? %s\n", a.Question, a.Answer)
	}
	for _, s := range all.Settings {
		_, _ = fmt.Fprintf(out, "set %s = %s: %s\n", s.Key, s.Value, s.Why)
	}
	_, err = fmt.Fprintf(out, "the report, without secrets, is in %s\n", name)
	if len(all.Left) > 0 {
		return errors.Join(err, fmt.Errorf("end by hand what could not be ended: %s", strings.Join(all.Left, ", ")))
	}
	return err
}
