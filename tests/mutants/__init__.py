"""One-line defects that are put into the code, and the tests that must notice each: `make mutants`."""
