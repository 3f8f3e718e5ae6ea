package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"strata/internal/fetch"
	"strata/pkg/imageset"
	"strata/pkg/plan"
	"strata/pkg/result"

	"github.com/dustin/go-humanize"
)

type dataCommand struct {
	List   dataList   `cmd:"" help:"List the sets of STRATA_DATA and the procedural ones." default:"1"`
	Get    dataGet    `cmd:"" help:"Download a set, or say how it is to be had."`
	Check  dataCheck  `cmd:"" help:"Verify a set's files and images and report what is in it."`
	Bench  dataBench  `cmd:"" help:"Measure how fast a set is read, and what memory that takes."`
	Sheet  dataSheet  `cmd:"" help:"Draw a contact sheet of a set as PNG."`
	Export dataExport `cmd:"" help:"Write images of a set as PNG files."`
}

type dataList struct{}

func (dataList) Help() string { return "Example: STRATA_DATA=../shared/data strata data list" }

func (dataList) Run(e *environment) error {
	library, err := e.library()
	if err != nil {
		return err
	}
	infos, err := library.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SET\tKIND\tTRAIN\tTEST\tWHERE")
	for _, info := range infos {
		if info.Problem != nil {
			fmt.Fprintf(table, "%s\t%s\t\t\t%v\n", info.Name, "unreadable", info.Problem)
			continue
		}
		counts := map[string]string{}
		for _, s := range info.Splits {
			counts[s.Name] = fmt.Sprint(s.Images)
		}
		where := info.Path
		if where == "" {
			where = "drawn by strata"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", info.Name, info.Kind, counts[imageset.Train], counts[imageset.Test], where)
	}
	derived, err := plan.DerivedSets()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(derived)) {
		of := derived[name]
		if slices.ContainsFunc(infos, func(info imageset.Info) bool { return info.Name == of && info.Problem == nil }) {
			fmt.Fprintf(table, "%s\tmade of %s\t\t\texperiments/sets.yaml\n", name, of)
		}
	}
	return table.Flush()
}

type dataCheck struct {
	Sets []string `arg:"" help:"Names of sets."`
}

func (dataCheck) Help() string { return "Example: strata data check shapes cifar10" }

func (c dataCheck) Run(e *environment) error {
	library, err := e.library()
	if err != nil {
		return err
	}
	var wrong []error // a set whose files are wrong is still worth a look
	for _, name := range c.Sets {
		recipe, err := plan.Recipe(name)
		if err != nil {
			return err
		}
		if err := verifyFiles(e, library.Data, recipe.Of); err != nil {
			wrong = append(wrong, err)
		}
		reports, err := library.Check(recipe, name)
		if err != nil {
			return err
		}
		for _, r := range reports {
			fmt.Fprintf(e.out, "%s/%s: %d images of %dx%dx%d, %d classes, hash %s\n", name, r.Split, r.Images, r.Height, r.Width,
				r.Channels, len(r.Classes), r.Hash[:16])
			fmt.Fprintf(e.out, "  %s; opened in %.2f s, %.0f images/s, peak memory of the process %s\n",
				cmp.Or(r.History, "history unknown"), r.Opened.Seconds(), float64(r.Images)/max(r.Opened.Seconds(), 1e-9),
				memoryOf("VmHWM"))
			if r.Repeated > 0 {
				fmt.Fprintf(e.out, "  %d images repeat an earlier one\n", r.Repeated)
			}
			if r.InTrain > 0 {
				fmt.Fprintf(e.out, "  %d images are also in train\n", r.InTrain)
			}
			if n := len(r.Classes); n > 0 && n <= 20 {
				parts := make([]string, n)
				for i := range parts {
					parts[i] = fmt.Sprintf("%s %d", r.Classes[i], r.PerClass[i])
				}
				fmt.Fprintf(e.out, "  %s\n", strings.Join(parts, ", "))
			}
		}
	}
	return errors.Join(wrong...)
}

// verifyFiles holds a set's files against the hashes of strata data get, where it is one of those.
func verifyFiles(e *environment, dir, name string) error {
	if _, err := fetch.Find(name); dir == "" || err != nil {
		return nil
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
		return nil // a zip of somebody's own
	}
	problems, err := fetch.Verify(dir, name)
	if errors.Is(err, fetch.ErrNothingToCheck) {
		fmt.Fprintf(e.out, "%s: %v\n", name, err)
		return nil
	}
	for _, problem := range problems {
		fmt.Fprintf(e.out, "%s: %s\n", name, problem)
	}
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%s: %d files are not what was published: strata data get %s fetches what is missing or damaged, once it is out "+
			"of the way", name, len(problems), name)
	}
	return err
}

// memoryOf is a line of what the system says of this process' memory: VmHWM is the most it ever had, RssAnon what is
// its own now, and the rest belongs to mapped files and can be had back at any time.
func memoryOf(line string) string {
	status, err := os.ReadFile("/proc/self/status")
	for text := range strings.Lines(string(status)) {
		if fields := strings.Fields(text); err == nil && len(fields) == 3 && fields[0] == line+":" {
			if kib, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return humanize.IBytes(kib << 10)
			}
		}
	}
	return "unknown"
}

