package message

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// maxMinor is the largest amount that is accepted, in øre: 999,999,999.99 kroner.
const maxMinor = 99_999_999_999

var hundred = big.NewRat(100, 1)

// minorOf returns an amount of kroner, as JSON number or string, in øre. It is not ok unless the amount is positive,
// has at most two decimals and is within bounds. The number must have passed scan.
func minorOf(v any) (minor int64, ok bool) {
	var literal string
	switch v := v.(type) {
	case json.Number:
		literal = string(v)
	case string:
		if !plainDecimal.MatchString(v) {
			return 0, false
		}
		literal = v
	default:
		return 0, false
	}
	kroner, ok := new(big.Rat).SetString(literal)
	if !ok {
		return 0, false
	}
	kroner.Mul(kroner, hundred)
	if !kroner.IsInt() || !kroner.Num().IsInt64() {
		return 0, false
	}
	minor = kroner.Num().Int64()
	return minor, 0 < minor && minor <= maxMinor
}

// plainDecimal is a decimal number and nothing else that big.Rat accepts: fractions, exponents, underscores, other
// bases. Leading zeros are refused too: not every reader takes 010 for ten. Zeros behind the second decimal change
// nothing; there may be 15 decimals.
var plainDecimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.[0-9]{1,2}0{0,13})?$`)

// negative reports whether an amount is written with a minus sign before a number.
func negative(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return strings.HasPrefix(string(v), "-") && strings.ContainsAny(string(v), "123456789")
	case string:
		rest, minus := strings.CutPrefix(v, "-")
		_, positive := minorOf(rest)
		return minus && positive
	}
	return false
}
