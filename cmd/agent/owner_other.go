//go:build !unix

package main

// ownsFile refuses nothing where files take their rights from their folder.
func ownsFile(string) error { return nil }
