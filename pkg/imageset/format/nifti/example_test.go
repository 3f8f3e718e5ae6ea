package nifti_test

import (
	"fmt"
	"os"

	"strata/pkg/imageset/format/nifti"
)

func ExampleRead() {
	file, err := os.Open("testdata/int16_scaled.nii.gz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	v, err := nifti.Read(file, 256*256*256)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.X, v.Y, v.Z, "voxels; at the origin:", v.At(0, 0, 0))
	// Output: 12 10 5 voxels; at the origin: 4497
}
