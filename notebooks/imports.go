// Package notebooks holds the notebooks and keeps in go.mod what only they import.
//
// A notebook's cells are compiled in a workspace of this module (GoNB's scratch
// module requires nothing itself), so every package that a cell imports must
// come from a module in strata's go.mod, at the version there; `go mod tidy`
// would drop those that no Go file of strata names. Cells are invisible to it,
// this file is not.
package notebooks

import (
	_ "github.com/janpfeifer/gonb/gonbui" // pictures and text in the notebook
	_ "gonum.org/v1/plot"                 // figures
	_ "gonum.org/v1/plot/plotter"
	_ "gonum.org/v1/plot/vg"
)
