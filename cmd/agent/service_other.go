//go:build !linux && !windows

package main

import (
	"errors"

	"github.com/kardianos/service"
)

var errNoManager = errors.New("there is no service for this system; have what starts programs here start: tillpost run")

func define(file string) (definition, error) {
	config, err := configPath(file)
	return definition{config: config}, err
}

func (definition) options() (*service.Config, error) { return nil, errNoManager }

func (serviceManager) install() error   { return errNoManager }
func (serviceManager) uninstall() error { return errNoManager }
