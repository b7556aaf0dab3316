// Command logcheck reads a log as another implementation does: with Go's sumdb/note and sumdb/tlog, and nothing of
// Steelyard's. It prints one JSON object; its status is 1 when anything does not hold.
//
//	logcheck folder VKEY FOLDER                 everything that a folder of tiles holds
//	logcheck record VKEY FOLDER INDEX...        inclusion of records, through the tiles alone
//	logcheck consistency VKEY FOLDER CHECKPOINT an older checkpoint (a file) against the folder's
//	logcheck proof VKEY FILE...                 .tlog-proof files that carry their leaf as extra data
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height    = 8
	width     = 1 << height
	firstLine = "c2sp.org/tlog-proof@v1"
)

type result struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
	Size    int64  `json:"size"`
	Root    string `json:"root"`
	Records int    `json:"records"`
	Tiles   int    `json:"tiles"`
}

func main() {
	var found result
	err := run(os.Args[1:], &found)
	found.OK = err == nil
	if err != nil {
		found.Error = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(found)
	if err != nil {
		os.Exit(1)
	}
}

func run(args []string, found *result) error {
	if len(args) < 3 {
		return errors.New("usage: logcheck folder|record|consistency|proof VKEY PATH ...")
	}
	switch verb, vkey, path, rest := args[0], args[1], args[2], args[3:]; verb {
	case "folder":
		return checkFolder(vkey, path, found)
	case "record":
		return checkRecords(vkey, path, rest, found)
	case "consistency":
		return checkConsistency(vkey, path, rest[0], found)
	case "proof":
		for _, file := range args[2:] {
			if err := checkProof(vkey, file, found); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("no such verb: %s", verb)
	}
}

// openCheckpoint verifies a signed note and gives the tree head in it. Its first line, the origin, is the key's name;
// the other two are as in a go.sum database's, so that tlog's own parser reads them.
func openCheckpoint(vkey string, signed []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("a checkpoint of %q", origin)
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// folder reads tiles from files (tlog.TileReader).
type folder struct{ path string }

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		content, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		if len(content) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", tile.Path(), len(content))
		}
		data[i] = content
	}
	return data, nil
}

// read maps tlog's path of a tile, tile/8/0/000 or tile/8/data/000, to that of C2SP tlog-tiles.
func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	path = strings.Replace(path, "data/", "entries/", 1)
	return os.ReadFile(filepath.Join(f.path, "tile", filepath.FromSlash(path)))
}

func (f folder) open(vkey string) (tlog.Tree, error) {
	signed, err := os.ReadFile(filepath.Join(f.path, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	return openCheckpoint(vkey, signed)
}

// entries gives a bundle's entries.
func (f folder) entries(tile tlog.Tile) ([][]byte, error) {
	tile.L = -1
	bundle, err := f.read(tile)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("%s is cut short", tile.Path())
		}
		length := int(binary.BigEndian.Uint16(bundle))
		entries = append(entries, bundle[2:2+length])
		bundle = bundle[2+length:]
	}
	if len(entries) != tile.W {
		return nil, fmt.Errorf("%s has %d entries", tile.Path(), len(entries))
	}
	return entries, nil
}

// checkFolder makes the tree anew from the entries, and compares root and tiles with it.
func checkFolder(vkey, path string, found *result) error {
	f := folder{path}
	tree, err := f.open(vkey)
	if err != nil {
		return err
	}
	found.Size, found.Root = tree.N, tree.Hash.String()
	var stored []tlog.Hash
	own := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, errors.New("no such hash")
			}
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for n := int64(0); n < tree.N; n += width {
		entries, err := f.entries(wholeOrLast(tlog.Tile{H: height, N: n / width}, tree.N))
		if err != nil {
			return err
		}
		for i, entry := range entries {
			hashes, err := tlog.StoredHashes(n+int64(i), entry, own)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
			found.Records++
		}
	}
	root, err := tlog.TreeHash(tree.N, own)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the entries do not give the root of the checkpoint")
	}
	return checkTiles(f, tree, own, found)
}

func checkTiles(f folder, tree tlog.Tree, own tlog.HashReader, found *result) error {
	for level := 0; tree.N>>(height*level) > 0; level++ {
		for n := int64(0); n<<height < tree.N>>(height*level); n++ {
			tile := wholeOrLast(tlog.Tile{H: height, L: level, N: n}, tree.N)
			right, err := tlog.ReadTileData(tile, own)
			if err != nil {
				return err
			}
			content, err := f.read(tile)
			if err != nil {
				return err
			}
			if string(content) != string(right) {
				return fmt.Errorf("%s is not the tree's", tile.Path())
			}
			found.Tiles++
		}
	}
	return nil
}

// wholeOrLast gives a tile the width that it has in a tree of this size.
func wholeOrLast(tile tlog.Tile, size int64) tlog.Tile {
	tile.W = width
	if left := size>>(height*tile.L) - tile.N<<height; left < width {
		tile.W = int(left)
	}
	return tile
}

// checkRecords proves records with tlog's client, which reads just the tiles that it needs.
func checkRecords(vkey, path string, indexes []string, found *result) error {
	f := folder{path}
	tree, err := f.open(vkey)
	if err != nil {
		return err
	}
	found.Size, found.Root = tree.N, tree.Hash.String()
	reader := tlog.TileHashReader(tree, f)
	for _, text := range indexes {
		index, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		entries, err := f.entries(wholeOrLast(tlog.Tile{H: height, N: index / width}, tree.N))
		if err != nil {
			return err
		}
		// This version of TileHashReader does not check every tile that it has read (it passes over as many as
		// the root has subtrees in one tile); CheckRecord needs no trust in them.
		hash := tlog.RecordHash(entries[index%width])
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
		found.Records++
	}
	return nil
}

func checkConsistency(vkey, path, oldFile string, found *result) error {
	f := folder{path}
	tree, err := f.open(vkey)
	if err != nil {
		return err
	}
	found.Size, found.Root = tree.N, tree.Hash.String()
	signed, err := os.ReadFile(oldFile)
	if err != nil {
		return err
	}
	old, err := openCheckpoint(vkey, signed)
	if err != nil {
		return fmt.Errorf("the older checkpoint: %w", err)
	}
	proof, err := tlog.ProveTree(tree.N, old.N, tlog.TileHashReader(tree, f))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

func checkProof(vkey, file string, found *result) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, signed, _ := strings.Cut(string(text), "\n\n")
	tree, err := openCheckpoint(vkey, []byte(signed))
	if err != nil {
		return err
	}
	found.Size, found.Root = tree.N, tree.Hash.String()
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != firstLine || !strings.HasPrefix(lines[1], "extra ") ||
		!strings.HasPrefix(lines[2], "index ") {
		return errors.New("not a proof with its leaf")
	}
	leaf, err := base64.StdEncoding.DecodeString(lines[1][len("extra "):])
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(lines[2][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	found.Records++
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
}
