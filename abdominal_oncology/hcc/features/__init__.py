"""What can be measured on a liver lesion in three phases: the published formulas and what LI-RADS asks for."""
