//go:build !unix

package main

// ownsFile has nothing to say where files take their rights from their folder.
func ownsFile(string) error { return nil }
