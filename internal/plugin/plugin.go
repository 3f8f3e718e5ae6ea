// Package plugin finds and installs XLA's CPU plugin, the one shared library through which GoMLX reaches XLA on a CPU.
//
// It lies where go-xla looks for it, under the name that go-xla gives it, so that GOMLX_BACKEND=xla:cpu of any GoMLX
// program finds the same file as strata:
//
//	FOLDER/pjrt_c_api_cpu_plugin.so         the plugin
//	FOLDER/pjrt_c_api_cpu_plugin.so.json    what it is and where it is from, where strata put it there
//	FOLDER/.strata-plugin/                  a download that goes on with the next call
//	FOLDER/.strata-plugin.lock              held while somebody installs
//
// FOLDER is the first of PJRT_PLUGIN_LIBRARY_PATH, or ~/.local/lib/go-xla. Nothing here is downloaded but by Install,
// and nothing that somebody else put there is overwritten unless asked.
package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"strata/internal/fetch"
)

// FileName is what go-xla calls a plugin named cpu.
const FileName = "pjrt_c_api_cpu_plugin.so"

// PathVariable names the folders in which go-xla looks for plugins, in the place of its own.
const PathVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// Pin is a plugin that strata was tested with: the one file of a Python wheel, which is a zip.
type Pin struct {
	Package, Version string     // in the package index
	Wheel            fetch.File // where it lies, the index says
	Member           string     // the plugin's name in the wheel
	Size             int64      // and the plugin's own size and hash
	SHA256           string
}

func (p Pin) String() string { return p.Package + " " + p.Version }

// pins are by GOOS/GOARCH. A platform is here when strata's tests were run on it.
var pins = map[string]Pin{
	"linux/amd64": { // OpenXLA's own
		Package: "xla-cpu-pjrt", Version: "0.0.1",
		Wheel: fetch.File{
			Name:   "xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_x86_64.whl",
			Size:   63461052,
			SHA256: "55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc",
		},
		Member: "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so",
		Size:   259284552,
		SHA256: "88c3f28c5900f48ad4a82cab9e79bba9537809743395e341485f8794268820dc",
	},
}

// Platform is what pins go by.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// Pinned is the plugin of this platform; ok is false where none is pinned.
func Pinned() (pin Pin, ok bool) {
	pin, ok = pins[Platform()]
	return pin, ok
}

// Found is a plugin on this machine.
type Found struct {
	Path string
	// Record is nil where strata did not put the file there, or where it changed since.
	Record *Record
}

// Record is what lies beside a plugin that strata put there. While size and time are the file's, it need not be hashed
// again.
type Record struct {
	Package  string    `json:"package,omitempty"` // "" for a file that somebody named
	Version  string    `json:"version,omitempty"`
	From     string    `json:"from"`
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// ErrNone says that no plugin is on this machine.
var ErrNone = errors.New("XLA's CPU plugin is not on this machine")

// Folders are where a plugin is looked for, in go-xla's order.
func Folders() []string {
	if value, ok := os.LookupEnv(PathVariable); ok {
		var folders []string
		for _, folder := range filepath.SplitList(value) {
			if folder != "" {
				folders = append(folders, folder)
			}
		}
		return folders
	}
	folders := []string{"/usr/local/lib/go-xla"}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append([]string{filepath.Join(home, ".local", "lib", "go-xla")}, folders...)
	}
	return folders
}

// Find is the CPU plugin that xla:cpu opens. Where there is none the error is ErrNone, with where it was looked for.
func Find() (Found, error) {
	// Elsewhere a plugin that is loaded at run time crashes when it compiles, go-xla's authors say.
	if runtime.GOOS != "linux" {
		return Found{}, fmt.Errorf("%w: it works on Linux only", ErrNone)
	}
	folders := Folders()
	for _, folder := range folders {
		path := filepath.Join(folder, FileName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return Found{path, readRecord(path)}, nil
		}
	}
	return Found{}, fmt.Errorf("%w (%s)", ErrNone, strings.Join(folders, ", "))
}

// String says what the plugin is and where.
func (f Found) String() string {
	switch {
	case f.Record == nil:
		return f.Path + ", which strata did not put there"
	case f.Record.Package == "":
		return f.Path + ", a copy of " + f.Record.From
	}
	return f.Name() + " in " + f.Path
}

// Name is the plugin's package and version, "" where they are not known.
func (f Found) Name() string {
	if f.Record == nil || f.Record.Package == "" {
		return ""
	}
	return f.Record.Package + " " + f.Record.Version
}

// SHA256 is the file's hash: as recorded, or else computed, which takes a second.
func (f Found) SHA256() (string, error) {
	if f.Record != nil {
		return f.Record.SHA256, nil
	}
	return hashOf(f.Path)
}

// At is the plugin in a file, which may be any.
func At(path string) Found { return Found{path, readRecord(path)} }

func recordPath(path string) string { return path + ".json" }

// readRecord is nil where there is no record, or where it is of another file than lies there now.
func readRecord(path string) *Record {
	text, err := os.ReadFile(recordPath(path))
	if err != nil {
		return nil
	}
	var r Record
	info, err := os.Stat(path)
	if json.Unmarshal(text, &r) != nil || err != nil || r.Size != info.Size() || !r.Modified.Equal(info.ModTime()) {
		return nil
	}
	return &r
}

func hashOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err // names the path
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
