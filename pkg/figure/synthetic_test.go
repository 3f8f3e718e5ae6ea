package figure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names of the sets that the synthetic results speak of.
var syntheticSets = map[string]string{
	roleIn: "cifar10_q75", roleGeneral: "tinyimagenet32_q75", roleSmooth: "colour_numbers_q75", roleFar: "dtd_part_q75",
}

// syntheticResults writes a results folder whose numbers have the shape of the paper's: the smooth set has the highest peak and the highest
// raw likelihoods, the ratio and the last scale tell it from the in-distribution set.
func syntheticResults(t *testing.T, images int) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "pixel_differences.csv", syntheticDifferences())
	writeFile(t, dir, "scores.csv", syntheticScores(images))
	writeFile(t, dir, "table2.csv", syntheticTable2())
	return dir
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func syntheticDifferences() string {
	var b strings.Builder
	b.WriteString("role,set,centre,density\n")
	for _, role := range []string{roleGeneral, roleIn, roleSmooth} {
		scale := map[string]float64{roleGeneral: 15, roleIn: 13, roleSmooth: 4}[role]
		for bin := range 100 {
			centre := -255 + 5.1*(float64(bin)+0.5)
			fmt.Fprintf(&b, "%s,%s,%v,%v\n", role, syntheticSets[role], centre, math.Exp(-math.Abs(centre)/scale)/(2*scale))
		}
	}
	return b.String()
}

func syntheticScores(images int) string {
	random := rand.New(rand.NewPCG(1, 2))
	columns := scoreColumns()
	var b strings.Builder
	b.WriteString("role,set,index," + strings.Join(columns, ",") + ",some_later_column\n")
	for _, role := range []string{roleIn, roleGeneral, roleSmooth, roleFar} {
		level := map[string]float64{roleIn: -9500, roleGeneral: -9800, roleSmooth: -6000, roleFar: -9900}[role]
		specific := map[string]float64{roleIn: 250, roleGeneral: -120, roleSmooth: -90, roleFar: -100}[role]
		for i := range images {
			fmt.Fprintf(&b, "%s,%s,%d", role, syntheticSets[role], i)
			detail := level + 1300*random.NormFloat64()
			values := map[string]float64{"png_bytes": 2000 - detail/10}
			for _, set := range []string{"general", "in", "smooth"} {
				values["pseudo_"+set] = 0.9*detail - 2000 + 500*random.NormFloat64()
			}
			for _, model := range models {
				c3 := -800 + 60*random.NormFloat64()
				if model != "general" && model != "smooth" {
					c3 += specific / 2
				}
				if model == "in_finetuned" {
					c3 += specific / 2
				}
				values[model+"_c1"] = 0.8 * detail
				values[model+"_c2"] = 0.2*detail + 90*random.NormFloat64()
				values[model+"_c3"] = c3
				values[model] = values[model+"_c1"] + values[model+"_c2"] + c3
			}
			if i == 3 && role == roleSmooth {
				values["in_finetuned"] = -3_000_000 // an image on which the model failed
			}
			for _, column := range columns {
				fmt.Fprintf(&b, ",%.3f", values[column])
			}
			b.WriteString(",words\n")
		}
	}
	return b.String()
}

func syntheticTable2() string {
	var b strings.Builder
	b.WriteString("model,score,role,set,auroc,low,high,aupr_in,aupr_out,fpr95,images_in,images_out\n")
	for m, model := range []string{"in", "in_finetuned"} {
		for s, score := range []string{"full", "c1", "c2", "c3", "ratio", "ratio_c1", "ratio_c2", "ratio_c3", "png"} {
			for r, role := range []string{roleSmooth, roleGeneral, roleFar} {
				auroc := 0.08 + 0.1*float64(s) - 0.03*float64(m) + 0.04*float64(r)*math.Sin(float64(s))
				auroc = math.Abs(auroc)
				half := 0.03 * (1 - math.Abs(2*auroc-1))
				fmt.Fprintf(&b, "%s,%s,%s,%s,%v,%v,%v,0.5,0.5,0.5,1000,1000\n",
					model, score, role, syntheticSets[role], auroc, auroc-half, auroc+half)
			}
		}
	}
	return b.String()
}
