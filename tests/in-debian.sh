#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs a command in a copy of this tree, on a minimal Debian in a folder. The folder is kept, with
# the packages that the command has installed there, so that the next time is quicker.
#
# usage: in-debian.sh SUITE COMMAND [ARG...]        (as root)

set -eu

suite=${1:?usage: in-debian.sh SUITE COMMAND [ARG...]}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
base=${XDG_CACHE_HOME:-$HOME/.cache}/gopipe/$suite
tree=$base/srv/gopipe

if [ ! -e "$base/complete" ]; then
  rm -rf "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$base"
  touch "$base/complete"
fi

for file in /etc/resolv.conf /etc/hosts; do
  [ ! -e "$file" ] || cp "$file" "$base$file"
done

rm -rf "$tree"
mkdir -p "$tree"
cd "$top"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from - | tar --extract --directory "$tree"

# The mounts go with the namespace, whatever becomes of the command.
export base
exec unshare --mount --pid --fork sh -euc '
  mount --make-rprivate /
  mount -t proc proc "$base/proc"
  mount --rbind /dev "$base/dev"
  mount -t tmpfs tmpfs "$base/tmp"
  exec chroot "$base" env -i HOME=/root LC_ALL=C.UTF-8 CI=true TERM=dumb \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c "cd /srv/gopipe && exec \"\$@\"" sh "$@"
' sh "$@" </dev/null
