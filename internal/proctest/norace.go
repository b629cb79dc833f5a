//go:build !race

package proctest

// Race reports whether the tests are built with the race detector.
const Race = false
