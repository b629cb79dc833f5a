//go:build unix && !(386 || arm || mips || mipsle)

package bolt

// initialMmap is address space, not memory. Within it the file grows without waiting for readers.
const initialMmap = 256 << 20
