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

// lagsBlob is where it is kept how long the API took to show what it had told.
const lagsBlob = "lags"

const (
	// leastLag is what a lag counts for at least: one that was never seen to lag may do so a little.
	leastLag = 100 * time.Millisecond
	// lagNone stands for the lag of what is not ours to look at: nothing is to be waited for.
	lagNone = time.Nanosecond
	// lagMeasures bounds how often the list is asked for to measure its lag, once one is known.
	lagMeasures = 10 * time.Second
	// LagGivesUp is how long an order is waited for in the list.
	LagGivesUp = 15 * time.Minute
)

// Lags are the longest times seen between the API's own word of an order or a refund of ours and its list, or its books,
// showing it. Whatever was made just now may be missing from a look for as long. It may be used by several goroutines at
// once.
type Lags struct {
	watchers notify.List

	store      outbox.Store
	rights     *Rights
	unmeasured time.Duration // what the list's lag counts for while none was measured
	log        *slog.Logger

	mu   sync.Mutex
	kept keptLags
	// waiting is since when the list lacks an order of which the API told, as far as that is being measured.
	waiting time.Time
	at      time.Time // of the last measurement's begin
	busy    bool      // one is under way
}

// keptLags are in milliseconds; 0: none was measured yet.
type keptLags struct {
	List      int64 `json:"list,omitempty"`
	Statement int64 `json:"books,omitempty"`
}

// NewLags begins with what a former process measured. unmeasured is what the list's lag counts for while none was.
func NewLags(store outbox.Store, rights *Rights, unmeasured time.Duration, log *slog.Logger) *Lags {
	kept, err := blob.Read[keptLags](store, lagsBlob)
	if err != nil {
		log.Warn("started without the measured lags of the API's look-ups; they are measured again", "err", err)
	}
	return &Lags{store: store, rights: rights, unmeasured: unmeasured, log: log, kept: kept}
}

// Watch has f called once a lag is measured for the first time: what waits for it need not wait so long.
func (l *Lags) Watch(f func()) { l.watchers.Add(f) }

// List is how long the list may lag, as far as that is known; what is not ours to search is not waited for.
func (l *Lags) List() time.Duration {
	if !l.rights.Searchable() {
		return lagNone
	}
	return cmp.Or(l.listMeasured(), l.unmeasured)
}

// Statement is how long the books may lag, 0 while that was not measured; what is not ours to read is not waited for.
func (l *Lags) Statement() time.Duration {
	if l.rights.NotOurs(Details) || l.rights.NotOurs(History) {
		return lagNone
	}
	return l.booksMeasured()
}

// listMeasured is the list's lag, 0 while none was measured. One that is being measured and is longer already counts.
func (l *Lags) listMeasured() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	lag := lasts(l.kept.List)
	if lag > 0 && !l.waiting.IsZero() {
		lag = max(lag, time.Since(l.waiting))
	}
	return lag
}

// booksMeasured is the lag of the books, 0 while none was measured.
func (l *Lags) booksMeasured() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lasts(l.kept.Statement)
}

func lasts(kept int64) time.Duration {
	if kept == 0 {
		return 0
	}
	return max(time.Duration(kept)*time.Millisecond, leastLag)
}

// Begin reports whether the lag of an order that was made just now is to be measured; then end has to be called.
func (l *Lags) Begin(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || l.kept.List > 0 && now.Sub(l.at) < lagMeasures {
		return false
	}
	l.busy, l.at = true, now
	return true
}

// Lacking notes that the list did not show the order that is being measured, of which the API told at word.
func (l *Lags) Lacking(word time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = word
}

// End ends the measurement that Begin began.
func (l *Lags) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy, l.waiting = false, time.Time{}
}

// ListShowed takes how long it took the list to show an order.
func (l *Lags) ListShowed(ctx context.Context, took time.Duration) {
	first := l.listMeasured() == 0
	l.keep(ctx, took, func(k *keptLags) *int64 { return &k.List })
	if first {
		l.watchers.Call()
	}
}

// BooksShowed takes how long it took the books to show a refund.
func (l *Lags) BooksShowed(ctx context.Context, took time.Duration) {
	first := l.booksMeasured() == 0
	l.keep(ctx, took, func(k *keptLags) *int64 { return &k.Statement })
	if first {
		l.watchers.Call()
	}
}

// keep keeps the longest; what differs by less than a tenth costs no write.
func (l *Lags) keep(ctx context.Context, took time.Duration, of func(*keptLags) *int64) {
	l.mu.Lock()
	kept := of(&l.kept)
	if known, least := lasts(*kept), max(took, leastLag); least <= known+known/10 {
		l.mu.Unlock()
		return
	}
	*kept = max(took, leastLag).Milliseconds()
	all := l.kept
	l.mu.Unlock()
	if err := blob.Write(ctx, l.store, lagsBlob, all); err != nil && ctx.Err() == nil {
		l.log.Warn("a measured lag could not be kept on disk; it is measured again after a restart", "err", err)
	}
}
