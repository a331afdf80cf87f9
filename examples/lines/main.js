// SPDX-License-Identifier: LGPL-2.1-or-later

// Lines as they come, while the pipeline runs, until there are enough or the time is up.

import Gio from 'gi://Gio';
import Gp from 'gi://Gp?version=1';

async function printLines(commands, timeLimit) {
    const pipeline = Gp.Pipeline.new_from_string(commands);
    let nWanted = 3;

    pipeline.time_limit = timeLimit;
    try {
        for await (const line of pipeline.lines()) {
            print(line);
            if (--nWanted === 0) {
                // Without this, the commands would only end when they write to the closed output.
                pipeline.cancel();
                break;
            }
        }
        await pipeline.wait_async();
    } catch (error) {
        if (error.matches?.(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED))
            print('That was enough.');
        else if (error.matches?.(Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT))
            print('It took too long.');
        else
            print(`error: ${error.message}`);
    }
}

await printLines("yes fig | grep -n ''", 0);
await printLines('sleep 1000', 100);
