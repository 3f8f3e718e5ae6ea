// Package notebook executes Go notebooks without Jupyter.
//
// It starts the real GoNB kernel, speaks the Jupyter protocol to it, and sees
// more than `jupyter nbconvert --execute` does: GoNB reports a failing shell
// line, a failing %%bash cell and an unknown %magic as success, and a kernel
// that died or a cell that never ends must be named too. A run is
//
//	gonb, err := notebook.EnsureTools(ctx, root)
//	nb, err := notebook.Load("notebooks/00_start_here.ipynb")
//	result, err := notebook.Execute(ctx, nb, notebook.Options{Gonb: gonb})
//	err = result.Notebook.Save("out/start.ipynb")
//
// The notebook on disk is only read: outputs go into a copy, because committed
// notebooks carry none.
package notebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Notebook is a Jupyter notebook, nbformat 4.5.
// https://nbformat.readthedocs.io/en/latest/format_description.html
type Notebook struct {
	Path     string          // absolute path it was loaded from, "" if from memory
	Cells    []Cell          // in order, of every type
	Metadata json.RawMessage // kernelspec and whatever editors keep, passed through
}

// Cell is one cell. Outputs and ExecutionCount belong to code cells only.
type Cell struct {
	ID             string
	Type           string // "code", "markdown" or "raw"
	Source         string
	Metadata       json.RawMessage
	Attachments    json.RawMessage
	Outputs        []Output
	ExecutionCount int // 0: not executed
}

// Output is one output of a code cell. Which fields count depends on Type.
type Output struct {
	Type           string                     // "stream", "display_data", "execute_result" or "error"
	Name           string                     // stream: "stdout" or "stderr"
	Text           string                     // stream
	Data           map[string]json.RawMessage // display_data, execute_result: by MIME type
	Metadata       json.RawMessage            // display_data, execute_result
	ExecutionCount int                        // execute_result
	Ename          string                     // error
	Evalue         string                     // error
	Traceback      []string                   // error
}

// maxNotebookBytes bounds what Load reads. Committed notebooks are a few
// kilobytes; one with outputs a few megabytes.
const maxNotebookBytes = 256 << 20

// Load reads the notebook at path. Only nbformat 4 with a Go kernel is
// accepted; cells without an id (older than 4.5) get one.
func Load(path string) (*Notebook, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("notebook %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("notebook: %w", err)
	}
	if info.Size() > maxNotebookBytes {
		return nil, fmt.Errorf("notebook %s: %d bytes, more than the %d that are read: remove its outputs", path, info.Size(),
			maxNotebookBytes)
	}
	data, err := os.ReadFile(abs)
	if err != nil {
		return nil, fmt.Errorf("notebook: %w", err)
	}
	nb, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("notebook %s: %w", path, err)
	}
	nb.Path = abs
	return nb, nil
}

// Parse decodes a notebook from its JSON.
func Parse(data []byte) (*Notebook, error) {
	var file notebookJSON
	if err := json.Unmarshal(data, &file); err != nil {
		var syntax *json.SyntaxError
		var mismatch *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("no JSON at byte %d: %w", syntax.Offset, err)
		case errors.As(err, &mismatch):
			return nil, fmt.Errorf("at byte %d, field %s is a %s, expected %s", mismatch.Offset, mismatch.Field, mismatch.Value,
				mismatch.Type)
		}
		return nil, err
	}
	if file.Format != 4 {
		return nil, fmt.Errorf("nbformat %d, expected 4: save it with a current Jupyter", file.Format)
	}
	if file.Cells == nil {
		return nil, errors.New("no cells: not a notebook")
	}
	if err := checkKernel(file.Metadata); err != nil {
		return nil, err
	}
	nb := &Notebook{Metadata: file.Metadata, Cells: make([]Cell, 0, len(file.Cells))}
	ids := map[string]bool{}
	for i, c := range file.Cells {
		switch c.Type {
		case "code", "markdown", "raw":
		default:
			return nil, fmt.Errorf("cell %d has type %q, expected code, markdown or raw", i+1, c.Type)
		}
		cell := Cell{
			ID: c.ID, Type: c.Type, Source: string(c.Source),
			Metadata: c.Metadata, Attachments: c.Attachments,
		}
		if cell.ID == "" {
			cell.ID = fmt.Sprintf("cell-%d", i+1)
		}
		if ids[cell.ID] {
			return nil, fmt.Errorf("cell %d has the id %q of an earlier cell: ids are unique", i+1, cell.ID)
		}
		ids[cell.ID] = true
		if c.Type == "code" {
			if c.ExecutionCount != nil {
				cell.ExecutionCount = *c.ExecutionCount
			}
			for _, o := range c.Outputs {
				cell.Outputs = append(cell.Outputs, o.output())
			}
		}
		nb.Cells = append(nb.Cells, cell)
	}
	return nb, nil
}

