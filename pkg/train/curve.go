package train

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
)

// curve is the learning curve on disk, curve.csv: a row every few steps with the mean bits/dim and the mean loss on outliers, in
// nats, of the steps since the last row, and the non-finite values counted so far. It holds no times, so equal runs have equal
// curves.
type curve struct {
	file *os.File
	sums sums
}

// sums are an unfinished row.
type sums struct {
	Value   float64 `json:"value"`
	Outlier float64 `json:"outlier"`
	Steps   int     `json:"steps"`
}

// curveHeader has a place for what is measured: bits_per_dim.
const curveHeader = "step,%s,outlier_loss,dropped_images,skipped_updates\n"

// openCurve opens the curve for appending after step: rows of later steps, written by a process that was killed before
// its next checkpoint, go, and so does a half-written last row.
func openCurve(path, measure string, step int) (*curve, error) {
	kept, err := rowsUpTo(path, step)
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(path, []byte(fmt.Sprintf(curveHeader, measure)+kept), 0o644); err != nil {
		return nil, fmt.Errorf("learning curve: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("learning curve: %w", err)
	}
	return &curve{file: file}, nil
}

func rowsUpTo(path string, step int) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("learning curve: %w", err)
	}
	defer file.Close()
	var kept strings.Builder
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ",")
		at, err := strconv.Atoi(fields[0])
		if err == nil && at <= step && len(fields) == strings.Count(curveHeader, ",")+1 {
			kept.WriteString(lines.Text() + "\n")
		}
	}
	return kept.String(), lines.Err()
}

// add counts a step; every so many steps, and at the last, it writes a row.
func (c *curve) add(step int, progress Progress, counts Counts, every int, last bool) error {
	if isFinite(float32(progress.Value)) && isFinite(float32(progress.Outlier)) {
		c.sums.Value += progress.Value
		c.sums.Outlier += progress.Outlier
		c.sums.Steps++
	}
	if step%every != 0 && !last {
		return nil
	}
	mean, outlier := "", ""
	if n := float64(c.sums.Steps); n > 0 {
		mean, outlier = strconv.FormatFloat(c.sums.Value/n, 'g', 8, 64), strconv.FormatFloat(c.sums.Outlier/n, 'g', 8, 64)
	}
	c.sums = sums{}
	if _, err := fmt.Fprintf(c.file, "%d,%s,%s,%d,%d\n", step, mean, outlier, counts.Dropped, counts.Skipped); err != nil {
		return fmt.Errorf("learning curve: %w", err)
	}
	return nil
}

func (c *curve) sync() error {
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("learning curve: %w", err)
	}
	return nil
}

func (c *curve) close() { c.file.Close() }
