/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines, bytes, converters, files and the choice of errors, from Vala. The cases have the names and
 * the numbers that they have in the other languages. */

using Gp;

namespace TestVala {

// How a pipeline fails that must fail
Error error_of (Pipeline pipeline, string? input = null)
{
  try {
    communicate (pipeline, input != null ? new Bytes (input.data) : null);
  } catch (Error e) {
    return e;
  }
  error ("it did not fail");
}

void assert_error_of (Pipeline pipeline, string? input, Error expected)
{
  var e = error_of (pipeline, input);

  assert_str (e.message, expected.message);
  assert_true (e.matches (expected.domain, expected.code));
}

Error command_error (string mode, string argument)
{
  return error_of (pipeline_of (command (mode, argument)));
}

LineStage keeping_stage_in_context ()
{
  return new LineStage.in_context ("lines", (some, output) => LineAction.KEEP);
}

LineStage keeping_stage ()
{
  return new LineStage ("lines", (line, output) => LineAction.KEEP);
}

// 2: functions and the like in the middle

void lines ()
{
  unowned var main_thread = Thread.self<void> ();
  bool was_in_thread = false;
  var seen = new StringBuilder ();
  var line_stage = new LineStage ("number", (line, output) => {
    was_in_thread = Thread.self<void> () != main_thread;
    seen.append (@"$line|");
    if (line == "drop")
      return LineAction.DROP;
    if (line == "end") {
      output.put_string ("last");
      return LineAction.FINISH;
    }
    output.put_string ("# ");
    return LineAction.KEEP;
  });
  var pipeline = pipeline_of (line_stage);

  assert_output (pipeline, "café\ndrop\nc\r\nend\nd\n", "# café\n# c\r\nlast");
  assert_str (seen.str, "café|drop|c\r|end|");
  assert_true (was_in_thread);
  assert_true (pipeline.get_status (0).get_state () == StageState.FINISHED_EARLY);
}

void lines_of_bytes ()
{
  var line_stage = new LineStage.bytes ("shout", (line, output) => {
    output.put_string (text_of (line).up ());
    return LineAction.KEEP;
  });

  line_stage.separator = LineSeparator.WORDS;
  assert_output (pipeline_of (command ("cat"), line_stage), "a b", "Aa Bb");
}

void lines_in_context ()
{
  unowned var main_thread = Thread.self<void> ();
  var data = new StringBuilder ();
  var line_stage = new LineStage.in_context ("batch", (some, output) => {
    assert_true (Thread.self<void> () == main_thread);
    foreach (unowned var line in some)
      output.put_string (@"<$line>");
    return LineAction.DROP;
  });

  assert_output (pipeline_of (line_stage, command ("cat")), "a\né\r\n\n", "<a><é\r><>");
  for (int i = 0; i < 20000; i++)
    data.append (@"$i\n");
  line_stage = keeping_stage_in_context ();
  assert_output (pipeline_of (line_stage, command ("cat")), data.str, data.str);
}

Pipeline split_pipeline ()
{
  var line_stage = new LineStage ("lines", (line, output) => {
    output.put_string (@"[$line]");
    return LineAction.DROP;
  });

  line_stage.set_split_function ((data, at_end, out length, out consumed) => {
    var text = text_of (data);
    int end = text.index_of_char (';');

    length = 0;
    consumed = 1;
    if (text[0] == '.')
      return SplitResult.SKIP;
    if (text[0] == '!')
      throw new FileError.INVAL ("no record");
    if (text[0] == '?')
      return SplitResult.FAULT;
    if (end < 0)
      return SplitResult.MORE;
    length = end;
    consumed = end + 1;
    return SplitResult.LINE;
  });
  return pipeline_of (line_stage);
}

void lines_split ()
{
  assert_output (split_pipeline (), ".a;..b\n;c", "[a][b\n][c]");
  assert_error_of (split_pipeline (), "a;!", new FileError.INVAL ("lines: no record"));
  assert_true (error_of (split_pipeline (), "?") is PipelineError.FAULT);

  var line_stage = keeping_stage ();
  line_stage.set_split_function (null);
  assert_output (pipeline_of (line_stage), "a\nb", "a\nb");
}

void assert_writes (BytesStage bytes_stage, string name, string text)
{
  assert_str (bytes_stage.get_name (), name);
  assert_str (bytes_stage.name, name);
  assert_str (text_of (bytes_stage.get_bytes ()), text);
  assert_str (text_of (bytes_stage.bytes), text);
  assert_output (pipeline_of (bytes_stage, command ("cat")), null, text);
}

void bytes ()
{
  var x = new Bytes ("x".data);
  var bytes_stage = (BytesStage) Object.new (typeof (BytesStage), name: "object", bytes: x);

  assert_writes (bytes_stage, "object", "x");
  assert_writes (new BytesStage (null, new Bytes ("é".data)), "bytes", "é");
  assert_writes (new BytesStage.text ("text"), "print", "text");
  assert_writes (new BytesStage.line ("line"), "print", "line\n");
}

void converter ()
{
  var text = string.nfill (20000, 'x');
  var compressor = new ZlibCompressor (ZlibCompressorFormat.GZIP);
  var unpacker = new ZlibDecompressor (ZlibCompressorFormat.GZIP);
  var converter_stage = new ConverterStage ("pack", compressor);
  var other_converter = (ConverterStage) Object.new (typeof (ConverterStage), name: "unpack",
                                                     converter: unpacker);

  assert_true (converter_stage.get_converter () == compressor);
  assert_true (other_converter.converter == unpacker);
  assert_str (other_converter.get_name (), "unpack");
  assert_output (pipeline_of (converter_stage, command ("cat"), other_converter), text, text);

  unpacker = new ZlibDecompressor (ZlibCompressorFormat.GZIP);
  converter_stage = new ConverterStage (null, unpacker);
  assert_true (error_of (pipeline_of (converter_stage), "no gzip") is IOError.INVALID_DATA);
}

void meter ()
{
  var meter_stage = new MeterStage (null, 8);
  var notified = new GenericSet<string> (str_hash, str_equal);

  meter_stage.notify.connect ((pspec) => notified.add (pspec.name));
  assert_output (pipeline_of (meter_stage, command ("cat")), "text", "text");
  assert_true (meter_stage.get_bytes () == 4 && meter_stage.bytes == 4);
  assert_true (meter_stage.get_fraction () == 0.5 && meter_stage.fraction == 0.5);
  assert_true (meter_stage.get_rate () > 0 && meter_stage.rate == meter_stage.get_rate ());
  assert_true (notified.length == 3 && notified.contains ("bytes"));
  assert_true (notified.contains ("rate") && notified.contains ("fraction"));

  assert_true (meter_stage.get_total () == 8);
  meter_stage.set_total (16);
  assert_true (meter_stage.total == 16);
  meter_stage.total = 4;
  assert_true (meter_stage.get_fraction () == 1.0);
  assert_true (notified.contains ("total"));
}

// 5: errors

void line_errors ()
{
  var full = new IOError.NO_SPACE ("lines: full");
  LineStage[] stages = {
    new LineStage ("lines", (line, output) => { throw new IOError.NO_SPACE ("full"); }),
    new LineStage.bytes ("lines", (line, output) => { throw new IOError.NO_SPACE ("full"); }),
    new LineStage.in_context ("lines", (some, output) => { throw new IOError.NO_SPACE ("full"); }),
  };
  foreach (var line_stage in stages)
    assert_error_of (pipeline_of (line_stage), "a\n", full);

  var line_stage = new LineStage ("lines", (line, output) => LineAction.FAULT);
  assert_true (error_of (pipeline_of (line_stage), "a\n") is PipelineError.FAULT);
  line_stage = keeping_stage ();
  line_stage.max_length = 3;
  var e = error_of (pipeline_of (line_stage), "abc\nabcd\n");
  assert_true (e is PipelineError.LINE_TOO_LONG && e.message.contains ("line 2"));
  assert_error_of (pipeline_of (keeping_stage ()), "\xff\n",
                   new IOError.INVALID_DATA ("lines: line 1 is not valid UTF-8"));

  line_stage = keeping_stage_in_context ();
  line_stage.set_split_function ((data, at_end, out length, out consumed) => {
    length = consumed = 0;
    return SplitResult.MORE;
  });
  assert_true (error_of (pipeline_of (line_stage)) is PipelineError.INVALID);
  line_stage = keeping_stage_in_context ();
  run_expecting (pipeline_of (line_stage), PipelineError.quark (),
                 PipelineError.NEEDS_MAIN_CONTEXT);
}

void matchers ()
{
  var full = new IOError.NO_SPACE ("full");
  var matcher = new ErrorMatcher.error (IOError.quark (), IOError.NO_SPACE);
  var exit_matcher = new ErrorMatcher.exit_status (3);
  var signal_matcher = new ErrorMatcher.@signal (ProcessSignal.TERM);
  var pipe_matcher = new ErrorMatcher.pipe ();
  var own_matcher = new ErrorMatcher ((e) => e.message.length < 3 ? ErrorMatch.YES
                                                                  : ErrorMatch.NO);

  assert_true (matcher.matches (full));
  assert_false (matcher.matches (new IOError.NOT_FOUND ("none")));
  assert_true (exit_matcher.matches (command_error ("exit", "3")));
  assert_false (exit_matcher.matches (command_error ("exit", "4")));
  assert_true (signal_matcher.matches (command_error ("kill-self", "15")));
  assert_true (pipe_matcher.matches (new IOError.BROKEN_PIPE ("")));
  assert_false (pipe_matcher.matches (full));
  pipe_matcher.add (matcher);
  assert_true (pipe_matcher.matches (full));
  assert_true (own_matcher.matches (new IOError.FAILED ("no")));
  assert_false (own_matcher.matches (full));

  var parts_matcher = new ErrorMatcher.with_parts ((domain, code, message) => {
    return domain == IOError.quark () && code == IOError.FAILED && message == "no"
           ? ErrorMatch.YES : ErrorMatch.NO;
  });
  assert_true (parts_matcher.matches (new IOError.FAILED ("no")));
  assert_false (parts_matcher.matches (full));
}

void ignored ()
{
  var pipeline = new Pipeline ();

  pipeline.append_ignoring (command ("exit", "1"), new ErrorMatcher.exit_status (1));
  must_run (pipeline);
  assert_true (pipeline.get_status (0).get_state () == StageState.SUCCEEDED);
  assert_true (pipeline.get_status (0).get_exit_status () == 1);

  var command_stage = command ("exit", "1");
  var matcher = new ErrorMatcher.exit_status (2);
  var error_filter_stage = new ErrorFilterStage.ignoring (command_stage, matcher);
  assert_true (error_filter_stage.get_stage () == command_stage);
  assert_true (error_filter_stage.get_matcher () == matcher);
  assert_true (error_matches_exit_status (error_of (pipeline_of (error_filter_stage)), 1));

  command_stage = command ("exit", "2");
  error_filter_stage = (ErrorFilterStage) Object.new (typeof (ErrorFilterStage),
                                                      stage: command_stage, matcher: matcher);
  assert_true (error_filter_stage.stage == command_stage);
  assert_true (error_filter_stage.matcher == matcher);
  must_run (pipeline_of (error_filter_stage));
}

void ignored_by_function ()
{
  string[] seen = {};
  var matcher = new ErrorMatcher ((e) => {
    seen += e.message;
    return error_matches_exit_status (e, 3) ? ErrorMatch.YES : ErrorMatch.NO;
  });
  CommandStage[] stages = {
    command ("exit", "3"), command ("exit", "3"), command ("stderr", "oh no", "4"),
    command ("kill-self", "15")
  };
  Pipeline[] pipelines = {};

  foreach (var stage in stages) {
    var pipeline = new Pipeline ();
    pipeline.append_ignoring (stage, matcher);
    pipelines += pipeline;
  }
  // Called by the main loop, and by a blocking call
  must_run (pipelines[0]);
  try {
    assert_true (pipelines[1].run ());
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_true (error_matches_exit_status (error_of (pipelines[2]), 4));
  run_expecting (pipelines[3], SignalError.quark (), SignalError.TERM);
  assert_strv (seen, { "exit: exit status 3", "exit: exit status 3",
                       "stderr: exit status 4: oh no", "kill-self: killed by SIGTERM" });
}

ErrorAction decide (Error e) throws Error
{
  if (error_matches_exit_status (e, 2))
    return ErrorAction.FORGIVE;
  if (error_matches_exit_status (e, 3))
    throw new IOError.NO_SPACE ("replaced");
  return ErrorAction.KEEP;
}

Pipeline filtered_pipeline (string exit_status)
{
  var error_filter_stage = new ErrorFilterStage (command ("exit", exit_status), decide);

  assert_null (error_filter_stage.get_matcher ());
  return pipeline_of (error_filter_stage);
}

void filtered ()
{
  must_run (filtered_pipeline ("2"));
  assert_true (error_matches_exit_status (error_of (filtered_pipeline ("1")), 1));
  assert_error_of (filtered_pipeline ("3"), null, new IOError.NO_SPACE ("exit: replaced"));

  var parts_filter = new ErrorFilterStage.with_parts (command ("exit", "2"),
                                                      (domain, code, message) => {
    return decide (new Error.literal (domain, code, message));
  });
  must_run (pipeline_of (parts_filter));
}

Pipeline faulty_pipeline ()
{
  return pipeline_of (new AsyncStage ("faulty", (context) => {
    context.return_fault ("mistake");
    return true;
  }));
}

void fault_handler ()
{
  int n_told = 0;

  for (int i = 0; i < 3; i++) {
    var pipeline = faulty_pipeline ();
    pipeline.set_fault_handler ((stage, message) => {
      assert_str (stage.get_name (), "faulty");
      assert_str (message, "mistake");
      if (++n_told == 3)
        throw new IOError.NO_SPACE ("handled");
      return n_told == 1 ? ErrorAction.FORGIVE : ErrorAction.KEEP;
    });
    if (i == 0)
      must_run (pipeline);
    else if (i == 1)
      assert_true (error_of (pipeline) is PipelineError.FAULT);
    else
      assert_error_of (pipeline, null, new IOError.NO_SPACE ("faulty: handled"));
  }
  assert_true (n_told == 3);

  var pipeline = faulty_pipeline ();
  pipeline.set_fault_handler (null);
  assert_true (error_of (pipeline) is PipelineError.FAULT);
}

// What the second stage is told when the first has ended
InputState input_state_after (Error? end)
{
  StageContext? first_context = null;
  StageContext? context = null;
  bool has_ended = false;
  InputState state;
  var pipeline = pipeline_of (new AsyncStage ("first", (given) => {
    first_context = given;
    return true;
  }), new AsyncStage ("second", (given) => {
    context = given;
    return true;
  }));

  pipeline.run_async.begin (null, (object, result) => { has_ended = true; });
  GpTest.wait_until ("the contexts", () => first_context != null && context != null);
  assert_true (first_context.get_input_state () == InputState.COMPLETE);
  assert_true (context.get_input_state () == InputState.UNKNOWN);
  if (end != null)
    first_context.return_error (end);
  else
    first_context.return_success ();
  GpTest.wait_until ("the first stage", () => context.get_input_state () != InputState.UNKNOWN);
  state = context.get_input_state ();
  context.return_success ();
  GpTest.wait_until ("the end", () => has_ended);
  // The stages have the functions, which have these.
  first_context = null;
  context = null;
  return state;
}

void partial_input ()
{
  assert_true (input_state_after (null) == InputState.COMPLETE);
  assert_true (input_state_after (new IOError.NO_SPACE ("full")) == InputState.PARTIAL);
}

// 8: properties and signals

void line_settings ()
{
  var line_stage = keeping_stage ();
  var notified = new Notified (line_stage);

  assert_str (line_stage.get_name (), "lines");
  assert_str (line_stage.name, "lines");
  assert_true (line_stage.get_separator () == LineSeparator.NEWLINE);
  assert_true (line_stage.get_max_length () == MIB);
  line_stage.set_max_length (0);
  assert_true (line_stage.max_length == 0);
  line_stage.max_length = 7;
  assert_true (line_stage.get_max_length () == 7);
  line_stage.set_separator (LineSeparator.NUL);
  assert_true (line_stage.get_separator () == LineSeparator.NUL);
  line_stage.separator = LineSeparator.WORDS;
  assert_true (line_stage.separator == LineSeparator.WORDS);
  notified.assert_all (line_stage);
  assert_output (pipeline_of (line_stage), " a\tb", "a\tb");
}

void assert_copies (File from, File to, FileMode mode, string expected) throws Error
{
  var pipeline = pipeline_of (command ("cat"));

  pipeline.set_stdin_file (from);
  assert_true (pipeline.get_stdin_file () == from);
  pipeline.set_stdout_file (to, mode);
  assert_true (pipeline.get_stdout_file () == to);
  assert_true (pipeline.get_stdout_file_mode () == mode);
  run (pipeline);
  assert_str (text_of (to.load_bytes ()), expected);
}

void try_files (File folder) throws Error
{
  var from = folder.get_child ("a");
  var to = folder.get_child ("b");

  try {
    assert_copies (from, to, FileMode.TRUNCATE, "");
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
    assert_true (e.message.contains (from.get_path ()));
  }
  FileUtils.set_contents (from.get_path (), "text");
  assert_copies (from, to, FileMode.REPLACE, "text");
  assert_copies (from, to, FileMode.APPEND, "texttext");
  assert_copies (from, to, FileMode.TRUNCATE, "text");

  var pipeline = pipeline_of (command ("echo", "x"), command ("exit", "1"));
  pipeline.set_stdout_file (to, FileMode.REPLACE);
  assert_true (error_matches_exit_status (error_of_run (pipeline), 1));
  assert_str (text_of (to.load_bytes ()), "text");
  // Nothing else was left there
  from.@delete ();
  to.@delete ();
  folder.@delete ();
}

Error error_of_run (Pipeline pipeline)
{
  try {
    run (pipeline);
  } catch (Error e) {
    return e;
  }
  error ("it did not fail");
}

void files ()
{
  var pipeline = new Pipeline ();

  try {
    try_files (File.new_for_path (DirUtils.make_tmp ("XXXXXX")));
  } catch (Error e) {
    error ("%s", e.message);
  }
  pipeline.set_stdin_file (File.new_for_path ("/dev/null"));
  pipeline.set_stdin_file (null);
  assert_null (pipeline.get_stdin_file ());
  pipeline.set_stdout_file (null, FileMode.REPLACE);
  assert_null (pipeline.get_stdout_file ());
}

void environment_functions ()
{
  var command_stage = command ("environ");
  var pipeline = pipeline_of (command_stage);

  command_stage.clearenv ();
  command_stage.add_environ ({ "A=1", "B=2" });
  command_stage.add_environ_function (() => { return { "B=é", "D=4" }; });
  assert_output (pipeline, null, "A=1\nB=é\nD=4\n");

  pipeline = pipeline_of (command ("environ"));
  pipeline.setenv ("A", "0", true);
  pipeline.clearenv ();
  pipeline.add_environ ({ "B=2" });
  pipeline.add_environ_function (() => { return {}; });
  pipeline.add_environ_function (() => { return { "C=3" }; });
  assert_output (pipeline, null, "B=2\nC=3\n");

  pipeline = pipeline_of (command ("environ"));
  pipeline.add_environ_function (() => { throw new IOError.NO_SPACE ("full"); });
  assert_true (error_of (pipeline) is IOError.NO_SPACE);
  command_stage = command ("environ");
  command_stage.add_environ_function (() => { throw new IOError.NO_SPACE ("full"); });
  assert_true (error_of (pipeline_of (command_stage)) is IOError.NO_SPACE);
}

void add_line_cases ()
{
  GpTest.add ("/vala/2/lines", lines);
  GpTest.add ("/vala/2/lines-of-bytes", lines_of_bytes);
  GpTest.add ("/vala/2/lines-in-context", lines_in_context);
  GpTest.add ("/vala/2/lines-split", lines_split);
  GpTest.add ("/vala/2/bytes", bytes);
  GpTest.add ("/vala/2/converter", converter);
  GpTest.add ("/vala/2/meter", meter);
  GpTest.add ("/vala/5/line-errors", line_errors);
  GpTest.add ("/vala/5/matchers", matchers);
  GpTest.add ("/vala/5/ignored", ignored);
  GpTest.add ("/vala/5/ignored-by-function", ignored_by_function);
  GpTest.add ("/vala/5/filtered", filtered);
  GpTest.add ("/vala/5/fault-handler", fault_handler);
  GpTest.add ("/vala/5/partial-input", partial_input);
  GpTest.add ("/vala/8/line-settings", line_settings);
  GpTest.add ("/vala/8/files", files);
  GpTest.add ("/vala/8/environment-functions", environment_functions);
}

}
