# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes the library feel at home in Python. Methods are patched; no class is replaced.

Text is UTF-8 everywhere. Bytes that are none survive a stage: they are decoded to surrogate
escapes, and encoded back to what they were.
"""

import contextlib
import functools
import inspect
import os
import traceback

from gi.repository import Gio, GLib

from ..module import get_introspection_module

Gp = get_introspection_module('Gp')

__all__ = []

BATCH_SIZE = 65536


def patch(klass, kind=None, name=None):
    """Puts the function that follows in a class's place of the same name."""

    def decorate(function):
        setattr(klass, name or function.__name__, kind(function) if kind else function)
        return function

    return decorate


def encode(text):
    return text.encode('utf-8', 'surrogateescape')


def decode(data):
    return data.decode('utf-8', 'surrogateescape')


# Bytes

def to_gbytes(data):
    """Makes GLib.Bytes of what a Python programmer has."""
    if data is None or isinstance(data, GLib.Bytes):
        return data
    if isinstance(data, str):
        data = encode(data)
    elif not isinstance(data, bytes):
        data = bytes(memoryview(data))
    return GLib.Bytes.new(data)


def to_bytes(data):
    return None if data is None else data.get_data() or b''


class AwaitableBytes:
    """What PyGObject gives one to await, with `bytes` as its result."""

    def __init__(self, awaitable):
        self._awaitable = awaitable

    async def _wait(self):
        return to_bytes(await self._awaitable)

    def __await__(self):
        return self._wait().__await__()

    def result(self):
        return to_bytes(self._awaitable.result())

    def __getattr__(self, name):
        return getattr(self._awaitable, name)


def to_text(text):
    # PyGObject would silently end it there
    if isinstance(text, str) and '\0' in text:
        raise ValueError('text with a NUL character is for communicate (), which takes bytes')
    return text


original_communicate = Gp.Pipeline.communicate
original_communicate_async = Gp.Pipeline.communicate_async
original_communicate_finish = Gp.Pipeline.communicate_finish
original_communicate_utf8 = Gp.Pipeline.communicate_utf8
original_communicate_utf8_async = Gp.Pipeline.communicate_utf8_async
original_dup_output = Gp.Pipeline.dup_output
original_dup_stderr_bytes = Gp.StageStatus.dup_stderr_bytes


@patch(Gp.Pipeline)
def communicate(self, stdin_bytes=None, cancellable=None):
    """Runs the pipeline with bytes or a str as its input, and returns its output as bytes."""
    return to_bytes(original_communicate(self, to_gbytes(stdin_bytes), cancellable))


@patch(Gp.Pipeline)
def communicate_async(self, stdin_bytes=None, *arguments, **named):
    """The same as communicate () without blocking; communicate_finish () returns bytes."""
    awaitable = original_communicate_async(self, to_gbytes(stdin_bytes), *arguments, **named)
    return None if awaitable is None else AwaitableBytes(awaitable)


@patch(Gp.Pipeline)
def communicate_finish(self, result):
    """Returns the output as bytes."""
    return to_bytes(original_communicate_finish(self, result))


@patch(Gp.Pipeline)
def communicate_utf8(self, stdin_text=None, cancellable=None):
    """Runs the pipeline with a str as its input, and returns its output as a str."""
    return original_communicate_utf8(self, to_text(stdin_text), cancellable)


@patch(Gp.Pipeline)
def communicate_utf8_async(self, stdin_text=None, *arguments, **named):
    """The same as communicate_utf8 () without blocking."""
    return original_communicate_utf8_async(self, to_text(stdin_text), *arguments, **named)


@patch(Gp.Pipeline)
def dup_output(self):
    """Returns what was collected as bytes, or None."""
    return to_bytes(original_dup_output(self))


@patch(Gp.StageStatus)
def dup_stderr_bytes(self):
    """Returns the end of the command's standard error as bytes, or None."""
    return to_bytes(original_dup_stderr_bytes(self))


# Commands

def to_argv(argv):
    if isinstance(argv, (str, bytes)):
        raise TypeError(f'argv is a list of a program and its arguments, not {argv!r}; '
                        'for a command line there is Gp.CommandStage.new_from_string ()')
    return [os.fspath(argument) for argument in argv]


original_new_command = Gp.CommandStage.new
original_append_command = Gp.Pipeline.append_command
original_take_fd = Gp.CommandStage.take_fd


@patch(Gp.CommandStage, staticmethod, 'new')
def new_command(argv):
    """Makes a command of a list of str, bytes or os.PathLike."""
    return original_new_command(to_argv(argv))


@patch(Gp.Pipeline)
def append_command(self, argv):
    """Appends a command, given as a list of str, bytes or os.PathLike, and returns it."""
    return original_append_command(self, to_argv(argv))


