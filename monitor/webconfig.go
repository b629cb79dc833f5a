package monitor

import (
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v2"
)

// webConfig is what we read of a web configuration; the toolkit reads and checks all of it.
type webConfig struct {
	Users map[string]string `yaml:"basic_auth_users"`
	TLS   *struct {
		CertFile string `yaml:"cert_file"`
	} `yaml:"tls_server_config"`
}

// readWebConfig reads the file anew, as it may change; what can't be read is empty.
func readWebConfig(file string) webConfig {
	var c webConfig
	raw, err := os.ReadFile(file)
	if err != nil || yaml.Unmarshal(raw, &c) != nil {
		return webConfig{}
	}
	return c
}

// WebTLS reports whether a server with this web configuration speaks TLS, and where its certificate is; "" where that is
// not in a file.
func WebTLS(webConfigFile string) (certFile string, tls bool) {
	c := readWebConfig(webConfigFile)
	if c.TLS == nil {
		return "", false
	}
	certFile = c.TLS.CertFile
	if certFile != "" && !filepath.IsAbs(certFile) {
		certFile = filepath.Join(filepath.Dir(webConfigFile), certFile)
	}
	return certFile, true
}
