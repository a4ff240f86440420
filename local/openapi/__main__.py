"""`python -m local.openapi` writes the document into the package that serves it."""

from local.openapi.document import write

if __name__ == "__main__":
    write()
