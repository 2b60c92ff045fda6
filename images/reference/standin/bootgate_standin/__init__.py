"""The modules of bootgate's stand-in for `bootc`. NOT the real program: Debian has none. See images/reference/README.md."""
