package notebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say how a notebook is executed. Only Gonb must be set.
type Options struct {
	// Gonb is the kernel's program; EnsureTools finds it. goimports must lie
	// beside it or on the PATH.
	Gonb string

	// Dir is the kernel's working folder. Default: the notebook's folder, or
	// the current one for a notebook that was not loaded from a file.
	Dir string

	// Env is added to this process's environment, as NAME=VALUE.
	Env []string

	// CellTimeout bounds one cell, compilation included. Default: 10 minutes.
	CellTimeout time.Duration

	// StartTimeout bounds the kernel's start. Default: 1 minute.
	StartTimeout time.Duration

	// OnCell is called after each code cell that succeeded: the i-th of n,
	// counted from 1, and the seconds that it took.
	OnCell func(i, n int, seconds float64)
}

const (
	defaultCellTimeout  = 10 * time.Minute
	defaultStartTimeout = time.Minute

	// maxCellOutput bounds what one cell may print and draw, in bytes of
	// message: an endless loop that prints must not fill the memory first.
	maxCellOutput = 64 << 20
)

// Result is what an execution left.
type Result struct {
	Notebook *Notebook // copy with outputs, up to and including a failing cell
	Seconds  []float64 // per executed code cell
}

// Execute runs all code cells of nb in order on a kernel of its own and stops
// at the first that fails, which is returned as a *CellError beside what was
// executed so far. nb itself is not changed. When Execute returns, the kernel,
// what it started, and its temporary files are gone; cancelling ctx ends it
// early.
func Execute(ctx context.Context, nb *Notebook, options Options) (result *Result, err error) {
	name := nb.name()
	env, err := options.environment()
	if err != nil {
		return nil, fmt.Errorf("notebook %s: %w", name, err)
	}
	dir := options.Dir
	if dir == "" && nb.Path != "" {
		dir = filepath.Dir(nb.Path)
	}
	cellTimeout := options.CellTimeout
	if cellTimeout == 0 {
		cellTimeout = defaultCellTimeout
	}
	startTimeout := options.StartTimeout
	if startTimeout == 0 {
		startTimeout = defaultStartTimeout
	}

	startCtx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %v", startTimeout))
	k, err := startKernel(startCtx, options.Gonb, dir, env)
	if err != nil && startCtx.Err() != nil {
		err = context.Cause(startCtx)
	}
	cancel()
	if err != nil {
		return nil, fmt.Errorf("notebook %s: kernel %s does not start: %w", name, options.Gonb, err)
	}
	stop := context.AfterFunc(ctx, k.kill)
	defer func() {
		stop()
		err = errors.Join(err, k.close())
	}()

	executed := nb.Strip()
	result = &Result{Notebook: executed}
	run := &run{kernel: k, cells: map[string]*Cell{}, bytes: map[string]int{}, clear: map[string]bool{}}
	n := len(codeCells(executed))
	for i, index := range codeCells(executed) {
		cell := &executed.Cells[index]
		cell.ExecutionCount = i + 1
		started := time.Now()
		failed := run.cell(ctx, cell, cellTimeout)
		seconds := time.Since(started).Seconds()
		result.Seconds = append(result.Seconds, seconds)
		if failed != nil {
			failed.Notebook, failed.Cell, failed.Line = name, i+1, title(cell.Source)
			return result, failed
		}
		if options.OnCell != nil {
			options.OnCell(i+1, n, seconds)
		}
	}
	return result, nil
}

// name is how errors call the notebook.
func (nb *Notebook) name() string {
	if nb.Path == "" {
		return "(in memory)"
	}
	return filepath.Base(nb.Path)
}

// codeCells returns the indices of the cells to execute. Empty ones are left
// out, as Jupyter does.
func codeCells(nb *Notebook) []int {
	var indices []int
	for i, c := range nb.Cells {
		if c.Type == "code" && strings.TrimSpace(c.Source) != "" {
			indices = append(indices, i)
		}
	}
	return indices
}

// environment returns the kernel's environment, and errors for what it cannot
// do without.
func (o Options) environment() ([]string, error) {
	if o.Gonb == "" {
		return nil, errors.New("no kernel given: set Options.Gonb, see EnsureTools")
	}
	gonb, err := filepath.Abs(o.Gonb)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(gonb); err != nil {
		return nil, fmt.Errorf("kernel missing (%w): run `make tools`", err)
	}
	tools := filepath.Dir(gonb)
	if _, err := os.Stat(filepath.Join(tools, "goimports")); err != nil {
		if _, err := exec.LookPath("goimports"); err != nil {
			return nil, fmt.Errorf("goimports is neither in %s nor on the PATH: run `make tools`", tools)
		}
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, errors.New("the kernel needs the go command, which is not on the PATH: install Go from https://go.dev/dl")
	}
	return kernelEnv(os.Environ(), o.Env, tools), nil
}

// kernelEnv is base plus extra, made fit for the kernel:
//
//   - tools comes first on the PATH, for GoNB calls goimports by its name;
//   - GOWORK goes and -mod leaves GOFLAGS: the notebook's setup cell makes a
//     workspace, which GOWORK=off would hide and where -mod=mod is an error;
//   - GOEXPERIMENT=simd unless set, as wherever strata is built: without it
//     GoMLX's Go backend is tens of times slower.
func kernelEnv(base, extra []string, tools string) []string {
	var env []string
	path, flags, experiment := "", "", "simd"
	for _, entry := range append(slices.Clone(base), extra...) {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "PATH":
			path = value
		case "GOFLAGS":
			flags = value
		case "GOEXPERIMENT":
			if value != "" {
				experiment = value
			}
		case "GOWORK", "TMPDIR":
		default:
			env = append(env, entry)
		}
	}
	if path != "" {
		path = string(os.PathListSeparator) + path
	}
	flags = strings.Join(slices.DeleteFunc(strings.Fields(flags), func(flag string) bool {
		return strings.HasPrefix(strings.TrimLeft(flag, "-"), "mod=")
	}), " ")
	env = append(env, "PATH="+tools+path, "GOEXPERIMENT="+experiment)
	// An empty GOFLAGS would hide one that `go env -w` stored, so it stays unset.
	if flags != "" {
		env = append(env, "GOFLAGS="+flags)
	}
	return env
}

