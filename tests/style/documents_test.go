package style

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
	"strata/pkg/plan"
)

// documents are the texts for people by their paths.
func documents(t *testing.T, root string) map[string]string {
	t.Helper()
	var paths []string
	for _, folder := range []string{"docs", "figures"} { // figures/README.md is written with the figures
		found, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "environment.md"} {
		paths = append(paths, filepath.Join(root, name))
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		name, err := filepath.Rel(root, path)
		require.NoError(t, err)
		texts[filepath.ToSlash(name)] = string(text)
	}
	return texts
}

var (
	// link is a link to another file or to a heading.
	link = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	// inside is a path below a folder of the repository. * stands for any name, and so do capitals, NAME.
	inside = regexp.MustCompile(`(?:^|[^\w/.-])((?:\.\./)?(?:pkg|cmd|internal|tests|experiments|docs|notebooks|tools|figures)/[\w.*/-]*[\w*/])`)
	// identifier is an exported name of a package, in backquotes.
	identifier = regexp.MustCompile("`(\\w+)\\.([A-Z]\\w*)")
	capitals   = regexp.MustCompile(`\b[A-Z][A-Z_]+\b`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	notInLinks = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Every path, link and exported name that a document says is there: what moves takes its documents along.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	texts, declared := documents(t, root), exported(t, root)
	require.NotEmpty(t, declared["glow"])
	for name, text := range texts {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			of := name
			if target != "" {
				of = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
				_, err := os.Stat(filepath.Join(root, of))
				assert.NoError(t, err, "%s links to %s", name, found[1])
			}
			if headed, ok := texts[of]; ok && anchor != "" {
				assert.Contains(t, anchors(headed), anchor, "%s links to %s", name, found[1])
			}
		}
		for _, found := range inside.FindAllStringSubmatch(text, -1) {
			pattern := capitals.ReplaceAllString(strings.TrimPrefix(found[1], "../"), "*")
			matches, err := filepath.Glob(filepath.Join(root, pattern))
			assert.NoError(t, err)
			assert.NotEmpty(t, matches, "%s names %s", name, found[1])
		}
		for _, found := range identifier.FindAllStringSubmatch(text, -1) {
			if names, ok := declared[found[1]]; ok {
				assert.True(t, names[found[2]], "%s names %s.%s", name, found[1], found[2])
			}
		}
	}
}

// anchors are what a document's headings are linked by.
func anchors(text string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		plain := notInLinks.ReplaceAllString(strings.ToLower(found[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// exported are the exported names of strata's packages, methods and fields included, by the package's name.
func exported(t *testing.T, root string) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	for _, dir := range []string{"pkg", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			names := all[file.Name.Name]
			if names == nil {
				names = map[string]bool{}
				all[file.Name.Name] = names
			}
			ast.Inspect(file, func(node ast.Node) bool {
				switch n := node.(type) {
				case *ast.FuncDecl:
					names[n.Name.Name] = true
					return false
				case *ast.TypeSpec:
					names[n.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range n.Names {
						names[name.Name] = true
					}
				}
				return true
			})
			return nil
		})
		require.NoError(t, err)
	}
	return all
}

// The README's list of rooms is whole and has no others: it stands in a block of its own.
func TestReadmeListsEveryRoom(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	_, rest, _ := strings.Cut(documents(t, root)["README.md"], "## Finding your way")
	_, rest, _ = strings.Cut(rest, "```")
	rooms, _, _ := strings.Cut(rest, "```")
	listed := map[string]int{}
	for _, found := range regexp.MustCompile(`pkg/(\w+)`).FindAllStringSubmatch(rooms, -1) {
		listed[found[1]]++
	}
	packages, err := os.ReadDir(filepath.Join(root, "pkg"))
	require.NoError(t, err)
	for _, entry := range packages {
		assert.Equal(t, 1, listed[entry.Name()], "pkg/%s", entry.Name())
	}
	_, hidden, _ := strings.Cut(rooms, "internal/")
	packages, err = os.ReadDir(filepath.Join(root, "internal"))
	require.NoError(t, err)
	for _, entry := range packages {
		assert.Regexp(t, `\b`+entry.Name()+`\b`, hidden, "internal/")
	}
}

// The README's words are those of the program, which shows them in strata reproduce --help.
func TestReadmeHasTheWords(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	_, rest, _ := strings.Cut(documents(t, root)["README.md"], "## Words")
	section, _, _ := strings.Cut(rest, "\n## ")
	var rows []string
	for line := range strings.Lines(plan.Words) {
		word, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		rows = append(rows, "| **"+word+"** | "+strings.TrimSpace(meaning)+" |")
	}
	assert.Contains(t, section, strings.Join(rows, "\n"))
}
