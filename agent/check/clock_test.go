package check

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	yes, no := func() bool { return true }, func() bool { return false }
	for name, tc := range map[string]struct {
		synced func() bool
		facts  apiFacts
		now    time.Time
		want   string
	}{
		"right":               {yes, apiFacts{dated: true}, noon, "ok clock 20 November 2026 12:00 in Europe/Oslo, as at the API; kept right by the system"},
		"system does not say": {nil, apiFacts{dated: true, skew: 4 * time.Second}, noon, "ok clock…as at the API; "},
		"alone":               {yes, apiFacts{}, noon, "ok clock…did not tell its own time"},
		"a little off":        {yes, apiFacts{dated: true, skew: 5 * time.Second}, noon, "warn clock…5s ahead of the API's…timedatectl"},
		"behind":              {yes, apiFacts{dated: true, skew: -59 * time.Second}, noon, "warn clock…59s behind the API's"},
		"wrong":               {yes, apiFacts{dated: true, skew: -time.Minute}, noon, "FAIL clock…1m0s behind…time server is wrong"},
		"wrong, not kept":     {no, apiFacts{dated: true, skew: time.Hour}, noon, "warn clock…1h0m0s ahead"},
		"not kept":            {no, apiFacts{dated: true}, noon, "warn clock…goes by the API's"},
		"not kept, alone":     {no, apiFacts{}, noon, "warn clock…until the API answers"},
		"after a power cut":   {no, apiFacts{}, time.Date(2016, 4, 1, 0, 0, 0, 0, time.UTC), "FAIL clock it is not 1 April 2016"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChecker(t)
			c.opts.Synchronized = tc.synced
			c.machine.now = func() time.Time { return tc.now }
			want(t, c.clock(tc.facts), tc.want)
		})
	}
}