// checkKernel refuses notebooks of another language: their cells would all
// fail with compiler errors that explain nothing.
func checkKernel(metadata json.RawMessage) error {
	if len(metadata) == 0 {
		return nil
	}
	var meta struct {
		Kernel struct{ Name, Language string } `json:"kernelspec"`
	}
	if err := json.Unmarshal(metadata, &meta); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if k := meta.Kernel; k.Language != "" && k.Language != "go" {
		return fmt.Errorf("kernel %q speaks %s: only Go notebooks (kernel gonb) can be executed", k.Name, k.Language)
	}
	return nil
}

// Save writes the notebook to path, to the side first and then renamed, so
// that path never holds half of it. Folders are created. It refuses to write
// outputs over the notebook that was loaded: those stay out of git.
func (nb *Notebook) Save(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("notebook %s: %w", path, err)
	}
	if nb.HasOutputs() && sameFile(abs, nb.Path) {
		return fmt.Errorf("notebook %s: refusing to write outputs into the notebook itself: choose another path, or Strip it",
			path)
	}
	data, err := nb.Encode()
	if err != nil {
		return fmt.Errorf("notebook %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return fmt.Errorf("notebook: %w", err)
	}
	if err := renameio.WriteFile(abs, data, 0o644); err != nil {
		return fmt.Errorf("notebook %s: %w", path, err)
	}
	return nil
}

// sameFile reports whether both paths name one existing file, links resolved.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Strip returns a copy without outputs and execution counts: the form in which
// notebooks are committed.
func (nb *Notebook) Strip() *Notebook {
	bare := *nb
	bare.Cells = make([]Cell, len(nb.Cells))
	copy(bare.Cells, nb.Cells)
	for i := range bare.Cells {
		bare.Cells[i].Outputs = nil
		bare.Cells[i].ExecutionCount = 0
	}
	return &bare
}

// CodeCells is how many cells Execute executes.
func (nb *Notebook) CodeCells() int { return len(codeCells(nb)) }

// HasOutputs reports whether a cell holds an output or an execution count.
func (nb *Notebook) HasOutputs() bool {
	for _, c := range nb.Cells {
		if len(c.Outputs) > 0 || c.ExecutionCount != 0 {
			return true
		}
	}
	return false
}

// Encode returns the notebook as nbformat 4.5 JSON, laid out as Jupyter does:
// keys sorted, one space of indentation, text a list of lines.
func (nb *Notebook) Encode() ([]byte, error) {
	file := notebookJSON{Cells: []cellJSON{}, Metadata: orEmpty(nb.Metadata), Format: 4, Minor: 5}
	for _, c := range nb.Cells {
		out := cellJSON{ID: c.ID, Type: c.Type, Source: lines(c.Source), Metadata: orEmpty(c.Metadata),
			Attachments: c.Attachments}
		if c.Type == "code" {
			if c.ExecutionCount != 0 {
				out.ExecutionCount = &c.ExecutionCount
			}
			out.Outputs = []outputJSON{}
			for _, o := range c.Outputs {
				out.Outputs = append(out.Outputs, o.json())
			}
		}
		file.Cells = append(file.Cells, out)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(file); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return json.RawMessage("{}")
	}
	return raw
}

