/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions and the stage classes of the tests in Vala. */

using Gp;

namespace TestVala {

uint8[] upper_of (Bytes bytes)
{
  uint8[] data = bytes.get_data ();

  for (int i = 0; i < data.length; i++)
    data[i] = ((char) data[i]).toupper ();
  return data;
}

// Functions, called in a thread

bool copy (InputStream input, OutputStream output, StageContext context) throws Error
{
  output.splice (input, OutputStreamSpliceFlags.NONE, context.get_cancellable ());
  return true;
}

bool upper (InputStream input, OutputStream output, StageContext context) throws Error
{
  var cancellable = context.get_cancellable ();
  Bytes bytes;

  while ((bytes = input.read_bytes (65536, cancellable)).get_size () > 0)
    output.write_all (upper_of (bytes), null, cancellable);
  return true;
}

async void upper_async (StageContext context) throws Error
{
  var input = context.get_stdin ();
  var output = context.get_stdout ();
  var cancellable = context.get_cancellable ();

  for (;;) {
    var bytes = yield input.read_bytes_async (65536, Priority.DEFAULT, cancellable);

    if (bytes.get_size () == 0)
      return;
    yield output.write_all_async (upper_of (bytes), Priority.DEFAULT, cancellable, null);
  }
}

async void upper_and_report (StageContext context)
{
  try {
    yield upper_async (context);
    context.return_success ();
  } catch (Error e) {
    context.return_error (e);
  }
}

// Stage classes: each has only what it needs

class UpperInContext : Object, Stage {
  public string get_name ()
  {
    return "upper-in-context";
  }

  public bool run (StageContext context) throws Error
  {
    upper_and_report.begin (context);
    return true;
  }
}

class UpperStarted : Object, Stage {
  public async bool start_async (StageContext context, Cancellable? cancellable) throws Error
  {
    upper_and_report.begin (context);
    return true;
  }
}

class UpperInThread : ThreadStage {
  public override bool process (StageContext context, Cancellable? cancellable) throws Error
  {
    return upper (context.get_stdin (), context.get_stdout (), context);
  }
}

class Picky : Object, Stage {
  public void preferences (out IOPreference stdin_preference, out IOPreference stdout_preference)
  {
    stdin_preference = IOPreference.FD;
    stdout_preference = IOPreference.ANY;
  }

  public bool needs_main_context ()
  {
    return false;
  }

  public bool run (StageContext context) throws Error
  {
    context.return_success ();
    return true;
  }
}

// A stage that is another one
class Wrapper : Object, Stage {
  public Stage inner_stage { get; construct; }

  public Wrapper (Stage inner_stage)
  {
    Object (inner_stage: inner_stage);
  }

  public void preferences (out IOPreference stdin_preference, out IOPreference stdout_preference)
  {
    inner_stage.preferences (out stdin_preference, out stdout_preference);
  }

  public bool needs_main_context ()
  {
    return inner_stage.needs_main_context ();
  }

  public async bool start_async (StageContext context, Cancellable? cancellable) throws Error
  {
    return yield inner_stage.start_async (context, cancellable);
  }
}

// Looks at all that it is given
class Curious : Object, Stage {
  public string? directory;
  public string[] environ;
  public bool stdin_lent;
  public bool stdout_lent;

  public bool run (StageContext context) throws Error
  {
    directory = context.get_directory ();
    environ = context.dup_environ ();
    stdin_lent = context.get_stdin_lent ();
    stdout_lent = context.get_stdout_lent ();
    context.close_stdin ();
    context.close_stdout ();
    context.close_stdout ();
    if (context.get_cancellable ().is_cancelled ())
      context.return_fault ("cancelled");
    else
      context.return_success ();
    return true;
  }
}

enum Manner {
  THROW,
  WRONG_RETURN,
  FAULT,
  NEVER,
  TWICE,
  FINISH_EARLY
}

// Whether to return TRUE
bool misbehave (Manner manner, StageContext context) throws Error
{
  switch (manner) {
  case Manner.THROW:
    throw new IOError.NO_SPACE ("no room");
  case Manner.WRONG_RETURN:
    return false;
  case Manner.FAULT:
    context.return_fault ("not like this");
    return true;
  case Manner.TWICE:
    context.return_success ();
    context.return_success ();
    return true;
  case Manner.FINISH_EARLY:
    throw new PipelineError.FINISH_EARLY ("enough");
  default:
    return true;
  }
}

class BrokenInContext : Object, Stage {
  public Manner manner { get; construct; }

  public BrokenInContext (Manner manner)
  {
    Object (manner: manner);
  }

  public string get_name ()
  {
    return "broken";
  }

  public bool run (StageContext context) throws Error
  {
    return misbehave (manner, context);
  }
}

class BrokenStarted : Object, Stage {
  public Manner manner { get; construct; }

  public BrokenStarted (Manner manner)
  {
    Object (manner: manner);
  }

  public string get_name ()
  {
    return "broken";
  }

  public async bool start_async (StageContext context, Cancellable? cancellable) throws Error
  {
    return misbehave (manner, context);
  }
}

class BrokenInThread : ThreadStage {
  public Manner manner { get; construct; }

  public BrokenInThread (Manner manner)
  {
    Object (name: "broken", manner: manner);
  }

  public override bool process (StageContext context, Cancellable? cancellable) throws Error
  {
    return misbehave (manner, context);
  }
}

}
