//go:build race

package soak

// raceDetector builds the binary as the tests are built.
const raceDetector = true
