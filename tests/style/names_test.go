// Package style holds the source to rules that neither the compiler nor vet knows.
package style

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
)

// A name that hides a builtin or a package of its file reads as what it is not: `make(...)` that calls a parameter,
// `bytes` that is a number.
func TestNoNameHidesAnother(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	for _, dir := range []string{"cmd", "experiments", "internal", "pkg", "tests"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(file) != ".go" {
				return err
			}
			name, _ := filepath.Rel(root, file)
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, found := range hiding(parsed) {
				assert.Fail(t, found.Name+" hides what it is called after", "%s:%d", name, set.Position(found.Pos()).Line)
			}
			return nil
		})
		require.NoError(t, err)
	}
}

// The rule is tested on what it is for, or a file that it cannot see would look clean.
func TestHiding(t *testing.T) {
	const head = "package p\nimport (\"bytes\"; . \"math\"; r \"math/rand/v2\"; \"gopkg.in/yaml.v3\"; _ \"embed\")\n"
	for body, want := range map[string]string{
		"func f() { bytes := 1; _ = bytes }":                                     "bytes",
		"func f(make func()) { make() }":                                         "make",
		"func f() (len int, err error) { return }":                               "len",
		"func f() { var r int; _ = r }":                                          "r",
		"func f() { for min, yaml := range []int{} { _ = min } }":                "min yaml",
		"func f() { _ = func(copy int) {} }":                                     "copy",
		"func new() {}":                                                          "new",
		"type t int\nfunc (t) make() {}":                                         "make",
		"type t int\nfunc (t) close() {}\nfunc (t) String() {}":                  "",
		"func f() { rand, math, embed := 1, 2, 3; _, _, _ = rand, math, embed }": "",
		"func f() { x := struct{ len int }{len: 1}; x.len = 2; switch x := any(x).(type) { default: _ = x } }": "",
	} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "p.go", head+body, parser.SkipObjectResolution)
		require.NoError(t, err, body)
		var names []string
		for _, found := range hiding(parsed) {
			names = append(names, found.Name)
		}
		assert.Equal(t, want, strings.Join(names, " "), body)
	}
}

// version is the last part of a path that does not name the package.
var version = regexp.MustCompile(`^v\d+$`)

// hiding are the names of a file's functions, parameters and variables that a builtin function or an imported package
// has too. A method is always called on something; only those called make or new are found, which are read as the
// builtins all the same.
func hiding(file *ast.File) []*ast.Ident {
	taken := map[string]bool{}
	for _, spec := range file.Imports {
		from, _ := strconv.Unquote(spec.Path.Value)
		if version.MatchString(path.Base(from)) {
			from = path.Dir(from)
		}
		name, _, _ := strings.Cut(path.Base(from), ".")
		if spec.Name != nil {
			name = spec.Name.Name
		}
		taken[name] = true
	}
	var found []*ast.Ident
	check := func(names ...*ast.Ident) {
		for _, n := range names {
			if n.Name != "_" && (taken[n.Name] || slices.Contains(builtins, n.Name)) {
				found = append(found, n)
			}
		}
	}
	idents := func(list ...ast.Expr) {
		for _, e := range list {
			if name, ok := e.(*ast.Ident); ok {
				check(name)
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil || n.Name.Name == "make" || n.Name.Name == "new" {
				check(n.Name)
			}
		case *ast.FuncType:
			for _, fields := range []*ast.FieldList{n.Params, n.Results} {
				if fields == nil {
					continue
				}
				for _, field := range fields.List {
					check(field.Names...)
				}
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				idents(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				idents(n.Key, n.Value)
			}
		case *ast.ValueSpec:
			check(n.Names...)
		}
		return true
	})
	return found
}

// builtins are Go's functions.
var builtins = []string{"append", "cap", "clear", "close", "complex", "copy", "delete", "imag", "len", "make", "max",
	"min", "new", "panic", "print", "println", "real", "recover"}
