package config

// PasswordReader returns what reads the broker password anew at each call, as its file may have changed; nil where no
// password_file is configured. Errors hold no password.
func (c *Config) PasswordReader() func() (string, error) {
	if c.MQTT.PasswordFile == "" {
		return nil
	}
	return func() (string, error) { return ReadSecretFile(c.MQTT.PasswordFile) }
}
