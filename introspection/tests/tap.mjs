// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Test cases that print TAP. Each has a watchdog, and each must leave no descriptor, no child and
// no busy thread behind.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';
import System from 'system';

const WATCHDOG_SECONDS = 60;
export const CHILD = GLib.getenv('GP_TEST_CHILD');

const cases = [];

export function test(name, func) {
    cases.push({name, func});
}

export function assert(condition, message = 'this should be true') {
    if (!condition)
        throw new Error(message);
}

export function assertEqual(actual, expected) {
    const [a, b] = [actual, expected].map(value => JSON.stringify(value));
    if (a !== b)
        throw new Error(`got ${a}, expected ${b}`);
}

export function assertIncludes(text, part) {
    assert(text.includes(part), `"${text}" should include "${part}"`);
}

// What calling a function throws, which may be asynchronous
export async function caught(func) {
    try {
        await func();
    } catch (error) {
        return error;
    }
    throw new Error('nothing was thrown');
}

export async function assertError(func, domain, code) {
    const error = await caught(func);
    assert(error instanceof GLib.Error && error.matches(domain, code),
        `${error} should be code ${code} of ${domain}`);
    return error;
}

export async function assertTypeError(func, part) {
    const error = await caught(func);
    assert(error instanceof TypeError, `${error} should be a TypeError`);
    assertIncludes(error.message, part);
}

// Turns the main loop until the condition holds; the watchdog bounds it
export function until(condition) {
    return new Promise((resolve, reject) => {
        GLib.idle_add(GLib.PRIORITY_LOW, () => {
            try {
                if (!condition())
                    return GLib.SOURCE_CONTINUE;
                resolve();
            } catch (error) {
                reject(error);
            }
            return GLib.SOURCE_REMOVE;
        });
    });
}

// Watches objects without keeping them. A WeakRef would keep them in gjs 1.74.
export class Watched {
    constructor(...objects) {
        this.groups = objects.map(source => new GObject.BindingGroup({source}));
    }

    async untilFreed() {
        await until(() => {
            System.gc();
            return this.groups.every(group => group.source === null);
        });
    }
}

export function command(...args) {
    return Gp.CommandStage.new([CHILD, ...args]);
}

export function pipelineOf(...stages) {
    const pipeline = new Gp.Pipeline();
    for (const stage of stages)
        pipeline.append(stage);
    return pipeline;
}

export function asyncStage(func, name = 'function') {
    return Gp.AsyncStage.new(name, func);
}

// Runs a program of ours in a gjs that may print warnings, and gives what it prints to stderr
export async function runScript(name, ...args) {
    const directory = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);
    const pipeline = new Gp.Pipeline();
    pipeline.append_command(['gjs', '-m', GLib.build_filenamev([directory, name]), ...args])
        .setenv('G_DEBUG', 'gc-friendly', true);
    await pipeline.run_async();
    return pipeline.get_status(0).stderr_text;
}

function listNames(path) {
    const names = [];
    const directory = Gio.File.new_for_path(path);
    const entries = directory.enumerate_children('standard::name', Gio.FileQueryInfoFlags.NONE,
        null);
    for (let info = entries.next_file(null); info; info = entries.next_file(null))
        names.push(info.get_name());
    entries.close(null);
    return names;
}

function readTasks(file) {
    return listNames('/proc/self/task').map(task => {
        try {
            const [, contents] = GLib.file_get_contents(`/proc/self/task/${task}/${file}`);
            return new TextDecoder().decode(contents).trim();
        } catch {
            // It has ended meanwhile.
            return '';
        }
    });
}

function isIdle() {
    return readTasks('children').every(children => children === '') &&
        !readTasks('comm').some(comm => comm.startsWith('gp:'));
}

function countDescriptors() {
    System.gc();
    return listNames('/proc/self/fd').length;
}

// A thread of the library's that has nothing to do may keep a descriptor until it is used again
function countIdleThreads() {
    return readTasks('comm').filter(comm => comm === 'gp-idle').length;
}

async function runCase({func}) {
    await until(isIdle);
    const before = countDescriptors();
    await func();
    await until(isIdle);
    await until(() => countDescriptors() <= before + countIdleThreads());
}

function watch(number, name) {
    return GLib.timeout_add_seconds(GLib.PRIORITY_HIGH, WATCHDOG_SECONDS, () => {
        print(`not ok ${number} - ${name}\n# took longer than ${WATCHDOG_SECONDS} s`);
        System.exit(1);
    });
}

function explain(error) {
    for (const line of `${error}\n${error.stack ?? ''}`.trimEnd().split('\n'))
        print(`# ${line}`);
}

// What GLib and the library open once and keep
async function warmUp() {
    for (let i = 0; i < 2; i++) {
        await pipelineOf(command('cat'), command('cat')).communicate_async('x');
        pipelineOf(command('exit', '0')).run();
    }
}

export async function run() {
    let failed = 0;
    let number = 0;

    await warmUp();
    for (const testCase of cases) {
        const watchdog = watch(++number, testCase.name);
        try {
            await runCase(testCase);
            print(`ok ${number} - ${testCase.name}`);
        } catch (error) {
            failed++;
            print(`not ok ${number} - ${testCase.name}`);
            explain(error);
        }
        GLib.source_remove(watchdog);
    }
    print(`1..${number}`);
    System.exit(failed > 0 ? 1 : 0);
}
