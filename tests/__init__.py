"""What the package owes; a package itself, so that no other that is installed takes its name."""
