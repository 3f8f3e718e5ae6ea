package notebook

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-zeromq/zmq4"
)

// kernel is one running GoNB process and the two channels to it: shell
// (requests and replies) and iopub (all that cells print and draw).
//
// Everything that it writes lies in dir, which is also its TMPDIR: close kills
// the process group and removes the folder, so nothing is left, however the
// kernel ended.
type kernel struct {
	dir      string
	key      []byte
	session  string
	requests int

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	status error         // why it ended; read after exited

	shell, iopub zmq4.Socket
	readers      sync.WaitGroup
	dropping     chan struct{} // closed by close: readers throw away what still comes
	messages     chan received // closed when both channels have ended
}

// received is a message and the channel it came from.
type received struct {
	message
	iopub bool
}

// socketPathMax keeps a socket's path within the 104 bytes that the strictest
// of the Unixes (macOS) allows.
const socketPathMax = 100

// startKernel starts gonb in folder workDir with environment env and waits
// until it answers. The sockets are Unix sockets in a private folder rather
// than TCP ports: a port chosen now may be another program's a moment later,
// and any local user could connect to it.
func startKernel(ctx context.Context, gonb, workDir string, env []string) (_ *kernel, err error) {
	dir, err := os.MkdirTemp("", "strata-kernel-")
	if err == nil && len(dir)+len("/s-1") > socketPathMax {
		os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "strata-kernel-")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create a folder for the kernel: %w", err)
	}
	k := &kernel{
		dir: dir, key: randomHex(32), session: string(randomHex(16)),
		exited: make(chan struct{}), dropping: make(chan struct{}), messages: make(chan received, 64),
	}
	defer func() {
		if err != nil {
			if said := k.lastLines(6); said != "" {
				err = fmt.Errorf("%w\n%s", err, said)
			}
			k.close()
		}
	}()

	// The name kernel-ID.json is where GoNB reads the kernel's id.
	connection := filepath.Join(dir, "kernel-"+k.session+".json")
	info, err := json.Marshal(map[string]any{
		"transport": "ipc", "ip": filepath.Join(dir, "s"),
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
		"signature_scheme": "hmac-sha256", "key": string(k.key), "kernel_name": "gonb",
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(connection, info, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the kernel's connection file: %w", err)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create a folder for the kernel: %w", err)
	}

	// A file and no pipe: a pipe's end could be held open by a grandchild long
	// after the kernel is gone.
	logFile, err := os.Create(k.logPath())
	if err != nil {
		return nil, fmt.Errorf("cannot create the kernel's log: %w", err)
	}
	defer logFile.Close()
	k.cmd = exec.Command(gonb, "--kernel", connection, "--raw_error")
	k.cmd.Dir = workDir
	k.cmd.Env = append(env, "TMPDIR="+tmp)
	k.cmd.Stdout, k.cmd.Stderr = logFile, logFile
	k.cmd.SysProcAttr = processAttr()
	if err := k.start(); err != nil {
		k.cmd = nil
		return nil, fmt.Errorf("cannot start the kernel: %w", err)
	}

	// Whatever the steps below wait for ends when the kernel is dead.
	stop := context.AfterFunc(ctx, k.kill)
	defer stop()
	if err := k.connect(ctx); err != nil {
		return nil, err
	}
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

func randomHex(n int) []byte {
	raw := make([]byte, n)
	rand.Read(raw) // never fails
	return hex.AppendEncode(nil, raw)
}

// start starts the process and waits for its end in the background. Linux
// sends the parent-death signal when the thread that started the child ends,
// so that thread is kept until then.
func (k *kernel) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := k.cmd.Start()
		started <- err
		if err == nil {
			k.status = k.cmd.Wait()
			close(k.exited)
		}
	}()
	return <-started
}

