package chaos_test

import (
	"encoding/json"
	"strings"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// outcome is what a reply proves to whoever reads it, by the contract.
type outcome uint8

const (
	ambiguous outcome = iota // nothing, or nothing that holds together
	notDone                  // that nothing was done
	busyNow                  // that the terminal is busy, which is not the same
	done                     // that it was done
)

// replied is a reply as the API sent it.
type replied struct {
	outcome outcome
	// framed: it is in the API's envelope; own: and no 401 or 429, which say nothing of the API behind them.
	framed, own bool
	// full: a look-up that answered with what was asked for.
	full bool
}

// patience of the client in the schedules: what comes later comes to nobody.
const clientPatience = 8 * time.Second

// read says what a reply proves.
func read(status int, body []byte) replied {
	var e struct {
		StatusCode int             `json:"status_code"`
		Message    string          `json:"message"`
		Data       json.RawMessage `json:"data"`
	}
	own := json.Unmarshal(body, &e) == nil && e.Message != "" && e.StatusCode != 0
	code := func(n int) bool { return status == n || e.StatusCode == n }
	says := strings.ToLower(strings.ReplaceAll(e.Message, " ", ""))
	yes := own && (strings.Contains(string(e.Data), `"orderUuid"`) || strings.HasSuffix(says, "successfully"))
	client := status/100 == 4 || e.StatusCode/100 == 4
	success := status/100 == 2 && e.StatusCode/100 == 2
	r := replied{framed: own, own: own && !code(401) && !code(429), full: own && (success || status/100 != 5 && code(404))}
	switch {
	case success && yes:
		r.outcome = done
	case yes:
	case code(401), code(429), own && client && says != "terminalisbusy":
		r.outcome = notDone
	case own && says == "terminalisbusy":
		r.outcome = busyNow
	}
	return r
}

// leave follows what each submission proves, and what may follow it.
type leave struct {
	open        map[string]int       // submissions of a request that may have been carried out, by what was answered
	resubmitted map[string]int       // how often a person had it sent again
	busy        map[string]time.Time // when the last one was called busy
	looked      map[string]time.Time // when the latest full look-up began, by what was looked at
	heard       time.Time            // when the last reply in the API's own envelope came
	heardBegun  time.Time            // when the latest call began that got one
	unclear     time.Time            // when the last submission ended ambiguous
	framed      time.Time            // when the last reply in the API's envelope came
	failing     time.Time            // of the first call without such a reply since
}

func newLeave(now time.Time) leave {
	return leave{open: map[string]int{}, resubmitted: map[string]int{}, busy: map[string]time.Time{}, looked: map[string]time.Time{}, heard: now, heardBegun: now}
}

func submits(op simulator.Operation) bool {
	return op == simulator.OpCreate || op == simulator.OpRefund || op == simulator.OpApproval
}

// submitted holds a submission that comes to the API against what allows it. The lock is held.
func (w *world) submitted(op simulator.Operation, order, tag string) {
	now := time.Now()
	l := &w.leave
	if !l.unclear.IsZero() && !l.heardBegun.After(l.unclear) && now.Sub(l.unclear) > 3*time.Second {
		w.failLocked("%s of %s is sent, %v after a submission of which nobody knows, and the API was not heard since", op, tag, now.Sub(l.unclear))
	}
	if tag == "" || tag == foreign {
		return
	}
	key := string(op) + " " + tag
	if n := l.open[key]; n > l.resubmitted[tag] {
		w.failLocked("%s of %s is repeated without leave: %d may have been carried out, %d times a person had it sent again", op, tag, n, l.resubmitted[tag])
	}
	if at, was := l.busy[key]; was {
		w.repeatsBusy(op, order, tag, at)
	}
	l.open[key]++
}

// repeatsBusy: before what was called busy is repeated, somebody has to have looked in vain, as long after as the books
// lag. Where there is nothing to see, the operator's setting counts.
func (w *world) repeatsBusy(op simulator.Operation, order, tag string, at time.Time) {
	l := &w.leave
	if l.resubmitted[tag] > 0 || w.lookups != simulator.LookupsShown {
		return
	}
	switch op {
	case simulator.OpCreate:
		if w.searchable() && l.looked["list"].Before(at.Add(w.lag.List)) {
			w.failLocked("create of %s is repeated after a busy answer, and no list was read in full later than the lag after it", tag)
		}
	case simulator.OpRefund:
		for _, what := range []string{"details ", "status "} {
			if l.looked[what+order].Before(at.Add(w.booksLag())) {
				w.failLocked("refund of %s is repeated after a busy answer, and the %swere not read in full later than the lag after it", tag, what)
			}
		}
	default: // the books don't show approvals
	}
}

// answered takes a reply as it leaves the API; aborted where the connection is closed instead. The caller's patience began as it
// wrote, and it has known of a cut since then, though the API works on.
func (w *world) answered(conn *serverConn, op simulator.Operation, order, tag string, begun time.Time, rec *recorder, aborted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !conn.cut.IsZero() {
		now, aborted = conn.cut, true
	}
	late, gaveUp := conn.called.Add(clientPatience), now
	if late.Before(now) {
		gaveUp = late
	}
	l := &w.leave
	var r replied
	if !aborted && now.Before(late) {
		r = read(rec.status, rec.body.Bytes())
		if rec.status/100 != 2 {
			text := rec.body.String()
			w.said.Store(&text)
		}
	}
	if aborted && (rec.status == 401 || rec.status == 429) {
		r.outcome = notDone // whatever its body would have been
	}
	if r.own {
		l.heard = now
	}
	switch {
	case r.framed:
		l.failing, l.framed = time.Time{}, now
		if begun.After(l.heardBegun) {
			l.heardBegun = begun
		}
	case l.failing.IsZero():
		// A call of a process that has died says nothing to the next one.
		if p := w.current.Load(); gaveUp.After(l.framed) && p != nil && begun.After(p.booted) {
			l.failing = gaveUp
		}
	}
	if r.full {
		w.lookedAt(op, order, begun)
	}
	if !submits(op) || tag == foreign {
		return
	}
	key := string(op) + " " + tag
	delete(l.busy, key)
	switch r.outcome {
	case notDone:
		l.open[key]--
	case busyNow:
		l.open[key]--
		l.busy[key] = now
	case ambiguous:
		if p := w.current.Load(); p == nil || begun.Before(p.booted) {
			return // who made the call has died, and who came after it began with a look at the API
		}
		// Whoever waits knows it when the connection is closed, or when the patience is over.
		l.unclear = gaveUp
	}
}

func (w *world) lookedAt(op simulator.Operation, order string, begun time.Time) {
	key, looks := map[simulator.Operation]string{
		simulator.OpOrderStatuses: "list", simulator.OpOrderDetails: "details " + order, simulator.OpRefundStatus: "status " + order,
	}[op]
	if looks && begun.After(w.leave.looked[key]) {
		w.leave.looked[key] = begun
	}
}

// facts records what is on disk now, whether or not the process lives to use it.
func (w *world) facts(changes []outbox.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range changes {
		r := c.Request
		if _, ok := w.sentAt[r.ID]; !ok && r.State == outbox.StateSending {
			w.sentAt[r.ID] = time.Now()
		}
		if r.State.Final() {
			w.endedAt[r.ID] = time.Now()
		}
		if r.State == outbox.StateQueued && r.History[len(r.History)-1].Event == "Resolved" {
			w.leave.resubmitted[r.ID]++
		}
		if r.Kind == outbox.KindResolution && r.State == outbox.StateDone {
			w.carriedOut[r.ID] = true
		}
	}
}

// deadlineSlack is how long after the API's last answer a deadline that waits for it may end, with the time that the
// end takes to disk.
const deadlineSlack = 15 * time.Second

// checkDeadline: a deadline that waits for the API's answer ends nothing while the API does not answer. The lock is held.
func (w *world) checkDeadline(r outbox.Request) {
	switch e := r.History[len(r.History)-1].Event; e {
	case "DoubtTimeout", "CustomerTimeout":
		failed := time.Duration(w.now()) - time.Duration(w.unwritten.Load())
		if silent := time.Since(w.leave.heard); silent > deadlineSlack && (w.unwritten.Load() == 0 || failed > deadlineSlack) {
			w.failLocked("%s is %s by %s, and the API has said nothing for %v", r.ID, r.State, e, silent.Round(time.Second))
		}
	}
}

// checkToldUnreachable checks, near the end of an outage that answers, that it was published as a problem.
func (w *world) checkToldUnreachable() {
	p := w.current.Load()
	w.mu.Lock()
	failing := w.leave.failing
	w.mu.Unlock()
	if failing.IsZero() || time.Since(failing) < 15*time.Second || p == nil || p.dead.Load() || time.Since(p.booted) < 20*time.Second || !w.connected() || w.withholds.Load() {
		return
	}
	raw, _ := w.broker.Retained("tillpost/agent")
	if !strings.Contains(string(raw), `"apiUnreachable"`) && !strings.Contains(string(raw), `"unauthorized"`) {
		w.fail("nothing of the API was heard for %v, and the agent says %s", time.Since(failing).Round(time.Second), raw)
	}
}
