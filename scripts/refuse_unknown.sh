#!/bin/sh
# Refuses variables of make that nothing reads, with the name that was probably meant: a misspelt SYMBOLS= must not start
# a collection of everything. Arguments: the unknown names, --, all known ones; without any name it prints the settings,
# which are the template's parameters in capitals.
set -eu

if [ $# = 0 ]; then
    sed -n '/^Parameters:/,/^[A-LN-Z]/s/^  \([A-Za-z]*\):$/\1/p' "$(dirname "$0")/../template.yaml" | sed \
        -e '/^Stage$/d' -e 's/\([a-z]\)\([A-Z]\)/\1_\2/g' -e 's/\([A-Z]\)\([A-Z][a-z]\)/\1_\2/g' | tr '[:lower:]' '[:upper:]'
    exit
fi

printf '%s\n' "$@" | awk '
    function least(a, b) { return a < b ? a : b }
    function distance(a, b,    row, column, above) { # how many letters differ
        for (row = 0; row <= length(a); row++) apart[row, 0] = row
        for (column = 0; column <= length(b); column++) apart[0, column] = column
        for (row = 1; row <= length(a); row++)
            for (column = 1; column <= length(b); column++) {
                above = apart[row - 1, column - 1] + (substr(a, row, 1) != substr(b, column, 1))
                apart[row, column] = least(above, least(apart[row - 1, column], apart[row, column - 1]) + 1)
            }
        return apart[length(a), length(b)]
    }
    $0 == "--" { listing = 1; next }
    listing { known[++names] = $0; next }
    { unknown[++refused] = $0 }
    END {
        for (number = 1; number <= refused; number++) {
            name = unknown[number]
            best = ""
            nearest = 1 + int(length(name) / 3)
            for (other = 1; other <= names; other++) {
                letters = distance(toupper(name), known[other])
                if (letters <= nearest) { nearest = letters - 1; best = known[other] }
            }
            print name "= is not known here, so nothing was started."
            print "  Remedy: " (best ? "did you mean " best "=?" : "`make help` lists what there is.")
        }
    }' >&2
exit 2