@patch(Gp.CommandStage)
def take_fd(self, source_fd, target_fd):
    """Gives the command a descriptor. A number belongs to the stage from now on; of an object with
    a fileno () the stage gets a copy, and the object keeps its own."""
    if not isinstance(source_fd, int):
        source_fd = os.dup(source_fd.fileno())
    original_take_fd(self, source_fd, target_fd)


# Errors

original_error_matches_exit_status = Gp.error_matches_exit_status
original_error_matches_pipe = Gp.error_matches_pipe


# PyGObject takes no None for an error, which is what the `error` of most statuses is
@patch(Gp)
def error_matches_exit_status(error, exit_status):
    """Tells whether an error, or None, says that a command ended with an exit status."""
    return error is not None and original_error_matches_exit_status(error, exit_status)


@patch(Gp)
def error_matches_pipe(error=None):
    """Tells whether an error, or None, says that a stage wrote to a pipe that nobody read."""
    return error is not None and original_error_matches_pipe(error)


# Exceptions

def without_our_frames(trace):
    while trace is not None and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    return trace


def new_fault(message):
    # An error's message is valid UTF-8 and has no zero in it
    text = message.encode('utf-8', 'backslashreplace').decode().replace('\0', '\\0')
    return GLib.Error.new_literal(Gp.PipelineError.quark(), text, Gp.PipelineError.FAULT)


def error_from_exception(exception):
    if isinstance(exception, KeyboardInterrupt):
        return GLib.Error.new_literal(Gio.io_error_quark(), 'interrupted from the keyboard',
                                      Gio.IOErrorEnum.CANCELLED)

    summary = ''.join(traceback.format_exception_only(type(exception), exception))
    trace = without_our_frames(exception.__traceback__)
    if trace is None:
        return new_fault(summary.rstrip())

    lines = traceback.format_exception(type(exception), exception, trace)
    return new_fault((summary + ''.join(lines)).rstrip())


def refuse_unrun(result):
    if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()
        raise new_fault(f'returned a {type(result).__name__}, which nobody would run')


def success(result):
    if result is False:
        raise new_fault('returned False, which does not say why: raise an exception to fail')
    refuse_unrun(result)
    return True


def guarded(function, finish):
    """Wraps what the library calls: an exception becomes its error, and it returns what `finish`
    makes of its result."""

    @functools.wraps(function)
    def wrapper(*arguments):
        try:
            return finish(function(*arguments))
        except GLib.Error:
            raise
        except BaseException as exception:  # Nobody else would see it
            error = error_from_exception(exception)
        try:
            raise error
        finally:
            # The error has this frame, which would keep all that the stage was given
            del error

    return wrapper


def reporting(function):
    """Wraps what a stage runs: an exception becomes the stage's error, and None is success."""
    return guarded(function, success)


def deciding(function, kind):
    """Wraps a function that returns a member of an enumeration."""

    def check(result):
        refuse_unrun(result)
        if not isinstance(result, kind):
            raise new_fault(f'returned {result!r}, which is no Gp.{kind.__name__}')
        return result

    return guarded(function, check)


@patch(Gp.Stage, classmethod)
def __init_subclass__(cls, **arguments):
    super(Gp.Stage, cls).__init_subclass__(**arguments)
    if 'do_start_async' in cls.__dict__:
        # PyGObject 3.50 crashes when a callback that was handed to Python is called
        raise TypeError(f'{cls.__name__} implements do_start_async (): implement do_run () '
                        'instead, which may report its end whenever it likes')
    # Not the classes that PyGObject makes for the library's own types
    if Gp.Limitable in cls.__bases__ and not {'__info__', '__gtype__'} & cls.__dict__.keys():
        raise TypeError(f'{cls.__name__} implements Gp.Limitable, of which Python cannot implement '
                        'a method')
    for name in ('do_process', 'do_run'):
        function = cls.__dict__.get(name)
        if callable(function):
            setattr(cls, name, reporting(function))


# Lines

def read_batches(stream, cancellable):
    """Yields lists of lines, as many as a read brings."""
    parts = []
    while data := to_bytes(stream.read_bytes(BATCH_SIZE, cancellable)):
        head, newline, tail = data.rpartition(b'\n')
        if newline:
            yield decode(b''.join((*parts, head))).split('\n')
            parts = [tail]
        else:
            parts.append(data)
    rest = b''.join(parts)
    if rest:
        yield [decode(rest)]


class Lines:
    """The iterator over its input that a generator is given."""

    def __init__(self, stream, cancellable, before_read):
        self._batches = read_batches(stream, cancellable)
        self._before_read = before_read
        self._batch = []
        self.at_end = False

    def __iter__(self):
        return self

    def __next__(self):
        if not self._batch:
            self._read()
        return self._batch.pop()

    def _read(self):
        self._before_read()
        try:
            self._batch = next(self._batches)
        except StopIteration:
            self.at_end = True
            raise
        self._batch.reverse()

    def has_more(self):
        """Whether the next line is here already."""
        return bool(self._batch)


