package result

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var nan = math.NaN()

// examples are a table of each type of row, with what is hard to keep: commas, quotes, lines, letters beyond ASCII,
// nothing.
var (
	someClaims = []Claim{
		{ID: "L1", Where: "Fig 1A", Text: "smooth has the highest peak", Paper: "shape", Measured: "ratio", Value: 1.5,
			Low: 1.4, High: 1.6,
			Predicate: "ratio > 1", Verdict: Holds, Data: "leaves, shapes, digits", Size: "demo", Network: "none",
			Steps: "glow-in 500", Seeds: 3, Images: 10},
		{ID: "L3", Text: "\"alike\", ρ\nin two lines", Value: 0.948, Low: 0.941, High: 0.954, Verdict: Open, Seeds: 1},
		{ID: "F3", Where: "Tab 2", Text: "the last scale, alone", Paper: "92.9", Measured: "AUROC", Value: 5, Low: 4,
			High:      6,
			Predicate: "AUROC > raw + 20", Verdict: DoesNotHold, Data: "shapes against digits", Size: "demo",
			Network: "Glow", Seeds: 1, Images: 20},
		{ID: "V1", Value: nan, Low: nan, High: nan, Verdict: NotMeasured, Note: "one seed"},
	}
	someConditions = []Condition{
		{ID: "D2", Condition: "ratio - raw, points", Value: 99, Low: 98.5, High: 99.4, Comparison: ">", Bound: 30,
			Verdict: Holds, Seeds: 3},
		{ID: "D2", Condition: "ratio, %", Value: 71, Low: 69, High: 73, Comparison: ">", Bound: 70, Verdict: Open,
			Seeds: 3},
		{ID: "V1", Value: nan, Low: nan, High: nan, Comparison: "<", Verdict: NotMeasured},
	}
	someSteps = []ClaimAtStep{
		{ID: "D2", Measured: "AUROC of the ratio, %", Steps: 50, Run: "glow-in-from-general", Value: 56.5, Low: 51,
			High: 62, Verdict: Open, Images: 400, Note: "raw 5.9, \"low\"", Comparison: ">", Bound: 70},
		{ID: "D2", Measured: "AUROC of the ratio, %", Steps: 100, Run: "glow-in-from-general", Value: 80, Low: 75,
			High: 85, Verdict: Holds, Images: 400, Bound: nan},
	}
	somePlace = Place{Table: "4", In: "CIFAR10", Out: "SVHN", Setting: "unsupervised;in_model=Glow", Score: "diff",
		General: "Tiny-Glow", Loss: "outlier_eq2"}
	someCells = []Cell{
		{PaperCell: PaperCell{somePlace, 93.9, nan}, Measured: 98.5, Low: 98, High: 99, StdSeeds: 0.5, Seeds: 2,
			InSet: "shapes_in", OutSet: "digits", GeneralSet: "leaves",
			StandsFor: "shapes_in for CIFAR-10; digits for SVHN", Size: "demo", Network: "Glow L3 K4 H64",
			Steps: "500 after 1000", Runs: []string{"glow-a", "glow-b"},
			ImagesIn: 1000, ImagesOut: 900, NonFinite: 3},
		{PaperCell: PaperCell{Place{Table: "4", In: "CIFAR10", Out: "LSUN"}, 88.3, 1.5}, Measured: nan, Low: nan,
			High: nan, StdSeeds: nan, Note: "not trained"},
	}
	someSeeds        = []SeedValue{{somePlace, 1, 98.5, 98, 99}, {somePlace, math.MaxUint64, 97, 96.5, 97.5}}
	someCorrelations = []Correlation{{About: "training sets", A: "glow-in/c3", B: "glow-smooth/c3", Over: "in smooth",
		Spearman: -0.5, SpearmanLow: -0.6, SpearmanHigh: -0.4,
		Pearson: 1, PearsonLow: 0.9, PearsonHigh: 1, Images: 2000}}
	someCurves = []CurvePoint{
		{Configuration: "glow-in", Seed: 1, Step: 100, Epoch: 0.4, Metric: BitsPerDim, Role: "in", Value: 4.5, Low: 4.4,
			High: 4.6, Images: 200},
		{Configuration: "glow-in", Seed: 1, Step: 100, Epoch: 0.4, Metric: AUROCRatio, Role: "smooth", Value: 100,
			Low: 98, High: 100, Images: 200},
		{Configuration: "glow-in", Seed: 2, Step: 100, Epoch: 0.4, Metric: AUROCRatio, Role: "smooth", Value: 0,
			Low: nan, High: nan, Images: 200},
	}
	someBins = []PixelDifference{{"in", "shapes_in", -1.5, 0}, {"in", "shapes_in", 1.5, 0.25},
		{"smooth", "digits", -1.5, 1e-9}}
	someKernels = []KernelValue{
		{Metric: LumaStep, Kernel: "box", Role: "general_box", Set: "tinyimagenet32_box", Frequency: nan, Value: 18.6,
			Low: 18.4, High: 18.8, Images: 2000},
		{Metric: LumaPower, Role: "in", Set: "cifar10", Frequency: 4, Value: -3.5, Low: -4, High: -3, Images: 2000},
		{Metric: AUROCRatio, Kernel: "box", Role: "smooth", Set: "svhn", Frequency: nan, Value: 35, Low: 33, High: 37,
			Images: 4000, Seeds: 1},
		{Metric: AUROCRaw, Role: "smooth", Set: "svhn", Frequency: nan, Value: 2.8, Low: 2, High: 3.5, Images: 4000,
			Seeds: 1},
	}
	someRuns = []Run{
		{Configuration: "glow-in", Seed: 1, ID: "glow-shapes-31a4", Network: "Glow L3", Set: "shapes_in",
			SetHash: "cf7e", TrainImages: 8000, Steps: 500, Batch: 32, Rate: 0.0005,
			Loss: "outlier", Outliers: "leaves", General: "glow-leaves", Parent: "glow-leaves", LastValue: 5.19655,
			Dropped: 1, Skipped: 2, Replaced: 3, Backend: "Go (parallelism=-1)",
			Lowering: "products", Toolchain: "go1.26, 2 cores", CodeVersion: 4, Seconds: 320,
			Finished:  time.Date(2026, 11, 25, 22, 10, 0, 0, time.UTC),
			StandsFor: "CIFAR-10", Unstated: "the start", Precision: "tf32"},
		{Configuration: "glow-near", Seed: 1, Rate: nan, LastValue: nan, Problem: "not trained"},
	}
	someSubsets = []Subset{{Set: "digits", Split: "test", Images: 1000, Of: 2000, SHA256: "af7d", History: "drawn",
		Recipe: `{"of":"digits"}`, Seed: 2020,
		List: "subsets/digits-test-1000.txt", Places: "split"}}
)

