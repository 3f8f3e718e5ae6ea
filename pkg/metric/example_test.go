package metric_test

import (
	"fmt"
	"math"

	"strata/pkg/metric"
)

func ExampleAUROC() {
	in := []float64{0.9, 0.8, 0.7, 0.4}
	out := []float64{0.5, 0.3, 0.2}
	area, err := metric.AUROC(in, out)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(area.Percent())
	// Output: 91.7 [68.6, 100.0]
}

func ExampleAUPRIn() {
	area, _ := metric.AUPRIn([]float64{0.35, 0.8}, []float64{0.1, 0.4})
	fmt.Printf("%.4f\n", area)
	// Output: 0.8333
}

func ExampleAUPROut() {
	area, _ := metric.AUPROut([]float64{3, 4, 5}, []float64{1, 2})
	fmt.Println(area)
	// Output: 1
}

func ExampleFPRAtTPR() {
	rate, _ := metric.FPRAtTPR([]float64{4, 5, 6, 7}, []float64{1, 2, 3, 4.5}, 0.95)
	fmt.Println(rate)
	// Output: 0.25
}

// Does one model rank these images as another does? And how far is that known from so few?
func ExampleBootstrap() {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	y := []float64{1, 4, 9, 16, 25, 36, 49, 64}
	spearman, err := metric.NewSpearman(x, y)
	if err != nil {
		fmt.Println(err)
		return
	}
	images := []metric.Population{{Name: "in", Images: len(x)}}
	rho, err := metric.Bootstrap(images, metric.Resamples, metric.ResampleSeed, spearman)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rho.Interval())
	// Output: 1.000 [1.000, 1.000]
}

func ExamplePearson() {
	r, _ := metric.Pearson([]float64{1, 2, 3, 4}, []float64{1, 4, 9, 16})
	fmt.Printf("%.3f\n", r)
	// Output: 0.984
}

func ExampleReplaceNonFinite() {
	clean, count := metric.ReplaceNonFinite([]float64{9876, math.Inf(-1)})
	fmt.Printf("%.0f, replaced %d\n", clean, count)
	// Output: [9876 -3000000], replaced 1
}
