package fence

import "testing"

func TestPeerDetector(t *testing.T) {
	t.Parallel()
	const online, degraded, offline = "online", "degraded", "offline"
	said := func(state, instance string, generation uint64, since string) announcement {
		return announcement{State: state, Instance: instance, Generation: generation, Since: since}
	}
	mine := said(online, "mine", 10, "2026-11-20T08:00:00.000Z")
	was := func(state string, generation uint64) announcement {
		return said(state, "mine", generation, "2026-11-01T08:00:00.000Z")
	}
	other := func(state string) announcement { return said(state, "other", 3, "2026-11-01T08:00:00.000Z") }
	type step struct {
		h        announcement
		retained bool
		want     finding
	}
	echo := step{mine, false, foundNothing}
	for name, steps := range map[string][]step{
		"nothing stands there":                      {{announcement{}, true, foundNothing}},
		"our last run, ended in order":              {{was(offline, 9), true, foundNothing}, echo, {mine, true, foundNothing}},
		"our last run, power lost":                  {{was(online, 9), true, foundPerhaps}, echo},
		"our last run's will comes late":            {{was(online, 9), true, foundPerhaps}, echo, {was(offline, 9), false, foundPerhaps}},
		"an older copy of one that ended":           {{was(offline, 40), true, foundOlderCopy}},
		"an older copy of one that runs":            {{was(online, 40), true, foundOlderCopy}},
		"a copy as old as ours, at our start":       {{was(offline, 10), true, foundOlderCopy}},
		"a copy as old as ours, later":              {echo, {was(online, 10), true, foundAnotherAgent}},
		"its will":                                  {echo, {was(offline, 10), true, foundAnotherAgent}},
		"a newer copy was accepted elsewhere":       {echo, {was(online, 41), false, foundOlderCopy}},
		"an older copy of ours is at work":          {{was(offline, 9), true, foundNothing}, echo, {was(online, 9), true, foundAnotherAgent}},
		"we throw it out, and it us":                {echo, {was(offline, 9), true, foundPerhaps}, echo, {was(offline, 9), true, foundAnotherAgent}},
		"a former outbox":                           {{other(offline), true, foundNothing}, echo},
		"a former outbox, power lost":               {{other(online), true, foundPerhaps}, echo, {mine, true, foundNothing}},
		"its will comes late":                       {{other(online), true, foundPerhaps}, echo, {other(offline), false, foundPerhaps}, {mine, true, foundNothing}},
		"another one answers us":                    {{other(online), true, foundPerhaps}, echo, {other(degraded), false, foundAnotherAgent}},
		"another one begins":                        {echo, {other(online), false, foundAnotherAgent}},
		"another one throws us out":                 {echo, {other(online), true, foundAnotherAgent}},
		"another one, before our word is back":      {{other(online), false, foundAnotherAgent}},
		"another one, whose will is told each time": {echo, {other(offline), true, foundPerhaps}, {mine, true, foundNothing}, {other(offline), true, foundAnotherAgent}},
		"not a message of an agent":                 {{announcement{State: "hello"}, true, foundNothing}, {announcement{State: "hello"}, false, foundNothing}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &peerDetector{mine: mine}
			for i, s := range steps {
				if got := w.observe(s.h, s.retained); got != s.want {
					t.Errorf("step %d: %+v, retained %t: found %d, want %d", i, s.h, s.retained, got, s.want)
				}
			}
		})
	}
}
