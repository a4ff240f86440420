"""`make sam-local`: the functions in Lambda's own image, by `sam local`, against the local stack as AWS."""
