package evaluate

import (
	"context"
	"fmt"
	"strings"

	"strata/pkg/metric"
)

// Claims of §3 and §5: the hierarchy of distributions.

func judgeD1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, n, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	return finding{measured: "AUROC of ln p, %", value: raw, holds: raw.Value < 30, runs: []string{"R06"}, roles: whole, images: n}, err
}

func judgeD2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	ratio, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth"})
	return finding{measured: "AUROC of the ratio, %", value: ratio, holds: ratio.Value > raw.Value+30 && ratio.Value > 70,
		runs: []string{"R06", "R01"}, roles: whole, images: n, note: fmt.Sprintf("raw %.1f; %s", raw.Value, v.roughness("general", "in", "smooth"))}, err
}

// roughness is the mean total variation of the test images of some roles. The ratio divides what in and general share away: where
// general is rougher than in, it still prefers what is smooth.
func (v *Evaluation) roughness(roles ...string) string {
	var parts []string
	for _, role := range roles {
		values, err := v.images(role, "total_variation")
		if err != nil {
			continue
		}
		mean, _ := metric.OverSeeds(values) // negative: a baseline, too, is higher for in-distribution
		parts = append(parts, fmt.Sprintf("%s %.1f", role, -mean))
	}
	return "mean step between neighbouring pixels, levels: " + strings.Join(parts, ", ")
}

func judgeD3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	var area [4]metric.Interval
	images := 0
	for i, s := range []source{{in: "R06", outRole: "smooth"}, {in: "R06", general: "PNG", outRole: "smooth"},
		{in: "R05", inRole: "smooth", outRole: "in"}, {in: "R05", inRole: "smooth", outRole: "in", general: "PNG"}} {
		var err error
		if area[i], images, err = v.area(ctx, seed, s); err != nil {
			return finding{}, err
		}
	}
	return finding{measured: "AUROC of ln p with PNG, in against smooth, %", value: area[1], holds: area[1].Value > area[0].Value && area[3].Value < area[2].Value,
		runs: []string{"R06", "R05"}, roles: whole, images: images,
		note: fmt.Sprintf("raw %.1f; smooth against in: raw %.1f, with PNG %.1f", area[0].Value, area[2].Value, area[3].Value)}, nil
}

func judgeD4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	same, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	other, _, err := v.area(ctx, seed, source{in: "R06", general: "R27", outRole: "smooth"})
	return finding{measured: "AUROC of Glow less the general PixelCNN++, %", value: other, holds: same.Value > other.Value,
		runs: []string{"R06", "R01", "R27"}, roles: whole, images: n, note: fmt.Sprintf("less the general Glow %.1f", same.Value)}, err
}

func judgeD5(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	least := metric.Interval{Value: 200}
	f := finding{runs: []string{"R05", "R01", "R27"}, roles: append([]string{"smooth"}, v.outliers("smooth")...)}
	for _, role := range v.outliers("smooth") {
		for _, general := range []string{"", "R01", "R27"} {
			area, n, err := v.area(ctx, seed, source{in: "R05", inRole: "smooth", outRole: role, general: general})
			if err != nil {
				return f, err
			}
			if area.Value < least.Value {
				least, f.images = area, n
				f.measured = fmt.Sprintf("least AUROC of raw and ratios, %% (%s, general %q)", role, general)
			}
		}
	}
	f.value, f.holds = least, least.Value > 90
	return f, nil
}

func judgeD6(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	means := map[bool][]float64{}
	var same []metric.Interval
	images := 0
	for _, in := range [][3]string{{"smooth", "R05", "R28"}, {"in", "R06", "R29"}, {"near", "R07", "R30"}} {
		if v.schedule.Roles.Set(in[0]) == "" {
			continue
		}
		for _, out := range v.outliers(in[0]) {
			for i, own := range in[1:] {
				for j, general := range []string{"R01", "R27"} {
					area, n, err := v.area(ctx, seed, source{in: own, inRole: in[0], outRole: out, general: general})
					if err != nil {
						return finding{}, err
					}
					means[i == j] = append(means[i == j], area.Value)
					images = max(images, n)
					if i == j {
						same = append(same, area)
					}
				}
			}
		}
	}
	own, _ := metric.OverSeeds(means[true])
	other, _ := metric.OverSeeds(means[false])
	return finding{measured: "mean AUROC over pairs, same family, %", value: meanInterval(same), holds: own >= other,
		runs: []string{"R05", "R06", "R07", "R28", "R29", "R30", "R01", "R27"}, roles: v.outliers(""), images: images, note: fmt.Sprintf("other family %.1f", other)}, nil
}

func judgeM1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	var area [4]metric.Interval
	images := 0
	for i, s := range []source{{}, {column: v.last()}, {general: "R01"}, {general: "R25"}} {
		s.in, s.inRole, s.outRole = "R26", "mri_one", "mri_others"
		var err error
		if area[i], images, err = v.area(ctx, seed, s); err != nil {
			return finding{}, err
		}
	}
	return finding{measured: "AUROC of the ratio to the own domain, %", value: area[3], runs: []string{"R26", "R25", "R01"}, roles: []string{"mri_one", "mri_others"}, images: images,
		holds: area[0].Value < area[1].Value && area[1].Value < area[2].Value && area[2].Value < area[3].Value,
		note:  fmt.Sprintf("raw %.1f, %s %.1f, ratio to general %.1f", area[0].Value, v.last(), area[1].Value, area[2].Value)}, nil
}
