package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goFiles walks the repository's Go files, without what is fetched, built, or test data.
func goFiles(t *testing.T, each func(path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(name, ".") && name != ".." || name == "testdata" || name == "node_modules" || name == "bin" || name == "dist"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go"):
			each(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestContributingNamesEveryFolder: every package has its line, and no line is of a folder that is gone.
func TestContributingNamesEveryFolder(t *testing.T) {
	t.Parallel()
	var named []string
	for line := range strings.Lines(read(t, "../CONTRIBUTING.md")) {
		if cells := strings.SplitN(line, "|", 3); len(cells) == 3 && cells[0] == "" && !strings.Contains(cells[1], "`make ") {
			for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
				named = append(named, m[1])
			}
		}
	}
	if len(named) < 30 {
		t.Fatalf("only %d folders were found", len(named))
	}
	for _, folder := range named {
		if info, err := os.Stat(filepath.Join("..", folder)); err != nil || !info.IsDir() {
			t.Errorf("CONTRIBUTING.md names %s, which is no folder", folder)
		}
	}
	goFiles(t, func(path string) {
		folder, err := filepath.Rel("..", filepath.Dir(path))
		folder = filepath.ToSlash(folder)
		if err == nil && !strings.HasPrefix(folder, "docs/") && !slices.Contains(named, folder) {
			t.Errorf("CONTRIBUTING.md does not name %s", folder)
			named = append(named, folder)
		}
	})
}

// TestContributingLeadsThroughTheCode: the files, functions and commands that it names are there.
func TestContributingLeadsThroughTheCode(t *testing.T) {
	t.Parallel()
	known := map[string]bool{} // functions as package.Function, methods as Type.method
	goFiles(t, func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				known[ownerOf(f, file.Name.Name)+"."+f.Name.Name] = true
			}
		}
	})
	text := read(t, "../CONTRIBUTING.md")
	name, files, functions := regexp.MustCompile(`^[A-Za-z]+\.[A-Za-z]+$`), 0, 0
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		switch what := m[1]; {
		case strings.HasSuffix(what, ".go") && !strings.Contains(what, "*"):
			files++
			if _, err := os.Stat(filepath.Join("..", what)); err != nil {
				t.Errorf("CONTRIBUTING.md leads to %s: %v", what, err)
			}
		case name.MatchString(what) && !strings.HasSuffix(what, ".md"):
			functions++
			if !known[what] {
				t.Errorf("CONTRIBUTING.md names %s, which no function is called", what)
			}
		}
	}
	if files < 15 || functions < 25 {
		t.Errorf("only %d files and %d functions were found", files, functions)
	}
	makefile := read(t, "../Makefile")
	for _, m := range regexp.MustCompile("`make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("CONTRIBUTING.md names make %s, which is no target", m[1])
		}
	}
}

// ownerOf is the type that a method belongs to, and of a function the package.
func ownerOf(f *ast.FuncDecl, in string) string {
	if f.Recv == nil {
		return in
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
