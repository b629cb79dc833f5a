package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"tillpost/agent/config"
)

// serviceName is the service's name on every system.
const serviceName = "tillpost"

// serviceFlag is the flag with which a service manager starts "tillpost run".
const serviceFlag = "service"

func newService() *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "Install, start and stop tillpost as a service of this machine",
		Long: `service hands tillpost to what runs services here: systemd on Linux, the service
manager on Windows. It wants the rights of an administrator.

A deb or rpm package has installed the service already: there, install only has it
start with each boot, and uninstall ends that.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("say what to do: install, uninstall, start, stop, restart or status; tillpost service --help tells more")
			}
			return usagef("unknown command %q; there are install, uninstall, start, stop, restart and status", "service "+args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args let nothing come here
	}
	add := func(use, short, done string, do func(m serviceManager) error) {
		c.AddCommand(&cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			m, err := newServiceManager(c)
			if err == nil {
				err = do(m)
			}
			if err != nil {
				return fmt.Errorf("service %s: %w", use, explained(err))
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), done)
			return err
		}})
	}
	add("install", "Install the service, to start with each boot", "tillpost is installed as a service; start it with: tillpost service start", serviceManager.install)
	add("uninstall", "Stop the service and take it away; configuration and outbox stay", "the service is gone; the configuration and the outbox are still there", serviceManager.uninstall)
	add("start", "Start the service", "tillpost runs", func(m serviceManager) error { return m.Start() })
	add("stop", "Stop the service", "tillpost has stopped", func(m serviceManager) error { return m.Stop() })
	add("restart", "Stop the service and start it again", "tillpost runs", func(m serviceManager) error { return m.Restart() })
	c.AddCommand(newServiceStatus())
	return c
}

func newServiceStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell whether the service runs; exit 1 if it does not",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := newServiceManager(c)
			if err != nil {
				return fmt.Errorf("service status: %w", err)
			}
			status, err := m.Status()
			switch {
			case errors.Is(err, service.ErrNotInstalled):
				return errors.New("the service is not installed; install it with tillpost service install")
			case err != nil:
				return fmt.Errorf("service status: %w", explained(err))
			case status != service.StatusRunning:
				return errors.New("the service does not run; start it with tillpost service start")
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "tillpost runs")
			return err
		},
	}
}

// serviceManager manages this program's service on this machine.
type serviceManager struct {
	service.Service
	definition
}

// definition says how the service is started.
type definition struct {
	// executable is this program's path.
	executable string
	// config is the configuration's path, "" for the usual one.
	config string
}

func newServiceManager(c *cobra.Command) (serviceManager, error) {
	file, err := c.Flags().GetString("config")
	if err != nil {
		return serviceManager{}, err
	}
	d, err := define(file)
	if err != nil {
		return serviceManager{}, err
	}
	options, err := d.options()
	if err != nil {
		return serviceManager{}, err
	}
	s, err := service.New(noProgram{}, options)
	if err != nil {
		return serviceManager{}, err
	}
	return serviceManager{s, d}, nil
}

// arguments returns what the service manager starts the program with.
func (d definition) arguments() []string {
	args := []string{"run", "--" + serviceFlag}
	if d.config != "" {
		args = append(args, "--config", d.config)
	}
	return args
}

// configPath returns the absolute path of a service's configuration: a service has no working folder of its own.
func configPath(file string) (string, error) {
	if file == config.DefaultPath() {
		return "", nil
	}
	full, err := filepath.Abs(file)
	if err == nil && strings.ContainsAny(full, "\"\n%") {
		err = fmt.Errorf("the path %q of the configuration has characters that a service manager reads otherwise; move it", full)
	}
	return full, err
}

// noProgram stands where the library wants the program that is run: ours is run by its own loop.
type noProgram struct{}

func (noProgram) Start(service.Service) error { return nil }
func (noProgram) Stop(service.Service) error  { return nil }

// explained adds what to do.
func explained(err error) error {
	text := strings.ToLower(err.Error())
	if strings.Contains(text, "denied") || strings.Contains(text, "authentication") || strings.Contains(text, "permitted") {
		return fmt.Errorf("%w; it wants the rights of an administrator", err)
	}
	return err
}
