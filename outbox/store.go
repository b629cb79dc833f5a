package outbox

import (
	"context"
	"errors"
	"fmt"
)

// Store keeps requests durably: what agents need of one. All methods may be called from several goroutines at once.
// What a write changed is on disk when it returns without an error; ctx bounds the wait for its turn, not the commit.
type Store interface {
	// Add puts requests made by NewRequest into the outbox, all in one commit and in their order, and answers in that order.
	// An id that is known already, even one pruned long ago, is not added again. After ErrFull, ErrUncertain, ErrClosed and
	// ErrFailed nothing may be acknowledged.
	Add(ctx context.Context, rs ...Request) ([]Added, error)
	// Accept is Add for requests of which some may make their first turn in the same commit.
	Accept(ctx context.Context, rs ...Arrival) ([]Added, error)
	// Announce says whether requests are about to be made ready for Accept. On a slow disk it returns when no commit is under way,
	// as they would wait for its end all the same, and the next one waits a moment for them. The Accept ends the announcement.
	Announce(comes bool)
	// Apply runs Step on a request and commits what it changed; the effects that come back must be run. ErrLaneHeld,
	// ErrOrderTaken, ErrMoved and ErrFull leave the record as it is; after ErrUncertain the caller has to read it.
	Apply(ctx context.Context, seq uint64, e Event) (Request, []Effect, error)
	// Release is Apply for an event that may end what holds a lane: where nothing holds the lane after it, turn makes the first turn
	// of what waits there next, in the same commit. It is called as an Arrival's. next is zero where no turn was made.
	Release(ctx context.Context, seq uint64, e Event, turn func(Request) (Event, bool)) (r Request, fx []Effect, next Added, err error)

	// Get reads a request: ErrNotFound if there is none, ErrPruned if its record was removed.
	Get(seq uint64) (Request, error)
	// Records reads requests, without their bodies, as of one moment, and leaves out those that there are not.
	Records(seqs []uint64) ([]Request, error)
	// Lookup finds a request by the till's id. One that was pruned comes with ErrPruned, and only what outlived it.
	Lookup(id string) (Request, error)
	// ByOrder finds the order request that owns an order at the API.
	ByOrder(uuid string) (Request, error)
	// Refunds lists those that pay back an order by its uuid, Waiting those that know only its requestId; oldest first.
	Refunds(orderUUID string) ([]Request, error)
	Waiting(orderID string) ([]Request, error)
	// EachOpen visits the requests that are not final, of one terminal in the order of its lane or, for "", of all by
	// sequence, until fn returns false or ctx ends. fn may call the store.
	EachOpen(ctx context.Context, terminal string, fn func(Request) bool) error
	// Each visits all records, open and ended, by sequence, until fn returns false. fn may call the store.
	Each(fn func(Request) bool) error
	// Before visits those whose sequence is less than seq, or all for 0, the newest first; otherwise it is as Each.
	Before(seq uint64, fn func(Request) bool) error
	// Sequence returns the highest acceptance number given so far.
	Sequence() (uint64, error)

	// Lane returns how a terminal's queue stands, Lanes those of all terminals that had open requests since the store was
	// opened, Positions the first n of a queue.
	Lane(terminal string) Lane
	Lanes() []Lane
	Positions(terminal string, n int) []Request

	// Prune removes the records that prunable accepts, at most most of them, oldest first, and returns them. It offers only
	// what is final and not unresolved. An id outlives its record. prunable may call the store.
	Prune(ctx context.Context, prunable func(Request) bool, most int) ([]Request, error)
	// Snapshot copies the outbox, so that a damaged one can be restored.
	Snapshot(ctx context.Context) error
	// Stats returns figures for metrics. It does not wait for commits.
	Stats() Stats
	// Room reports whether new requests are taken.
	Room() bool
	// Recovery returns what was done to bring the outbox up.
	Recovery() Recovery

	// Identity returns what distinguishes this outbox from others and from older copies of itself.
	Identity() Identity
	// Distrust notes that a process with this outbox, of the given generation or a newer one, is or was at work elsewhere:
	// every open request is in doubt then, and this copy is RolledBack until a person accepts it.
	Distrust(ctx context.Context, generation uint64) (inDoubt int, err error)
	// Account returns the account that the outbox belongs to; ok is false while it belongs to none.
	Account() (a Account, ok bool)
	// BindAccount gives an outbox that belongs to no account to this one; for another's it is ErrWrongAccount.
	BindAccount(ctx context.Context, a Account) error

	// GetBlob reads a small value that PutBlob kept under a name; ErrNotFound if there is none.
	GetBlob(name string) ([]byte, error)
	// PutBlob keeps a small value under a name; an empty one removes it.
	PutBlob(ctx context.Context, name string, data []byte) error

	// Close releases the store. Later calls return ErrClosed.
	Close() error
}

