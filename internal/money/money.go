// Package money turns amounts of øre into text and back, exactly.
package money

import (
	"fmt"

	"github.com/govalues/decimal"
)

// Minor is an amount in hundredths of the currency's unit: in øre for kroner.
type Minor int64

// maxWhole is far beyond what anybody pays, and bounds what sums of amounts can come to.
const maxWhole = 1 << 53

// String returns the amount in units with two decimals, like "42.00" and "-0.50".
func (m Minor) String() string {
	sign, magnitude := "", uint64(m)
	if m < 0 {
		sign, magnitude = "-", -magnitude
	}
	return fmt.Sprintf("%s%d.%02d", sign, magnitude/100, magnitude%100)
}

// Of returns the amount of d units. It is false where that has a fraction of a hundredth, or does not fit.
func Of(d decimal.Decimal) (Minor, bool) {
	whole, frac, ok := d.Int64(2)
	if !ok || d.MinScale() > 2 || whole > maxWhole || whole < -maxWhole {
		return 0, false
	}
	return Minor(whole*100 + frac), true
}

// Parse is Of for a decimal number in text.
func Parse(text string) (Minor, bool) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, false
	}
	return Of(d)
}
