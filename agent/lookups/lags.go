package lookups

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"tillpost/agent/blob"
	"tillpost/internal/notify"
	"tillpost/outbox"
)

// lagsBlob is the name under which the measured lags are kept.
const lagsBlob = "lags"

const (
	// leastLag is what a lag counts for at least: a look-up that was never seen to lag may do so a little.
	leastLag = 100 * time.Millisecond
	// lagNone stands for the lag of a look-up that is not ours: it is not waited for.
	lagNone = time.Nanosecond
	// lagMeasures bounds how often the list is asked for to measure its lag, once one is known.
	lagMeasures = 10 * time.Second
	// LagGivesUp is how long an order is waited for in the list.
	LagGivesUp = 15 * time.Minute
)

// Lags are the longest times seen between the API's accepting an order or a refund of ours and its list, or its statement, showing
// it. Whatever was made just now may be missing from a look-up for as long. It may be used by several goroutines at once.
type Lags struct {
	watchers notify.List

	store      outbox.Store
	rights     *Rights
	unmeasured time.Duration // what the list's lag counts for while none was measured
	log        *slog.Logger

	mu   sync.Mutex
	kept keptLags
	// missingSince is since when the list lacks the order by which its lag is being measured; zero while it does not.
	missingSince time.Time
	at           time.Time // of the last measurement's begin
	busy         bool      // one is under way
}

// keptLags are in milliseconds; 0: none was measured yet.
type keptLags struct {
	List      int64 `json:"list,omitempty"`
	Statement int64 `json:"books,omitempty"`
}

// NewLags begins with what a former process measured. unmeasured is what the list's lag counts for while none was measured.
func NewLags(store outbox.Store, rights *Rights, unmeasured time.Duration, log *slog.Logger) *Lags {
	kept, err := blob.Read[keptLags](store, lagsBlob)
	if err != nil {
		log.Warn("started without the measured lags of the API's look-ups; they are measured again", "err", err)
	}
	return &Lags{store: store, rights: rights, unmeasured: unmeasured, log: log, kept: kept}
}

// Watch has f called once a lag is measured for the first time: what waits for it need not wait so long.
func (l *Lags) Watch(f func()) { l.watchers.Add(f) }

// List returns how long the list may lag; next to nothing where it is not ours to search, so that it is not waited for.
func (l *Lags) List() time.Duration {
	if !l.rights.Searchable() {
		return lagNone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lag := lagOf(l.kept.List)
	if lag > 0 && !l.missingSince.IsZero() {
		lag = max(lag, time.Since(l.missingSince)) // the one that is being measured is longer already
	}
	return cmp.Or(lag, l.unmeasured)
}

// Statement returns how long a statement may lag, 0 while that was not measured; next to nothing where it is not ours to read.
func (l *Lags) Statement() time.Duration {
	if l.rights.NotOurs(Details) || l.rights.NotOurs(History) {
		return lagNone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return lagOf(l.kept.Statement)
}

// lagOf is a kept lag, in milliseconds, as it counts; 0: none was measured.
func lagOf(kept int64) time.Duration {
	if kept == 0 {
		return 0
	}
	return max(time.Duration(kept)*time.Millisecond, leastLag)
}

// BeginMeasurement reports whether the lag of an order that was made just now is to be measured; then EndMeasurement has to be
// called.
func (l *Lags) BeginMeasurement(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || l.kept.List > 0 && now.Sub(l.at) < lagMeasures {
		return false
	}
	l.busy, l.at = true, now
	return true
}

// ListMeasured reports whether the list's lag is known.
func (l *Lags) ListMeasured() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.List > 0
}

// NoteMissing notes that the list did not show the order that is being measured, from when on.
func (l *Lags) NoteMissing(from time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missingSince = from
}

// EndMeasurement ends the measurement that BeginMeasurement began.
func (l *Lags) EndMeasurement() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy, l.missingSince = false, time.Time{}
}

// ListShowed notes how long it took the list to show an order.
func (l *Lags) ListShowed(ctx context.Context, took time.Duration) { l.showed(ctx, took, &l.kept.List) }

// StatementShowed notes how long it took the statement to show a refund.
func (l *Lags) StatementShowed(ctx context.Context, took time.Duration) {
	l.showed(ctx, took, &l.kept.Statement)
}

// showed keeps a lag if it is the longest; one that is longer by less than a tenth is not worth a write.
func (l *Lags) showed(ctx context.Context, took time.Duration, kept *int64) {
	l.mu.Lock()
	known, least := lagOf(*kept), max(took, leastLag)
	if least <= known+known/10 {
		l.mu.Unlock()
		return
	}
	*kept = least.Milliseconds()
	all := l.kept
	l.mu.Unlock()
	if err := blob.Write(ctx, l.store, lagsBlob, all); err != nil && ctx.Err() == nil {
		l.log.Warn("a measured lag could not be kept on disk; it is measured again after a restart", "err", err)
	}
	if known == 0 {
		l.watchers.Call()
	}
}
