//go:build !linux

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// systemService is the service on this machine, as far as a set-up has to do with it.
type systemService struct{ path string }

func newSystemService(path string) systemService { return systemService{path} }

func (systemService) check(*cobra.Command) error { return errNoService }

func (s systemService) enable(out io.Writer) error {
	_, err := fmt.Fprintf(out, "\nall is well; install and start the service with: tillpost service install, tillpost service start\n")
	return err
}
