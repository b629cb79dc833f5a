package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/agent/fence"
	"tillpost/outbox/bolt"
)

func newOutbox() *cobra.Command {
	c := &cobra.Command{
		Use:   "outbox",
		Short: "Look after the file of requests while the daemon is stopped",
		Long: `Looks after the outbox, the file in which the daemon keeps every request. The file
is the one that --db names, or the configuration. While a daemon has it open, stop
that first; its last snapshot (FILE.snapshot) can be verified and exported at any time.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("say what to do: verify, compact, export or accept; tillpost outbox --help tells more")
			}
			return usagef("unknown command %q; there are verify, compact, export and accept", "outbox "+args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args let nothing come here
	}
	c.PersistentFlags().String("db", "", "the outbox's `FILE`, instead of the configuration's")
	c.AddCommand(newOutboxVerify(), newOutboxCompact(), newOutboxExport(), newOutboxAccept())
	return c
}

// outboxPath returns the file that the command line or the configuration names.
func outboxPath(c *cobra.Command) (string, error) {
	path, err := c.Flags().GetString("db")
	switch {
	case err != nil:
		return "", err
	case path == "" && c.Flags().Changed("db"):
		return "", usagef("--db names no file; write --db FILE, or leave it out for the configuration's")
	case path == "":
		cfg, err := loadConfig(c)
		if err != nil {
			return "", err
		}
		path = cfg.Outbox.Path
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("outbox %s: it is no regular file; name the right one with --db", path)
	}
	return path, nil
}

// outboxConfig returns the configuration to compare the outbox's account with; nil where --db alone says which file.
func outboxConfig(c *cobra.Command) (*config.Config, error) {
	cfg, err := loadConfig(c)
	if err != nil && c.Flags().Changed("db") && !c.Flags().Changed("config") && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return cfg, err
}

// openOutbox opens a file for reading, and says what to do if that can't be.
func openOutbox(path string) (*bolt.Reader, error) {
	r, err := bolt.OpenReader(path)
	return r, outboxError(path, err)
}

func outboxError(path string, err error) error {
	_, damaged := errors.AsType[*bolt.DamagedError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolt.ErrLocked):
		return fmt.Errorf("outbox %s: a running tillpost has it open; stop that first (systemctl stop tillpost), or look at its last snapshot with --db %s%s", path, path, bolt.SuffixSnapshot)
	case errors.Is(err, bolt.ErrMissing):
		return fmt.Errorf("outbox %s: there is no such file, or nothing in it; name the right one with --db", path)
	case damaged && !strings.HasSuffix(path, bolt.SuffixSnapshot):
		return fmt.Errorf("%w; when tillpost starts it puts the file aside and restores %s%s, if there is one", err, path, bolt.SuffixSnapshot)
	}
	return err
}

func newOutboxVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read the whole outbox and its snapshot, and say whether they are sound",
		Long: `Reads the outbox and its last snapshot from one end to the other: every page, every
record's checksum, and whether records and indexes agree. It prints what they hold,
and what an operator has yet to accept. It changes nothing, and exits with 1 if
something is damaged.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := outboxPath(c)
			if err != nil {
				return err
			}
			var cfg *config.Config // to compare the account with
			if !c.Flags().Changed("db") || c.Flags().Changed("config") {
				if cfg, err = loadConfig(c); err != nil {
					return err
				}
			}
			if err := verifyOutbox(c.OutOrStdout(), path, cfg); err != nil {
				return err
			}
			if strings.HasSuffix(path, bolt.SuffixSnapshot) {
				return nil
			}
			return verifySnapshot(c.OutOrStdout(), path+bolt.SuffixSnapshot)
		},
	}
}

func verifyOutbox(w io.Writer, path string, cfg *config.Config) (err error) {
	r, err := openOutbox(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := r.Figures()
	if err != nil {
		return err
	}
	pending, err := fence.ToAccept(r, cfg)
	if err != nil {
		return err
	}
	accepted, err := fence.Accepted(r)
	if err != nil {
		return err
	}
	lines := []string{
		fmt.Sprintf("%s: sound", path),
		fmt.Sprintf("  name      %s, generation %d", f.Identity.Instance, f.Identity.Generation),
		fmt.Sprintf("  size      %d bytes, %d of them free", f.Size, f.Free),
		fmt.Sprintf("  requests  %d open, %d ended%s; %d ids of pruned ones", f.Open, f.Ended, statesOf(f), f.Pruned),
	}
	if a, ok := r.Account(); ok {
		lines = append(lines, fmt.Sprintf("  account   %s %s", a.BaseURL, a.Organization))
	}
	if f.Outdated && !strings.HasSuffix(path, bolt.SuffixSnapshot) {
		lines = append(lines, "  marker    missing, or another copy's: the next start takes this file for an older copy and puts what is open in doubt")
	}
	for _, a := range pending {
		lines = append(lines, fmt.Sprintf("  to accept %s: %s", a.Code, a.Message))
	}
	for _, a := range accepted {
		lines = append(lines, fmt.Sprintf("  accepted  %s by %s: %s: %s", a.At.Format("2006-01-02 15:04Z"), a.By, a.Code, a.Message))
	}
	_, err = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// statesOf counts the records by state.
func statesOf(f bolt.Figures) string {
	var parts []string
	for s, n := range f.States {
		parts = append(parts, fmt.Sprintf("%d %s", n, s))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

func verifySnapshot(w io.Writer, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		_, err = fmt.Fprintf(w, "%s: there is none yet; the daemon takes one two minutes after its start\n", path)
		return err
	case err != nil:
		return err
	}
	if err := bolt.CheckFile(path); err != nil {
		return fmt.Errorf("%w; remove it, and the daemon takes another", err)
	}
	_, err = fmt.Fprintf(w, "%s: sound, %d bytes, of %s\n", path, info.Size(), info.ModTime().UTC().Format("2006-01-02 15:04Z"))
	return err
}

func newOutboxCompact() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Make the outbox as small as what it holds",
		Long: `Copies the outbox into a file without free space, and puts that in its place once it
is on disk. The daemon does so by itself at a start with a file of which over half is
free. Needs room for both files.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := outboxPath(c)
			if err != nil {
				return err
			}
			if err := ownsFile(path); err != nil {
				return err
			}
			before, after, err := bolt.Compact(path)
			if err != nil {
				return outboxError(path, err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: from %d to %d bytes\n", path, before, after)
			return err
		},
	}
}