# Functions as stages

def is_generator_function(function):
    return inspect.isgeneratorfunction(function) or \
        inspect.isgeneratorfunction(type(function).__call__)


def is_async_function(function):
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def name_of(function):
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, '__name__', type(function).__name__)


class GatheredOutput:
    """Writes what a generator yields: 14 µs for each line by itself would be slow."""

    def __init__(self, stream, cancellable):
        self._stream = stream
        self._cancellable = cancellable
        self._data = bytearray()

    def add(self, item):
        if isinstance(item, str):
            item = encode(item)
        elif not isinstance(item, (bytes, bytearray, memoryview)):
            raise TypeError(f'yielded {item!r}; a stage yields str or bytes')
        self._data += item

    def is_full(self):
        return len(self._data) >= BATCH_SIZE

    def flush(self):
        if self._data:
            data = bytes(self._data)
            self._data.clear()
            self._stream.write_all(data, self._cancellable)


def run_generator(function, user_data, stdin, stdout, context):
    """Lets a generator work from its input to its output.

    What it yields is written at the latest when it would have to wait for more input.
    """
    output = GatheredOutput(stdout, context.get_cancellable())
    lines = Lines(stdin, context.get_cancellable(), output.flush)
    try:
        with contextlib.closing(function(lines, *user_data)) as generator:
            for item in generator:
                output.add(item)
                if output.is_full() or not lines.has_more():
                    output.flush()
        output.flush()
    except BaseException:
        # What it had yielded before it failed
        with contextlib.suppress(GLib.Error):
            output.flush()
        raise

    if context.get_stdin() is not None and not lines.at_end:
        raise GLib.Error.new_literal(Gp.PipelineError.quark(), 'wanted no more input',
                                     Gp.PipelineError.FINISH_EARLY)


def blocking_function(function, user_data):
    """Makes a Gp.Function of a function or a generator function."""
    if is_async_function(function):
        raise TypeError(f'{name_of(function)} is async, and runs in a thread that has no loop')
    if isinstance(function, type) and issubclass(function, Gp.Stage):
        raise TypeError(f'a stage is an object: {function.__name__} () is missing its parentheses')

    if is_generator_function(function):
        return reporting(functools.partial(run_generator, function, user_data))

    def call(stdin, stdout, context, *unused):
        return function(stdin, stdout, context, *user_data)

    return reporting(call)


original_new_function_stage = Gp.FunctionStage.new
original_new_async_stage = Gp.AsyncStage.new
original_append = Gp.Pipeline.append
original_append_ignoring = Gp.Pipeline.append_ignoring


@patch(Gp.FunctionStage, staticmethod, 'new')
def new_function_stage(name, func, *user_data):
    """Makes a stage of a function (stdin, stdout, context, *user_data) that may block, or of a
    generator function (lines, *user_data) that yields str or bytes."""
    return original_new_function_stage(name_of(func) if name is None else name,
                                       blocking_function(func, user_data))


@patch(Gp.AsyncStage, staticmethod, 'new')
def new_async_stage(name, func, *user_data):
    """Makes a stage of a function (context, *user_data) that must not block."""
    return original_new_async_stage(name_of(func) if name is None else name,
                                    reporting(lambda context, *unused: func(context, *user_data)))


def to_stage(stage):
    if callable(stage) and not isinstance(stage, Gp.Stage):
        return Gp.FunctionStage.new(None, stage)
    return stage


@patch(Gp.Pipeline)
def append(self, stage):
    """Appends a stage, a function (stdin, stdout, context), or a generator function (lines)."""
    original_append(self, to_stage(stage))


@patch(Gp.Pipeline)
def append_ignoring(self, stage, matcher):
    """Appends the same things as append (); the errors that a matcher matches are none."""
    original_append_ignoring(self, to_stage(stage), matcher)


# Functions for lines

original_new_line_stage = Gp.LineStage.new
original_new_bytes_line_stage = Gp.LineStage.new_bytes
original_new_line_stage_in_context = Gp.LineStage.new_in_context
original_set_split_function = Gp.LineStage.set_split_function


def line_stage(new, name, func, user_data, convert):
    if is_async_function(func) or is_generator_function(func):
        raise TypeError(f'{name_of(func)} is async or a generator; a function for lines returns a '
                        'Gp.LineAction')

    def call(line, output, *unused):
        return func(convert(line), output, *user_data)

    return new(name_of(func) if name is None else name, deciding(call, Gp.LineAction))


@patch(Gp.LineStage, staticmethod, 'new')
def new_line_stage(name, func, *user_data):
    """Makes a stage of a function (line, output, *user_data) for each line, a str, that may block
    and returns a Gp.LineAction."""
    return line_stage(original_new_line_stage, name, func, user_data, str)


