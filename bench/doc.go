// Package bench measures tillpost as a whole against what it cannot be quicker than: a bare sync of a file, a bare
// commit of its database, and a bare HTTP exchange on a fresh connection. It has benchmarks only; "make bench" runs
// them together with those of the packages, "make bench-peers" the one that measures it beside another relay, and
// docs/performance.md says what they show.
package bench
