package lab

import (
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"

	"strata/pkg/detector"
	"strata/pkg/detector/output"
	"strata/pkg/imageset"

	"github.com/janpfeifer/gonb/gonbui"
)

// Pictures writes the first n images of sets that strata draws, or of STRATA_DATA, as PNG files to a folder of a name, and says where it
// is: what stands in for somebody's own folder. The next cell finds it again.
func (l *Lab) Pictures(name, split string, n int, sets ...string) string {
	folder := filepath.Join(l.engine.Cache, "pictures", name)
	for _, set := range sets {
		s, err := l.engine.Set(set, split)
		must(err)
		must(imageset.Export(s, folder, n))
	}
	if here, err := os.Getwd(); err == nil { // what a page says should not name a machine's folders
		if near, err := filepath.Rel(here, folder); err == nil {
			return near
		}
	}
	return folder
}

// Progress is where what takes long tells how far it is: a place of the notebook.
func (l *Lab) Progress() io.Writer { return l.engine.Out }

// Report judges the pictures of folders, zips and files and shows the page that strata detect writes.
func (l *Lab) Report(d *detector.Detector, o detector.Options, paths ...string) {
	defer gonbui.Sync()
	page, err := l.report(d, o, paths)
	must(err)
	gonbui.DisplayHTML(page)
}

func (l *Lab) report(d *detector.Detector, o detector.Options, paths []string) (string, error) {
	folder, err := os.MkdirTemp("", "strata-report-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "report.html")
	if _, err := output.Write(l.ctx, d, o, paths, []string{file}); err != nil {
		return "", err
	}
	page, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`<iframe title="what strata detect found" sandbox style="width:100%%;height:640px;border:1px solid #999" srcdoc="%s"></iframe>`,
		html.EscapeString(string(page))), nil
}
