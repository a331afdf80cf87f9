#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How each stage fared, after a failure: what PIPESTATUS is in a shell."""

import gi

gi.require_version('Gp', '1')
from gi.repository import GLib, Gp  # noqa: E402

SCRIPTS = {
    'fetch': "echo fig; echo 'no pears' >&2; exit 3",
    'store': 'cat >/dev/null; kill -KILL $$',
    'report': 'cat',
}

pipeline = Gp.Pipeline.new()
for name, script in SCRIPTS.items():
    # Otherwise every one of them would be called "sh".
    pipeline.append(Gp.CommandStage(argv=['sh', '-c', script], name=name))

# Several failed. The first is reported: it mostly is why the others did.
try:
    pipeline.run()
except GLib.Error as error:
    print('error:', error.message)

for status in pipeline:
    # A command that was killed has no exit status; a shell makes one of the signal.
    code = status.props.exit_status if status.props.exit_status >= 0 \
        else 128 + status.props.term_signal
    print(f'{status.props.name}: {code} ({status.props.summary})')
