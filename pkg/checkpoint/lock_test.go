package checkpoint

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childLocks holds the lock until it is killed.
func childLocks(dir string) {
	if _, err := Lock(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	time.Sleep(time.Minute)
}

func TestLockRefusesASecondProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd := child("lock", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "locked\n", line)

	_, err = Lock(dir)
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("in use by process %d:", cmd.Process.Pid))
	assertOneLine(t, err)

	require.NoError(t, cmd.Process.Kill()) // a killed process leaves nothing to clear away
	require.ErrorContains(t, cmd.Wait(), "killed")
	unlock, err := Lock(dir)
	require.NoError(t, err)
	unlock()
}

func TestUnlock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	require.NoError(t, err)
	_, err = Lock(dir)
	require.ErrorContains(t, err, fmt.Sprintf("process %d:", os.Getpid()))
	require.NoError(t, Save(dir, state(1), 1), "the owner can save")
	unlock()
	unlock() // twice is once
	again, err := Lock(dir)
	require.NoError(t, err)
	unlock() // and does not take the lock from a later owner
	_, err = Lock(dir)
	assert.Error(t, err)
	again()
}

// A second one waits, is told once for whom, and has the lock when the first is done; or it gives up when it is
// stopped.
func TestLockWhenFree(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	_, err = LockWhenFree(ctx, dir, func(string) { stop() })
	require.ErrorIs(t, err, context.Canceled)

	var told []string
	second, err := LockWhenFree(t.Context(), dir, func(owner string) {
		told = append(told, owner)
		time.AfterFunc(500*time.Millisecond, unlock)
	})
	require.NoError(t, err)
	require.Equal(t, []string{strconv.Itoa(os.Getpid())}, told)
	second()
	second, err = LockWhenFree(t.Context(), dir, func(string) { t.Error("it is free") })
	require.NoError(t, err)
	second()
	_, err = LockWhenFree(t.Context(), filepath.Join(dir, "lock"), nil)
	require.ErrorContains(t, err, dir, "what is wrong is no reason to wait")
}

func ExampleLock() {
	dir, err := os.MkdirTemp("", "strata")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	unlock, err := Lock(dir)
	if err != nil {
		fmt.Println(err) // in use by process 1234: wait for it to end, or stop it
		return
	}
	defer unlock()
	fmt.Println(Save(dir, &State{Step: 1}, 1))
	// Output: <nil>
}
