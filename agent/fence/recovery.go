package fence

import (
	"context"
	"fmt"

	"tillpost/agent/health"
)

const olderCopy = "the outbox is an older copy than the one that was in use here last, or was brought from elsewhere; what was open in it is in doubt"

// reportRecovery logs what opening the outbox had to mend, and places holds for what an operator has to know.
func (f *Fence) reportRecovery() {
	r := f.o.Store.Recovery()
	if r.Compacted {
		f.o.Log.Info("the outbox was made smaller", "from", r.Before, "to", r.After)
	}
	if r.RootLost {
		f.o.Log.Warn("one of the outbox's two root pages was unreadable, as after a power cut in the middle of a write; the last change may be missing", "in_doubt", r.InDoubt)
	}
	switch {
	case r.Created:
		f.o.Log.Info("a new, empty outbox was made", "path", f.o.Path, "instance", f.o.Store.Identity().Instance)
	case r.Restored:
		found := fmt.Sprintf("the outbox was restored from its last snapshot: %v", r.Cause)
		if r.Quarantined != "" {
			found += "; the damaged file is kept as " + r.Quarantined
		}
		found += fmt.Sprintf("; %s in doubt, and what was accepted after the snapshot is not known here; compare with Front Payment", requestsAre(r.InDoubt))
		f.holds.place(context.Background(), hold{Code: health.ProblemRestored, Message: found})
		f.placeRolledBack("the outbox is older than what was in use")
	case f.o.Store.Identity().RolledBack:
		f.placeRolledBack(olderCopy)
	}
}

func requestsAre(n int) string {
	if n == 1 {
		return "1 request is"
	}
	return fmt.Sprintf("%d requests are", n)
}

// placeRolledBack places the hold of an older copy.
func (f *Fence) placeRolledBack(found string) {
	f.holds.place(context.Background(), hold{Code: health.ProblemRolledBack, Message: found + acceptHint})
}
