// Pins the modules of scripts/definitions.txt by go.sum alone: nothing of them is compiled, so nothing is required.
module meshplay.local/rig/definitions

go 1.26.0
