// SPDX-License-Identifier: LGPL-2.1-or-later

// How each stage fared, after a failure: what PIPESTATUS is in a shell.

import Gp from 'gi://Gp?version=1';

const SCRIPTS = {
    fetch: "echo fig; echo 'no pears' >&2; exit 3",
    store: 'cat >/dev/null; kill -KILL $$',
    report: 'cat',
};

const pipeline = new Gp.Pipeline();
for (const [name, script] of Object.entries(SCRIPTS)) {
    // Otherwise every one of them would be called "sh".
    pipeline.append(new Gp.CommandStage({argv: ['sh', '-c', script], name}));
}

// Several failed. The first is reported: it mostly is why the others did.
try {
    await pipeline.run_async();
} catch (error) {
    print(`error: ${error.message}`);
}

for (const status of pipeline) {
    // A command that was killed has no exit status; a shell makes one of the signal.
    const code = status.exit_status >= 0 ? status.exit_status : 128 + status.term_signal;
    print(`${status.name}: ${code} (${status.summary})`);
}
