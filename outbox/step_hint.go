package outbox

import "slices"

// hintsMost bounds the orders that callbacks may name for one request until they are judged.
const hintsMost = 8

// Hint is an order that a callback with one of our marks named. It is unsigned, so it proves nothing: the order is asked
// for until what is seen of it says whether it is ours.
type Hint struct {
	OrderUUID string  `json:"o"`
	At        Instant `json:"at"`
	// Missing is since when the API says that it does not know the order, zero while it does not say so.
	Missing Instant `json:"ms,omitzero"`
}

// HintsFull reports whether no further order can be taken as a hint.
func (r Request) HintsFull() bool { return len(r.Hints) >= hintsMost }

func (r Request) hint(uuid string) int {
	return slices.IndexFunc(r.Hints, func(h Hint) bool { return h.OrderUUID == uuid })
}

// noteHint records the order that a callback named; for one that is held already it asks for the status.
func (m *transition) noteHint() {
	uuid := m.e.OrderUUID
	switch {
	case uuid == "" && m.r.OrderUUID == "":
		m.ignore(ignoredStale)
	case uuid == "" || uuid == m.r.OrderUUID:
		m.query()
	case slices.Contains(m.r.Further, uuid):
		m.emit(Effect{Type: Query, OrderUUID: uuid})
	case m.r.hint(uuid) >= 0:
		m.askHints()
	case m.r.HintsFull():
		m.ignore(ignoredStale)
	default:
		m.r.Hints = append(m.r.Hints, Hint{OrderUUID: uuid, At: m.e.At})
		m.changed()
		m.askHints()
	}
}

// askHints has every order read that a callback named. While our own submission is under way its answer comes first.
func (m *transition) askHints() {
	if m.r.State == StateSending {
		return
	}
	for _, h := range m.r.Hints {
		m.emit(Effect{Type: Judge, OrderUUID: h.OrderUUID})
	}
}

// pursueHints asks for the orders that callbacks named again in a state just entered, and after a restart.
func (m *transition) pursueHints(before Request) {
	entered := m.r.Entered != before.Entered || m.r.State != before.State
	if len(m.r.Hints) == 0 || m.r.State == StateSending || !entered && m.e.Type != Restarted {
		return
	}
	m.fx = slices.DeleteFunc(m.fx, func(f Effect) bool { return f.Type == Ignored })
	if m.r.State.Final() {
		m.wakeHints()
		return
	}
	m.askHints()
}

// wakeHints paces further readings: like a search, and after the end like watch, but until the record is pruned.
func (m *transition) wakeHints() {
	after := m.retryAfter(searchRetry)
	if m.r.State.Final() {
		after = watchCloselyFor
		if m.r.Finished != nil {
			if since, _ := m.e.At.Since(*m.r.Finished); since < watchCloselyFor {
				after = watchCloselyFor / 10
			}
		}
	}
	m.wake(TimerHint, after)
}

// judgeHint decides on an order that a callback named by what was seen of it.
func (m *transition) judgeHint() {
	i := m.r.hint(m.e.OrderUUID)
	if i < 0 {
		m.ignore(ignoredStale)
		return
	}
	verdict := m.e.Order.judge()
	h := &m.r.Hints[i]
	wasMissing := h.Missing != (Instant{})
	missing, _ := m.e.At.Since(h.Missing)
	switch {
	case verdict == hintMarked, verdict == hintUnmarked:
		m.takeHint(verdict == hintUnmarked)
	case verdict == hintRefused, verdict == hintMissing && wasMissing && missing >= m.e.Policy.DoubtHold:
		m.dropHint()
	case verdict == hintMissing && !wasMissing:
		h.Missing = m.e.At
		m.changed()
		m.wakeHints()
	case m.e.Order.Details == DetailsRead && wasMissing:
		h.Missing = Instant{} // it is there after all
		m.changed()
		m.wakeHints()
	default:
		m.wakeHints()
	}
}

// dropHint forgets an order that is not ours; a queued request that waited for that goes on.
func (m *transition) dropHint() {
	m.forgetHint(m.e.OrderUUID)
	m.changed()
	if len(m.r.Hints) == 0 && m.r.State == StateQueued {
		m.wake(TimerRetry, 0)
	}
}

func (m *transition) forgetHint(uuid string) {
	m.r.Hints = slices.DeleteFunc(m.r.Hints, func(h Hint) bool { return h.OrderUUID == uuid })
}

// takeHint takes an order that a callback named for ours. Where no mark of ours is to be seen in it, it is not proven:
// we never cancel it, and beside an order that we hold it stays a hint until it is paid or gone.
func (m *transition) takeHint(unmarked bool) {
	if m.r.OrderUUID == "" {
		m.r.Unmarked = unmarked
		if m.r.State.Final() {
			m.lateFind()
			return
		}
		m.adopt()
		return
	}
	if unmarked && m.e.Status == StatusPending {
		m.wakeHints()
		return
	}
	if unmarked && m.e.Status != StatusPaid {
		m.dropHint()
		return
	}
	m.forgetHint(m.e.OrderUUID)
	if m.r.State.Final() && !unmarked {
		m.lateFind()
	} else {
		m.further() // an unproven order does not replace a proven one
		m.watch()
	}
	if m.r.hint(m.e.OrderUUID) < 0 && !m.published() {
		m.changed()
	}
}

// Names reports whether an order is on record with this request: held, found beyond that, or named by a callback.
func (r Request) Names(orderUUID string) bool {
	return orderUUID == "" || orderUUID == r.OrderUUID || r.hint(orderUUID) >= 0 || slices.Contains(r.Further, orderUUID)
}

// waitForHints holds back an attempt while an order that a callback named is not judged yet.
func (m *transition) waitForHints() bool {
	if len(m.r.Hints) == 0 {
		return false
	}
	m.askHints()
	m.emit(Effect{Type: Publish, Waiting: m.waiting(WaitChecking, searchRetry)})
	m.wake(TimerRetry, searchRetry)
	return true
}
