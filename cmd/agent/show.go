package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Print a request with its history, as JSON",
		Args:  oneID,
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := askDaemon(c, http.MethodGet, "/api/v1/requests/"+url.PathEscape(args[0]), nil, nil)
			if _, answered := errors.AsType[*daemonError](err); answered {
				return fmt.Errorf("show %s: %w", args[0], err)
			} else if err != nil {
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