// What a Store refuses, and why. Match with errors.Is; the errors that come back carry more words.
var (
	// ErrClosed: the store was closed before the call was taken; nothing was done.
	ErrClosed = errors.New("the outbox is closed")
	// ErrNotFound: there is no such request.
	ErrNotFound = errors.New("no such request in the outbox")
	// ErrPruned: the request ended long ago and its record was removed. It is an ErrNotFound too; where it comes with a
	// Request, that one has only ID, Kind, Terminal, State, Digest and Revision.
	ErrPruned = fmt.Errorf("the request ended long ago and its record was pruned: %w", ErrNotFound)
	// ErrLaneHeld: another request of that terminal holds the lane; nothing was changed.
	ErrLaneHeld = errors.New("another request holds the lane")
	// ErrMoved: the request waits at another terminal by now; nothing was changed.
	ErrMoved = errors.New("the request was moved to another terminal")
	// ErrOrderTaken: another request owns that order; nothing was changed.
	ErrOrderTaken = errors.New("another request owns the order")
	// ErrUncertain: the commit failed and may or may not be in the file. No effect of it may be run. The store has read
	// the file again: call Get or Lookup.
	ErrUncertain = errors.New("the commit failed; it may or may not be on disk")
	// ErrFull: the disk is full and nothing was committed, or, for Add, there is only the reserve left.
	ErrFull = errors.New("the disk is full")
	// ErrFailed: the file could not be opened again after a failed commit. Each later call tries once more.
	ErrFailed = errors.New("the outbox file can't be read any more")
	// ErrWrongAccount: the outbox belongs to another account at the API.
	ErrWrongAccount = errors.New("the outbox belongs to another account")
)

// Change is one durable change of a request.
type Change struct {
	// Request is how it stands now.
	Request Request
	// Effects are what Step asked for; none for a request just added.
	Effects []Effect
	// Position is its place among the queued of its lane, from 1; 0 when it is not queued.
	Position int
	// Behind: others come first, on the terminal or before it in the queue.
	Behind bool
	// Previous is the state before; 0 when it was added.
	Previous State
	// From is the terminal that it was moved away from; "" when it was not.
	From string
}

// Verdict says what became of a request that was to be added.
type Verdict uint8

// The verdicts of Add.
const (
	// AddedNew: it is on disk now.
	AddedNew Verdict = iota + 1
	// AddedSame: its id is known with the same content; nothing was changed.
	AddedSame
	// AddedConflict: its id is known with other content; the first stands.
	AddedConflict
)

func (v Verdict) String() string {
	return nameOf([]string{AddedNew: "new", AddedSame: "same", AddedConflict: "conflict"}, v, "verdict")
}

// Added is what Add did with one request, or Release with the next.
type Added struct {
	// Request is the record as it stands. Of a pruned one only ID, Kind, Terminal, State, Digest and Revision are known.
	Request Request
	// Verdict is 0 in what Release returns.
	Verdict Verdict
	// Effects are what the first turn asked for, where it was made; they must be run.
	Effects []Effect
}

