//go:build !unix

package demo

import (
	"errors"
	"os"
	"syscall"
)

func ownProcess() *syscall.SysProcAttr { return nil }

func askToStop(*os.Process) error { return errors.ErrUnsupported }
