package outbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// contractStates is what tills and their developers were promised, kind by kind.
var contractStates = map[Kind]string{
	KindOrder:      "queued sending in_doubt awaiting_customer cancelling PAID DECLINED CANCELLED REJECTED EXPIRED UNRESOLVED",
	KindRefund:     "queued sending in_doubt awaiting_refund awaiting_approval cancelling REFUNDED DECLINED CANCELLED REJECTED EXPIRED UNRESOLVED",
	KindApproval:   "queued sending in_doubt SUBMITTED REJECTED EXPIRED UNRESOLVED",
	KindCancel:     "queued sending DONE REJECTED EXPIRED",
	KindResend:     "queued sending DONE REJECTED EXPIRED",
	KindCheck:      "queued sending DONE REJECTED EXPIRED",
	KindResolution: "queued sending DONE REJECTED EXPIRED",
}

func TestStatesOfKinds(t *testing.T) {
	t.Parallel()
	if len(contractStates) != len(kindNames)-1 {
		t.Fatalf("%d kinds promised, %d there", len(contractStates), len(kindNames)-1)
	}
	used := map[State]bool{}
	for kind, want := range contractStates {
		var got []string
		for _, s := range States(kind) {
			used[s] = true
			name := s.String()
			if s.Final() {
				name = strings.ToUpper(name)
			}
			got = append(got, name)
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%v: %q, want %q", kind, got, want)
		}
		laned := kind == KindOrder || kind == KindRefund || kind == KindApproval
		if kind.Laned() != laned {
			t.Errorf("%v waits in a lane: %v", kind, kind.Laned())
		}
	}
	for s := StateQueued; s.Known(); s++ {
		if !used[s] {
			t.Errorf("no kind has state %v", s)
		}
		holds := slices.Contains([]State{StateSending, StateInDoubt, StateAwaitingCustomer, StateCancelling, StateAwaitingRefund}, s)
		if s.HoldsLane() != holds || s.HoldsLane() && s.Final() {
			t.Errorf("%v holds its lane: %v", s, s.HoldsLane())
		}
	}
}

// TestNames: every value has a name of its own that reads back; what was never stored has none.
func TestNames(t *testing.T) {
	t.Parallel()
	for s := range State(20) {
		name := s.String()
		back, ok := ParseState(name)
		if known := s >= StateQueued && s <= StateDone; ok != known || ok && back != s {
			t.Errorf("state %d: %q reads back as %v, %v", s, name, back, ok)
		}
	}
	for k := range Kind(10) {
		name := k.String()
		back, ok := ParseKind(name)
		if known := k >= KindOrder && k <= KindResolution; ok != known || ok && back != k {
			t.Errorf("kind %d: %q reads back as %v, %v", k, name, back, ok)
		}
	}
	seen := map[string]bool{}
	names := []fmt.Stringer{added, StatusPending, StatusPaid, StatusDeclined, StatusCancelled, Adopt, Resubmit, Abandon}
	for _, e := range EventTypes() {
		names = append(names, e)
	}
	for e := Submit; e <= Ignored; e++ {
		names = append(names, e)
	}
	for timer := TimerRetry; timer <= TimerHint; timer++ {
		names = append(names, timer)
	}
	for _, n := range names {
		key := fmt.Sprintf("%T %s", n, n)
		if seen[key] || n.String() == "" || strings.Contains(n.String(), "(") {
			t.Errorf("%#v is called %q", n, n)
		}
		seen[key] = true
	}
	for _, n := range []fmt.Stringer{State(0), State(99), Kind(0), EventType(99), EffectType(0), EffectType(99), Timer(0), Timer(99), OrderStatus(99), Resolution(99)} {
		if !strings.Contains(n.String(), "(") {
			t.Errorf("%#v is called %q", n, n)
		}
	}
}

func TestStateText(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(StateInDoubt)
	if err != nil || string(b) != `"in_doubt"` {
		t.Errorf("%s, %v", b, err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil || s != StateInDoubt {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{`"paid "`, `"Paid"`, `"state(3)"`, `""`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
