//go:build unix && !linux

package demo

import "syscall"

// ownProcess keeps the terminal's Ctrl-C from the daemon, which is stopped after the till.
func ownProcess() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
