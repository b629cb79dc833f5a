package mqtt

import "slices"

// The codes of refusals at the door that need to know more than the message itself; whoever knows makes them.
const (
	// CodeUnknownTerminal: the API's list does not have the terminal.
	CodeUnknownTerminal Code = "unknownTerminal"
	// CodeRequestIDConflict: the id was used before with other content.
	CodeRequestIDConflict Code = "requestIdConflict"
	// CodeUnknownTarget: the request that this one is about was never seen.
	CodeUnknownTarget Code = "unknownTarget"
)

var codes = []Code{
	CodeRetainedRequest, CodeUnknownKind, CodeInvalidRequest, CodeTooLarge, CodeNotJSON, CodeDuplicateKey,
	CodeUnknownTerminal, CodeRequestIDConflict, CodeUnknownTarget,
}

// Codes lists every code with which a message can be refused at the door.
func Codes() []Code { return slices.Clone(codes) }
