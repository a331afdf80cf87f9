#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the system's GLib once more, from Debian's source package, so that ThreadSanitizer sees its
# locks. Kept, and made anew only for another version. Prints where the libraries are.
#
# usage: glib-for-tsan.sh

set -eu

version=$(dpkg-query --show --showformat '${source:Version}' libglib2.0-dev)
base=${XDG_CACHE_HOME:-$HOME/.cache}/gopipe/glib-tsan-$version

# Sources as well, from wherever the packages come
fetch_source ()
{
  mkdir -p "$base/apt/lists/partial" "$base/apt/sources" "$base/src"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian*; do
    [ ! -e "$file" ] ||
      sed 's/^Types: .*/Types: deb-src/; s/^deb /deb-src /' "$file" >"$base/apt/sources/$(basename "$file")"
  done
  # One that is no longer in `sources.list.d` must have a known suffix to be read.
  [ ! -e "$base/apt/sources/sources.list" ] ||
    mv "$base/apt/sources/sources.list" "$base/apt/sources/main.list"
  apt="-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$base/apt/sources
    -o Dir::State::Lists=$base/apt/lists -o APT::Sandbox::User=root"
  apt-get $apt update -qq
  (cd "$base/src" && apt-get $apt source -qq "glib2.0=$version")
}

# The locks that are written in assembler are the one thing that it would not see.
build ()
{
  source=$(echo "$base"/src/glib2.0-*/)
  sed -i '/define USE_ASM_GOTO 1/d' "$source/glib/gbitlock.c"
  meson setup "$base/build" "$source" --prefix="$base" --libdir=lib --buildtype=debugoptimized \
    -Db_sanitize=thread -Db_lundef=false -Dtests=false -Dlibmount=disabled -Dselinux=disabled \
    -Dnls=disabled -Dglib_debug=disabled
  meson compile -C "$base/build"
  meson install -C "$base/build"
}

if [ ! -e "$base/complete" ]; then
  rm -rf "$base"
  { fetch_source && build; } >&2
  rm -rf "$base/src" "$base/build" "$base/apt"
  touch "$base/complete"
fi

echo "$base/lib"
