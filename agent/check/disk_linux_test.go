package check

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMedium reads folders made as sysfs has them.
func TestMedium(t *testing.T) {
	t.Parallel()
	sysfs := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(sysfs, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		t.Helper()
		name = filepath.Join(sysfs, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(sysfs, to), name); err != nil {
			t.Fatal(err)
		}
	}
	put("devices/mmc0/block/mmcblk0/device/type", "SD")
	put("devices/mmc0/block/mmcblk0/queue/rotational", "0")
	put("devices/mmc0/block/mmcblk0/mmcblk0p2/partition", "2")
	link("dev/block/179:2", "devices/mmc0/block/mmcblk0/mmcblk0p2")
	put("devices/mmc1/block/mmcblk1/device/type", "MMC")
	link("dev/block/179:8", "devices/mmc1/block/mmcblk1")
	put("devices/usb/block/sda/removable", "1")
	put("devices/usb/block/sda/sda1/partition", "1")
	link("dev/block/8:1", "devices/usb/block/sda/sda1")
	put("devices/ata/block/sdb/removable", "0")
	put("devices/ata/block/sdb/queue/rotational", "1")
	link("dev/block/8:16", "devices/ata/block/sdb")
	put("devices/nvme/block/nvme0n1/queue/rotational", "0")
	link("dev/block/259:0", "devices/nvme/block/nvme0n1")
	// LVM on the SD card's partition.
	put("devices/virtual/block/dm-0/queue/rotational", "0")
	link("devices/virtual/block/dm-0/slaves/mmcblk0p2", "devices/mmc0/block/mmcblk0/mmcblk0p2")
	link("class/block/mmcblk0p2", "devices/mmc0/block/mmcblk0/mmcblk0p2")
	link("dev/block/254:0", "devices/virtual/block/dm-0")
	// One that is made of itself.
	link("devices/virtual/block/md0/slaves/md0", "devices/virtual/block/md0")
	link("class/block/md0", "devices/virtual/block/md0")
	link("dev/block/9:0", "devices/virtual/block/md0")

	for device, want := range map[string]medium{
		"179:2": mediumCard, "179:8": mediumSSD, "8:1": mediumStick, "8:16": mediumSpinning, "259:0": mediumSSD,
		"254:0": mediumCard, "9:0": mediumUnknown, "0:42": mediumUnknown,
	} {
		if got := mediumOfDevice(sysfs, "dev/block/"+device); got != want {
			t.Errorf("%s is %d, not %d", device, got, want)
		}
	}
	if got := mediumOf("/sys", filepath.Join(sysfs, "none")); got != mediumUnknown {
		t.Errorf("a folder that is not there is on %d", got)
	}
}
