//go:build race

package proctest

// Race tells whether the tests are built with the race detector.
const Race = true