// The structs below are the file's own shape.

type notebookJSON struct {
	Cells    []cellJSON      `json:"cells"`
	Metadata json.RawMessage `json:"metadata"`
	Format   int             `json:"nbformat"`
	Minor    int             `json:"nbformat_minor"`
}

type cellJSON struct {
	Attachments    json.RawMessage `json:"attachments,omitempty"`
	Type           string          `json:"cell_type"`
	ExecutionCount *int            `json:"execution_count"`
	ID             string          `json:"id"`
	Metadata       json.RawMessage `json:"metadata"`
	Outputs        []outputJSON    `json:"outputs"`
	Source         lines           `json:"source"`
}

// MarshalJSON leaves out what only code cells may have: the schema forbids
// outputs and execution_count elsewhere and demands both, null included, there.
func (c cellJSON) MarshalJSON() ([]byte, error) {
	if c.Type == "code" {
		type code cellJSON
		return marshal(code(c))
	}
	return marshal(struct {
		Attachments json.RawMessage `json:"attachments,omitempty"`
		Type        string          `json:"cell_type"`
		ID          string          `json:"id"`
		Metadata    json.RawMessage `json:"metadata"`
		Source      lines           `json:"source"`
	}{c.Attachments, c.Type, c.ID, c.Metadata, c.Source})
}

// outputJSON has pointers where the schema demands a field that may be empty.
type outputJSON struct {
	Data           *map[string]json.RawMessage `json:"data,omitempty"`
	Ename          *string                     `json:"ename,omitempty"`
	Evalue         *string                     `json:"evalue,omitempty"`
	ExecutionCount *int                        `json:"execution_count,omitempty"`
	Metadata       json.RawMessage             `json:"metadata,omitempty"`
	Name           string                      `json:"name,omitempty"`
	Type           string                      `json:"output_type"`
	Text           *lines                      `json:"text,omitempty"`
	Traceback      *[]string                   `json:"traceback,omitempty"`
}

func (o outputJSON) output() Output {
	out := Output{Type: o.Type, Name: o.Name, Metadata: o.Metadata}
	if o.Data != nil {
		out.Data = *o.Data
	}
	if o.Text != nil {
		out.Text = string(*o.Text)
	}
	if o.ExecutionCount != nil {
		out.ExecutionCount = *o.ExecutionCount
	}
	if o.Ename != nil {
		out.Ename = *o.Ename
	}
	if o.Evalue != nil {
		out.Evalue = *o.Evalue
	}
	if o.Traceback != nil {
		out.Traceback = *o.Traceback
	}
	return out
}

func (o Output) json() outputJSON {
	out := outputJSON{Type: o.Type}
	switch o.Type {
	case "stream":
		text := lines(o.Text)
		out.Name, out.Text = o.Name, &text
	case "error":
		trace := o.Traceback
		if trace == nil {
			trace = []string{}
		}
		out.Ename, out.Evalue, out.Traceback = &o.Ename, &o.Evalue, &trace
	default:
		data := o.Data
		if data == nil {
			data = map[string]json.RawMessage{}
		}
		out.Data, out.Metadata = &data, orEmpty(o.Metadata)
		if o.Type == "execute_result" {
			out.ExecutionCount = &o.ExecutionCount
		}
	}
	return out
}

// lines is nbformat's multi-line text: in the file a list of lines, each with
// its newline, or one string.
type lines string

func (l *lines) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var list []string
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		*l = lines(strings.Join(list, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(l))
}

func (l lines) MarshalJSON() ([]byte, error) {
	list := []string{}
	for line := range strings.Lines(string(l)) {
		list = append(list, line)
	}
	return marshal(list)
}

// marshal is json.Marshal without turning <, > and & into \u escapes: Go code
// is full of them, and Jupyter writes them plainly.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
