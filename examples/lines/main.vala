/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines as they come, while the pipeline runs, until there are enough or the time is up. */

using Gp;

async void read_lines (Pipeline pipeline, DataInputStream lines)
{
  try {
    for (int i = 0; i < 3; i++) {
      string? line = yield lines.read_line_async ();

      if (line == null)
        return;
      print ("%s\n", line);
    }
    // Without this, the commands would only end when they write to the closed output.
    pipeline.cancel ();
  } catch (Error e) {
    // Why there is nothing more to read, the pipeline knows better.
  }
}

async void print_lines (string commands, uint time_limit)
{
  try {
    var pipeline = new Pipeline.from_string (commands) { time_limit = time_limit };
    var lines = new DataInputStream (pipeline.open_output ());

    yield pipeline.start_async ();
    yield read_lines (pipeline, lines);
    lines.close ();
    yield pipeline.wait_async ();
  } catch (IOError.CANCELLED e) {
    print ("That was enough.\n");
  } catch (IOError.TIMED_OUT e) {
    print ("It took too long.\n");
  } catch (Error e) {
    print ("error: %s\n", e.message);
  }
}

async void print_both (MainLoop loop)
{
  yield print_lines ("yes fig | grep -n ''", 0);
  yield print_lines ("sleep 1000", 100);
  loop.quit ();
}

int main ()
{
  var loop = new MainLoop ();

  print_both.begin (loop);
  loop.run ();
  return 0;
}
