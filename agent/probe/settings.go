package probe

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings adds the settings that follow from the answers.
func (p *prober) settings() {
	set := func(key, value, why string) {
		p.report.Settings = append(p.report.Settings, Setting{key, value, why})
	}
	switch {
	case p.stored || p.busy != "busy":
		set("policy.busy_means", `"doubt"`, "a busy answer does not prove that nothing was created")
	case p.allRead:
		set("policy.busy_means", `"not_created"`, "a busy answer created nothing, and it can be looked up")
	default:
		set("policy.busy_means", `"doubt"`, "whether a busy answer creates an order could not be seen")
	}
	switch {
	case p.seen.listed < 0:
		set("callback.public_url", "…", "orders can't be looked up in the list: only a callback names a lost one by itself")
	case 3*p.seen.listed > 150*time.Second:
		set("policy.doubt_check", strconv.Quote((3 * p.seen.listed).Round(time.Second).String()), "the list shows an order late")
	}
	if n, err := strconv.Atoi(p.limits["x-ratelimit-limit"]); err == nil && n > 0 {
		set("api.requests_per_minute", strconv.Itoa(n*3/4), fmt.Sprintf("the API allows %d a minute, to all that use the token", n))
	}
}

func short(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func pairs(m map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, key+": "+m[key])
	}
	return strings.Join(list, "; ")
}
