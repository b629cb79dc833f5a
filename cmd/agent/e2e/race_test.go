//go:build race

package e2e

// raceDetector builds the binary as the tests are built.
const raceDetector = true
