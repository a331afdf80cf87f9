// SPDX-License-Identifier: LGPL-2.1-or-later

// A function that decides which errors of a stage are errors.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';

const FRUITS = 'pear\nfig\nred fig\n';

function explain(error) {
    // It has found nothing. Where nothing else shall be decided, append_ignoring () needs no
    // function for that.
    if (Gp.error_matches_exit_status(error, 1))
        return Gp.ErrorAction.FORGIVE;
    if (Gp.error_matches_exit_status(error, 2)) {
        throw new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT,
            'this is no pattern');
    }
    return Gp.ErrorAction.KEEP;
}

async function printCount(pattern) {
    const grep = Gp.CommandStage.new(['grep', '-c', pattern]);
    const pipeline = new Gp.Pipeline();

    pipeline.append(Gp.BytesStage.new_text(FRUITS));
    pipeline.append(Gp.ErrorFilterStage.new(grep, explain));

    try {
        const output = await pipeline.communicate_utf8_async();
        print(`${pattern}: ${output.trimEnd()}`);
    } catch (error) {
        print(`${pattern}: ${error.message}`);
    }
}

await printCount('fig');
await printCount('kiwi');
await printCount('[');
