package money

import (
	"math"
	"testing"
)

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Minor{
		"0.00": 0, "0.01": 1, "0.50": 50, "1.00": 100, "42.05": 4205, "999999999.99": 99999999999,
		"-0.01": -1, "-0.50": -50, "-42.05": -4205, "9007199254740992.00": maxWhole * 100,
	} {
		if got := want.String(); got != text {
			t.Errorf("%d is written %s, want %s", int64(want), got, text)
		}
		if got, ok := Parse(text); got != want || !ok {
			t.Errorf("%s is %d, %t; want %d", text, int64(got), ok, int64(want))
		}
	}
	for text, want := range map[string]Minor{"1": 100, "1.5": 150, "42.000": 4200, "-0": 0, "1.1000": 110} {
		if got, ok := Parse(text); got != want || !ok {
			t.Errorf("%s is %d, %t; want %d", text, int64(got), ok, int64(want))
		}
	}
	for _, text := range []string{"", "x", "0.001", "1.005", "-0.001", "9007199254740993", "-9007199254740993", "1,50"} {
		if got, ok := Parse(text); ok || got != 0 {
			t.Errorf("%q is read as %d", text, int64(got))
		}
	}
	if got := Minor(math.MinInt64).String(); got != "-92233720368547758.08" {
		t.Errorf("%s", got)
	}
}
