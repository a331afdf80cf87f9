#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes gp-visibility.h: which symbols are exported, and since and until which version.

usage: generate-visibility.py VERSION OUTPUT

One set of macros for each minor version up to VERSION, so that a release adds its own without
anybody having to think of it.
"""

import sys

HEAD = """\
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by generate-visibility.py */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <glib.h>

#define GP_EXTERN __attribute__ ((visibility ("default"))) extern

"""

VERSION_NUMBER = """\
#define GP_VERSION_{major}_{minor} (G_ENCODE_VERSION ({major}, {minor}))
"""

DEFAULTS = """
/* A program may define GP_VERSION_MIN_REQUIRED, to be told of what was deprecated up to that
 * version, and GP_VERSION_MAX_ALLOWED, to be told of the use of anything newer. */
#ifndef GP_VERSION_MIN_REQUIRED
#define GP_VERSION_MIN_REQUIRED (GP_VERSION_{major}_{minor})
#endif

#ifndef GP_VERSION_MAX_ALLOWED
#define GP_VERSION_MAX_ALLOWED (GP_VERSION_{major}_{minor})
#endif

#if GP_VERSION_MAX_ALLOWED < GP_VERSION_MIN_REQUIRED
#error "GP_VERSION_MAX_ALLOWED must not be older than GP_VERSION_MIN_REQUIRED"
#endif

#define GP_AVAILABLE_IN_ALL GP_EXTERN
"""

MACROS = """
#if GP_VERSION_MAX_ALLOWED < GP_VERSION_{major}_{minor}
#define GP_AVAILABLE_IN_{major}_{minor} G_UNAVAILABLE ({major}, {minor}) GP_EXTERN
#else
#define GP_AVAILABLE_IN_{major}_{minor} GP_EXTERN
#endif

#if GP_VERSION_MIN_REQUIRED >= GP_VERSION_{major}_{minor}
#define GP_DEPRECATED_IN_{major}_{minor} G_DEPRECATED GP_EXTERN
#define GP_DEPRECATED_IN_{major}_{minor}_FOR(f) G_DEPRECATED_FOR (f) GP_EXTERN
#else
#define GP_DEPRECATED_IN_{major}_{minor} GP_EXTERN
#define GP_DEPRECATED_IN_{major}_{minor}_FOR(f) GP_EXTERN
#endif
"""


def minor_versions(version):
    """The versions that get macros."""
    major, minor = (int(part) for part in version.split('.')[:2])
    if major == 0:
        return [(0, number) for number in range(1, minor + 1)]
    raise SystemExit('decide here which minor versions a major version has')


def main():
    version, output = sys.argv[1:]
    versions = [{'major': major, 'minor': minor} for major, minor in minor_versions(version)]
    with open(output, 'w', encoding='utf-8') as file:
        file.write(HEAD)
        file.writelines(VERSION_NUMBER.format(**each) for each in versions)
        file.write(DEFAULTS.format(**versions[-1]))
        file.writelines(MACROS.format(**each) for each in versions)


if __name__ == '__main__':
    main()
