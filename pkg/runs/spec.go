package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"strata/pkg/classifier"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/opened"
	"strata/pkg/optimiser"
	"strata/pkg/plan"
	"strata/pkg/train"
)

// CodeVersion is part of every run's identity: raise it when a change to models or training makes the same Spec train to
// something else than rounding.
const CodeVersion = 4

// Spec is all that determines a run. Its hash is the run's address: asked for twice, it is trained once.
type Spec struct {
	Model models.Spec `json:"model"`
	// Classifier is the discriminative baseline, in the place of Model: In-distribution against Outliers.
	Classifier  *classifier.Config `json:"classifier,omitempty"`
	Train       train.Config       `json:"train"`
	Set         string             `json:"set"`
	SetHash     string             `json:"set_hash"`
	TrainImages int                `json:"train_images"`
	// Parent is the id of the run that this one is finetuned from, "" from scratch.
	Parent string `json:"parent,omitempty"`
	// Outliers is the set of outliers, with its hash, and General the id of the general model's run, where the loss wants them.
	Outliers     string `json:"outliers,omitempty"`
	OutliersHash string `json:"outliers_hash,omitempty"`
	General      string `json:"general,omitempty"`
	CodeVersion  int    `json:"code_version"`
}

// ID is a readable prefix, model, set and size, and twelve digits of the hash of the spec.
func (s Spec) ID() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain numbers and strings
	}
	sum := sha256.Sum256(text)
	model, numbers := s.Network(), ""
	if at := firstNumber.FindStringIndex(model); at != nil {
		model, numbers = model[:at[0]], model[at[0]:]
	}
	prefix := fmt.Sprintf("%s-%s-%s-s%d", slug(model), opened.SafeName(s.Set), slug(numbers), s.Train.Steps)
	if s.Parent != "" {
		prefix += "-ft"
	}
	if s.Train.Loss.Outliers != train.NoOutliers {
		prefix += "-" + string(s.Train.Loss.Outliers)
	}
	return prefix + "-" + hex.EncodeToString(sum[:6])
}

// firstNumber is where the numbers of a network's name begin: "Glow L3 K4".
var firstNumber = regexp.MustCompile(` [A-Z0-9]*\d`)

