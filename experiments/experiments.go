// Package experiments carries the declarations of this folder into the program: what a size is, which image sets play
// which role, and what each table and figure of the paper needs. They are data; package experiment reads them.
package experiments

import "embed"

//go:embed sizes.yaml sets.yaml configurations.yaml claims.yaml reasons.yaml bands.yaml paper/*.csv
var Files embed.FS
