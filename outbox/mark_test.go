package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMarkRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seq := rapid.Uint64Range(0, 1<<40-1).Draw(t, "seq")
		var random [MarkEntropy]byte
		copy(random[:], rapid.SliceOfN(rapid.Byte(), MarkEntropy, MarkEntropy).Draw(t, "random"))
		mark := NewMark(seq, random)
		if got, ok := MarkSeq(mark); !ok || got != seq || len(mark) != MarkLen {
			t.Fatalf("%s: %d, %v; want %d", mark, got, ok, seq)
		}
		before := rapid.StringMatching(`[a-z2-7 "/:-]{0,40}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z2-7 "/:-]{0,40}`).Draw(t, "after")
		if got := FindMarks(before + mark + after); !slices.Contains(got, mark) {
			t.Fatalf("%q holds the mark %s, found %q", before+mark+after, mark, got)
		}
	})
}

func TestMarkSeqRefuses(t *testing.T) {
	t.Parallel()
	mark := NewMark(7, [MarkEntropy]byte{1, 2, 3})
	for _, bad := range []string{"", "tp", mark[1:], mark + "a", mark[:MarkLen-1] + "1", strings.ToUpper(mark), "xx" + mark[2:], mark[:MarkLen-1] + "\n"} {
		if seq, ok := MarkSeq(bad); ok {
			t.Errorf("%q passes for the mark of %d", bad, seq)
		}
	}
}

func TestFindMarks(t *testing.T) {
	t.Parallel()
	a, b := NewMark(1, [MarkEntropy]byte{1}), NewMark(2, [MarkEntropy]byte{2})
	for text, want := range map[string][]string{
		"":                                    nil,
		"outpost 12, http://tp.example":       nil,
		a:                                     {a},
		a[:MarkLen-1]:                         nil,
		`{"referenceNo":"` + a + `"}`:         {a},
		fmt.Sprintf("%s, %s and %s", a, b, a): {a, b, a},
	} {
		if got := FindMarks(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := FindMarks("outpost" + a); !slices.Contains(got, a) {
		t.Errorf("hidden by the word before it: %q", got)
	}
}

func TestBears(t *testing.T) {
	t.Parallel()
	a, b := NewMark(1, [MarkEntropy]byte{1}), NewMark(1, [MarkEntropy]byte{2})
	none := Request{}
	one := Request{Submissions: []Submission{{Mark: a, Shown: true}}}
	two := Request{Submissions: []Submission{{Mark: a, Shown: true}, {Mark: b}}}
	for _, c := range []struct {
		r    Request
		mark string
		want bool
	}{{none, "", false}, {none, a, false}, {one, a, true}, {one, b, false}, {one, "", false}, {one, a[:10], false}, {two, a, true}, {two, b, true}} {
		if got := c.r.Bears(c.mark); got != c.want {
			t.Errorf("%d submissions, %q: %v", len(c.r.Submissions), c.mark, got)
		}
	}
	if none.Mark() != "" || one.Mark() != a || two.Mark() != b {
		t.Errorf("latest marks %q, %q, %q", none.Mark(), one.Mark(), two.Mark())
	}
}

// TestMarkTags: a mark tells whose it is, also to a copy of the outbox that has forgotten its request.
func TestMarkTags(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var random [MarkEntropy]byte
		copy(random[:], rapid.SliceOfN(rapid.Byte(), MarkEntropy, MarkEntropy).Draw(t, "random"))
		instance := rapid.StringN(1, 40, 40).Draw(t, "instance")
		seq := rapid.Uint64Range(0, 1<<40-1).Draw(t, "seq")
		tagged := tagMark(random, instance)
		mark := NewMark(seq, tagged)
		if got, ok := MarkSeq(mark); !ok || got != seq || len(mark) != MarkLen {
			t.Fatalf("%s: %d, %v", mark, got, ok)
		}
		if !MarkTagged(mark, instance) || MarkTagged(mark, instance+"'") {
			t.Fatalf("%s of %q: its own %v, another's %v", mark, instance, MarkTagged(mark, instance), MarkTagged(mark, instance+"'"))
		}
		if string(tagged[markTag:]) != string(random[markTag:]) {
			t.Fatal("the tag takes more of the random bytes than its own")
		}
	})
	plain := NewMark(7, [MarkEntropy]byte{1, 2, 3})
	for _, mark := range []string{"", "tp", plain, plain[:MarkLen-1], plain + "a"} {
		if MarkTagged(mark, "instance") {
			t.Errorf("%q passes for a tagged mark", mark)
		}
	}
}

// TestMarkNames: a mark tells which request it is of, also to a copy of the outbox that does not know the mark. The number in it
// does not: a copy may have given it to another request, and the same id to another content.
func TestMarkNames(t *testing.T) {
	t.Parallel()
	of := func(seq uint64, id string, content byte) Request {
		return Request{Seq: seq, ID: id, Digest: [32]byte{content}}
	}
	rapid.Check(t, func(t *rapid.T) {
		var random [MarkEntropy]byte
		copy(random[:], rapid.SliceOfN(rapid.Byte(), MarkEntropy, MarkEntropy).Draw(t, "random"))
		mark := MarkOf(of(7, "a", 1), random, "instance")
		if seq, ok := MarkSeq(mark); !ok || seq != 7 || !MarkTagged(mark, "instance") {
			t.Fatalf("%s: %d, %v", mark, seq, ok)
		}
		for _, c := range []struct {
			name, instance string
			r              Request
			want           bool
		}{
			{"its own", "instance", of(7, "a", 1), true},
			{"by another number", "instance", of(8, "a", 1), true},
			{"another request of the same number", "instance", of(7, "b", 1), false},
			{"the same id with other content", "instance", of(7, "a", 2), false},
			{"of another outbox", "other", of(7, "a", 1), false},
		} {
			if got := MarkNames(mark, c.instance, c.r); got != c.want {
				t.Errorf("%s, %s: %v", mark, c.name, got)
			}
		}
	})
	var random [MarkEntropy]byte
	a, b := MarkOf(of(7, "a", 1), random, "instance"), MarkOf(of(7, "a", 1), [MarkEntropy]byte{markTag: 1}, "instance")
	if a[MarkLen-6:] == b[MarkLen-6:] {
		t.Errorf("whoever sees two marks of a request, %s and %s, sees that they are of one", a, b)
	}
	before := NewMark(7, tagMark(random, "instance")) // as made by a version before names
	for _, mark := range []string{"", "tp", before, a[:MarkLen-1], a + "a"} {
		if MarkNames(mark, "instance", of(7, "a", 1)) {
			t.Errorf("%q names a request", mark)
		}
	}
}