func slug(name string) string {
	return strings.Trim(notInSlugs.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

var notInSlugs = regexp.MustCompile(`[^a-z0-9]+`)

// Network says in a few words what was trained: "Glow L3 K4 H64".
func (s Spec) Network() string {
	if s.Classifier != nil {
		return fmt.Sprintf("WRN %d-%d", s.Classifier.Depth, s.Classifier.Widen)
	}
	model, err := s.Model.New()
	if err != nil {
		return "no model"
	}
	return model.String()
}

// architecture tells networks apart that are more than one another's weights.
func (s Spec) architecture() string {
	text, err := json.Marshal([]any{s.Model, s.Classifier})
	if err != nil {
		panic(err) // plain numbers and strings
	}
	return string(text)
}

// Request is a run that somebody wants.
type Request struct {
	Set string
	// Model is one of models.Names or plan.Classifier, "" for the first of these names; a parent's model is its own.
	Model  string
	Size   plan.Size
	Seed   uint64
	Parent *Run // nil from scratch
	// Loss, on images of the set Outliers, compares with General where it is Eq. 2. A classifier has Outliers and no loss.
	Loss     train.OutlierLoss
	Outliers string
	General  *Run
	// Labels makes a class-conditional model of the parent's and trains it with the wrong-class loss.
	Labels       bool
	FrozenScales int
	// Steps, Rate and Flip change the size's; zero values do not.
	Steps int
	Rate  float64
	Flip  *bool
	// Watch are sets whose scores are looked at while the run trains. They do not change it.
	Watch []string
}

// Spec works out what a request would train.
func (e *Engine) Spec(q Request) (Spec, error) {
	if err := q.Size.Validate(); err != nil {
		return Spec{}, err
	}
	set, hash, err := e.TrainingImages(q.Set, q.Size.TrainImages)
	if err != nil {
		return Spec{}, err
	}
	if q.Model == "" {
		q.Model = models.Names()[0]
	}
	spec := Spec{Set: q.Set, SetHash: hash, TrainImages: set.Len(), CodeVersion: CodeVersion}
	batch, steps := q.Size.BudgetOf(q.Model, q.Parent != nil)
	spec.Train = train.Config{Batch: batch, Steps: steps, Seed: q.Seed, Loss: train.PaperLoss(q.Loss, q.Labels),
		FrozenScales: q.FrozenScales, Precision: q.Size.Precision}
	var rule optimiser.Config
	var varied imageset.Augmentation
	if q.Model == plan.Classifier {
		network := q.Size.Classifier
		network.Height, network.Width, network.Channels, network.Classes = set.Height, set.Width, set.Channels, 2
		spec.Classifier, varied = &network, imageset.WideResNetAugmentation
		// The paper's rate falls after 60, 120 and 160 of 200 epochs: after these shares of any budget.
		rule = optimiser.PaperSGD(1)
		for i, epoch := range rule.DecayAt {
			rule.DecayAt[i] = steps * epoch / 200
		}
	} else {
		kind, err := q.network(&spec, set)
		if err != nil {
			return Spec{}, err
		}
		rule = q.Size.Optimiser.Apply(kind.Optimiser(imageset.BatchesPerEpoch(set.Len(), batch)))
		varied = kind.Augmentation
	}
	spec.Train.Augmentation = plan.Augmentation(q.Set, varied)
	if q.Flip != nil && varied.Flip {
		spec.Train.Augmentation.Flip = *q.Flip
	}
	if q.Outliers != "" {
		_, outliersHash, err := e.TrainingImages(q.Outliers, q.Size.TrainImages)
		if err != nil {
			return Spec{}, fmt.Errorf("outliers: %w", err)
		}
		spec.Outliers, spec.OutliersHash = q.Outliers, outliersHash
		spec.Train.OutlierAugmentation = plan.Augmentation(q.Outliers, varied)
	}
	if q.General != nil {
		spec.General = q.General.Info.ID
	}
	if q.Parent != nil {
		spec.Parent = q.Parent.Info.ID
		rule = q.Size.Finetuning(q.Outliers != "").Apply(rule)
	}
	spec.Train.Optimiser = rule
	if q.Steps > 0 {
		spec.Train.Steps = q.Steps
	}
	if q.Rate > 0 {
		spec.Train.Optimiser.Rate = q.Rate
	}
	if spec.Classifier != nil {
		return spec, errors.Join(spec.Classifier.Validate(), spec.Train.Validate())
	}
	_, err = spec.Model.New()
	return spec, errors.Join(err, spec.Train.Validate())
}

// network decides on a spec's model: the parent's, or that of the size, with classes where labels are asked for.
func (q Request) network(spec *Spec, set *imageset.Set) (models.Kind, error) {
	var err error
	if q.Parent != nil {
		spec.Model = q.Parent.Info.Spec.Model
	} else if spec.Model.Config, err = q.Size.Network(q.Model, set.Height, set.Width, set.Channels); err != nil {
		return models.Kind{}, err
	}
	if spec.Model.Config == nil {
		return models.Kind{}, fmt.Errorf("parent: run %s is of no density model", q.Parent.Info.ID)
	}
	if q.Labels {
		of, ok := spec.Model.Config.(glow.Config)
		if !ok {
			return models.Kind{}, fmt.Errorf("labels: a class-conditional model is made of a Glow's run, by Parent")
		}
		spec.Model.Config = glow.ClassConditionalConfig{Glow: of, Classes: len(set.Classes)}
	}
	kind, _ := spec.Model.Config.Cost()
	return models.KindOf(kind)
}
