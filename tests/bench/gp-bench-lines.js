// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A function of lines in JavaScript, and the loop over a Gio.DataInputStream that one would write
// instead: the one that blocks. It is the faster one, and gjs 1.74 does not get through the other
// one, since it drops callbacks while it collects garbage. Called like a contestant of
// gopipe-bench.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';
import System from 'system';

const [, contestant, sizeText, iterations] = ARGV;

function startSeq(size) {
    const process = Gio.Subprocess.new(['/usr/bin/seq', `${size}`],
        Gio.SubprocessFlags.STDOUT_PIPE);
    const input = new Gio.DataInputStream({
        base_stream: process.get_stdout_pipe(),
        buffer_size: 64 * 1024,
    });
    return [process, input];
}

const contestants = {
    async gopipe(size) {
        let count = 0;
        const pipeline = new Gp.Pipeline();
        pipeline.append_command(['/usr/bin/seq', `${size}`]);
        pipeline.append(Gp.LineStage.new_in_context('count', lines => {
            for (const line of lines)
                count += line.length > 0 ? 1 : 0;
            return Gp.LineAction.DROP;
        }));
        await pipeline.run_async(null);
        return count;
    },

    gsubprocess(size) {
        let count = 0;
        const [process, input] = startSeq(size);
        for (;;) {
            const [line] = input.read_line_utf8(null);
            if (line === null)
                break;
            count += line.length > 0 ? 1 : 0;
        }
        process.wait_check(null);
        return count;
    },
};

async function run(size) {
    const count = await contestants[contestant](size);
    if (count !== size)
        throw new Error(`${count} lines instead of ${size}`);
}

async function main() {
    const size = parseInt(sizeText);
    await run(1000);
    for (let i = 0; i < parseInt(iterations); i++) {
        System.gc();
        const begin = GLib.get_monotonic_time();
        await run(size);
        print('time', (GLib.get_monotonic_time() - begin) / 1e6);
    }
    const [, status] = GLib.file_get_contents('/proc/self/status');
    print('peak', /VmHWM:\s*(\d+)/.exec(new TextDecoder().decode(status))[1]);
}

const loop = new GLib.MainLoop(null, false);
let failed = false;
main().catch(error => {
    logError(error);
    failed = true;
}).finally(() => loop.quit());
loop.run();
if (failed)
    System.exit(1);
