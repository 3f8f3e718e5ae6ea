package train_test

import (
	"fmt"

	"strata/pkg/train"
)

// Eq. 2 of the paper on outliers of another set, with labels.
func ExamplePaperLoss() {
	loss := train.PaperLoss(train.Eq2, true)
	fmt.Println(loss.Temperature, loss.Lambda, loss.NeedsGeneral(), loss.Validate())
	// Output: 1000 6000 true <nil>
}