// roundTrip writes and reads rows, and an empty table.
func roundTrip[T Row](t *testing.T, rows []T, file string) {
	t.Helper()
	t.Run(file, func(t *testing.T) {
		folder := t.TempDir()
		require.NoError(t, Write(folder, rows))
		require.FileExists(t, filepath.Join(folder, file))
		require.Equal(t, file, FileOf[T]())
		read, err := Read[T](folder)
		require.NoError(t, err)
		require.Len(t, read, len(rows))
		// NaN is unlike itself: equal rows are written equally.
		want, err := encode(rows, allDigits)
		require.NoError(t, err)
		got, err := encode(read, allDigits)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))

		require.NoError(t, Write(folder, []T(nil)))
		read, err = Read[T](folder)
		require.NoError(t, err)
		require.Empty(t, read)
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Len(t, left, 1, "nothing temporary stays behind")
	})
}

func TestRoundTrips(t *testing.T) {
	roundTrip(t, someClaims, "claims.csv")
	roundTrip(t, someConditions, "conditions.csv")
	roundTrip(t, someSteps, "claims_over_steps.csv")
	roundTrip(t, someCells, "cells.csv")
	roundTrip(t, someSeeds, "cells_by_seed.csv")
	roundTrip(t, someCorrelations, "correlations.csv")
	roundTrip(t, someCurves, "curves.csv")
	roundTrip(t, someBins, "pixel_differences.csv")
	roundTrip(t, someKernels, "kernel.csv")
	roundTrip(t, someRuns, "runs.csv")
	roundTrip(t, someSubsets, "subsets.csv")
}

// Rows without NaN come back field by field.
func TestRowsComeBackWhole(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, Write(folder, someRuns[:1]))
	runs, err := Read[Run](folder)
	require.NoError(t, err)
	require.Equal(t, someRuns[:1], runs)
	require.NoError(t, Write(folder, someClaims[:3]))
	claims, err := Read[Claim](folder)
	require.NoError(t, err)
	require.Equal(t, someClaims[:3], claims)
	path := filepath.Join(folder, "mine-subsets.csv")
	require.NoError(t, WriteFile(path, someSubsets))
	subsets, err := ReadFile[Subset](path)
	require.NoError(t, err)
	require.Equal(t, someSubsets, subsets)
}

