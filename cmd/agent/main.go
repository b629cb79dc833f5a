// Tillpost is a daemon beside card terminals: it takes orders from tills over
// MQTT, keeps them on disk, and brings each to its terminal through the Front
// Payment API, once. "tillpost run" is the daemon; the other subcommands look
// at it, send to it, or simulate what is around it.
//
// It exits with 0 when done, 1 when it failed, and 2 when it was called
// wrongly. An error is printed in one line on stderr.
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/outbox/bolt"
)

func main() {
	// Does not return in the child process that a daemon starts to check its outbox.
	bolt.RunChecker()
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return printError(errs, root.ExecuteContext(ctx))
}

// newRoot returns a new command line, so that two runs share nothing.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tillpost",
		Short: "Brings a till's orders to its card terminal, safely and once",
		Long: `tillpost takes orders from tills over MQTT, keeps them on disk, and brings each
to its card terminal through the Front Payment API: in order, and never twice.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(root *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no command is given; tillpost --help lists them")
			}
			return unknownCommand(root, args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args let nothing come here
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%v; %s --help lists what it takes", err, c.CommandPath())
	})
	root.PersistentFlags().String("config", config.DefaultPath(), "configuration `FILE`")
	root.SetHelpCommand(newHelp())
	root.AddCommand(newCheck(), newDemo(), newGenerate(), newInit(), newMove(), newOutbox(), newPause(), newReport(), newRequests(), newResolve(), newResume(), newRun(), newSend(),
		newService(), newShow(), newSimulate(), newStatus(), newSupportBundle(), newTry(), newVersion(), newWatch())
	return root
}

// loadConfig reads the configuration that the command line names.
func loadConfig(c *cobra.Command) (*config.Config, error) {
	path, err := c.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(path)
}

// noArgs refuses arguments of a subcommand that has none.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, but got %q; %s --help lists what it takes", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}
