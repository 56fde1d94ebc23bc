module meshplay.local/rig/standin

go 1.26.0
