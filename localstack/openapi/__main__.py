"""`python -m localstack.openapi` writes the document into the package that serves it."""

from localstack.openapi.document import write

if __name__ == "__main__":
    write()
