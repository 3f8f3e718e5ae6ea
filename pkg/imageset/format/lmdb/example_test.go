package lmdb_test

import (
	"fmt"
	"os"

	"strata/pkg/imageset/format/lmdb"
)

func ExampleOpen() {
	file, err := os.Open("testdata/tiny.mdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := lmdb.Open(file, info.Size())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Entries, "entries")
	err = db.Each(func(key []byte, value lmdb.Value) error {
		data, err := value.Read(1 << 20)
		fmt.Printf("%s has %d bytes\n", key, len(data))
		return err
	})
	fmt.Println(err)
	// Output:
	// 5 entries
	// key0 has 0 bytes
	// key2 has 2 bytes
	// key3 has 3 bytes
	// key4 has 4 bytes
	// large has 3000 bytes
	// <nil>
}
