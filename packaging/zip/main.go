// Zip packs a folder into a ZIP file, the same bytes for the same files: in the order of their names, and all with one
// time, in Unix seconds.
//
//	go run ./packaging/zip OUT.zip FOLDER SECONDS
package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: zip OUT.zip FOLDER SECONDS")
		os.Exit(2)
	}
	seconds, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err == nil {
		err = pack(os.Args[1], os.Args[2], time.Unix(seconds, 0).UTC())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zip:", err)
		os.Exit(1)
	}
}

func pack(out, folder string, at time.Time) (err error) {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := zip.NewWriter(f)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestCompression) })
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(folder), path)
		if err != nil {
			return err
		}
		return add(w, filepath.ToSlash(name), path, at)
	})
	return errors.Join(err, w.Close())
}

func add(w *zip.Writer, name, path string, at time.Time) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read from
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
	h.SetMode(0o644)
	if filepath.Ext(name) == ".exe" {
		h.SetMode(0o755)
	}
	member, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(member, in)
	return err
}
