// Package packaging holds what a package installs beside the binary, and what the binary has to know of it.
package packaging

import _ "embed" // for what is beside this file

// Stub is the configuration as it is shipped. It never changes, so that no upgrade asks about it, and "tillpost init"
// puts another in its place only while it is this.
//
//go:embed stub.toml
var Stub []byte
