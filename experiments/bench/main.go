// Command bench measures strata beside PyTorch and JAX: the same networks, batches, float32 and threads, each measurement in a
// process of its own, by turns for several rounds, so that whatever else the machine does meets all of them. It prints tables and
// writes them, with everything that was measured and on what, to experiments/bench/results.
//
//	make bench PEERS=1                                   # all but how cost grows: an hour or two on two cores
//	make bench PEERS=1 CASES='glow/train growth' ROUNDS=5
//	make bench PEERS=1 CASES=list                        # the names of the cases
//
// The peers are the scripts in experiments/bench/peers, in the Python environment that the Makefile makes from requirements.txt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	root, python, results, lock string
	backends                    []string
	cases                       []benchmark
	peers                       *regexp.Regexp
	rounds, threads, nice       int
	timeout                     time.Duration
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	o, err := parse(arguments)
	if err != nil || o == nil {
		return err
	}
	o.root = root
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	binaries, err := build(ctx, root, o.cases)
	if err != nil {
		return err
	}
	caches, err := os.MkdirTemp("", "strata-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(caches)

	report := &report{Machine: describe(root, binaries), Threads: o.threads, Rounds: o.rounds, Backends: o.backends}
	path, err := report.file(filepath.Join(root, o.results))
	if err != nil {
		return err
	}
	plan := entries(o, root, binaries, caches)
	fmt.Printf("%d measurements in %d rounds; results go to %s\n", len(plan)*o.rounds, o.rounds, path)
	if load := report.Machine.Load; load > 0.5 {
		fmt.Printf("the machine is not idle (load %.1f): each measurement says what share of it others had\n", load)
	}

	clock := newEstimate(len(plan), o.rounds)
	failed := map[string]bool{}
	for round := range o.rounds {
		for i := range plan {
			// Every round begins with another competitor of each case.
			e := plan[turn(plan, i, round)]
			if failed[e.key()] {
				clock.done(e.key(), 0)
				continue
			}
			m := e.measure(ctx, o)
			if ctx.Err() != nil {
				fmt.Println("stopped; what was measured is kept")
				return report.write(path)
			}
			m.Round = round + 1
			// Once is enough to know that something does not run, or takes too long.
			failed[e.key()] = m.Error != ""
			report.Measurements = append(report.Measurements, m)
			clock.done(e.key(), m.WallS)
			fmt.Printf("[%s] %s\n", clock, m)
			if err := report.write(path); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n%s\nwritten: %s and .md\n", report.tables(), path)
	return nil
}

func parse(arguments []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	cases := flags.String("cases", "", "names of cases or beginnings of names, separated by spaces or commas; all for all of them, list "+
		"to see them (default all but growth)")
	peers := flags.String("peers", "", "a regular expression for the peers to run, as in 'torch eager|jax' (default all)")
	backends := flags.String("backends", os.Getenv("GOMLX_BACKEND"), "backends of strata, separated by spaces (default GOMLX_BACKEND, or "+
		"strata's own choice)")
	flags.StringVar(&o.python, "python", "bin/peers/bin/python", "the Python that has PyTorch and JAX")
	flags.StringVar(&o.results, "results", "experiments/bench/results", "folder of the results, from the project's root")
	flags.StringVar(&o.lock, "lock", "", "a file to hold locked (flock) during each measurement, where several measure on one machine")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured")
	flags.IntVar(&o.threads, "threads", min(2, runtime.NumCPU()), "processors that each process may use")
	flags.IntVar(&o.nice, "nice", 0, "priority of what is measured, as for nice: -19, which needs root, keeps others from disturbing much")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "the longest that a process may take")
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, nil
		}
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? cases are named by -cases", flags.Arg(0))
	}
	if o.rounds < 1 || o.threads < 1 || o.threads > runtime.NumCPU() {
		return nil, fmt.Errorf("%d rounds on %d threads: at least 1 round, and 1 to %d threads", o.rounds, o.threads, runtime.NumCPU())
	}
	if *cases == "list" {
		for _, c := range allCases() {
			fmt.Println(c.name)
		}
		return nil, nil
	}
	var err error
	if o.cases, err = choose(allCases(), *cases); err != nil {
		return nil, err
	}
	if o.peers, err = regexp.Compile(*peers); err != nil {
		return nil, fmt.Errorf("-peers: %w", err)
	}
	o.backends = strings.Fields(*backends)
	if len(o.backends) == 0 {
		o.backends = []string{""}
	}
	return o, nil
}

// choose takes the cases whose names are among the wanted ones or begin with one of them; a whole name is that case only.
func choose(all []benchmark, wanted string) ([]benchmark, error) {
	beginnings := strings.FieldsFunc(wanted, func(r rune) bool { return r == ',' || r == ' ' })
	used := make([]bool, len(beginnings))
	var chosen []benchmark
	for _, c := range all {
		take := len(beginnings) == 0 && !strings.HasPrefix(c.name, "growth/")
		for i, b := range beginnings {
			whole := slices.ContainsFunc(all, func(other benchmark) bool { return other.name == b })
			if b == "all" || c.name == b || !whole && strings.HasPrefix(c.name, b) {
				take, used[i] = true, true
			}
		}
		if take {
			chosen = append(chosen, c)
		}
	}
	for i, b := range beginnings {
		if !used[i] {
			return nil, fmt.Errorf("no case begins with %q: make bench PEERS=1 CASES=list names them", b)
		}
	}
	return chosen, nil
}

func projectRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("not inside the project: no go.mod in this folder or above it")
		}
		folder = filepath.Dir(folder)
	}
}

// turn is which entry comes at place i of a round: within each case the first one moves to the end with every round.
func turn(plan []entry, i, round int) int {
	from := i
	for from > 0 && plan[from-1].benchmark.name == plan[i].benchmark.name {
		from--
	}
	to := i
	for to+1 < len(plan) && plan[to+1].benchmark.name == plan[i].benchmark.name {
		to++
	}
	count := to - from + 1
	return from + (i-from+round)%count
}