// run collects the outputs of one execution.
type run struct {
	kernel *kernel
	cells  map[string]*Cell // by the id of the execute_request
	bytes  map[string]int   // printed and drawn so far, by the same id
	clear  map[string]bool  // clear the outputs before the next one
	shown  []*display       // outputs that update_display_data may replace
	marks  []string         // what GoNB itself said on standard error in this cell
}

type display struct {
	id    string
	cell  *Cell
	index int
}

// cell executes one cell and returns nil or why it failed.
func (r *run) cell(ctx context.Context, cell *Cell, timeout time.Duration) *CellError {
	id, err := r.kernel.send("execute_request", map[string]any{
		"code": cell.Source, "silent": false, "store_history": true,
		"user_expressions": map[string]any{}, "allow_stdin": false, "stop_on_error": true,
	})
	if err != nil {
		return r.lost(ctx, err)
	}
	r.cells[id] = cell
	r.marks = nil
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	var reply *executeReply
	for idle := false; !idle || reply == nil; {
		select {
		case <-limit.C:
			r.kernel.kill()
			return &CellError{Reason: fmt.Sprintf("did not end within %v and was killed", timeout),
				Details: tail(text(cell.Outputs))}
		case msg, ok := <-r.kernel.messages:
			switch {
			case !ok:
				return r.lost(ctx, r.kernel.death(ctx))
			case !msg.iopub && msg.kind == "execute_reply" && msg.parent == id:
				reply = new(executeReply)
				if err := json.Unmarshal(msg.content, reply); err != nil {
					return &CellError{Reason: fmt.Sprintf("the kernel's reply cannot be read: %v", err)}
				}
			case msg.iopub && msg.kind == "status" && msg.parent == id:
				idle = strings.Contains(string(msg.content), `"idle"`)
			case msg.iopub:
				if err := r.output(msg.message); err != nil {
					r.kernel.kill()
					return &CellError{Reason: err.Error(), Details: tail(text(cell.Outputs))}
				}
			}
		}
	}
	return failure(cell, *reply, r.marks)
}

// lost is the error of a cell during which the connection broke.
func (r *run) lost(ctx context.Context, err error) *CellError {
	if ctx.Err() != nil {
		return &CellError{Reason: "stopped: " + context.Cause(ctx).Error(), cause: context.Cause(ctx)}
	}
	return &CellError{Reason: err.Error(), Details: r.kernel.lastLines(6)}
}

// output files one iopub message under the cell that caused it: what is drawn
// late, after a cell's end, still belongs to that cell.
func (r *run) output(msg message) error {
	cell := r.cells[msg.parent]
	if cell == nil {
		return nil
	}
	r.bytes[msg.parent] += len(msg.content)
	if r.bytes[msg.parent] > maxCellOutput {
		return fmt.Errorf("printed or drew more than %d MiB and was killed", maxCellOutput>>20)
	}
	var content struct {
		Name, Text string
		Data       map[string]json.RawMessage
		Metadata   json.RawMessage
		Transient  struct {
			DisplayID string `json:"display_id"`
		}
		ExecutionCount int `json:"execution_count"`
		Ename, Evalue  string
		Traceback      []string
		Wait           bool
	}
	var out Output
	switch msg.kind {
	case "stream", "display_data", "execute_result", "error", "update_display_data", "clear_output":
		if err := json.Unmarshal(msg.content, &content); err != nil {
			return fmt.Errorf("the kernel's %s message cannot be read: %w", msg.kind, err)
		}
		out = Output{
			Type: msg.kind, Name: content.Name, Text: content.Text, Data: content.Data, Metadata: content.Metadata,
			ExecutionCount: content.ExecutionCount, Ename: content.Ename, Evalue: content.Evalue, Traceback: content.Traceback,
		}
	default:
		return nil
	}
	switch msg.kind {
	case "update_display_data":
		for _, d := range r.shown {
			if d.id == content.Transient.DisplayID && d.index < len(d.cell.Outputs) {
				d.cell.Outputs[d.index].Data, d.cell.Outputs[d.index].Metadata = out.Data, out.Metadata
			}
		}
		return nil
	case "clear_output":
		r.clear[msg.parent] = true
		if content.Wait {
			return nil
		}
	}
	if r.clear[msg.parent] {
		delete(r.clear, msg.parent)
		cell.Outputs = nil
		r.shown = slices.DeleteFunc(r.shown, func(d *display) bool { return d.cell == cell })
	}
	switch last := len(cell.Outputs) - 1; {
	case msg.kind == "clear_output":
	case msg.kind == "stream":
		if content.Name == "stderr" && kernelSays.MatchString(content.Text) {
			r.marks = append(r.marks, content.Text)
		}
		// Programs print in many small pieces; a notebook file holds them joined.
		if last >= 0 && cell.Outputs[last].Type == "stream" && cell.Outputs[last].Name == content.Name {
			cell.Outputs[last].Text += content.Text
		} else {
			cell.Outputs = append(cell.Outputs, out)
		}
	default:
		cell.Outputs = append(cell.Outputs, out)
		if content.Transient.DisplayID != "" {
			r.shown = append(r.shown, &display{content.Transient.DisplayID, cell, last + 1})
		}
	}
	return nil
}
