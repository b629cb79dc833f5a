package check

import (
	"os"
	"os/user"
	"slices"
	"strconv"
)

// serviceUser is the user that packages make for the service.
const serviceUser = "tillpost"

// account is a user of this machine, by numbers as files have them.
type account struct {
	name   string
	uid    int
	groups []int
}

// serviceAccount returns the service's user. It is ok only if we are root, who can read and write what the service can't.
func serviceAccount() (a account, ok bool) {
	if os.Geteuid() != 0 {
		return account{}, false
	}
	u, err := user.Lookup(serviceUser)
	if err != nil {
		return account{}, false
	}
	uid, _ := strconv.Atoi(u.Uid) // a number wherever there is a root
	a = account{name: u.Username, uid: uid}
	ids, err := u.GroupIds()
	if err != nil {
		return account{}, false
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil {
			a.groups = append(a.groups, gid)
		}
	}
	return a, true
}

// mayRead reports whether the account may read a file, as far as its mode says; what is not known counts as yes.
func (a account) mayRead(path string) bool { return a.may(path, 0o4) }

func (a account) mayWriteIn(path string) bool { return a.may(path, 0o3) }

func (a account) may(path string, bits os.FileMode) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	uid, gid, ok := ownerOf(info)
	if !ok {
		return true
	}
	switch {
	case uid == a.uid:
		bits <<= 6
	case slices.Contains(a.groups, gid):
		bits <<= 3
	}
	return info.Mode().Perm()&bits == bits
}
