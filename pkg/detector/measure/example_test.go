package measure_test

import (
	"fmt"
	"image"
	"slices"

	"strata/pkg/detector/detectortest"
	"strata/pkg/detector/measure"
)

func ExampleOpen() {
	general, err := detectortest.General(1)
	if err != nil {
		panic(err)
	}
	networks, err := measure.Open(general.Network, general.Weights, general.Weights, 1) // the general Glow as its own, too
	if err != nil {
		panic(err)
	}
	defer networks.Close()
	ratio, err := measure.Find(measure.Glow, []string{"ratio"})
	if err != nil {
		panic(err)
	}
	windows := detectortest.Good(1, measure.Side, measure.Side, 1).Pixels
	values, err := networks.Measure(windows, 1, measure.Of{Scores: ratio})
	fmt.Println(values[0].Scores, err)
	// Output: [0] <nil>
}

func ExampleNewHeatSums() {
	flat := func(v float32) []float32 { return slices.Repeat([]float32{v}, measure.Side*measure.Side) }
	sums := measure.NewHeatSums()
	sums.Add(flat(-1)) // windows of good images
	sums.Add(flat(1))
	scale := sums.Scale()
	heat := scale.Stitch(measure.Side, measure.Side, []image.Point{{}}, [][]float32{flat(-3)})
	fmt.Println(scale.Mean[0], scale.Spread[0], heat.Values[0])
	// Output: 0 1 3
}
