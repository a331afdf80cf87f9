/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes in and bytes out, and an exit status that is no failure. */

using Gp;

/* File names, each ended by a zero. The first is in Latin-1, which is no valid UTF-8. */
const uint8[] NAMES = { 'c', 'a', 'f', 0xe9, 0, 't', 'e', 'a', 0 };

Bytes grep (string pattern, Bytes names) throws Error
{
  var pipeline = new Pipeline ();

  // Bytes are characters in this locale, so that none of them is invalid.
  pipeline.setenv ("LC_ALL", "C", true);

  var command = pipeline.append_command ({ "grep", "-az", pattern });
  // It only found nothing. Any other status is a failure.
  command.accept_exit_status (1);

  return pipeline.communicate (names);
}

int main ()
{
  foreach (unowned string pattern in new string[] { "^c", "^x" }) {
    try {
      var found = grep (pattern, new Bytes.static (NAMES));

      print ("%s: %d bytes", pattern, found.length);
      foreach (uint8 byte in found.get_data ())
        print (" %02x", byte);
      print ("\n");
    } catch (Error e) {
      printerr ("%s\n", e.message);
      return 1;
    }
  }
  return 0;
}
