package api

import (
	"encoding/json"
	"strings"

	"github.com/govalues/decimal"

	"tillpost/internal/money"
)

// Amount is an exact decimal as the API wrote it, or unknown (the zero value). Amounts of money are in kroner.
type Amount struct {
	value decimal.Decimal
	known bool
}

// Minor returns the amount in øre, and false where it is unknown, has a fraction of an øre, or does not fit.
func (a Amount) Minor() (int64, bool) {
	if !a.known {
		return 0, false
	}
	m, ok := money.Of(a.value)
	return int64(m), ok
}

// MinorUp is Minor with a fraction of an øre rounded up: lines of goods sold by weight have one.
func (a Amount) MinorUp() (int64, bool) {
	a.value = a.value.Ceil(2)
	return a.Minor()
}

const maxDigits = 18 // what decimal.Decimal holds without rounding, less one

// parseAmount reads plain digits with at most one point ("42", "-1.50"). Other ways to write a number ("4.2e1", "1
// 234,50") are not documented, and a guess at one could be wrong by a factor.
func parseAmount(s string) Amount {
	s = strings.TrimSpace(s)
	whole, frac, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !digits(whole) || point && !digits(frac) || len(whole)+len(frac) > maxDigits {
		return Amount{}
	}
	d, err := decimal.Parse(s)
	return Amount{value: d, known: err == nil}
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func amountOf(m map[string]json.RawMessage, name string) Amount {
	s, _ := asText(field(m, name))
	return parseAmount(s)
}
