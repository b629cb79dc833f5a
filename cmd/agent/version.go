package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set with -ldflags "-X main.version=… -X main.commit=… -X main.date=…"; what is left out is taken from what the Go tool
// noted in the binary.
var version, commit, date string

// build says which build this is; nothing in it is empty.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// Date is when the commit was made, in RFC 3339.
	Date string `json:"date"`
	Go   string `json:"go"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

func thisBuild() build {
	noted, _ := debug.ReadBuildInfo() // nil in a binary without one
	return newBuild(version, commit, date, noted)
}

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(b)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "tillpost %s (%s of %s, %s, %s/%s)\n", b.Version, b.Commit, b.Date, b.Go, b.OS, b.Arch)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for machines")
	return c
}

// newBuild completes what the linker has set with what the Go tool noted; noted may be nil.
func newBuild(version, commit, date string, noted *debug.BuildInfo) build {
	settings := map[string]string{}
	if noted != nil {
		if noted.Main.Version != "(devel)" {
			version = cmp.Or(version, noted.Main.Version)
		}
		for _, s := range noted.Settings {
			settings[s.Key] = s.Value
		}
	}
	revision := settings["vcs.revision"]
	revision = revision[:min(len(revision), 12)]
	if revision != "" && settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return build{
		Version: cmp.Or(version, "devel"), Commit: cmp.Or(commit, revision, "unknown commit"), Date: cmp.Or(date, settings["vcs.time"], "unknown date"),
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}
