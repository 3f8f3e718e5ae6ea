// Package fetch brings the image sets of the paper to STRATA_DATA: it downloads
// files over HTTP, resumes, checks them against published hashes, unpacks
// archives, and writes down what it did.
//
// Servers and archives are taken for what they may be: every length is bounded
// by what the table promises or by a limit, nothing gets its name before its
// hash is right, and no entry of an archive leaves its folder. Nothing that
// lies there already is overwritten.
//
//	STRATA_DATA/NAME/                 the set
//	STRATA_DATA/NAME/.fetched.json    what was fetched, from where, and every file's sha256
//	STRATA_DATA/NAME/FILE.part        a download that goes on with the next call
//	STRATA_DATA/NAME/FILE.part.json   which version of which URL it is a part of
//	STRATA_DATA/NAME/FILE.bad         what came with a wrong hash, for a look
//	STRATA_DATA/.NAME.lock            held while a get is at work
package fetch

import (
	"fmt"
	"slices"
	"strings"
)

// Set is an image set that strata can use.
type Set struct {
	Name  string // the folder below STRATA_DATA
	Title string
	Terms string // licence or terms, in one line
	Files []File // in the order in which they are fetched
	// Manual says how to come by a set that cannot simply be downloaded; it is
	// empty for the others. The Files of such a set have no URLs: those that a
	// person has are checked, and taken from a folder ([Options.From]).
	Manual string
}

// Size returns the bytes of all files, as far as they are published.
func (s Set) Size() int64 {
	size := int64(0)
	for _, f := range s.Files {
		size += f.Size
	}
	return size
}

// File is one file of a set as its publisher offers it.
type File struct {
	Name   string   // in the set's folder
	URLs   []string // mirrors, tried in this order
	Size   int64    // bytes; 0 where it is not published
	SHA256 string   // hex, as published; may be empty
	MD5    string   // hex, where it is all that is published
	// Content is the sha256 (hex) of what the .gz holds, where that is published
	// too: a file that was compressed anew is accepted by it.
	Content string
	// Unpack is the folder that the archive becomes, in the set's folder: the
	// archive's own top folder, or a new one where it has none. Files are kept as
	// they are where it is empty.
	Unpack string
}

// Sets returns the sets that strata can use.
func Sets() []Set { return slices.Clone(sets) }

