package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// While requests change, come and go, each status that a new reader is handed is, to the byte, what was published last;
// and in the end none is missing.
func TestStatusesAreReadAsPublished(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 20, recentStatuses} {
		t.Run(fmt.Sprint("room for ", room), func(t *testing.T) {
			t.Parallel()
			testReadAsPublished(t, room)
		})
	}
}

func testReadAsPublished(t *testing.T, room int) {
	w := newReaderWorld(t, room, func(o bolt.Options) outbox.Store { return outboxtest.Open(t, o) })
	ctx, cancel := context.WithCancel(t.Context())
	var publishing, lanes, readers sync.WaitGroup
	publishing.Go(func() { w.p.Run(ctx, w.bus, noSource()) })
	w.p.Connected(true)
	for i := range 4 {
		terminal := fmt.Sprint("T", i)
		lanes.Go(func() { w.lane(terminal, 100) })
	}
	ended := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					return
				default:
				}
				for _, terminal := range w.statuses.Terminals() {
					for topic := range w.replay(terminal, "") {
						w.replay(terminal, topic[len("p/terminals/T0/status/"):])
						break
					}
				}
				w.prune()
			}
		})
	}
	lanes.Wait()
	close(ended)
	readers.Wait()
	w.p.Flush(time.Minute)
	cancel()
	publishing.Wait()
	got := map[string]string{}
	for _, terminal := range w.statuses.Terminals() {
		maps.Copy(got, w.replay(terminal, ""))
	}
	delete(w.bus.last, w.p.o.Topics.Agent())
	delete(w.bus.last, w.p.o.Topics.Terminals())
	if !maps.Equal(got, w.bus.last) {
		t.Errorf("%d statuses are read, %d are retained", len(got), len(w.bus.last))
	}
	if len(got) == 0 {
		t.Error("nothing is left to compare")
	}
}

// A status that changed and was not published yet is delivered once it was, and not before; others don't wait for it.
func TestAStatusThatChangesIsReadAfterIt(t *testing.T) {
	inReaderBubble(t, 0, func(w *readerWorld, _ *memOutbox) {
		w.cancel("a")
		time.AfterFunc(time.Second, w.publish)
		begun := time.Now()
		if got := topicsOf(w.replay("T1", "")); len(got) != 2 {
			t.Errorf("read %v", got)
		}
		if took := time.Since(begun); took < time.Second || took > time.Second+statusPause {
			t.Errorf("it took %v", took)
		}
		w.p.Waits(w.lookup("b"), HeadOfLane, &outbox.Waiting{Code: outbox.WaitBusy})
		begun = time.Now()
		w.replay("T1", "a")
		if took := time.Since(begun); took > 0 {
			t.Errorf("one that stands waits %v for another", took)
		}
	})
}

// A change whose telling never comes is read as it is on disk, in the end.
func TestAStatusThatIsNotPublishedIsReadInTheEnd(t *testing.T) {
	inReaderBubble(t, 0, func(w *readerWorld, _ *memOutbox) {
		told := w.replay("T1", "a")
		w.p.connected = false
		w.cancel("a")
		w.bus.last["p/terminals/T1/status/a"] = string(w.p.retained(w.lookup("a"), w.p.Current(w.lookup("a")))[0].Payload)
		if got := w.replay("T1", "a"); len(got) != 1 || maps.Equal(got, told) {
			t.Errorf("read %v", got)
		}
	})
}

// An outbox that can't be read for a moment, or for one record, hides nothing else.
func TestAnOutboxThatCanNotBeRead(t *testing.T) {
	inReaderBubble(t, 0, func(w *readerWorld, store *memOutbox) {
		store.broken.Store(true)
		time.AfterFunc(time.Second, func() { store.broken.Store(false) })
		if got := w.replay("T1", ""); len(got) != 2 {
			t.Errorf("read %v", topicsOf(got))
		}
		store.broken.Store(true)
		begun := time.Now()
		if got := w.replay("T1", ""); len(got) != 0 {
			t.Errorf("read %v", topicsOf(got))
		}
		if took := time.Since(begun); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("it was tried for %v", took)
		}
	})
}

// What was pruned, or stands at another terminal, is not read; nor anything more for a reader that is gone.
func TestWhatIsNotRead(t *testing.T) {
	inReaderBubble(t, 0, func(w *readerWorld, store *memOutbox) {
		w.cancel("a")
		w.publish()
		w.prune() // its topic is not cleared yet
		if got := topicsOf(w.replay("T1", "")); !slices.Equal(got, []string{"p/terminals/T1/status/b"}) {
			t.Errorf("read %v", got)
		}
		w.publish()
		for _, at := range [][2]string{{"T1", "a"}, {"T2", "b"}, {"T2", ""}, {"T1", "c"}} {
			if got := w.replay(at[0], at[1]); len(got) != 0 {
				t.Errorf("of %v there is %v", at, got)
			}
		}
		store.reads = 0
		store.broken.Store(true)
		w.statuses.Replay("T1", "", func(func(func(mqtt.Message))) bool { return false })
		if store.reads != 1 {
			t.Errorf("read %d times for nobody", store.reads)
		}
	})
}

// A moved request is read where it waits and where its till listens, until it is cleared at both.
func TestMovedStatusesAreRead(t *testing.T) {
	inReaderBubble(t, 1, func(w *readerWorld, _ *memOutbox) {
		if _, _, err := w.store.Apply(w.Context(), w.lookup("a").Seq, outbox.Event{Type: outbox.Moved, At: outboxtest.At(time.Second), To: "T2"}); err != nil {
			w.Fatal(err)
		}
		w.publish()
		for _, terminal := range []string{"T1", "T2"} {
			topic := "p/terminals/" + terminal + "/status/a"
			if all, one := w.replay(terminal, ""), w.replay(terminal, "a"); all[topic] == "" || one[topic] == "" || len(one) != 1 {
				t.Errorf("of %s: all %v, one %v", terminal, topicsOf(all), topicsOf(one))
			}
		}
		w.cancel("a")
		w.publish()
		w.prune()
		w.publish()
		if a, b := w.replay("T1", "a"), w.replay("T2", ""); len(a)+len(b) != 0 {
			t.Errorf("after pruning there are %v and %v", topicsOf(a), topicsOf(b))
		}
	})
}

// What there is room for in memory is not read, and read once it had to make room; what is cleared goes from both.
func TestSomeStatusesAreHeld(t *testing.T) {
	inReaderBubble(t, 2, func(w *readerWorld, store *memOutbox) {
		store.broken.Store(true)
		if got := w.replay("T1", ""); len(got) != 2 {
			t.Errorf("held are %v", topicsOf(got))
		}
		w.add(outboxtest.Order("c", "T1")) // instead of a
		w.publish()
		got := topicsOf(w.replay("T1", ""))
		if want := []string{"p/terminals/T1/status/b", "p/terminals/T1/status/c"}; !slices.Equal(got, want) {
			t.Errorf("held are %v, want %v", got, want)
		}
		store.broken.Store(false)
		w.cancel("b")
		w.cancel("c")
		w.publish()
		w.prune()
		w.publish()
		if got := topicsOf(w.replay("T1", "")); !slices.Equal(got, []string{"p/terminals/T1/status/a"}) {
			t.Errorf("after pruning there are %v", got)
		}
		if n := len(w.p.index.recent); n != 0 {
			t.Errorf("%d are held", n)
		}
	})
}
