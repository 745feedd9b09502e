"""HCC or not: focal liver lesions on multiphase CT."""
