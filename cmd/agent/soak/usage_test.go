package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tillpost/internal/proctest"
)

// What may grow from the first half of the steady part of a day to its second. Ids are kept for ever, so the file does.
const (
	moreMemory     = 0.15
	memorySlack    = 3 << 20
	moreGoroutines = 20
	moreFiles      = 10
	idBytes        = 256
	fileSlack      = 2 << 20
	// mostMemory is what an agent that is busy may take at any time.
	mostMemory = 45 << 20
)

// usage is what the agent used over a day.
type usage struct {
	open    time.Duration
	samples []sample
	peak    int64
}

type sample struct {
	age               time.Duration
	memory, file      int64
	files, goroutines int
}

func newUsage(open time.Duration) *usage { return &usage{open: open} }

// sample measures; what counts for the comparison is the part of the day in which one process lives.
func (u *usage) sample(s *shop, age time.Duration, steady bool) {
	memory := s.Agent.RSSAnon()
	u.peak = max(u.peak, memory)
	if !steady {
		return
	}
	size := int64(0)
	if info, err := os.Stat(filepath.Join(s.Dir, "outbox.db")); err == nil {
		size = info.Size()
	}
	u.samples = append(u.samples, sample{age, memory, size, s.Agent.Files(), s.goroutines()})
}

// halves returns the medians of the first half and of the second.
func (u *usage) halves(of func(sample) int64) (first, second int64) {
	median := func(list []sample) int64 {
		if len(list) == 0 {
			return 0
		}
		var all []int64
		for _, s := range list {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	// What was just started is still filling its caches: the first fifth is left out.
	list := u.samples[len(u.samples)/5:]
	return median(list[:len(list)/2]), median(list[len(list)/2:])
}

var measures = []struct {
	name string
	of   func(sample) int64
	in   int64
}{
	{"RssAnon, KiB", func(s sample) int64 { return s.memory }, 1 << 10},
	{"outbox.db, KiB", func(s sample) int64 { return s.file }, 1 << 10},
	{"open files", func(s sample) int64 { return int64(s.files) }, 1},
	{"goroutines", func(s sample) int64 { return int64(s.goroutines) }, 1},
}

// String returns the table that the summary prints.
func (u *usage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  median over %d samples of one process: first half, second half (peak memory of all %d KiB)\n", len(u.samples), u.peak>>10)
	for _, m := range measures {
		first, second := u.halves(m.of)
		fmt.Fprintf(&b, "  %-15s %8d %8d\n", m.name, first/m.in, second/m.in)
	}
	return b.String()
}

// check fails the test if what is used grows. The memory of a binary with the race detector proves nothing.
func (u *usage) check(s *shop, sum tally) {
	s.Helper()
	limits := []int64{0, 0, moreFiles, moreGoroutines}
	first, _ := u.halves(measures[0].of)
	limits[0] = int64(moreMemory*float64(first)) + memorySlack
	limits[1] = int64(sum.orders+sum.refunds+sum.controls)*idBytes + fileSlack
	for i, m := range measures {
		if i == 0 && proctest.Race {
			continue
		}
		first, second := u.halves(m.of)
		if second-first > limits[i] {
			s.Errorf("%s grew from %d to %d, by more than %d", m.name, first/m.in, second/m.in, limits[i]/m.in)
		}
	}
	if !proctest.Race && u.peak > mostMemory {
		s.Errorf("the agent took %d KiB, want %d at most", u.peak>>10, mostMemory>>10)
	}
	if len(u.samples) < 10 {
		s.Errorf("only %d samples", len(u.samples))
	}
}
