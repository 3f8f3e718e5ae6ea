package main

import (
	"errors"
	"fmt"
	"time"

	"strata/pkg/detector"
	"strata/pkg/detector/output"
	"strata/pkg/imageset/intake"
	"strata/pkg/progress"
)

type detectCommand struct {
	Model  string   `arg:"" help:"Model that strata fit made."`
	Paths  []string `arg:"" help:"Images to judge: folders, zips or files."`
	Output []string `short:"o" required:"" help:"What to write: a name that ends in .html, .csv or .jsonl; several may be given." placeholder:"FILE"`
	Rate   float64  `help:"Share of good images that may be called unusual." default:"0.01"`
	FDR    bool     `name:"fdr" help:"Make --rate the share of good ones among the images that are called unusual (Benjamini and Hochberg)."`
	Pixels int64    `help:"Most pixels of a picture, in millions: larger ones are told and not decoded." default:"64"`
}

func (detectCommand) Help() string {
	return `Examples:
  strata detect good.strata photos/new -o report.html -o scores.csv
  strata detect good.strata new.zip --rate 0.1 --fdr -o scores.jsonl

The most unusual image comes first. A p-value says how rare among good images one is that looks as unusual; it is not below 1/(n+1) with n held-out images. scores.csv has path, score, p_value, anomalous, then the single scores, which are higher for more in-distribution, where score is higher for more unusual; notes; and error. A file that cannot be read is a line and stops nothing. The exit code is 0 whether or not images are unusual.`
}

// checkRate refuses what can be no rate. 0 would mean the default to package detector.
func checkRate(rate float64) error {
	if !(rate > 0 && rate < 1) {
		return fmt.Errorf("--rate %g: expected a share between 0 and 1, as 0.01", rate)
	}
	return nil
}

func (c detectCommand) Run(e *environment) error {
	if c.Pixels < 1 || c.Pixels > 1<<12 {
		return fmt.Errorf("--pixels %d: expected 1 to %d millions", c.Pixels, 1<<12)
	}
	if err := checkRate(c.Rate); err != nil {
		return err
	}
	if err := output.Check(c.Output); err != nil {
		return err
	}
	d, err := detector.Load(c.Model)
	if err != nil {
		return err
	}
	defer d.Close()
	const enough = 1 << 20
	total := intake.Count(enough, c.Paths...)
	o := detector.Options{Rate: c.Rate, FalseDiscoveries: c.FDR, Limits: intake.DefaultLimits, Images: max(total, 1)}
	o.Limits.Pixels = c.Pixels << 20
	if total == enough {
		total = 0 // or more
	}
	bar := progress.New(e.err, "detect", total)
	begun := bar.During("the first images") // with what compiles the networks: that says nothing of how fast the others are
	defer begun()
	first, since := 0, time.Time{}
	o.Progress = func(done int) {
		if begun(); since.IsZero() {
			first, since = done, time.Now()
			bar.Set(done, "")
			return
		}
		bar.Set(done, fmt.Sprintf("%.0f images/s", float64(done-first)/time.Since(since).Seconds()))
	}
	summary, err := output.Write(e.ctx, d, o, c.Paths, c.Output)
	bar.Done("")
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out, output.Headline(summary))
	for _, line := range output.Lines(summary, d.Manifest()) {
		fmt.Fprintln(e.out, line)
	}
	for _, warning := range summary.Warnings {
		fmt.Fprintln(e.out, "warning:", warning)
	}
	for _, path := range c.Output {
		fmt.Fprintln(e.out, path)
	}
	if summary.Images+summary.Unreadable == 0 {
		return errors.New("there are no pictures in what was named: nothing was judged")
	}
	return nil
}
