package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/cmd/agent/setup"
)

// systemService is the service on this machine, as far as a set-up has to do with it.
type systemService struct {
	path string
	// ours reports whether the service is installed, uses this configuration, and we may start it.
	ours bool
	user *syscall.Credential
}

func newSystemService(path string) systemService {
	s := systemService{path: path}
	if path != config.DefaultPath() || os.Geteuid() != 0 {
		return s
	}
	for _, unit := range []string{"/etc/systemd/system/tillpost.service", "/lib/systemd/system/tillpost.service", "/usr/lib/systemd/system/tillpost.service"} {
		s.ours = s.ours || exists(unit)
	}
	u, err := user.Lookup(setup.ServiceUser)
	if err != nil {
		return s
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, e := strconv.ParseUint(u.Gid, 10, 32)
	if errors.Join(err, e) == nil {
		s.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return s
}

// check runs "tillpost check" as the service's user, so that it may what the service may; errNoService if there is none.
func (s systemService) check(c *cobra.Command) error {
	if !s.ours || s.user == nil {
		return errNoService
	}
	self, err := os.Executable()
	if err != nil {
		return errNoService
	}
	checking := exec.CommandContext(c.Context(), self, "check", "--config", s.path)
	checking.Stdout, checking.Stderr, checking.Dir = c.OutOrStdout(), c.ErrOrStderr(), "/"
	checking.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	if err := checking.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); ended {
			return errors.New("see the lines that say FAIL")
		}
		return fmt.Errorf("run tillpost check as the user %s: %w", setup.ServiceUser, err)
	}
	return nil
}

// enable starts the service, now and with each boot, where systemd runs; otherwise it says how.
func (s systemService) enable(out io.Writer) error {
	if !s.ours || !exists("/run/systemd/system") {
		_, err := fmt.Fprintf(out, "\nall is well; start it with: tillpost run --config %s\n", s.path)
		return err
	}
	if err := systemctl("enable", "--now", "tillpost.service"); err != nil {
		return fmt.Errorf("all is well, but the service could not be started: %w", err)
	}
	_, err := fmt.Fprintln(out, "\ntillpost runs, and starts with each boot; try a terminal with: sudo -u tillpost tillpost try TERMINAL")
	return err
}
