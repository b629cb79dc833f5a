package demo

import "syscall"

// ownProcess keeps the terminal's Ctrl-C from the daemon, which is stopped after the till; and ends it with us, however
// we end.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
