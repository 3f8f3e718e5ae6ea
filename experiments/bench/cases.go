package main

import (
	"fmt"
	"strconv"
	"strings"
)

// benchmark is a case: what of strata is measured, and the peers that do the same.
type benchmark struct {
	name string
	// images are those of a step: of a batch, or of what is scored or drawn.
	images int
	// steps are timed in a process.
	steps int
	// pkg and pattern are a benchmark of strata, as -test.bench takes it.
	pkg, pattern string
	peers        []peer
}

type peer struct {
	name, script string
	arguments    []string
}

// The names of the peers, which are the columns of the tables.
const (
	torchEager    = "torch eager"
	torchCompiled = "torch compiled"
	jaxUnrolled   = "jax unrolled"
	jaxScanned    = "jax scanned"
)

// allCases lists the cases: three sizes of three networks, the last one of each the paper's, and how the cost of a training
// step grows.
func allCases() []benchmark {
	var cases []benchmark
	steps := []int{20, 10, 5}

	glows := []struct{ k, hidden, batch int }{{4, 64, 32}, {8, 128, 32}, {32, 512, 16}}
	for i, g := range glows {
		cases = append(cases, glowCase("glow/train/", "glow", "TrainStep", fmt.Sprintf("K%d_H%d_B%d", g.k, g.hidden, g.batch), g.k,
			g.hidden, g.batch, steps[i]))
	}
	for i, g := range glows {
		size := fmt.Sprintf("K%d_H%d", g.k, g.hidden)
		cases = append(cases, glowCase("glow/score/", "glow", "Score", size, g.k, g.hidden, 64, steps[i]))
		cases = append(cases, glowCase("glow/score/", "glow", "Score", size+"_N256", g.k, g.hidden, 256, max(steps[i]/2, 3)))
	}
	for i, g := range glows {
		cases = append(cases, glowCase("glow/sample/", "invert", "Sample", fmt.Sprintf("K%d_H%d", g.k, g.hidden), g.k,
			g.hidden, 64, steps[i]))
	}

	pixelcnns := []struct{ resnets, filters, batch int }{{1, 32, 16}, {2, 64, 16}, {5, 120, 4}}
	pixelcnn := func(task, function, size string, resnets, filters, batch, steps int, more ...string) {
		arguments := append(flags("--resnets", resnets, "--filters", filters, "--batch", batch), more...)
		cases = append(cases, benchmark{
			name: "pixelcnn/" + task + "/" + size, images: batch, steps: steps, pkg: "pixelcnn", pattern: pattern(function, size),
			peers: torch("torch_pixelcnn.py", task, steps, arguments),
		})
	}
	for i, p := range pixelcnns {
		pixelcnn("train", "TrainStep", fmt.Sprintf("R%d_F%d_B%d", p.resnets, p.filters, p.batch), p.resnets, p.filters, p.batch, steps[i])
	}
	for i, p := range pixelcnns {
		pixelcnn("score", "Score", fmt.Sprintf("R%d_F%d", p.resnets, p.filters), p.resnets, p.filters, 64, max(steps[i]/2, 3))
	}
	for _, p := range pixelcnns {
		pixelcnn("sample", "Sample", fmt.Sprintf("R%d_F%d_S8", p.resnets, p.filters), p.resnets, p.filters, 16, 3, "--side", "8")
		// The peers' cost of a pixel is that of the whole network, whichever pixel it is: eight of them tell what 1,024 take.
		pixelcnn("sample", "Sample", fmt.Sprintf("R%d_F%d_S32", p.resnets, p.filters), p.resnets, p.filters, 16, 3,
			"--side", "32", "--pixels", "8")
	}

	wides := []struct{ depth, widen, batch int }{{10, 1, 32}, {16, 4, 16}, {28, 10, 4}}
	for _, task := range []struct{ name, function string }{{"train", "TrainStep"}, {"score", "Score"}} {
		for i, w := range wides {
			size, batch := fmt.Sprintf("WRN%d-%d", w.depth, w.widen), 64
			if task.name == "train" {
				size, batch = fmt.Sprintf("%s_B%d", size, w.batch), w.batch
			}
			cases = append(cases, benchmark{
				name: "wide-resnet/" + task.name + "/" + size, images: batch, steps: steps[i], pkg: "classifier",
				pattern: pattern(task.function, size),
				peers: torch("torch_wide_resnet.py", task.name, steps[i],
					flags("--depth", w.depth, "--widen", w.widen, "--batch", batch)),
			})
		}
	}

	for _, k := range []int{1, 2, 4, 8, 16, 32, 64} {
		cases = append(cases, glowCase("growth/", "glow", "TrainStepGrowth", fmt.Sprintf("K%d_H64_B32", k), k, 64, 32, max(5, 20/k)))
	}
	for _, batch := range []int{1, 4, 16, 64, 256} {
		cases = append(cases, glowCase("growth/", "glow", "TrainStepGrowth", fmt.Sprintf("K8_H128_B%d", batch), 8, 128,
			batch, max(5, 80/batch)))
	}
	return cases
}

func glowCase(prefix, pkg, function, size string, k, hidden, batch, steps int) benchmark {
	task := map[string]string{"Score": "score", "Sample": "sample"}[function]
	if task == "" {
		task = "train"
	}
	arguments := flags("--k", k, "--hidden", hidden, "--batch", batch)
	peers := torch("torch_glow.py", task, steps, arguments)
	for _, form := range []struct{ name, mode string }{{jaxUnrolled, "unrolled"}, {jaxScanned, "scan"}} {
		peers = append(peers, peer{form.name, "jax_glow.py", append(append([]string{task, "--mode", form.mode}, flags("--steps", steps)...),
			arguments...)})
	}
	return benchmark{name: prefix + size, images: batch, steps: steps, pkg: pkg, pattern: pattern(function, size), peers: peers}
}

func torch(script, task string, steps int, arguments []string) []peer {
	mode := func(name, mode string) peer {
		return peer{name, script, append(append([]string{task, "--mode", mode}, flags("--steps", steps)...), arguments...)}
	}
	return []peer{mode(torchEager, "eager"), mode(torchCompiled, "compile")}
}

// flags are options with their numbers, by turns.
func flags(pairs ...any) []string {
	var list []string
	for _, p := range pairs {
		switch p := p.(type) {
		case int:
			list = append(list, strconv.Itoa(p))
		case string:
			list = append(list, p)
		}
	}
	return list
}

// pattern is what chooses exactly one benchmark.
func pattern(function, size string) string {
	return "^Benchmark" + function + "$/^" + strings.ReplaceAll(size, "-", "\\-") + "$"
}
