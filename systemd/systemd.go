// Package systemd holds the unit of the service.
package systemd

import _ "embed" // for the unit beside this file

// Unit is tillpost.service, as packages install it.
//
//go:embed tillpost.service
var Unit string
