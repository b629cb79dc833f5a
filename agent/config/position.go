package config

import (
	"bytes"
	"regexp"
	"sort"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

// position is that of a key and its value, as offsets into the file.
type position struct {
	key, value int
}

// positions maps the path of every key, table and array element of a document that is known to be valid TOML to its
// position. A path is the dotted key; elements of arrays are "key[0]", "key[1]". Of a table or an array of tables that
// is written several times, the first position counts.
type positions struct {
	data  []byte
	lines []int // where each line begins
	at    map[string]position
}

func locate(data []byte) positions {
	p := positions{data: data, lines: []int{0}, at: map[string]position{}}
	for i, b := range data {
		if b == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	parser := unstable.Parser{}
	parser.Reset(data)
	prefix := ""
	for parser.NextExpression() {
		switch node := parser.Expression(); node.Kind {
		case unstable.Table, unstable.ArrayTable:
			prefix, _ = p.addKey("", node.Key())
		case unstable.KeyValue:
			p.addKeyValue(prefix, node)
		}
	}
	return p
}

// addKey adds every part of a dotted key, of [a.b] "a" too, and returns the path and the offset of the key's end.
func (p positions) addKey(prefix string, parts unstable.Iterator) (path string, end int) {
	path = prefix
	for parts.Next() {
		node := parts.Node()
		path = join(path, string(node.Data))
		start := int(node.Raw.Offset)
		end = start + int(node.Raw.Length)
		p.note(path, position{key: start, value: start})
	}
	return path, end
}

func (p positions) addKeyValue(prefix string, node *unstable.Node) {
	path, end := p.addKey(prefix, node.Key())
	at := p.at[path]
	// The parser has no range for arrays; all values begin behind the equals sign.
	rest := bytes.TrimLeft(p.data[end:], " \t")
	rest = bytes.TrimLeft(bytes.TrimPrefix(rest, []byte("=")), " \t")
	at.value = len(p.data) - len(rest)
	p.at[path] = at
	p.addChildren(path, node.Value())
}

func (p positions) addChildren(path string, value *unstable.Node) {
	children := value.Children()
	for i := 0; children.Next(); i++ {
		child := children.Node()
		switch {
		case value.Kind == unstable.InlineTable && child.Kind == unstable.KeyValue:
			p.addKeyValue(path, child)
		case value.Kind == unstable.Array:
			at := p.at[path]
			if child.Raw.Length > 0 {
				at = position{key: int(child.Raw.Offset), value: int(child.Raw.Offset)}
			}
			element := path + "[" + strconv.Itoa(i) + "]"
			p.note(element, at)
			p.addChildren(element, child)
		}
	}
}

func (p positions) note(path string, at position) {
	if _, known := p.at[path]; !known {
		p.at[path] = at
	}
}

// lineColumn returns the line and the column of an offset, both from 1.
func (p positions) lineColumn(offset int) (line, column int) {
	line = sort.SearchInts(p.lines, offset+1)
	return line, offset - p.lines[line-1] + 1
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join appends a part to a dotted key, in quotes where TOML needs them: the key "a.b" and b of table a stay apart.
func join(path, part string) string {
	if !bareKey.MatchString(part) {
		part = strconv.Quote(part)
	}
	if path == "" {
		return part
	}
	return path + "." + part
}
