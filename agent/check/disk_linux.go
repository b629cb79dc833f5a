package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// kinds names file systems by the number that statfs returns.
var kinds = map[uint32]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.XFS_SUPER_MAGIC: "xfs", unix.F2FS_SUPER_MAGIC: "f2fs",
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay", 0x61756673: "aufs",
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb",
	unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "fuse", unix.MSDOS_SUPER_MAGIC: "vfat", unix.EXFAT_SUPER_MAGIC: "exfat",
	unix.SQUASHFS_MAGIC: "squashfs", unix.ISOFS_SUPER_MAGIC: "iso9660",
}

func diskOf(folder string) (diskFacts, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return diskFacts{}, err
	}
	d := diskFacts{
		free:     int64(st.Bavail * uint64(st.Bsize)),
		files:    -1,
		readOnly: st.Flags&unix.ST_RDONLY != 0,
		kind:     kinds[uint32(st.Type)],
	}
	if st.Files > 0 { // btrfs and others have no such bound
		d.files = int64(st.Ffree)
	}
	d.medium = mediumOf("/sys", folder)
	return d, nil
}

// mediumOf looks up, in sysfs, what the disk under a folder is made of.
func mediumOf(sysfs, folder string) medium {
	var st unix.Stat_t
	if unix.Stat(folder, &st) != nil {
		return mediumUnknown
	}
	dev := uint64(st.Dev) //nolint:unconvert // it has 32 bits on some architectures
	return mediumOfDevice(sysfs, fmt.Sprintf("dev/block/%d:%d", unix.Major(dev), unix.Minor(dev)))
}

// mediumOfDevice follows partitions to their disk, and combined devices (LVM, RAID, encryption) to one of their parts.
func mediumOfDevice(sysfs, device string) medium {
	const deepest = 4
	for range deepest {
		path, err := filepath.EvalSymlinks(filepath.Join(sysfs, device))
		if err != nil {
			return mediumUnknown
		}
		if exists(filepath.Join(path, "partition")) {
			path = filepath.Dir(path)
		}
		parts, err := os.ReadDir(filepath.Join(path, "slaves"))
		if err != nil || len(parts) == 0 {
			return mediumAt(path)
		}
		device = filepath.Join("block", parts[0].Name())
		if _, err := os.Stat(filepath.Join(sysfs, device)); err != nil {
			device = filepath.Join("class", device)
		}
	}
	return mediumUnknown
}

// mediumAt reads what a disk's folder in sysfs says.
func mediumAt(disk string) medium {
	switch {
	case strings.HasPrefix(filepath.Base(disk), "mmcblk"):
		if value(disk, "device/type") == "SD" {
			return mediumCard
		}
		return mediumSSD
	case value(disk, "removable") == "1":
		return mediumStick
	case value(disk, "queue/rotational") == "1":
		return mediumSpinning
	case value(disk, "queue/rotational") == "0":
		return mediumSSD
	}
	return mediumUnknown
}

func value(folder, name string) string {
	data, _ := os.ReadFile(filepath.Join(folder, name)) // "" where it is not known
	return strings.TrimSpace(string(data))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
