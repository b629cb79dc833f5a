package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/cmd/agent/setup"
)

// initFlags are the answers on the command line.
type initFlags struct {
	apiURL, organization, tokenFile, broker, walkIn, page, users, store string
	yes                                                                 bool
}

func newInit() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Set tillpost up: ask what it needs, write the configuration, and check it",
		Long: `init asks for the broker, the organisation, the token, a walk-in customer, and who may
use the page; writes a commented configuration with its secrets beside it, for the
service's user to read; and ends in tillpost check. Each question has a flag. Wrong
answers are asked for again.

It overwrites nothing. Secrets are typed where nobody sees them, or come from files;
never from the command line.

Where the service is installed and the check finds nothing wrong, it is started, now
and with each boot.`,
		Example: `  sudo tillpost init
  sudo tillpost init --yes --organization ORG1216693970 --token-file token.txt --broker tls://broker:8883`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return initialise(c, f) },
	}
	c.Flags().StringVar(&f.apiURL, "api-url", setup.DefaultAPI, "`URL` of the API")
	c.Flags().StringVar(&f.organization, "organization", "", "`UUID` of the organisation at Front Payment")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "`FILE` that holds the token now, - for standard input; it is copied beside the configuration")
	c.Flags().StringVar(&f.broker, "broker", setup.DefaultBroker, "`URL` of the tills' broker, or the word embedded (embedded:HOST:PORT for another address)")
	c.Flags().StringVar(&f.walkIn, "walk-in", "", "`FILE`, JSON or TOML, with the customerDetails of orders that have none")
	c.Flags().StringVar(&f.page, "page", setup.DefaultPage, "`ADDRESS` of metrics, health and page")
	c.Flags().StringVar(&f.users, "users", "", "`FILE` with the page's users, a line NAME:PASSWORD or NAME:BCRYPT-HASH for each, or a web configuration")
	c.Flags().StringVar(&f.store, "store", "", "`NAME` of the shop")
	c.Flags().BoolVar(&f.yes, "yes", false, "ask nothing: take the defaults for what no flag says")
	return c
}

func initialise(c *cobra.Command, f initFlags) error {
	path, err := c.Flags().GetString("config")
	if err != nil {
		return err
	}
	if err := setup.Fresh(path); err != nil {
		return err
	}
	paths, err := setup.PathsFor(path, config.DefaultPath())
	if err != nil {
		return err
	}
	a := setup.Answers{Store: f.store, APIURL: f.apiURL, Organization: f.organization, Broker: f.broker, Page: f.page}
	if err := f.read(c.InOrStdin(), &a); err != nil {
		return err
	}
	if f.yes {
		err = f.missing(a, paths)
		a.TLS = a.Beyond() && a.WebConfig == nil && a.Guarded()
	} else {
		given := c.Flags().Changed
		err = setup.NewAsker(c.InOrStdin(), c.OutOrStdout()).Complete(&a, given, paths.HasToken())
	}
	if err != nil {
		return err
	}
	if err := a.Fault(); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	written, err := setup.Write(path, a, paths)
	for _, name := range written {
		_, _ = fmt.Fprintf(c.OutOrStdout(), "wrote %s\n", name)
	}
	if err != nil {
		return err
	}
	return checkAndStart(c, path)
}

// read reads the files that flags name.
func (f initFlags) read(in io.Reader, a *setup.Answers) error {
	for _, one := range []struct {
		flag, file string
		take       func(data []byte) error
	}{
		{"token-file", f.tokenFile, func(data []byte) error {
			a.Token = strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
			return setup.TokenFault(a.Token)
		}},
		{"walk-in", f.walkIn, a.ParseWalkIn},
		{"users", f.users, a.ParseUsers},
	} {
		if one.file == "" {
			continue
		}
		data, err := readPayload(one.file, in)
		if err == nil {
			err = one.take(data)
		}
		if err != nil {
			return fmt.Errorf("--%s %s: %w", one.flag, one.file, err)
		}
	}
	return nil
}

// missing returns the error that says what only a person or a flag can answer.
func (f initFlags) missing(a setup.Answers, p setup.Paths) error {
	switch {
	case a.Organization == "":
		return usagef("--yes asks nothing, so --organization has to say whose terminals they are")
	case a.Token == "" && !p.HasToken():
		return usagef("--yes asks nothing, so --token-file has to name a file with the token, or %s has to hold it", p.TokenFile())
	}
	return nil
}

// checkAndStart ends a set-up: what was written is tried as the service will find it, and the service started.
func checkAndStart(c *cobra.Command, path string) error {
	_, _ = fmt.Fprintln(c.OutOrStdout(), "\nchecking it:")
	service := newSystemService(path)
	err := service.check(c)
	if errors.Is(err, errNoService) {
		err = runCheck(c, 30*time.Second, false)
	}
	if err != nil {
		return fmt.Errorf("%s is written, but not all is well: %w; mend it, and run tillpost check again", path, err)
	}
	return service.enable(c.OutOrStdout())
}

// errNoService is returned where this machine has no service that uses the configuration.
var errNoService = errors.New("no service is installed")

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
