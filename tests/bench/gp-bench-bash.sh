#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The same in bash: called like a contestant of gopipe-bench, see gp-bench.h.

set -e -o pipefail
# A point, not a comma
LC_ALL=C
shopt -s lastpipe

workload=$1
size=$3
iterations=$4

fail ()
{
  echo "$workload: wrong result" >&2
  exit 1
}

# As a function that is a stage
copy ()
{
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
  done
}

spawn1 ()
{
  /bin/true
}

cmds10 ()
{
  local text
  text=$(/bin/echo hello | /bin/cat | /bin/cat | /bin/cat | /bin/cat |
         /bin/cat | /bin/cat | /bin/cat | /bin/cat | /bin/cat)
  [ "$text" = hello ] || fail
}

funcs10 ()
{
  local text
  text=$(printf 'hello\n' | copy | copy | copy | copy | copy | copy | copy | copy | copy)
  [ "$text" = hello ] || fail
}

mixed10 ()
{
  local text
  text=$(/bin/echo hello | copy | /bin/cat | copy | /bin/cat | copy |
         /bin/cat | copy | /bin/cat | copy)
  [ "$text" = hello ] || fail
}

cmd_to_cmd ()
{
  /usr/bin/head -c "$size" /dev/zero | /bin/cat >/dev/null
}

# A line takes a hundred times as long as elsewhere: a hundredth of them, and the time by hundred.
lines ()
{
  local line n=0
  /usr/bin/seq $((size / scale)) | while IFS= read -r line; do
    n=$((n + 1))
  done
  [ "$n" -eq $((size / scale)) ] || fail
}

# Bytes there and back, each before the next
latency_cmds ()
{
  local line i
  coproc {
    /bin/cat | /bin/cat | /bin/cat | /bin/cat | /bin/cat |
      /bin/cat | /bin/cat | /bin/cat | /bin/cat | /bin/cat
  }
  begin=$EPOCHREALTIME
  for ((i = 0; i < size; i++)); do
    echo >&"${COPROC[1]}"
    read -r -u "${COPROC[0]}" line
  done
  end=$EPOCHREALTIME
  scale=1/$size
  eval "exec ${COPROC[1]}>&-"
  wait "$COPROC_PID"
}

pump_file ()
{
  local file
  file=$(mktemp)
  begin=$EPOCHREALTIME
  /usr/bin/head -c "$size" /dev/zero >"$file"
  end=$EPOCHREALTIME
  [ "$(stat -c %s "$file")" -eq "$size" ] || fail
  rm "$file"
}

# Bash has no fractions: microseconds are whole numbers without the point.
run ()
{
  local us
  begin=$EPOCHREALTIME
  end=
  scale=1
  [ "$workload" != lines ] || scale=100
  "$workload"
  end=${end:-$EPOCHREALTIME}
  us=$(((${end/./} - ${begin/./}) * 1000 * $scale))
  printf 'time %d.%09d\n' $((us / 1000000000)) $((us % 1000000000))
}

wanted=$size
[ "$size" -le 100000 ] || size=1000
for ((i = 0; i < 8 + iterations / 10; i++)); do
  run >/dev/null
done
size=$wanted
for ((i = 0; i < iterations; i++)); do
  run
done
while read -r key value rest; do
  [ "$key" != VmHWM: ] || echo "peak $value"
done </proc/$$/status
