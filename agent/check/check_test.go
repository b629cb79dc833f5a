package check

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

func run(t *testing.T, file string) (list []Finding, good bool) {
	t.Helper()
	good = Run(t.Context(), Options{File: file, Synchronized: func() bool { return true }}, func(f Finding) { list = append(list, f) })
	return list, good
}

func TestBrokenConfigurationIsAllThatIsTold(t *testing.T) {
	t.Parallel()
	list, good := run(t, filepath.Join(t.TempDir(), "none.toml"))
	want(t, list, "FAIL config there is no file…--config")
	if good {
		t.Error("and it is said to be good")
	}
	file := writeFile(t, "tillpost.toml", "[api]\nbase_url = \"http://shop.example\"\ntoken = \"s3cret\"\n", 0o600)
	list, _ = run(t, file)
	want(t, list,
		"FAIL config "+file+":1:2: api.organization_uuid: is missing…write the organisation's uuid",
		"FAIL config "+file+":2:12: api.base_url: is not encrypted…https",
		"FAIL config "+file+":3:1: api.token")
	list, _ = run(t, writeFile(t, "tillpost.toml", "api\n", 0o600))
	want(t, list, "FAIL config…:1:…correct the line")
	list, _ = run(t, t.TempDir())
	want(t, list, "FAIL config…readable")
}

func TestAllSubjectsInOrder(t *testing.T) {
	t.Parallel()
	server := simulated(t, simulator.Options{})
	token := writeFile(t, "token", goodToken, 0o600)
	config := fmt.Sprintf("[api]\nbase_url = \"%s/api/v1\"\norganization_uuid = \"ORG1\"\ntoken_file = %q\n[outbox]\npath = %q\n[http]\nlisten = \"127.0.0.1:0\"\n[mqtt.embedded]\nlisten = \"127.0.0.1:0\"\n",
		server.URL, token, filepath.Join(t.TempDir(), "outbox.db"))
	list, good := run(t, writeFile(t, "tillpost.toml", config, 0o600))
	var subjects []string
	failed := false
	for _, f := range list {
		if len(subjects) == 0 || subjects[len(subjects)-1] != f.Subject {
			subjects = append(subjects, f.Subject)
		}
		failed = failed || f.Level == LevelFail
	}
	if got, want := fmt.Sprint(subjects), "[config secrets disk outbox clock ports broker agent API token terminals lookups]"; got != want {
		t.Errorf("got  %s\nwant %s\n%s", got, want, lines(list))
	}
	if good == failed {
		t.Errorf("good is %v:\n%s", good, lines(list))
	}
}

func TestProbeThatHangsIsToldInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		forever := make(chan struct{})
		begun := time.Now()
		hangs := start("disk", func() []Finding { <-forever; return nil })
		speaks := start("disk", func() []Finding { <-ctx.Done(); fs := about("disk"); fs.ok("late"); return fs.done() })
		want(t, result(ctx, speaks), "ok disk late")
		want(t, result(ctx, hangs), "FAIL disk it could not be looked into in time")
		if took := time.Since(begun); took != 10*time.Second+grace {
			t.Errorf("it took %v", took)
		}
		close(forever)
		synctest.Wait()
	})
}
