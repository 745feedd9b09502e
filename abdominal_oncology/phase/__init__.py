"""Which contrast phase is a CT series in. Knows learning, phantom and imaging."""
