package main

import (
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
	info := readBuildInfo()
	v, rev := buildVersion(version, commit, info)
	return build{Version: v, Commit: rev, Date: buildDate(date, info), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
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

// readBuildInfo returns nil in a binary without one.
func readBuildInfo() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return info
}

// buildVersion completes what the linker has set.
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

// buildDate returns when the commit of a build was made.
func buildDate(date string, info *debug.BuildInfo) string {
	if date == "" && info != nil {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				date = s.Value
			}
		}
	}
	if date == "" {
		return "unknown date"
	}
	return date
}

// revision returns the commit that the Go tool noted, short; "" if it did not.
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
