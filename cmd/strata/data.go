package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"strata/pkg/folders"
	"strata/pkg/imageset"
)

type dataCommand struct {
	List  dataList  `cmd:"" help:"List the sets of STRATA_DATA and the procedural ones." default:"1"`
	Check dataCheck `cmd:"" help:"Read a whole set and report what is in it."`
	Sheet dataSheet `cmd:"" help:"Draw a contact sheet of a set as PNG."`
}

func dataFolder() (string, error) {
	dir, ok, err := folders.Data()
	if !ok {
		dir = ""
	}
	return dir, err
}

type dataList struct{}

func (dataList) Help() string { return "Example: STRATA_DATA=../shared/data strata data list" }

func (dataList) Run(e *environment) error {
	dir, err := dataFolder()
	if err != nil {
		return err
	}
	infos, err := imageset.List(dir)
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
	return table.Flush()
}

type dataCheck struct {
	Sets []string `arg:"" help:"Names of sets."`
}

func (dataCheck) Help() string { return "Example: strata data check shapes cifar10" }

func (c dataCheck) Run(e *environment) error {
	dir, err := dataFolder()
	if err != nil {
		return err
	}
	for _, name := range c.Sets {
		reports, err := imageset.Check(dir, name)
		if err != nil {
			return err
		}
		for _, r := range reports {
			fmt.Fprintf(e.out, "%s/%s: %d images of %dx%dx%d, %d classes, hash %s\n", name, r.Split, r.Images, r.Height, r.Width, r.Channels, len(r.Classes), r.Hash[:16])
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
	return nil
}

type dataSheet struct {
	Set    string `arg:"" help:"Name of a set."`
	Split  string `help:"train or test." enum:"train,test" default:"train"`
	Output string `short:"o" help:"PNG file to write (default SET.png)." placeholder:"FILE"`
}

func (dataSheet) Help() string { return "Example: strata data sheet shapes -o shapes.png" }

func (c dataSheet) Run(e *environment) error {
	dir, err := dataFolder()
	if err != nil {
		return err
	}
	set, err := imageset.Open(dir, c.Set, c.Split)
	if err != nil {
		return err
	}
	path := c.Output
	if path == "" {
		path = c.Set + ".png"
	}
	if err := imageset.WritePNG(path, imageset.ContactSheet(set, 0, 0, 0)); err != nil {
		return err
	}
	fmt.Fprintln(e.out, path)
	return nil
}