@patch(Gp.LineStage, staticmethod, 'new_bytes')
def new_bytes_line_stage(name, func, *user_data):
    """The same as Gp.LineStage.new () with lines that are bytes."""
    return line_stage(original_new_bytes_line_stage, name, func, user_data, to_bytes)


@patch(Gp.LineStage, staticmethod, 'new_in_context')
def new_line_stage_in_context(name, func, *user_data):
    """Makes a stage of a function (lines, output, *user_data) for some lines at a time, a list of
    str, that must not block and returns a Gp.LineAction."""
    return line_stage(original_new_line_stage_in_context, name, func, user_data, list)


def split(result):
    """What a split function returns in C"""
    whole = result if isinstance(result, tuple) else (result, 0, 0)
    if len(whole) != 3 or not isinstance(whole[0], Gp.SplitResult):
        raise new_fault(f'returned {result!r}, and not a Gp.SplitResult, length and consumed')
    return whole


@patch(Gp.LineStage)
def set_split_function(self, func, *user_data):
    """Sets a function (data, at_end, *user_data) that finds a line in bytes, and returns a
    Gp.SplitResult, the length of the line, and how many bytes it takes; or just
    Gp.SplitResult.MORE."""
    def call(data, at_end, *unused):
        return func(to_bytes(data), at_end, *user_data)

    original_set_split_function(self, func and guarded(call, split))


# Text and bytes as stages

original_new_bytes_stage = Gp.BytesStage.new
original_get_bytes = Gp.BytesStage.get_bytes


@patch(Gp.BytesStage, staticmethod, 'new')
def new_bytes_stage(name, data):
    """Makes a stage that writes bytes or a str."""
    return original_new_bytes_stage(name, to_gbytes(data))


@patch(Gp.BytesStage)
def get_bytes(self):
    """Returns what the stage writes as bytes, or None."""
    return to_bytes(original_get_bytes(self))


# Functions that decide

original_new_error_filter = Gp.ErrorFilterStage.new
original_set_fault_handler = Gp.Pipeline.set_fault_handler


@patch(Gp.ErrorFilterStage, staticmethod, 'new')
def new_error_filter(stage, func, *user_data):
    """Makes a stage of another one, or of a function, and a function (error, *user_data) that
    returns a Gp.ErrorAction, or raises the error that takes the place of the stage's."""
    return original_new_error_filter(
        to_stage(stage),
        deciding(lambda error, *unused: func(error, *user_data), Gp.ErrorAction))


@patch(Gp.Pipeline)
def set_fault_handler(self, func, *user_data):
    """Sets a function (stage, message, *user_data) that returns a Gp.ErrorAction for a stage that
    broke the rules, or raises its error; or None."""
    original_set_fault_handler(
        self, func and deciding(lambda stage, message, *unused: func(stage, message, *user_data),
                                Gp.ErrorAction))


def patch_add_environ_function(klass):
    original = klass.add_environ_function

    @patch(klass)
    def add_environ_function(self, func, *user_data):
        """Adds a function (*user_data) that returns a list of 'NAME=VALUE' at the start."""
        original(self, guarded(lambda *unused: func(*user_data), to_entries))


def to_entries(entries):
    refuse_unrun(entries)
    if entries is None or isinstance(entries, (str, bytes)):
        raise new_fault(f'returned {entries!r}, and not a list of NAME=VALUE')
    return [os.fspath(entry) for entry in entries]


patch_add_environ_function(Gp.Pipeline)
patch_add_environ_function(Gp.CommandStage)


# Iteration and `with`

# No __len__: a pipeline without stages must not be false
@patch(Gp.Pipeline)
def __iter__(self):
    return iter(self.get_stages())


@patch(Gp.Pipeline)
def lines(self, cancellable=None):
    """Starts the pipeline and yields its output as lines, without their newlines.

    At the end it waits, and raises the pipeline's error. To stop early is no error: the output is
    closed then, and wait () tells how the pipeline ended.
    """
    stream = self.open_output()
    try:
        self.start(cancellable)
        try:
            for batch in read_batches(stream, cancellable):
                yield from batch
        except GLib.Error:
            # The pipeline's own error says why there is nothing more to read
            stream.close()
            self.wait()
            raise
    finally:
        stream.close()
    self.wait()


@patch(Gp.Pipeline)
def __enter__(self):
    return self


@patch(Gp.Pipeline)
def __exit__(self, exception_type, exception, trace):
    """Waits if the pipeline was started; after an exception, it is cancelled before."""
    if self.get_state() == Gp.PipelineState.BUILDING:
        return
    if exception_type is None:
        self.wait()
        return
    self.cancel()
    with contextlib.suppress(GLib.Error):
        self.wait()
