"""T2 against T3 on rectal MR volumes."""
