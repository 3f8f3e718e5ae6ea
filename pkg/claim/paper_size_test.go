package claim_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"strata/pkg/claim"
	"strata/pkg/plan"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// paperSize is the world with as many images as the paper has (docs/paper.md §6.2; of BRATS it gives no number), and with learning curves of as many as
// size paper says.
type paperSize struct {
	*world
	images map[string]int
	curves int
}

var paperImages = map[string]int{"in": 10_000, "near": 10_000, "smooth": 26_032, "far": 10_000, "general": 312_512, "grey_in": 10_000, "grey_smooth": 10_000,
	"mri_one": 10_000, "mri_others": 30_000, "fourier": 36_032, "mixed": 256, "climbed": 64}

func (p paperSize) Values(ctx context.Context, of score.Column) (string, []float64, error) {
	w := *p.world
	w.images = p.images[of.Role]
	population := of.Role
	switch {
	case of.Name == "peak":
		w.images, population = 2_000, of.Role+", training images"
	case of.Name == "off_centre":
		w.images, population = 1, "" // of the set
	case of.At > 0:
		w.images, population = min(w.images, p.curves), population+", learning curve"
	}
	_, values, err := w.Values(ctx, of)
	return population, values, err
}

// TestPaperSize judges all claims, of three seeds and along the learning curves, on made-up scores of as many images as the paper has. It takes a
// minute or more, so it runs only where STRATA_PAPER_SIZE is 1:
//
//	STRATA_PAPER_SIZE=1 go test ./pkg/claim -run TestPaperSize -v -timeout 30m
//
// At most ten minutes and 2 GiB on two cores are wanted; package reproduce has the same of all that strata reproduce computes.
func TestPaperSize(t *testing.T) {
	if os.Getenv("STRATA_PAPER_SIZE") != "1" {
		t.Skip("takes minutes: STRATA_PAPER_SIZE=1 switches it on")
	}
	size, err := plan.LoadSize("paper")
	require.NoError(t, err)
	started, computed := time.Now(), cpuSeconds(t)
	j, err := claim.NewJudge(paperSize{paperWorld(), paperImages, size.CurveImages}, []uint64{1, 2, 3})
	require.NoError(t, err)
	claims, _, err := j.All(t.Context(), "paper")
	require.NoError(t, err)
	require.Len(t, claims, 36)
	t.Logf("36 claims of three seeds: %.0f s, %.0f s of them computing on all cores, peak memory %d MiB", time.Since(started).Seconds(),
		cpuSeconds(t)-computed, peakMemory(t))
	rows, err := j.OverSteps(t.Context(), size.CurvePoints, func(_ string, point int) (int, error) { return point, nil })
	require.NoError(t, err)
	require.Len(t, rows, 11*size.CurvePoints)
	t.Logf("and 11 claims at %d points: %.0f s, %.0f s of them computing on all cores, peak memory %d MiB", size.CurvePoints,
		time.Since(started).Seconds(), cpuSeconds(t)-computed, peakMemory(t))
	require.Less(t, cpuSeconds(t)-computed, 600.)
	require.Less(t, peakMemory(t), 2048)
}

// cpuSeconds is what the process has computed so far, on all cores: what counts on a machine that others use too.
func cpuSeconds(t *testing.T) float64 {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// peakMemory is the most that the process ever had resident, MiB.
func peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(fmt.Sprint("peak memory is read from /proc: ", err))
	}
	found := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, found)
	kib, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return kib / 1024
}
