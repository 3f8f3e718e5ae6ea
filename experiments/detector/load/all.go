package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"strata/internal/machine"
)

// whole is how long all takes with its servers' starts left out: half a minute for each load, a minute of stops, and ten of harm.
const whole = 12*time.Minute + 30*time.Second

// all measures what docs/serve.md says, one after the other, and prints it as it is written there. What failed does not keep the rest
// from being measured.
func all(ctx context.Context, o options) error {
	total := o.duration
	part := func(of time.Duration) time.Duration {
		return time.Duration(float64(total) * of.Seconds() / whole.Seconds())
	}
	before := machine.Load()
	loads := []options{{clients: 32, images: 1}, {clients: 8, images: 32}, {clients: 16, images: 1, backend: "go"}}
	var failed error
	var rows []loaded
	for i, l := range loads {
		l.model, l.strata, l.side, l.duration = o.model, o.strata, o.side, part(30*time.Second)
		fmt.Fprintf(os.Stderr, "load %d of %d\n", i+1, len(loads))
		row, err := load(ctx, l)
		failed = errors.Join(failed, err)
		rows = append(rows, row)
	}
	o.clients, o.images = 16, 1
	fmt.Fprintln(os.Stderr, "stops under load")
	o.duration = part(time.Minute)
	stops, err := shutdown(ctx, o)
	failed = errors.Join(failed, err)
	fmt.Fprintln(os.Stderr, "hostile clients")
	o.duration = part(10 * time.Minute)
	harm, err := hostile(ctx, o)
	failed = errors.Join(failed, err)

	fmt.Println("| | requests/s | images/s | pictures a batch | 50th percentile | 99th | memory, MiB |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Println(r.row())
	}
	fmt.Printf("\n%s\n\n%s\n\n%s, %d cores, %s; load average %.1f before, %.1f after; %s; commit %s; %s\n", stops, harm,
		machine.Processor(), runtime.NumCPU(), machine.Memory(), before, machine.Load(), runtime.Version(), machine.Commit(".", 12),
		time.Now().UTC().Format(time.DateOnly))
	return failed
}

// row is a line of the table.
func (l loaded) row() string {
	on := ""
	if l.backend != "" {
		on = ", " + l.backend + " backend"
	}
	each := "a picture"
	if l.images > 1 {
		each = fmt.Sprintf("%d pictures", l.images)
	}
	name := fmt.Sprintf("| %d clients, %s each%s |", l.clients, each, on)
	if l.asked == nil {
		return name + " not measured | | | | | |"
	}
	return fmt.Sprintf("%s %.1f | %.1f | %.1f | %.2f s | %.2f s | %d |", name, l.requests(), l.requests()*float64(l.images), l.batch,
		l.asked.quantile(0.5).Seconds(), l.asked.quantile(0.99).Seconds(), l.most)
}
