package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"tillpost/agent/config"
	"tillpost/internal/term"
)

// serviceAccount is a virtual account: it has no password, belongs to the service alone, and may what it is granted.
const serviceAccount = `NT SERVICE\` + serviceName

// restartsAfter is how long Windows waits before the first, the second, and each later restart; the count begins anew
// after a day without a failure.
var restartsAfter = []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second}

const failuresForgotten = 24 * time.Hour

// define names the configuration in any case: the service may have another environment than the person who installs it.
func define(file string) (definition, error) {
	config, err := configPath(file)
	if err != nil {
		return definition{}, err
	}
	if config == "" {
		config = file
	}
	executable, err := os.Executable()
	return definition{executable: executable, config: config}, err
}

func (d definition) options() (*service.Config, error) {
	return &service.Config{
		Name: serviceName, DisplayName: serviceName, Description: "Brings the orders of tills to their card terminals",
		Executable: d.executable, Arguments: d.arguments(), UserName: serviceAccount,
		Option: service.KeyValue{"StartType": "automatic", "DelayedAutoStart": true},
	}, nil
}

func (m serviceManager) install() error {
	if err := m.Install(); err != nil {
		return err
	}
	if err := errors.Join(setRestarts(), grant()); err != nil {
		return errors.Join(err, m.Uninstall())
	}
	return nil
}

func (m serviceManager) uninstall() error {
	if status, err := m.Status(); err == nil && status == service.StatusRunning {
		if err := m.Stop(); err != nil {
			return err
		}
	}
	return m.Uninstall()
}

// setRestarts makes Windows restart the service after each failure, also after an exit with an error.
func setRestarts() (err error) {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("set the restarts: %w", err)
	}
	defer func() { err = errors.Join(err, manager.Disconnect()) }()
	s, err := manager.OpenService(serviceName)
	if err != nil {
		return fmt.Errorf("set the restarts: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var actions []mgr.RecoveryAction
	for _, after := range restartsAfter {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after})
	}
	if err := s.SetRecoveryActions(actions, uint32(failuresForgotten/time.Second)); err != nil {
		return fmt.Errorf("set the restarts: %w", err)
	}
	// Wine's manager has no such level; it restarts nothing either.
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return fmt.Errorf("set the restarts after an exit with an error: %w", err)
	}
	return nil
}

// grant allows the service and the administrators to use the folder of configuration and outbox, and nobody else.
func grant() error {
	folder := filepath.Dir(config.DefaultPath())
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make the folder of configuration and outbox: %w", err)
	}
	// By numbers: the names of the system and of the administrators are translated.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, "icacls", folder, "/inheritance:r", "/grant:r", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F",
		serviceAccount+":(OI)(CI)M").CombinedOutput()
	if err != nil {
		return fmt.Errorf("give %s to the service: %s", folder, term.OneLine(string(text)+"\n"+err.Error()))
	}
	return nil
}
