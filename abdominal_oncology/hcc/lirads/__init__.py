"""CT LI-RADS v2018: from what is seen or measured on one liver observation to its category, with the reason why."""
