package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// diskFacts is what is known of the file system that holds a folder. Sizes are in bytes, -1 where unknown.
type diskFacts struct {
	free int64
	// files is how many more files fit, -1 where there is no such bound.
	files    int64
	readOnly bool
	kind     string // as mount names it, "" where unknown
	medium   medium
}

type medium uint8

const (
	mediumUnknown medium = iota
	mediumSSD            // or what looks like one: a virtual disk, an eMMC
	mediumSpinning
	mediumCard // SD
	mediumStick
)

const (
	// orderSize is what an order keeps on disk until it is pruned, rounded up: about 2.5 KB for a body of 1 KB.
	orderSize = 4 << 10
	// leastFree holds the outbox's reserve and a day or two; lowFree is worth a thought.
	leastFree = 32 << 20
	lowFree   = 512 << 20
	// slowSync delays every "queued" noticeably, and deadSlow makes tills publish again.
	slowSync = 60 * time.Millisecond
	deadSlow = time.Second
)

// disk checks the folder of the outbox: rights, room, kind, and the time that a write takes to be on disk.
func (c *checker) disk(ctx context.Context) []Finding {
	fs := about("disk")
	folder := filepath.Dir(c.cfg.Outbox.Path)
	if info, err := os.Stat(folder); err != nil {
		fs.fail(fmt.Sprintf("make it: install -d -m 0700 -o %s %s; or mount the disk that holds it", serviceUser, folder), "the outbox's folder: %v", err)
		return fs.done()
	} else if !info.IsDir() {
		fs.fail("set outbox.path to a file in a folder", "%s, which is to hold the outbox, is no folder", folder)
		return fs.done()
	}
	facts, err := c.machine.disk(folder)
	if err != nil {
		fs.warn("", "how full %s is can't be told: %v", folder, err)
	} else {
		fs.room(folder, facts)
		fs.kind(folder, facts)
		fs.medium(facts)
	}
	if !facts.readOnly {
		c.speed(ctx, fs, folder)
	}
	return fs.done()
}

func (fs *findings) room(folder string, d diskFacts) {
	switch {
	case d.readOnly:
		fs.fail("look into the kernel's log: a card that fails becomes read-only; then mount it for writing", "%s is mounted read-only", folder)
	case d.free < 0:
		fs.warn("", "how much is free at %s can't be told", folder)
	case d.files == 0:
		fs.fail("remove what makes so many small files", "%s has no room for another file, though %s are free", folder, bytes(d.free))
	case d.free < leastFree:
		fs.fail("free some space; full, no order is accepted", "%s free at %s: room for about %d orders", bytes(d.free), folder, d.free/orderSize)
	case d.free < lowFree:
		fs.warn("free some space", "%s free at %s: room for about %d orders", bytes(d.free), folder, d.free/orderSize)
	default:
		fs.ok("%s free at %s: room for about %s orders", bytes(d.free), folder, rounded(d.free/orderSize))
	}
}

// kind reports file systems that don't keep what is written to them, or can't hold a database.
func (fs *findings) kind(folder string, d diskFacts) {
	const move = "set outbox.path to a folder on a real disk"
	switch d.kind {
	case "tmpfs", "ramfs":
		fs.fail(move, "%s is in memory (%s): all of the outbox is gone with the power", folder, d.kind)
	case "overlay", "aufs":
		fs.warn("mount a volume there, or a partition outside the overlay",
			"%s is on an overlay: a new container, or the next boot, may begin without the outbox", folder)
	case "nfs", "smb", "9p":
		fs.fail(move, "%s is on the network (%s): locks and writes can't be trusted there", folder, d.kind)
	case "fuse":
		fs.warn(move, "%s is on a file system of a program (fuse): whether it writes through is not known", folder)
	case "vfat", "exfat":
		fs.warn("use ext4", "%s is on %s, which is easily damaged by a loss of power, and knows no rights", folder, d.kind)
	case "squashfs", "iso9660":
		fs.fail(move, "%s is on %s, which can't be written", folder, d.kind)
	}
}

func (fs *findings) medium(d diskFacts) {
	switch d.medium {
	case mediumCard:
		fs.warn("use a card made for endurance, or an SSD, and keep a spare", "the outbox is on an SD card, which wears out with writes")
	case mediumStick:
		fs.warn("use an SSD", "the outbox is on a removable USB disk, which may be pulled and wears out with writes")
	}
}

// speed measures what a "queued" has to wait for.
func (c *checker) speed(ctx context.Context, fs *findings, folder string) {
	took, err := c.machine.sync(ctx, folder)
	if errors.Is(err, os.ErrPermission) {
		fs.fail(fmt.Sprintf("run this as the service's user: sudo -u %s tillpost check; if it is: chown %[1]s %s", serviceUser, folder),
			"no file can be made in %s: %v", folder, errors.Unwrap(err))
		return
	}
	if err != nil {
		fs.fail("look into the kernel's log; the disk may be full or failing", "writing to %s: %v", folder, err)
		return
	}
	slices.Sort(took)
	middle, worst := took[len(took)/2], took[len(took)-1]
	const fix = "use a faster disk; an order waits for four such writes"
	text := fmt.Sprintf("a write is on disk in %s, at worst %s", shortTime(middle), shortTime(worst))
	switch {
	case middle >= deadSlow:
		fs.fail(fix, "%s", text)
	case middle >= slowSync:
		fs.warn(fix, "%s", text)
	default:
		fs.ok("%s", text)
	}
}

const (
	syncRounds = 8
	syncBudget = 3 * time.Second
)

// syncSpeed writes a page to a file in the folder, a few times, and waits for the disk each time. The file is gone then.
func syncSpeed(ctx context.Context, folder string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(folder, ".tillpost-check-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := errors.Join(f.Close(), os.Remove(f.Name())); err == nil && e != nil {
			err = e
		}
	}()
	page := make([]byte, 4096)
	begun := time.Now()
	for len(took) < syncRounds && (len(took) == 0 || time.Since(begun) < syncBudget && ctx.Err() == nil) {
		at := time.Now()
		if _, err := f.WriteAt(page, int64(len(took)*len(page))); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}

// bytes writes a size for a person.
func bytes(n int64) string {
	switch {
	case n < 0:
		return "an unknown size"
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", n>>10)
}

// rounded writes a large count for a person.
func rounded(n int64) string {
	switch {
	case n >= 1_000_000:
		return "a million"
	case n >= 10_000:
		return fmt.Sprintf("%d,000", n/1000)
	}
	return fmt.Sprint(n)
}

// shortTime writes a duration with two digits or so.
func shortTime(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
