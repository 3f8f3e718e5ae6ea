package claim

import (
	"testing"

	"strata/pkg/metric"

	"github.com/stretchr/testify/require"
)

// An AUROC's interval ends where AUROCs do, whether few seeds or few images make it wide; that of a difference need not.
func TestBounded(t *testing.T) {
	wide := metric.Interval{Value: 95, Low: 84, High: 106}
	require.Equal(t, metric.Interval{Value: 95, Low: 84, High: 100}, quantity{percent: true}.bounded(wide))
	require.Equal(t, wide, quantity{}.bounded(wide))
	still := metric.Interval{Value: 100, Low: 100, High: 100}
	require.Equal(t, metric.Interval{Value: 100, Low: 97, High: 100}, quantity{percent: true, hidden: 3}.bounded(still))
	require.Equal(t, still, quantity{}.bounded(still))
}