// The columns are the schema: who changes one changes Schema.
func TestColumns(t *testing.T) {
	columns := func(text []byte, err error) string {
		t.Helper()
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	require.Equal(t, 2, Schema)
	for got, want := range map[string]string{
		columns(encode([]Claim{}, 6)): "id,where,claim,paper,measured,value,low,high,predicate," +
			"verdict,data,size,network,steps,seeds,images,note",
		columns(encode([]Condition{}, 6)): "id,condition,value,low,high,comparison,bound,verdict,seeds",
		columns(encode([]ClaimAtStep{}, 6)): "id,measured,steps,run,value,low,high,verdict,images,note," +
			"comparison,bound",
		columns(encode([]SeedValue{}, 6)): "table,in_dist,out_dist,setting,score,general_model,loss," +
			"seed,value,low,high",
		columns(encode([]Correlation{}, 6)): "about,a,b,over,spearman,spearman_low,spearman_high," +
			"pearson,pearson_low,pearson_high,images",
		columns(encode([]CurvePoint{}, 6)):      "configuration,seed,step,epoch,metric,role,value,low,high,images",
		columns(encode([]PixelDifference{}, 6)): "role,set,centre,density",
		columns(encode([]Subset{}, 6)):          "set,split,images,of,sha256,history,recipe,seed,list,places",
		columns(encode([]Tile{}, 6)):            "row,column,what,role,set,index,class,value",
		columns(encode([]Cell{}, 6)): "table,in_dist,out_dist,setting,score,general_model,loss,paper," +
			"paper_std,value,low,high,std_seeds,seeds,in_set,out_set,general_set," +
			"stands_for,size,network,steps,runs,images_in,images_out,non_finite,note",
		columns(encode([]Run{}, 6)): "configuration,seed,id,network,set,set_hash,train_images,steps,batch," +
			"rate,loss,outliers,general,parent,last_value,dropped_images," +
			"skipped_updates,replaced_log_likelihoods,backend,lowering,toolchain,code_version,seconds," +
			"finished,stands_for,unstated,problem,precision",
	} {
		require.Equal(t, want, got)
	}
}

// What was not measured is an empty field, and numbers have six digits.
func TestNumbers(t *testing.T) {
	text, err := encode([]SeedValue{{Seed: 7, Value: 98.1234567, Low: nan, High: math.Inf(1)}}, tableDigits)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(text), ",7,98.1235,,+Inf\n"), "%s", text)
}

// refused reads a damaged table: after what is written in the place of old.
func refused[T Row](t *testing.T, rows []T, old, damaged, says string) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, Write(folder, rows))
	path := filepath.Join(folder, FileOf[T]())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), old, damaged, 1)), 0o644))
	read, err := Read[T](folder)
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "evaluate again", "it says what to do")
	require.NotContains(t, err.Error(), "csvutil")
	require.NotContains(t, err.Error(), "\n")
	require.Nil(t, read)
}

