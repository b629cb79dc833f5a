package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Print a request with its history, as JSON",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("tillpost show takes one requestId; %s --help tells more", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := askDaemon(c, http.MethodGet, "/api/v1/requests/"+url.PathEscape(args[0]), nil, nil)
			if err != nil {
				return err
			}
			return printJSON(c, raw)
		},
	}
	return daemonFlags(c)
}

func printJSON(c *cobra.Command, raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return fmt.Errorf("the daemon's answer can't be read: %w", err)
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(c.OutOrStdout())
	return err
}
