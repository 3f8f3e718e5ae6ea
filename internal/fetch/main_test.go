package fetch

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary is also the child that is killed or runs out of disk.
func TestMain(m *testing.M) {
	dir, url := os.Getenv("FETCH_CHILD_DIR"), os.Getenv("FETCH_CHILD_URL")
	if dir == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("FETCH_CHILD_LIMIT") != "" { // the disk ends after 64 KiB
		limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	}
	if err := Get(context.Background(), dir, setOf(url), Options{Out: os.Stdout}); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The table is data: what a typing error could break is checked.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, s := range Sets() {
		t.Run(s.Name, func(t *testing.T) {
			require.Regexp(t, `^[a-z0-9_]+$`, s.Name)
			require.False(t, names[s.Name], "twice")
			names[s.Name] = true
			require.NotEmpty(t, s.Title)
			require.NotEmpty(t, s.Terms)
			require.NotContains(t, s.Title+s.Terms+s.Manual, "\n")
			require.True(t, s.Manual != "" || len(s.Files) > 0)
			files := map[string]bool{}
			for _, f := range s.Files {
				require.Regexp(t, `^[A-Za-z0-9][\w.-]*$`, f.Name)
				require.False(t, files[f.Name] || files[f.Unpack], "%s twice", f.Name)
				files[f.Name] = true
				if f.Unpack != "" {
					require.Regexp(t, `^[A-Za-z0-9][\w-]*$`, f.Unpack)
					require.Regexp(t, `\.(zip|tar\.gz)$`, f.Name)
					files[f.Unpack] = true
				}
				require.Equal(t, s.Manual == "", len(f.URLs) > 0, "%s: either a URL or a way by hand", f.Name)
				for _, u := range f.URLs {
					require.Regexp(t, `^https?://[\w.-]+/(\S+/)?`+f.Name+`$`, u)
				}
				for _, hash := range []string{f.SHA256, f.Content} {
					require.Regexp(t, `^([0-9a-f]{64})?$`, hash)
				}
				require.Regexp(t, `^([0-9a-f]{32})?$`, f.MD5)
				require.True(t, f.SHA256 == "" || f.MD5 == "" && f.Size > 0, "%s: the md5 is for where there is no sha256", f.Name)
				if s.Manual == "" {
					require.NotEmpty(t, f.SHA256+f.MD5, f.Name)
				}
			}
		})
	}
	require.Len(t, names, 12)
	_, err := Find("cifar11")
	require.ErrorContains(t, err, `no set "cifar11" to get: choose from cifar10, cifar100, svhn`)
}
