// Package agent is the running thing: it takes requests from the bus, keeps them in the outbox, drives one lane per
// terminal, reconciles what is in doubt, and publishes to tills and displays what became of it.
//
// A lane executes effects and feeds results back as events; every decision is made by the outbox's Step.
package agent
