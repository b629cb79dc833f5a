package health

import "testing"

// Every problem has advice, and the page that the binary serves has a place for it.
func TestEveryProblemHasAdvice(t *testing.T) {
	for _, code := range []ProblemCode{
		ProblemAPIUnreachable, ProblemUnauthorized, ProblemRateLimited, ProblemClockUnknown, ProblemOutboxFull, ProblemOutboxFailed, ProblemWrongAccount,
		ProblemRolledBack, ProblemAnotherAgent, ProblemRestored, ProblemNeedsStaff, ProblemUnresolved, ProblemLatePayment, ProblemFurtherOrder,
	} {
		if _, ok := advice[code]; !ok {
			t.Errorf("there is no advice on %s", code)
		}
	}
}