func TestDamageIsRefusedWithItsPlace(t *testing.T) {
	refused(t, someSteps, ",50,", ",fifty,", `line 2, column steps: "fifty" is no whole number`)
	refused(t, someSteps, ",56.5,", ",one,", `line 2, column value: "one" is no number`)
	refused(t, someSteps, ",holds,", ",perhaps,", `line 3, column verdict: "perhaps" is no verdict`)
	refused(t, someSteps, ",holds,", ",not measured,", `line 3, column verdict: "not measured" is none at a step`)
	refused(t, someSteps, ",holds,400,", "", "line 3: wrong number of fields")
	refused(t, someSteps, ",>,70", ",=,70", `line 2, column comparison: "=" is none of > < >= <=`)
	refused(t, someSteps, ",>,70", ",>,", "line 2, column bound: NaN is not within")
	refused(t, someSteps, ",comparison", "", `there is no "comparison"`)
	refused(t, someClaims, ",1.4,", ",much,", `line 2, column low: "much" is no number`)
	// A claim's text takes two lines.
	refused(t, someClaims, ",20,", ",,", `line 5, column images: "" is no whole number`)
	refused(t, someClaims, "id,where", "where,id", "line 1: expected the columns id,where,claim")
	refused(t, someClaims, ",seeds,", ",", "line 1: expected the columns id,where,claim,paper,measured,value,")
	refused(t, someClaims, ",seeds,", ",", `steps,seeds,images,note; there is no "seeds"`)
	refused(t, someClaims, ",note", ",note,more", `; "more" is unknown`)
	refused(t, someClaims, "\"the last", "the \"last", "line 5")
	refused(t, someSeeds, ",1,98.5", ",-1,98.5", `line 2, column seed: "-1" is no whole number of 0 or more`)
	refused(t, someRuns, "2026-11-25 22:10", "yesterday",
		`line 2, column finished: "yesterday" is no time such as 2006-01-02 15:04`)
	refused(t, someCorrelations, ",-0.4,", ",-1.4,", "line 2, column spearman_high: -1.4 is not within -1..1")
	refused(t, someCorrelations, ",0.9,", ",,", "line 2, column pearson_low: NaN is not within -1..1")
	refused(t, someCurves, ",0.4,", ",0,", "line 2, column epoch: 0 is not above 0")
	refused(t, someCurves, ",100,98", ",101,98", "line 3, column value: 101 is not within 0..100 percent")
	refused(t, someCurves, ",4.5,", ",,", "line 2, column value: NaN is not within \u00B11e+100")
	refused(t, someCurves, "glow-in,2,", "glow-in,1,", "line 4, column epoch: 0.4 has a value already")
	refused(t, someKernels, ",35,33", ",135,33", "line 4, column value: 135 is not within 0..100 percent")
	refused(t, someKernels, ",18.6,", ",,", "line 2, column value: NaN is not within \u00B11e+100")
	refused(t, someKernels, ",cifar10,4,", ",cifar10,,", "line 3, column frequency: NaN is not above 0")
	refused(t, someKernels, "auroc_ratio,box,", "auroc_raw,,", "line 5, column metric: auroc_raw of smooth has a value already")
	refused(t, someBins, ",0.25", ",-1", "line 3, column density: -1 is not 0 or more")
	refused(t, someBins, ",1.5,", ",-1.5,", "line 3, column centre: -1.5 after -1.5: bins ascend")
	refused(t, someBins, "shapes_in,1.5", "shapes,1.5",
		`line 3, column set: "shapes" after "shapes_in": a role has one density`)
	refused(t, someBins, ",1.5,", ",1e999,", `line 3, column centre: "1e999" is no number`)
	refused(t, someBins, ",1.5,", ",+Inf,", "line 3, column centre: +Inf is not within")
}

// A table of before its type of row gained columns is read without them.
func TestColumnsThatWereGained(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "claims_over_steps.csv")
	require.NoError(t, os.WriteFile(path, []byte("id,measured,steps,run,value,low,high,verdict,images,note\n"+
		"D2,AUROC,50,glow-in,56.5,51,62,open,400,as it was\n"), 0o644))
	rows, err := Read[ClaimAtStep](folder)
	require.NoError(t, err)
	require.Equal(t, []ClaimAtStep{{ID: "D2", Measured: "AUROC", Steps: 50, Run: "glow-in", Value: 56.5, Low: 51, High: 62,
		Verdict: Open, Images: 400, Note: "as it was"}}, rows)
	require.NoError(t, Write(folder, rows))
	again, err := Read[ClaimAtStep](folder)
	require.NoError(t, err)
	require.Equal(t, rows, again)
}

func TestEmptyAndMissingFiles(t *testing.T) {
	folder := t.TempDir()
	_, err := Read[Claim](folder)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "strata reproduce writes it")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "claims.csv"), nil, 0o644))
	_, err = Read[Claim](folder)
	require.ErrorContains(t, err, "line 1: expected the columns id")
	require.Error(t, Write(filepath.Join(folder, "nowhere"), someClaims))
}

// No text makes the codec fail otherwise than by an error, and what it accepts it can write again.
func FuzzDecode(f *testing.F) {
	for _, text := range [][]byte{must(encode(someClaims, 6)), must(encode(someCells, 6))} {
		f.Add(string(text))
	}
	f.Add("\"\n")
	f.Add("id,id\n")
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := decode[Claim]("fuzz.csv", []byte(text))
		if err != nil {
			require.ErrorContains(t, err, "fuzz.csv")
			return
		}
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		require.Len(t, records, len(claims)+1)
		require.True(t, slices.ContainsFunc(records, func(r []string) bool { return r[0] == "id" }))
		_, err = encode(claims, 6)
		require.NoError(t, err)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
