#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Counts words with the program in C, with those in Vala, Python and JavaScript, and with a shell's
# own pipeline of the same commands, and compares what they print.
#
# usage: demo.sh BUILDDIR [DIRECTORY]

set -eu

build=$(cd "${1:?usage: demo.sh BUILDDIR [DIRECTORY]}" && pwd)
headers=${2:-/usr/include}
here=$(cd "$(dirname "$0")" && pwd)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Not every python3 has PyGObject; the system's own has it where it is installed.
python=python3
"$python" -c 'import gi' 2>/dev/null || python=/usr/bin/python3

GI_TYPELIB_PATH=$build/introspection${GI_TYPELIB_PATH:+:$GI_TYPELIB_PATH}
LD_LIBRARY_PATH=$build/gopipe${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
GJS_PATH=$here/../../introspection/gjs${GJS_PATH:+:$GJS_PATH}
export GI_TYPELIB_PATH LD_LIBRARY_PATH GJS_PATH

in_shell () {
  export LC_ALL=C
  find "$headers" -name '*.h' -type f -print0 |
    xargs -0 cat |
    tr A-Z a-z | tr -cs a-z_ '\n' | sed '/^$/d' |
    sort | uniq -c | sort -k1,1rn -k2 | head -n 10
}

# run NAME COMMAND…: what it prints goes to a file, what it tells of itself to the terminal
run () {
  name=$1
  shift
  echo "$name:"
  "$@" > "$results/$name"
}

run C "$build/examples/word-count" "$headers"
run Vala "$build/examples/word-count-vala" "$headers"
run Python "$python" "$here/main.py" "$headers"
run JavaScript gjs -m "$here/main.js" "$headers"
start=$(date +%s.%N)
run shell in_shell
end=$(date +%s.%N)
awk "BEGIN { printf \"  %.2f seconds\\n\", $end - $start }"

echo
cat "$results/shell"
echo
for name in C Vala Python JavaScript; do
  if cmp -s "$results/$name" "$results/shell"; then
    echo "$name prints the same as the shell"
  else
    echo "$name prints something else than the shell:"
    diff "$results/$name" "$results/shell" || exit 1
  fi
done
