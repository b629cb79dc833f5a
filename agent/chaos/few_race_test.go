//go:build race

package chaos_test

// few is how many schedules run where nobody asked for a number; the race detector takes its time.
const few = 25
