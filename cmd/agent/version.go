package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set with -ldflags "-X main.version=… -X main.commit=…"; what is left out is taken from what the Go tool noted in the
// binary.
var version, commit string

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, rev := buildVersion(version, commit, readBuildInfo())
			_, err := fmt.Fprintf(c.OutOrStdout(), "tillpost %s (%s, %s, %s/%s)\n", v, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// readBuildInfo is nil in a binary without one.
func readBuildInfo() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return info
}

// buildVersion completes what the linker was told.
func buildVersion(version, commit string, info *debug.BuildInfo) (v, rev string) {
	v, rev = version, commit
	if info != nil {
		if v == "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		if rev == "" {
			rev = revision(info)
		}
	}
	if v == "" {
		v = "devel"
	}
	if rev == "" {
		rev = "unknown commit"
	}
	return v, rev
}

// revision is the commit that the Go tool noted, short; "" if it did not.
func revision(info *debug.BuildInfo) string {
	var rev, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if rev == "" {
		return ""
	}
	return rev + dirty
}
