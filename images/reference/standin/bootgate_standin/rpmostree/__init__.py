"""A stand-in for rpm-ostree 2026.2: real RPM files and databases, real ostree commits and deployments."""
