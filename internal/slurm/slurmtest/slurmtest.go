// Package slurmtest runs a Slurm cluster of one node for a test: the real munged, slurmctld and slurmd, on ports and in
// folders of their own, as the test's user.
package slurmtest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Start starts a cluster, points sbatch, squeue and scontrol at it by SLURM_CONF, and stops it when the test ends. It
// returns a folder for scripts and logs, with a blank in its name as people have them. Without the programs the test is
// skipped, and says how to get them.
func Start(t *testing.T) (folder string) {
	t.Helper()
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin" // Debian keeps daemons there
	t.Setenv("PATH", path)
	for _, program := range []string{"munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge", program)
		}
	}
	// A socket's path is short: not t.TempDir.
	dir, err := os.MkdirTemp("", "slurm")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"state", "spool", "shared files"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	require.NoError(t, os.Chmod(dir, 0o755)) // munged wants its socket reachable

	me, err := user.Current()
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	host, _, _ = strings.Cut(host, ".")
	ports := freePorts(t, 2)
	key := make([]byte, 128)
	rand.Read(key)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "munge.key"), key, 0o400))
	// cred_expire: a requeued task waits as long before it starts again.
	conf := fmt.Sprintf(`ClusterName=test
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[2]d
SlurmdPort=%[3]d
SlurmUser=%[4]s
SlurmdUser=%[4]s
AuthType=auth/munge
AuthInfo=socket=%[5]s/munge.socket,cred_expire=5
StateSaveLocation=%[5]s/state
SlurmdSpoolDir=%[5]s/spool
SlurmctldPidFile=%[5]s/slurmctld.pid
SlurmdPidFile=%[5]s/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,sched_min_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
OverTimeLimit=0
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=%[1]s Default=YES State=UP
`, host, ports[0], ports[1], me.Username, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "slurm.conf"), []byte(conf), 0o644))
	t.Setenv("SLURM_CONF", filepath.Join(dir, "slurm.conf"))

	daemon(t, dir, "munged", "--foreground", "--force", "--socket="+dir+"/munge.socket", "--key-file="+dir+"/munge.key",
		"--pid-file="+dir+"/munge.pid", "--log-file="+dir+"/munge.log", "--seed-file="+dir+"/munge.seed")
	waitFor(t, dir, "munged's socket", func() bool {
		_, err := os.Stat(dir + "/munge.socket")
		return err == nil
	})
	daemon(t, dir, "slurmctld", "-D", "-c", "-i")
	daemon(t, dir, "slurmd", "-D", "-N", host)
	waitFor(t, dir, "an idle node", func() bool {
		out, err := exec.Command("sinfo", "--noheader", "--format=%T").Output()
		return err == nil && strings.HasPrefix(string(out), "idle")
	})
	return filepath.Join(dir, "shared files")
}

// daemon runs a program until the test ends; dir/PROGRAM.out keeps what it says.
func daemon(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, program+".out"))
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		out.Close()
	})
}

func waitFor(t *testing.T, dir, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if there() {
			return
		}
	}
	var said bytes.Buffer
	outs, _ := filepath.Glob(filepath.Join(dir, "*.out"))
	for _, out := range outs {
		text, _ := os.ReadFile(out)
		fmt.Fprintf(&said, "%s:\n%s\n", filepath.Base(out), text)
	}
	t.Fatalf("no %s after 30 s\n%s", what, &said)
}

// Wait waits until the queue is empty.
func Wait(t *testing.T, limit time.Duration) {
	t.Helper()
	var queue []byte
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var err error
		queue, err = exec.Command("squeue", "--noheader", "--array", "--format=%i %j %T %r").CombinedOutput()
		require.NoError(t, err, string(queue))
		if len(bytes.TrimSpace(queue)) == 0 {
			return
		}
	}
	t.Fatalf("still queued after %s:\n%s", limit, queue)
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
