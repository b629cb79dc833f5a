package check

import "golang.org/x/sys/windows"

// diskOf returns the free space; the rest is unknown, and its speed is measured all the same.
func diskOf(folder string) (diskFacts, error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return diskFacts{}, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return diskFacts{}, err
	}
	return diskFacts{free: int64(free), files: -1}, nil
}
