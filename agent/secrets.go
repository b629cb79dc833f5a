package agent

import (
	"errors"
	"fmt"
	"io/fs"

	"tillpost/agent/config"
)

// checkSecrets refuses to start with a secret that is missing, or open to others. Found out later it would look as if
// Front Payment or the broker refused us. What goes wrong with one while the agent runs becomes a problem, which ends by itself.
func checkSecrets(c *config.Config) error {
	if _, err := c.Token(); err != nil {
		return secretFault("api.token_file", c.API.TokenFile, err)
	}
	if read := c.PasswordReader(); read != nil {
		if _, err := read(); err != nil {
			return secretFault("mqtt.password_file", c.MQTT.PasswordFile, err)
		}
	}
	files := [][2]string{{"mqtt.key_file", c.MQTT.KeyFile}}
	if e := c.MQTT.Embedded; e != nil {
		files = append(files, [2]string{"mqtt.embedded.key_file", e.KeyFile}, [2]string{"mqtt.embedded.users_file", e.UsersFile})
	}
	for _, f := range files {
		if f[1] == "" {
			continue
		}
		if _, err := config.ReadSecretFile(f[1]); err != nil {
			return secretFault(f[0], f[1], err)
		}
	}
	return nil
}

// secretFault names the key, where there is one, and says what to do where the error does not.
func secretFault(key, file string, err error) error {
	if file != "" {
		err = fmt.Errorf("%s: %w", key, err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; put it there, or correct the key", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; let the service's user read it", err)
	}
	return err
}
