package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"time"

	"github.com/kardianos/service"

	"tillpost/cmd/agent/setup"
	"tillpost/internal/term"
	"tillpost/systemd"
)

// packagedUnits are where a package puts the unit.
var packagedUnits = []string{"/usr/lib/systemd/system/tillpost.service", "/lib/systemd/system/tillpost.service"}

func define(file string) (definition, error) {
	config, err := configPath(file)
	if err != nil {
		return definition{}, err
	}
	executable, err := os.Executable()
	return definition{executable: executable, config: config}, err
}

// options describe the service by our own unit.
func (d definition) options() (*service.Config, error) {
	if system := service.ChosenSystem(); system == nil || system.String() != "linux-systemd" {
		return nil, errors.New("systemd does not run this machine; have what runs it start: " + d.executable + " run")
	}
	unit, err := d.unit()
	if err != nil {
		return nil, err
	}
	return &service.Config{
		Name: serviceName, DisplayName: serviceName, Description: "tillpost", Executable: d.executable,
		Option: service.KeyValue{"SystemdScript": unit},
	}, nil
}

// unit returns our unit for this program and configuration.
func (d definition) unit() (string, error) {
	if strings.ContainsAny(d.executable, "\"\n%{") {
		return "", fmt.Errorf("the path %q of this program has characters that systemd reads otherwise; move it", d.executable)
	}
	start := "ExecStart=" + word(d.executable)
	for _, argument := range d.arguments() {
		start += " " + word(argument)
	}
	unit := strings.Replace(systemd.Unit, "ExecStart=/usr/bin/tillpost run", start, 1)
	if !strings.Contains(unit, start+"\n") {
		return "", errors.New("the unit in this program has another command than this program expects")
	}
	return unit, nil
}

// word returns an argument as systemd reads it.
func word(s string) string {
	if strings.ContainsAny(s, " '\\;$") {
		return `"` + strings.NewReplacer(`\`, `\\`, `$`, `$$`).Replace(s) + `"`
	}
	return s
}

func packaged() bool {
	for _, unit := range packagedUnits {
		if exists(unit) {
			return true
		}
	}
	return false
}

func (m serviceManager) install() error {
	if packaged() {
		return systemctl("enable", "tillpost.service")
	}
	if _, err := user.Lookup(setup.ServiceUser); err != nil {
		return errors.New("the service runs as a user of its own, which is not there; make it with: useradd --system --user-group --no-create-home --home-dir /var/lib/tillpost --shell /usr/sbin/nologin tillpost")
	}
	return m.Install()
}

func (m serviceManager) uninstall() error {
	if packaged() {
		return systemctl("disable", "--now", "tillpost.service")
	}
	return errors.Join(systemctl("stop", "tillpost.service"), m.Uninstall())
}

// systemctl waits as long as a unit may take to start or to stop.
func systemctl(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %s", strings.Join(args, " "), term.OneLine(string(text)+"\n"+err.Error()))
	}
	return nil
}
