package main

import (
	"strings"
	"testing"

	"tillpost/systemd"
)

// The unit that "service install" writes is ours, but for the program it starts.
func TestTheUnitStartsThisProgram(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    definition
		want string
	}{
		{definition{executable: "/usr/local/bin/tillpost"}, "ExecStart=/usr/local/bin/tillpost run --service"},
		{definition{executable: "/opt/till post/tillpost", config: "/srv/$shop.toml"}, `ExecStart="/opt/till post/tillpost" run --service --config "/srv/$$shop.toml"`},
	} {
		unit, err := c.d.unit()
		if err != nil {
			t.Fatal(err)
		}
		var others, ours []string
		for line := range strings.Lines(unit) {
			if strings.HasPrefix(line, "ExecStart=") {
				if line != c.want+"\n" {
					t.Errorf("%q, want %q", line, c.want)
				}
				continue
			}
			others = append(others, line)
		}
		for line := range strings.Lines(systemd.Unit) {
			if !strings.HasPrefix(line, "ExecStart=") {
				ours = append(ours, line)
			}
		}
		if strings.Join(others, "") != strings.Join(ours, "") {
			t.Error("more than the command is another")
		}
	}
	for _, path := range []string{"/opt/100%/tillpost", "/opt/a\nb", `/opt/"x`} {
		if _, err := (definition{executable: path}).unit(); err == nil {
			t.Errorf("%q is taken", path)
		}
	}
}
