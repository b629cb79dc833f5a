// Package proctest is what tests of the built tillpost share: the binary, its processes and what they write, addresses,
// and waiting. It is for tests, and knows nothing of the rest of the project.
package proctest
