/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function that decides which errors of a stage are errors. */

using Gp;

const string FRUITS = "pear\nfig\nred fig\n";

ErrorAction explain (Error e) throws Error
{
  // It has found nothing. Where nothing else shall be decided, append_ignoring () needs no function
  // for that.
  if (error_matches_exit_status (e, 1))
    return ErrorAction.FORGIVE;
  if (error_matches_exit_status (e, 2))
    throw new IOError.INVALID_ARGUMENT ("this is no pattern");
  return ErrorAction.KEEP;
}

void print_count (string pattern)
{
  var grep = new CommandStage ({ "grep", "-c", pattern });
  var pipeline = new Pipeline ();

  pipeline.append (new BytesStage.text (FRUITS));
  pipeline.append (new ErrorFilterStage (grep, explain));

  try {
    print ("%s: %s", pattern, pipeline.communicate_utf8 ());
  } catch (Error e) {
    print ("%s: %s\n", pattern, e.message);
  }
}

int main ()
{
  print_count ("fig");
  print_count ("kiwi");
  print_count ("[");
  return 0;
}
