// SPDX-License-Identifier: LGPL-2.1-or-later

// A command that stops reading early, as in `yes | head`.

import Gp from 'gi://Gp?version=1';

// "head" ends after three lines, and "yes", which would never end, is killed by SIGPIPE then. As it
// cannot know whether that was meant, a pipeline takes it for a failure unless told otherwise.
async function printFirst(ignorePipeErrors) {
    const pipeline = new Gp.Pipeline({ignorePipeErrors});

    pipeline.append_command(['yes', 'fig']);
    pipeline.append_command(['head', '-n', '3']);

    try {
        const output = await pipeline.communicate_utf8_async();
        print(output.trimEnd());
    } catch (error) {
        print(`error: ${error.message}`);
    }
}

await printFirst(true);
await printFirst(false);
