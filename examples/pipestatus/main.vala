/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How each stage fared, after a failure: what PIPESTATUS is in a shell. */

using Gp;

void append_script (Pipeline pipeline, string name, string script)
{
  // Otherwise every one of them would be called "sh".
  pipeline.append (new CommandStage ({ "sh", "-c", script }) { name = name });
}

int main ()
{
  var pipeline = new Pipeline ();

  append_script (pipeline, "fetch", "echo fig; echo 'no pears' >&2; exit 3");
  append_script (pipeline, "store", "cat >/dev/null; kill -KILL $$");
  append_script (pipeline, "report", "cat");

  // Several failed. The first is reported: it mostly is why the others did.
  try {
    pipeline.run ();
  } catch (Error e) {
    print ("error: %s\n", e.message);
  }

  for (uint i = 0; i < pipeline.get_n_stages (); i++) {
    var status = pipeline.get_status (i);
    // A command that was killed has no exit status; a shell makes one of the signal.
    int code = status.exit_status >= 0 ? status.exit_status : 128 + status.term_signal;

    print ("%s: %d (%s)\n", status.name, code, status.summary);
  }
  return 0;
}