type dataBench struct {
	Set     string  `arg:"" help:"Name of a set."`
	Split   string  `help:"train or test." enum:"train,test" default:"train"`
	Batch   int     `help:"Images a batch." default:"64"`
	Seconds float64 `help:"How long to draw batches." default:"3"`
}

func (dataBench) Help() string {
	return `Example: strata data bench cifar10

Opens the split from its files, then again (prepared, where it is large or slow to decode), and draws augmented batches as a training does. A training step at the paper's size takes 3 images/s on two cores and about a thousand on a GPU.`
}

func (c dataBench) Run(e *environment) error {
	engine, err := e.engine(false)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(engine.Cache, 0o755); err != nil {
		return err
	}
	cache, err := os.MkdirTemp(engine.Cache, ".bench-") // a cache of its own, so that the first opening prepares
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	recipe, err := plan.Recipe(c.Set)
	if err != nil {
		return err
	}
	library := engine.Library()
	library.Cache = cache
	var set *imageset.Set
	fmt.Fprintf(e.out, "%s/%s\n", c.Set, c.Split)
	for _, what := range []string{"from its files", "again"} {
		started := time.Now()
		if set, err = library.Open(recipe, c.Set, c.Split); err != nil {
			return err
		}
		took := time.Since(started).Seconds()
		fmt.Fprintf(e.out, "  opened %-15s %d images in %.2f s, %.0f images/s\n", what+":", set.Len(), took,
			float64(set.Len())/max(took, 1e-6))
	}
	sampler, err := imageset.NewSampler(set, min(c.Batch, set.Len()), imageset.PaperAugmentation, 1)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	images, started := 0, time.Now()
	for batch := range sampler.Prefetch(ctx, 0, 4) {
		images += len(batch.Indices)
		batch.Release()
		if time.Since(started).Seconds() > c.Seconds {
			break
		}
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "  augmented batches of %d: %.0f images/s\n", min(c.Batch, set.Len()), float64(images)/time.Since(started).Seconds())
	fmt.Fprintf(e.out, "  memory: at most %s, now %s of the process's own\n", memoryOf("VmHWM"), memoryOf("RssAnon"))
	return nil
}

type dataSheet struct {
	Set    string `arg:"" help:"Name of a set."`
	Split  string `help:"train or test." enum:"train,test" default:"train"`
	Output string `short:"o" help:"PNG file to write (default SET.png)." placeholder:"FILE"`
}

func (dataSheet) Help() string {
	return "Example: strata data sheet shapes -o shapes.png\n\n" +
		"Images that strata did not draw go to a folder beside it, ignored/, which git is told to ignore."
}

func (c dataSheet) Run(e *environment) error {
	set, err := e.set(c.Set, c.Split)
	if err != nil {
		return err
	}
	path := c.Output
	if path == "" {
		path = c.Set + ".png"
	}
	if !set.Drawn() { // somebody's images: where git does not follow
		folder := filepath.Join(filepath.Dir(path), "ignored")
		if err := result.Ignored(folder); err != nil {
			return err
		}
		path = filepath.Join(folder, filepath.Base(path))
	}
	if err := imageset.WritePNG(path, imageset.ContactSheet(set, 0, 0, 0)); err != nil {
		return err
	}
	fmt.Fprintln(e.out, path)
	return nil
}

type dataExport struct {
	Set    string `arg:"" help:"Name of a set."`
	Folder string `arg:"" help:"Folder to write to; it is made where it is absent."`
	Split  string `help:"train or test." enum:"train,test" default:"train"`
	Images int    `help:"The first so many, 0 for all." default:"0"`
}

func (dataExport) Help() string {
	return "Example: strata data export shapes good/ --split train --images 1000\n\n" +
		"Images that strata did not draw go to an empty folder, which git is told to ignore."
}

func (c dataExport) Run(e *environment) error {
	if c.Images < 0 {
		return fmt.Errorf("--images %d: expected 0 or more", c.Images)
	}
	set, err := e.set(c.Set, c.Split)
	if err != nil {
		return err
	}
	if !set.Drawn() { // somebody's images: where git does not follow
		others, err := os.ReadDir(c.Folder)
		if err == nil && len(others) > 0 {
			return fmt.Errorf("%s is not empty: images that strata did not draw go to a folder of their own, which git is told to ignore",
				c.Folder)
		}
		if err := result.Ignored(c.Folder); err != nil {
			return err
		}
	}
	if err := imageset.Export(set, c.Folder, c.Images); err != nil {
		return err
	}
	fmt.Fprintln(e.out, c.Folder)
	return nil
}

// set opens a split of a set.
func (e *environment) set(name, split string) (*imageset.Set, error) {
	engine, err := e.engine(false)
	if err != nil {
		return nil, err
	}
	return engine.Set(name, split)
}
