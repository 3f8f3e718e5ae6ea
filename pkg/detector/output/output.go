// Package output writes what a detector finds: tables as CSV and JSON Lines, and a page as HTML that needs nothing beside itself. Results
// are sorted, most unusual first, and their number is bounded by the disk: memory holds two numbers an image.
package output

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"strata/internal/fs"
	"strata/pkg/detector"
	"strata/pkg/imageset/intake"
)

// Write judges the pictures of folders, zips and files and writes each output, whose kind is that of its suffix: .csv,
// .jsonl or .html. Each file is written to the side and renamed, so that none is there in part; where judging fails there is none.
func Write(ctx context.Context, d *detector.Detector, o detector.Options, paths, outputs []string) (detector.Summary, error) {
	var writers []writer
	for _, path := range outputs {
		w, err := writerFor(path)
		if err != nil {
			return detector.Summary{}, err
		}
		writers = append(writers, w)
	}
	all, err := newSpill()
	if err != nil {
		return detector.Summary{}, err
	}
	defer all.close()
	var top gallery
	if wantsPictures(outputs) {
		top.most = shown
		o.Look = top.wants
	}
	if o.Images == 0 {
		const enough = 20_000 // for any backend
		o.Images = intake.Count(enough, paths...)
	}
	walk := intake.Open(paths...)
	defer walk.Close()
	summary, err := d.Stream(ctx, walk.Files, o, func(r detector.Result) error {
		if r.View != nil {
			top.add(r.Score, all.len(), r.View)
			r.View = nil
		}
		return all.add(r)
	})
	if err != nil {
		return summary, err
	}
	for i, path := range outputs {
		if err := fs.Write(path, func(to io.Writer) error { return writers[i](to, d, summary, all, &top) }); err != nil {
			return summary, fmt.Errorf("output %s: %w", path, err)
		}
	}
	return summary, nil
}

// writer writes all results.
type writer func(to io.Writer, d *detector.Detector, summary detector.Summary, all *spill, top *gallery) error

func writerFor(path string) (writer, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return writeCSV, nil
	case ".jsonl":
		return writeJSONL, nil
	case ".html", ".htm":
		return writeHTML, nil
	}
	return nil, fmt.Errorf("output %s: expected a name that ends in .html, .csv or .jsonl", path)
}

// Check says whether outputs can be written, before anything is scored.
func Check(outputs []string) error {
	for _, path := range outputs {
		if _, err := writerFor(path); err != nil {
			return err
		}
		if err := fs.CanWrite(path); err != nil {
			return fmt.Errorf("output %w", err)
		}
	}
	return nil
}

func wantsPictures(outputs []string) bool {
	for _, path := range outputs {
		if suffix := strings.ToLower(filepath.Ext(path)); suffix == ".html" || suffix == ".htm" {
			return true
		}
	}
	return false
}