// Arrival is a request that is to be accepted.
type Arrival struct {
	Request Request
	// Turn makes the request's first turn with its acceptance; nil leaves it queued. It is called within the commit, where
	// the request comes to stand first in a lane that nothing holds, with its sequence; anew, where the commit is tried
	// again. It must neither block nor call the store. With false, or where its event is refused, the request stays queued.
	Turn func(r Request) (e Event, ok bool)
}

// FirstTurn is a request's first turn, ready to be made with its acceptance.
type FirstTurn interface {
	// Turn is for an Arrival.
	Turn(r Request) (e Event, ok bool)
	// Done takes what came of the acceptance, made or not. It has to be called, once, and does not block.
	Done(a Added, err error)
}

// Lane is how a terminal's queue stands. Only laned kinds count (Kind.Laned).
type Lane struct {
	Terminal string
	// Holder is the request that keeps the others waiting, 0 if there is none. One holds the lane by having been sent in it,
	// others in doubt, or open again by a restore, a resolution or a late find: Holders are all, ascending, Holder the first.
	Holder  uint64
	Holders []uint64
	// Head is the first of the queued ones, 0 if there is none, and Oldest when it was accepted.
	Head   uint64
	Queued int
	Oldest Instant
}

// Stats are figures for metrics.
type Stats struct {
	// FileSize is the database's size in bytes.
	FileSize int64
	// Open counts the requests that are not final.
	Open int
	// Ballast is how many bytes are held in reserve; 0 while the reserve is in use.
	Ballast int64
	// DiskFree is how many bytes the file system has left for us, less than 0 if that can't be known.
	DiskFree int64
	// Commits counts the commits since Open.
	Commits int64
	// Accepted is the highest acceptance number given so far, and Written the number of commits in the outbox's life; of
	// two copies of one outbox, the one that knows less has lower ones. Both are 0 while the file can't be read.
	Accepted, Written uint64
}

// Identity distinguishes this outbox from others and from older copies of itself.
type Identity struct {
	// Instance is random and stays the same for the outbox's life.
	Instance string
	// Generation grows by one with each Open.
	Generation uint64
	// RolledBack says that this is an older copy than the one that ran here last, a copy from elsewhere, or a restored
	// snapshot, and that nobody has accepted it yet. What it does not remember may have been sent.
	RolledBack bool
	// Copied says which acceptance numbers an older copy has left out.
	Copied Copied
}

// Copied says which acceptance numbers, by which marks are looked up, are left out in an older copy of an outbox. All are 0 in one
// that never was an older copy; of several times the last counts.
type Copied struct {
	// The numbers above Before and up to After are left out here: the newer copy may have given them to others.
	Before uint64 `json:"before,omitempty"`
	After  uint64 `json:"after,omitempty"`
}

// Skips reports whether an acceptance number was left out.
func (c Copied) Skips(seq uint64) bool { return seq > c.Before && seq <= c.After }

// seqGap is left in the sequence of an older copy: a mark names its request by sequence, and those that were given out
// after the copy was taken must not name another.
const seqGap = 1 << 20

// AsCopy returns the bounds of an outbox that turns out to be an older copy, and whose numbers have come to now. From which on
// they were its own, nobody knows: it may have been at work for some starts before it was found out.
func AsCopy(now uint64) Copied {
	return Copied{Before: now, After: now + seqGap}
}

// Account is what the outbox's requests were accepted for.
type Account struct {
	BaseURL      string `json:"url"`
	Organization string `json:"org,omitempty"`
}

// Recovery is what Open had to do beyond opening.
type Recovery struct {
	// Created says that there was no outbox here, and an empty one was made.
	Created bool
	// Restored says that a snapshot was put in the place of a file that was damaged or gone, and why.
	Restored bool
	Cause    error
	// Quarantined is where the damaged file is now, "" if there was none left.
	Quarantined string
	// RootLost says that one of the two root pages was unreadable: the last commit may be missing.
	RootLost bool
	// InDoubt counts the requests that are in doubt now because of any of that.
	InDoubt int
	// Compacted says that the file was made smaller, from Before to After bytes.
	Compacted     bool
	Before, After int64
}
