// Package damage runs the built tillpost on damaged files, full disks, too few handles, little memory and a wrong
// clock. It holds tests only.
package damage
