package config

import (
	"slices"
	"strings"
)

// maxSuggest is far longer than any known name; what is longer is no misspelling.
const maxSuggest = 64

// suggest returns the known name that the writer of name most likely meant, or "".
func suggest(name string, known []string) string {
	if len(name) > maxSuggest {
		return ""
	}
	best, bestDistance := "", len(name)/3+1
	for _, candidate := range known {
		a, b := plain(name), plain(candidate)
		if len(a) >= 4 && len(b) >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			return candidate
		}
		if d := distance(a, b); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// isSlip reports whether a name differs from a known one in one letter or only in the way of writing it.
func isSlip(name string, known []string) bool {
	return len(name) <= maxSuggest && slices.ContainsFunc(known, func(k string) bool { return distance(plain(name), plain(k)) <= 1 })
}

// plain removes what differs between the ways of writing one name: base_url, base-url, baseURL.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// distance counts the letters to add, drop, change or swap with their neighbour to get from a to b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
