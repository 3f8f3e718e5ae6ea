package fetch_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"strata/internal/fetch"
)

func ExampleGet() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello\n")
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "strata")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	set := fetch.Set{Name: "greeting", Title: "A greeting", Terms: "free", Files: []fetch.File{{
		Name: "hello.txt", URLs: []string{server.URL + "/hello.txt"}, Size: 6,
		SHA256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	}}}
	if err := fetch.Get(context.Background(), dir, set, fetch.Options{Out: os.Stderr}); err != nil {
		fmt.Println(err)
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "greeting", "hello.txt"))
	fmt.Print(string(text), err)
	// Output:
	// hello
	// <nil>
}

func ExampleFind() {
	set, err := fetch.Find("svhn")
	fmt.Println(set.Title, set.Files[0].Size, err)
	// Output: Street View House Numbers, cropped: 73,257 + 26,032 colour images 32x32 182040794 <nil>
}
