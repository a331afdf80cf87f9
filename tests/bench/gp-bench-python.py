#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same with Python's subprocess: called like a contestant of gopipe-bench, see gp-bench.h.

Bytes are read from and written to unbuffered pipes with os.read and os.write where that is the
fastest, and a function between commands is a thread.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from subprocess import DEVNULL, PIPE

BLOCK = 64 * 1024
ECHO = ['/bin/echo', 'hello']
CAT = ['/bin/cat']
LINE = b'line of 18 bytes.\n'


def check(condition, what):
    if not condition:
        sys.exit(f'wrong result: {what}')


def wait(*processes):
    for process in processes:
        check(process.wait() == 0, 'status')


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def copy(source, target):
    with source, target:
        while data := os.read(source.fileno(), BLOCK):
            write_all(target.fileno(), data)


def start_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def count(stream):
    total = 0
    with stream:
        while data := os.read(stream.fileno(), BLOCK):
            total += len(data)
    return total


def count_lines(stream):
    total = 0
    with stream:
        while data := os.read(stream.fileno(), BLOCK):
            total += data.count(b'\n')
    return total


def start_commands(argvs):
    """Each reads what the one before writes; that end is not ours any more."""
    processes = []
    for argv in argvs:
        before = processes[-1].stdout if processes else DEVNULL
        processes.append(subprocess.Popen(argv, stdin=before, stdout=PIPE, bufsize=0))
        if len(processes) > 1:
            before.close()
    return processes


def spawn1(size):
    check(subprocess.run(['/bin/true']).returncode == 0, 'status')


def cmds10(size):
    processes = start_commands([ECHO] + 9 * [CAT])
    check(processes[-1].communicate()[0] == b'hello\n', 'output')
    wait(*processes)


def stall(size):
    begin = time.monotonic()
    processes = start_commands([ECHO] + 9 * [CAT])
    seconds = time.monotonic() - begin
    processes[-1].communicate()
    wait(*processes)
    return seconds


def with_threads(first, n_cats, work, *args):
    """Commands with a thread between each two; calls work with the last output, and what it returns
    is returned. The first one is fed by a function, if that is what there is."""
    processes, threads = [], []
    for number in range(n_cats):
        feed = number > 0 or callable(first)
        argv = first if not feed else CAT
        process = subprocess.Popen(argv, stdin=PIPE if feed else DEVNULL, stdout=PIPE, bufsize=0)
        if number > 0:
            threads.append(start_thread(copy, processes[-1].stdout, process.stdin))
        elif feed:
            threads.append(start_thread(first, process.stdin))
        processes.append(process)
    result = work(processes[-1].stdout, *args)
    for thread in threads:
        thread.join()
    wait(*processes)
    return result


def mixed10(size):
    check(with_threads(ECHO, 5, lambda stream: stream.read()) == b'hello\n', 'output')


def func_to_cmd_to_func(size):
    def produce(stream):
        block = bytes(BLOCK)
        with stream:
            for _ in range(size // BLOCK):
                write_all(stream.fileno(), block)
            write_all(stream.fileno(), bytes(size % BLOCK))

    check(with_threads(produce, 1, count) == size, 'size')


def head(size, **options):
    return subprocess.Popen(['/usr/bin/head', '-c', str(size), '/dev/zero'], bufsize=0, **options)


def cmd_to_cmd(size):
    first = head(size, stdout=PIPE)
    second = subprocess.Popen(CAT, stdin=first.stdout, stdout=DEVNULL)
    first.stdout.close()
    wait(first, second)


def cmd_to_mem(size):
    process = head(size, stdout=PIPE)
    check(count(process.stdout) == size, 'size')
    wait(process)


def data_unbuffered(size):
    def write(stream):
        with stream:
            for _ in range(size):
                os.write(stream.fileno(), LINE)

    check(with_threads(write, 5, count_lines) == size, 'lines')


def data_buffered(size):
    def write(stream):
        with stream, open(stream.fileno(), 'wb', buffering=BLOCK, closefd=False) as buffered:
            for _ in range(size):
                buffered.write(LINE)

    check(with_threads(write, 5, count_lines) == size, 'lines')


def lines(size):
    process = subprocess.Popen(['/usr/bin/seq', str(size)], stdout=PIPE, bufsize=BLOCK)
    total = 0
    for _ in process.stdout:
        total += 1
    check(total == size, 'lines')
    wait(process)


def latency(size, first, last):
    """There and back, each before the next"""
    begin = time.monotonic()
    for _ in range(size):
        os.write(first, b'x')
        check(os.read(last, 1) == b'x', 'byte')
    return (time.monotonic() - begin) / size


def latency_cmds(size):
    first = subprocess.Popen(CAT, stdin=PIPE, stdout=PIPE, bufsize=0)
    processes = [first]
    for _ in range(9):
        before = processes[-1].stdout
        processes.append(subprocess.Popen(CAT, stdin=before, stdout=PIPE, bufsize=0))
        before.close()
    seconds = latency(size, first.stdin.fileno(), processes[-1].stdout.fileno())
    first.stdin.close()
    wait(*processes)
    processes[-1].stdout.close()
    return seconds


def pump_file(size):
    with tempfile.NamedTemporaryFile() as file:
        begin = time.monotonic()
        wait(head(size, stdout=file))
        seconds = time.monotonic() - begin
        check(os.stat(file.name).st_size == size, 'size')
    return seconds


def pump_socket(size):
    ours, theirs = socket.socketpair()
    total = []
    reader = start_thread(lambda: total.append(count(theirs.makefile('rb', buffering=0))))
    process = head(size, stdout=PIPE)
    with process.stdout:
        while data := os.read(process.stdout.fileno(), BLOCK):
            ours.sendall(data)
    wait(process)
    ours.close()
    reader.join()
    theirs.close()
    check(total == [size], 'size')


def communicate(size):
    data = bytes(size)
    begin = time.monotonic()
    output = subprocess.run(CAT, input=data, stdout=PIPE).stdout
    seconds = time.monotonic() - begin
    check(len(output) == size, 'size')
    return seconds


def main():
    name, _, size, iterations, touched = sys.argv[1:]
    size, touched = int(size), int(touched)
    work = globals()[name.rpartition('_')[0] if name.endswith(('m', 'g')) and touched else name]
    # Not calloc: each page is written to
    memory = b'x' * touched

    for _ in range(8 + int(iterations) // 10):
        work(min(size, 1000))
    for _ in range(int(iterations)):
        begin = time.monotonic()
        seconds = work(size)
        print('time', f'{seconds or time.monotonic() - begin:.9f}', flush=True)

    with open('/proc/self/status', encoding='ascii') as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith('VmHWM:'))
    print('peak', peak - len(memory) // 1024)


if __name__ == '__main__':
    main()