// Find returns the set of that name. An unknown name is an error that lists
// those known.
func Find(name string) (Set, error) {
	var names []string
	for _, s := range sets {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Set{}, fmt.Errorf("no set %q to get: choose from %s", name, strings.Join(names, ", "))
}

// Where the numbers come from. TFDS is the repository tensorflow/datasets:
// tensorflow_datasets/url_checksums/NAME.txt lists URL, bytes and sha256.
//
//	cifar10, cifar100    TFDS cifar10.txt, cifar100.txt
//	svhn                 TFDS svhn_cropped.txt; pytorch/vision's prototype datasets list the same
//	mnist                TFDS mnist.txt; pytorch/vision lists the mirror and md5s of the same files. Content: as many
//	                     projects list them, and equal to what shared/data/mnist holds, whose compression differs
//	fashion_mnist        TFDS fashion_mnist.txt. Content: as listed for the files of zalandoresearch/fashion-mnist, and
//	                     equal to what shared/data/fashion_mnist holds; its two label files are the publisher's bytes
//	lsun                 TFDS lsun.txt; pytorch/vision's prototype datasets list the same
//	tinyimagenet         TFDS tiny_imagenet.txt; several projects list the same
//	random300k           kkirchheim/pytorch-ood, class TinyImages300k: only an md5, no size
//	celeba               TFDS celeb_a.txt; pytorch/tutorials lists the same for its own copy
//	imagenet32           none: image-net.org offers at least two releases of its npz zips (TFDS imagenet_resized.txt has
//	                     the older), and of the others no hash is published
var sets = []Set{
	{
		Name: "cifar10", Title: "CIFAR-10, binary version: 60,000 colour images 32x32, 10 classes",
		Terms: "no licence stated; cite Krizhevsky 2009",
		Files: []File{{
			Name: "cifar-10-binary.tar.gz", Size: 170052171, Unpack: "cifar-10-batches-bin",
			SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
			URLs: []string{
				"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
				"https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
			},
		}},
	},
	{
		Name: "cifar100", Title: "CIFAR-100, binary version: 60,000 colour images 32x32, 100 classes",
		Terms: "no licence stated; cite Krizhevsky 2009",
		Files: []File{{
			Name: "cifar-100-binary.tar.gz", Size: 168513733, Unpack: "cifar-100-binary",
			SHA256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
			URLs:   []string{"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"},
		}},
	},
	{
		Name: "svhn", Title: "Street View House Numbers, cropped: 73,257 + 26,032 colour images 32x32",
		Terms: "for non-commercial use only",
		Files: []File{
			{Name: "train_32x32.mat", Size: 182040794,
				SHA256: "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
				URLs:   []string{"http://ufldl.stanford.edu/housenumbers/train_32x32.mat"}},
			{Name: "test_32x32.mat", Size: 64275384, SHA256: "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
				URLs: []string{"http://ufldl.stanford.edu/housenumbers/test_32x32.mat"}},
		},
	},
	{
		Name: "mnist", Title: "MNIST: 70,000 grey digits 28x28",
		Terms: "CC BY-SA 3.0",
		Files: []File{
			mnist("train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
				"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
			mnist("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
				"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
			mnist("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
				"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
			mnist("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
				"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
		},
	},
	{
		Name: "fashion_mnist", Title: "Fashion-MNIST: 70,000 grey articles of clothing 28x28",
		Terms: "MIT",
		Files: []File{
			fashion("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
				"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
			fashion("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
				"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
			fashion("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
				"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
			fashion("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
				"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
		},
	},
	{
		Name: "lsun", Title: "LSUN scenes, the validation splits: 300 photographs of each of 10 scenes",
		Terms: "for research use; see lsun.cs.princeton.edu",
		Files: []File{
			lsun("bedroom", 4670661, "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12"),
			lsun("bridge", 6176834, "83216a2974d6068c2e1d18086006e7380ff58540216f955ce87fe049b460cb0d"),
			lsun("church_outdoor", 5957308, "34635b7547a3e51a15f942a4a4082dd6bc9cca381a953515cb2275c0eed50584"),
			lsun("classroom", 5880261, "5e0e9a375d94091dfe1fa3be87d4a92f41c03f1c0b8e376acc7e05651de512d7"),
			lsun("conference_room", 5316084, "927c94df52e10b9b374748c2b83b28b5860e946b3186dfd587985e274834650f"),
			lsun("dining_room", 5301030, "bd604d4b91bb5a9611d4e0b85475efd20758390d1a4eb57b53973fcbb5aa8ab6"),
			lsun("kitchen", 4867891, "329165f35ec61c4cf49f809246de300b8baad3ffcbda1ac30c27bdd32c84369a"),
			lsun("living_room", 5167755, "30a23d9a3db5414e9c97865f60ffb2ee973bfa658a23dbca7188ea514c97c9fc"),
			lsun("restaurant", 6232385, "efaa7bcb898ad6cb73b07b89fec3a9c670f4622912eea22fab3986c2cf9a1c20"),
			lsun("tower", 5223709, "7f5257847bc01f4e40d4a1b3e24dd8fcd37063f12ca8cf31e726c2ee0b1ae104"),
		},
	},
	{
		Name: "celeba", Title: "CelebA, aligned and cropped: 202,599 faces 178x218",
		Terms: "for non-commercial research only; mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
		Files: []File{{Name: "img_align_celeba.zip", Size: 1443490838,
			SHA256: "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74"}},
		Manual: "CelebA lies on Google Drive, which asks a person: agree to the terms at " +
			"https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, " +
			"follow its link \"Align&Cropped Images\" to img_align_celeba.zip, and put the zip, or the folder " +
			"img_align_celeba that it unpacks to, into celeba/ below STRATA_DATA",
	},
	{
		Name: "tinyimagenet", Title: "Tiny ImageNet: 120,000 colour images 64x64, 200 classes",
		Terms: "for non-commercial research and teaching, as ImageNet; image-net.org/download",
		Files: []File{{
			Name: "tiny-imagenet-200.zip", Size: 248100043, Unpack: "tiny-imagenet-200",
			SHA256: "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
			URLs:   []string{"http://cs231n.stanford.edu/tiny-imagenet-200.zip"},
		}},
	},
	{
		Name: "imagenet32", Title: "Downsampled ImageNet 32x32: 1,281,167 + 50,000 colour images, 1,000 classes",
		Terms: "for non-commercial research and teaching; login at image-net.org",
		Files: []File{
			{Name: "Imagenet32_train.zip", Unpack: "Imagenet32_train"},
			{Name: "Imagenet32_val.zip", Unpack: "Imagenet32_val"},
			{Name: "Imagenet32_train_npz.zip", Unpack: "Imagenet32_train_npz"},
			{Name: "Imagenet32_val_npz.zip", Unpack: "Imagenet32_val_npz"},
		},
		Manual: "image-net.org wants a login: register at https://image-net.org/download-images, download " +
			"Imagenet32_train.zip and Imagenet32_val.zip " +
			"(they hold train_data_batch_1 to train_data_batch_10 and val_data) or their _npz.zip forms, then strata data " +
			"get --from FOLDER_WITH_THEM imagenet32, " +
			"or unpack them into imagenet32/ below STRATA_DATA",
	},
	{
		Name: "random300k", Title: "300K Random Images: 300,000 colour images 32x32 out of 80 Million Tiny Images, " +
			"cleaned by Hendrycks et al.",
		Terms: "no licence stated; cite Hendrycks et al. 2019 (outlier exposure)",
		Files: []File{{
			Name: "300K_random_images.npy", MD5: "64ca64357de98351f28454274a112dc3",
			URLs: []string{"https://people.eecs.berkeley.edu/~hendrycks/300K_random_images.npy"},
		}},
	},
	{
		Name: "brats", Title: "BraTS: magnetic resonance images of brain tumours (NIfTI)",
		Terms: "registration and a data use agreement; med.upenn.edu/cbica/brats",
		Manual: "BraTS is given to registered researchers only: register at https://www.med.upenn.edu/cbica/brats (or " +
			"www.synapse.org), " +
			"and unpack what you are sent into brats/ below STRATA_DATA, the .nii or .nii.gz files in their folders",
	},
	{
		Name: "tiny", Title: "80 Million Tiny Images: the paper's general set",
		Terms: "withdrawn by its authors in 2020",
		Manual: "80 Million Tiny Images was withdrawn by its authors in 2020 " +
			"(https://groups.csail.mit.edu/vision/TinyImages/) and strata does not download it. " +
			"In its place as the general set: strata data get random300k, strata data get tinyimagenet, imagenet32, or any " +
			"folder of images. " +
			"Those who have it put tiny_images.bin, 80mn_cifar_idxs.txt and cifar_indexes into tiny/ below STRATA_DATA",
	},
}

func mnist(name string, size int64, sum, content string) File {
	return File{Name: name, Size: size, SHA256: sum, Content: content, URLs: []string{
		"https://storage.googleapis.com/cvdf-datasets/mnist/" + name,
		"https://ossci-datasets.s3.amazonaws.com/mnist/" + name,
	}}
}

func fashion(name string, size int64, sum, content string) File {
	return File{Name: name, Size: size, SHA256: sum, Content: content, URLs: []string{
		"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/" + name,
		"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/" + name,
	}}
}

func lsun(scene string, size int64, sum string) File {
	folder := scene + "_val_lmdb"
	return File{Name: folder + ".zip", Size: size, SHA256: sum, Unpack: folder,
		URLs: []string{"http://dl.yf.io/lsun/scenes/" + folder + ".zip"}}
}
