package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// newGenerate returns the command that writes what packages install of the command line; help does not list it.
func newGenerate() *cobra.Command {
	return &cobra.Command{
		Use:    "generate FOLDER",
		Short:  "Write the manual pages and the shells' completions into a folder",
		Hidden: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("generate takes one FOLDER, but got %d arguments; %s --help tells more", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return errors.Join(writePages(c.Root(), filepath.Join(args[0], "man")), writeCompletions(c.Root(), filepath.Join(args[0], "completions")))
		},
	}
}

// writePages writes a manual page for each command, named as git names them: tillpost-outbox-verify.1.
func writePages(root *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var write func(c *cobra.Command) error
	write = func(c *cobra.Command) error {
		if c.Hidden || c.Name() == "help" {
			return nil
		}
		err := os.WriteFile(filepath.Join(folder, pageName(c)+".1"), []byte(manualPage(c)), 0o644)
		for _, sub := range c.Commands() {
			err = errors.Join(err, write(sub))
		}
		return err
	}
	return write(root)
}

func writeCompletions(root *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return errors.Join(
		root.GenBashCompletionFileV2(filepath.Join(folder, "tillpost.bash"), true),
		root.GenZshCompletionFile(filepath.Join(folder, "_tillpost")),
		root.GenFishCompletionFile(filepath.Join(folder, "tillpost.fish"), true),
	)
}
