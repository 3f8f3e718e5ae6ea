package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"strata/internal/fetch"
	"strata/pkg/folders"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

type dataGet struct {
	Set    string `arg:"" optional:"" help:"Name of a set; --list shows them."`
	List   bool   `help:"Show the sets that can be got, with sizes and terms."`
	Yes    bool   `short:"y" help:"Do not ask."`
	Keep   bool   `help:"Keep archives after unpacking them."`
	From   string `help:"Take the files from this folder instead of the network." placeholder:"FOLDER"`
	Mirror string `help:"Try this URL first; the files lie below it." placeholder:"URL"`
}

func (dataGet) Help() string {
	return "Example: strata data get cifar10\n\nFiles come to STRATA_DATA, checked against published hashes. Ctrl-C stops; the same " +
		"command goes on."
}

func (c dataGet) Run(e *environment) error {
	switch {
	case c.List:
		return listSets(e.out)
	case c.Set == "":
		return errors.New("which set? strata data get --list shows them")
	case c.From != "" && c.Mirror != "":
		return errors.New("--from takes the files from a folder, --mirror from the network: give one of them")
	}
	set, err := fetch.Find(c.Set)
	if err != nil {
		return err
	}
	dir, _, err := folders.Data()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // the default may be absent
		return err
	}
	o := fetch.Options{Out: e.err, Keep: c.Keep, From: c.From, Mirror: c.Mirror}
	if !c.Yes {
		o.Confirm = func() error { return confirm(e.ctx, os.Stdin, e.err) }
	}
	return fetch.Get(e.ctx, dir, set, o)
}

func listSets(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SET\tSIZE\tWHAT\tTERMS")
	for _, s := range fetch.Sets() {
		size := humanize.Bytes(uint64(s.Size()))
		switch {
		case s.Manual != "":
			size = "by hand"
		case s.Size() == 0:
			size = "unknown"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Name, size, s.Title, s.Terms)
	}
	return table.Flush()
}

// confirm asks on a terminal. Where there is none, nobody could answer: then
// only --yes goes ahead.
func confirm(ctx context.Context, in *os.File, out io.Writer) error {
	if !term.IsTerminal(int(in.Fd())) {
		return errors.New("nothing was fetched: there is no terminal to ask on; --yes goes ahead without asking")
	}
	fmt.Fprint(out, "Go ahead? [y/N] ")
	answer := make(chan string, 1)
	go func() { // reading does not end with the context
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return ctx.Err()
	case a := <-answer:
		if a != "y" && a != "yes" {
			return errors.New("nothing was fetched")
		}
		return nil
	}
}
