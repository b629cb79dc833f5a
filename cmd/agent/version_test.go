package main

import (
	"runtime/debug"
	"testing"
)

func TestBuildVersion(t *testing.T) {
	t.Parallel()
	built := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"},
	}}
	for _, test := range []struct {
		version, commit string
		info            *debug.BuildInfo
		v, rev          string
	}{
		{"", "", nil, "devel", "unknown commit"},
		{"", "", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "devel", "unknown commit"},
		{"", "", built, "v1.2.3", "0123456789ab-dirty"},
		{"v2", "", built, "v2", "0123456789ab-dirty"},
		{"v2", "abc", built, "v2", "abc"},
	} {
		if b := newBuild(test.version, test.commit, "", test.info); b.Version != test.v || b.Commit != test.rev {
			t.Errorf("%+v: %s %s", test, b.Version, b.Commit)
		}
	}
}
