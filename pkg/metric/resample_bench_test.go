package metric_test

import (
	"testing"

	"strata/pkg/metric"
)

// One statistic of the paper's test images of CIFAR-10 and SVHN, 1000 resamples.
func BenchmarkResample(b *testing.B) {
	in, out := normals(1, 10_000, 1), normals(2, 26_032, 0)
	x, y := normals(3, 36_032, 0), normals(4, 36_032, 0)
	both := []metric.Population{{"in", len(in)}, {"out", len(out)}}
	resampler, err := metric.NewResampler(1000, 1)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, statistic func() metric.Statistic, err error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := resampler.Bootstrap(both, statistic); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	auroc, err := metric.NewAUROC(in, out)
	run("auroc", auroc, err)
	spearman, err := metric.NewSpearman(x, y)
	run("spearman", spearman, err)
	pearson, err := metric.NewPearson(x, y)
	run("pearson", pearson, err)
	run("mean", metric.NewMean(x), nil)
	run("span", metric.NewSpan(x), nil)
	run("top", metric.NewTop(x, y, 100), nil)
	b.Run("draw", func(b *testing.B) {
		for b.Loop() {
			if _, err := metric.Bootstrap(both, 1000, 1, metric.NewTop(x, y, 100)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
