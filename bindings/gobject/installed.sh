#!/bin/sh
# Says the library's version through the installed GObject binding, as programs of users do: in JavaScript and in C.
set -eu
cat >say.js <<'JS'
const Guestfs = imports.gi.Guestfs;
const v = new Guestfs.Session().version();
print(`${v.major}.${v.minor}.${v.release}`);
JS
gjs say.js
cat >say.c <<'C'
#include <guestfs-gobject.h>

int
main (void)
{
  g_autoptr (GuestfsSession) session = guestfs_session_new ();
  GuestfsVersion *v = guestfs_session_version (session, NULL);

  if (v == NULL)
    return 1;
  g_print ("%d.%d.%d\n", (int) v->major, (int) v->minor, (int) v->release);
  g_boxed_free (guestfs_version_get_type (), v);
  return 0;
}
C
# shellcheck disable=SC2046 # flags are lists of words
cc -o say say.c $(pkg-config --cflags --libs libguestfs-gobject-1.0)
./say
