package figure

import "strings"

// The roles that sets play in an evaluation.
const (
	roleIn      = "in"
	roleGeneral = "general"
	roleSmooth  = "smooth"
	roleFar     = "far"
	roleNear    = "near"
	roleFaces   = "faces"
	roleFurther = "further"
)

// The configurations that figures are of (experiments/configurations.yaml).
const (
	glowGeneral           = "glow-general"
	glowSmooth            = "glow-smooth"
	glowIn                = "glow-in"
	glowNear              = "glow-near"
	glowSmoothFromGeneral = "glow-smooth-from-general"
	glowInFromGeneral     = "glow-in-from-general"
	glowNearFromGeneral   = "glow-near-from-general"
	glowSmoothFromItself  = "glow-smooth-from-itself"
	glowInFromItself      = "glow-in-from-itself"
	glowNearFromItself    = "glow-near-from-itself"
	glowInOutlierLoss     = "glow-in-outlier-loss"
	glowInMarginLoss      = "glow-in-margin-loss"
	patchIn               = "patch-in"
	denseIn               = "dense-in"
)

// words is what people call a configuration. Glows of a set alone are trained from scratch.
var words = map[string]string{
	glowGeneral:           "the Glow of general",
	glowSmooth:            "the Glow of smooth",
	glowIn:                "the Glow of in",
	glowNear:              "the Glow of near",
	glowSmoothFromGeneral: "the finetuned Glow of smooth",
	glowInFromGeneral:     "the finetuned Glow of in",
	glowNearFromGeneral:   "the finetuned Glow of near",
	glowSmoothFromItself:  "the Glow of smooth, trained on",
	glowInFromItself:      "the Glow of in, trained on",
	glowNearFromItself:    "the Glow of near, trained on",
	glowInOutlierLoss:     "the Glow of in with the outlier loss",
	glowInMarginLoss:      "the Glow of in with the margin loss",
	patchIn:               "the local Glow of in",
	denseIn:               "the dense Glow of in",
}

// inWords says what a column of the score files is of: "c3 of the Glow of in" is glow-in/c3.
func inWords(column string) string {
	if role, ok := strings.CutPrefix(column, "pseudo_"); ok {
		return "the pixel differences of " + role
	}
	configuration, scale, ok := strings.Cut(column, "/")
	said := words[configuration]
	if said == "" {
		return column
	}
	if ok {
		return scale + " of " + said
	}
	return said
}

// allInWords says it of several.
func allInWords(columns []string) []string {
	said := make([]string, len(columns))
	for i, c := range columns {
		said[i] = inWords(c)
	}
	return said
}
