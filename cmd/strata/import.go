package main

import "fmt"

type importCommand struct {
	File string `arg:"" help:"State dict (.pt, .pth) or NumPy archive (.npz)." type:"path"`
	Name string `required:"" help:"Name of the run to make." placeholder:"RUN"`
	In   string `help:"Set that the weights were trained on; strata score takes it for in-distribution." placeholder:"SET"`
}

func (importCommand) Help() string {
	return `Example: strata import glow_affine_coupling.pt --name public-cifar10 --in cifar10

Reads state dicts of y0ast/Glow-PyTorch (the explicitly conditioned Glow), and weights under strata's own names, such as tensors.npz of a checkpoint. The architecture is worked out from the tensors. No code in the file is run, and files that ask for some are refused. The last line printed is the run's name.`
}

func (c importCommand) Run(e *environment) error {
	engine, err := e.engine(false)
	if err != nil {
		return err
	}
	run, err := engine.Import(c.File, c.Name, c.In)
	if err != nil {
		return err
	}
	info := run.Info
	model, err := info.Spec.Model.New()
	if err != nil {
		return err
	}
	height, width, channels := model.Shape()
	fmt.Fprintf(e.err, "%s, weights of %s for %dx%dx%d images; in %s\n",
		model, info.Imported.Format, height, width, channels, run.Folder)
	fmt.Fprintln(e.out, info.ID)
	return nil
}