// connect dials both sockets as soon as the kernel listens on them.
func (k *kernel) connect(ctx context.Context) error {
	options := []zmq4.Option{
		zmq4.WithDialerMaxRetries(0), // retried here, where a dead kernel is seen
		zmq4.WithLogger(log.New(io.Discard, "", 0)),
	}
	k.shell = zmq4.NewDealer(context.Background(), options...)
	k.iopub = zmq4.NewSub(context.Background(), options...)
	if err := k.iopub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		return err
	}
	dial := func(socket zmq4.Socket, port int) error {
		for {
			err := socket.Dial(fmt.Sprintf("ipc://%s-%d", filepath.Join(k.dir, "s"), port))
			if err == nil {
				return nil
			}
			select {
			case <-k.exited:
				return k.death(ctx)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	for port, socket := range []zmq4.Socket{k.shell, k.iopub} {
		if err := dial(socket, port+1); err != nil {
			return err
		}
		k.readers.Go(func() { k.read(socket, socket == k.iopub) })
	}
	go func() {
		k.readers.Wait()
		close(k.messages)
	}()
	return nil
}

// read passes on what comes from socket until the kernel's end of it is closed.
// It goes on reading after close was called, for zmq4's own goroutine would
// otherwise be stuck with a message that nobody takes.
func (k *kernel) read(socket zmq4.Socket, iopub bool) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		msg, err := decode(k.key, raw.Frames)
		if err != nil {
			continue // not from our kernel
		}
		select {
		case k.messages <- received{msg, iopub}:
		case <-k.dropping:
		}
	}
}

// ready waits until the kernel has answered a request on both channels. A
// subscription takes effect some time after the connection, and what was
// published before it is lost, so the request is repeated until iopub speaks.
func (k *kernel) ready(ctx context.Context) error {
	var replied, published bool
	if _, err := k.send("kernel_info_request", struct{}{}); err != nil {
		return err
	}
	var again <-chan time.Time
	for !replied || !published {
		select {
		case msg, ok := <-k.messages:
			if !ok {
				return k.death(ctx)
			}
			if msg.iopub {
				published = true
			} else if msg.kind == "kernel_info_reply" {
				replied = true
				again = time.After(100 * time.Millisecond)
			}
		case <-again:
			again = nil
			if _, err := k.send("kernel_info_request", struct{}{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// send puts a request on the shell channel and returns its id.
func (k *kernel) send(kind string, content any) (id string, err error) {
	k.requests++
	id = fmt.Sprintf("%s-%d", k.session, k.requests)
	frames, err := encode(k.key, k.session, id, kind, content, time.Now())
	if err != nil {
		return "", err
	}
	if err := k.shell.SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
		return "", fmt.Errorf("cannot send %s to the kernel: %w", kind, err)
	}
	return id, nil
}

// death says why the kernel is gone. It is called when the connection is lost
// or the process has ended.
func (k *kernel) death(ctx context.Context) error {
	select {
	case <-k.exited:
	case <-time.After(5 * time.Second):
		return errors.New("the kernel closed its connection")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	reason := "exit status 0"
	if k.status != nil {
		reason = k.status.Error()
	}
	return fmt.Errorf("the kernel died (%s)", reason)
}

func (k *kernel) logPath() string { return filepath.Join(k.dir, "kernel.log") }

// lastLines returns the end of what the kernel wrote to its standard error.
func (k *kernel) lastLines(n int) string {
	data, err := os.ReadFile(k.logPath())
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(plain(string(data)), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// kill ends the kernel and all it started, at once.
func (k *kernel) kill() {
	if k.cmd != nil && k.cmd.Process != nil {
		syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// close kills the kernel's process group, ends its goroutines and removes its
// folder. A polite shutdown_request would only let the kernel remove part of
// that folder itself.
func (k *kernel) close() error {
	close(k.dropping)
	if k.cmd != nil {
		k.kill()
		<-k.exited
		k.kill() // children that outlived a kernel that had died before
		k.readers.Wait()
		k.waitGroup(time.Second)
	}
	for _, socket := range []zmq4.Socket{k.shell, k.iopub} {
		if socket != nil {
			socket.Close()
		}
	}
	// A process that is just dying may still create a file; hence the retries.
	var err error
	for range 20 {
		if err = os.RemoveAll(k.dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("cannot remove the kernel's folder: %w", err)
}

// waitGroup waits until no process of the kernel's group is left, at most for
// limit: in a container whose first process reaps nothing, zombies stay.
func (k *kernel) waitGroup(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if syscall.Kill(-k.cmd.Process.Pid, 0) == syscall.ESRCH {
			return
		}
	}
}
