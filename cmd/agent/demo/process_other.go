//go:build !unix

package demo

import "syscall"

func ownProcess() *syscall.SysProcAttr { return nil }
