package fence

import "testing"

func TestWitness(t *testing.T) {
	t.Parallel()
	const online, degraded, offline = "online", "degraded", "offline"
	said := func(state, instance string, generation uint64, since string) heard {
		return heard{State: state, Instance: instance, Generation: generation, Since: since}
	}
	mine := said(online, "mine", 10, "2026-11-20T08:00:00.000Z")
	was := func(state string, generation uint64) heard {
		return said(state, "mine", generation, "2026-11-01T08:00:00.000Z")
	}
	other := func(state string) heard { return said(state, "other", 3, "2026-11-01T08:00:00.000Z") }
	type step struct {
		h        heard
		retained bool
		want     finding
	}
	echo := step{mine, false, findNothing}
	for name, steps := range map[string][]step{
		"nothing stands there":                      {{heard{}, true, findNothing}},
		"our last run, ended in order":              {{was(offline, 9), true, findNothing}, echo, {mine, true, findNothing}},
		"our last run, power lost":                  {{was(online, 9), true, findPerhaps}, echo},
		"our last run's will comes late":            {{was(online, 9), true, findPerhaps}, echo, {was(offline, 9), false, findPerhaps}},
		"an older copy of one that ended":           {{was(offline, 40), true, findOlderCopy}},
		"an older copy of one that runs":            {{was(online, 40), true, findOlderCopy}},
		"a copy as old as ours, at our start":       {{was(offline, 10), true, findOlderCopy}},
		"a copy as old as ours, later":              {echo, {was(online, 10), true, findAnotherAgent}},
		"its will":                                  {echo, {was(offline, 10), true, findAnotherAgent}},
		"a newer copy was accepted elsewhere":       {echo, {was(online, 41), false, findOlderCopy}},
		"an older copy of ours is at work":          {{was(offline, 9), true, findNothing}, echo, {was(online, 9), true, findAnotherAgent}},
		"we throw it out, and it us":                {echo, {was(offline, 9), true, findPerhaps}, echo, {was(offline, 9), true, findAnotherAgent}},
		"a former outbox":                           {{other(offline), true, findNothing}, echo},
		"a former outbox, power lost":               {{other(online), true, findPerhaps}, echo, {mine, true, findNothing}},
		"its will comes late":                       {{other(online), true, findPerhaps}, echo, {other(offline), false, findPerhaps}, {mine, true, findNothing}},
		"another one answers us":                    {{other(online), true, findPerhaps}, echo, {other(degraded), false, findAnotherAgent}},
		"another one begins":                        {echo, {other(online), false, findAnotherAgent}},
		"another one throws us out":                 {echo, {other(online), true, findAnotherAgent}},
		"another one, before our word is back":      {{other(online), false, findAnotherAgent}},
		"another one, whose will is told each time": {echo, {other(offline), true, findPerhaps}, {mine, true, findNothing}, {other(offline), true, findAnotherAgent}},
		"not a message of an agent":                 {{heard{State: "hello"}, true, findNothing}, {heard{State: "hello"}, false, findNothing}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &witness{mine: mine}
			for i, s := range steps {
				if got := w.hear(s.h, s.retained); got != s.want {
					t.Errorf("step %d: %+v, retained %t: found %d, want %d", i, s.h, s.retained, got, s.want)
				}
			}
		})
	}
}
