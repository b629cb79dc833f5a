package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newHelp returns "tillpost help COMMAND". cobra's own succeeds for an unknown command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tell about a command",
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

func unknownCommand(root *cobra.Command, name string) error {
	if like := root.SuggestionsFor(name); len(like) > 0 {
		return usagef("unknown command %q; did you mean %s?", name, strings.Join(like, " or "))
	}
	return usagef("unknown command %q; tillpost --help lists them", name)
}
