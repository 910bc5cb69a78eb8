/* What C programs rely on: errors, cancelling, threads, memory.
 *
 *   binding FIFO: FIFO is the name of a pipe that does not exist yet.
 */

#include <errno.h>
#include <fcntl.h>
#include <guestfs-gobject.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static GError *err;

static void
failed (GQuark domain, int code, const char *part)
{
  g_assert_error (err, domain, code);
  g_assert_nonnull (strstr (err->message, part));
  g_assert_true (g_utf8_validate (err->message, -1, NULL));
  g_clear_error (&err);
}

static void
errors (void)
{
  g_autoptr (GuestfsSession) g = guestfs_session_new ();
  g_autoptr (GuestfsAddDrive) o = guestfs_add_drive_new ();

  g_assert_false (guestfs_session_add_drive (g, "/nonexistent/disk.img", o, &err));
  failed (GUESTFS_ERROR, ENOENT, "/nonexistent/disk.img");
  g_assert_false (guestfs_session_add_drive (g, "/nonexistent/\377", NULL, &err));
  failed (GUESTFS_ERROR, ENOENT, "/nonexistent/");
  g_assert_false (guestfs_session_add_drive (g, NULL, NULL, &err));
  g_assert_nonnull (err);
  g_clear_error (&err);
  /* Options of another call. */
  g_assert_false (guestfs_session_mkfs (g, "ext4", "/dev/sda", (GuestfsMkfs *) o, &err));
  failed (GUESTFS_ERROR, EINVAL, "GuestfsAddDrive");
  /* Nobody wants to know. */
  g_assert_false (guestfs_session_add_drive (g, "/nonexistent/disk.img", NULL, NULL));
  g_assert_true (guestfs_session_close (g, &err));
  g_assert_false (guestfs_session_close (g, &err));
  failed (GUESTFS_ERROR, EBADF, "after the session has been closed");
  g_assert_null (guestfs_session_version (g, &err));
  failed (GUESTFS_ERROR, EBADF, "attempt to call version after");
}

struct waiting {
  GuestfsSession *g;
  GCancellable *cancellable;
  gint turns;
};

static gpointer
cancel_soon (gpointer data)
{
  struct waiting *w = data;

  g_usleep (G_USEC_PER_SEC / 2);
  if (w->cancellable)
    g_cancellable_cancel (w->cancellable);
  else
    guestfs_session_user_cancel (w->g, NULL);
  return NULL;
}

static gpointer
count (gpointer data)
{
  struct waiting *w = data;
  int i;

  for (i = 0; i < 2000; i++)
    if (guestfs_session_get_smp (w->g, NULL) == 1)
      g_atomic_int_inc (&w->turns);
  return NULL;
}

static char *
sleep_60 (GuestfsSession *g)
{
  char *args[] = { (char *) "sleep 60", NULL };
  return guestfs_session_debug (g, "sh", args, &err);
}

static gpointer
sleep_1 (gpointer g)
{
  char *args[] = { (char *) "sleep 1; echo slept", NULL };
  return guestfs_session_debug (g, "sh", args, NULL);
}

static void
cancelling (const char *fifo)
{
  g_autoptr (GuestfsSession) g = guestfs_session_new ();
  struct waiting w = { .g = g, .cancellable = g_cancellable_new () };
  gint64 begun = g_get_monotonic_time ();
  g_autofree char *said = NULL;
  GThread *t;
  int fd;

  g_assert_true (guestfs_session_add_drive_scratch (g, 64 << 20, NULL, &err));
  g_assert_true (guestfs_session_launch (g, &err));
  g_assert_true (guestfs_session_mkfs (g, "ext4", "/dev/sda", NULL, &err));
  g_assert_true (guestfs_session_mount (g, "/dev/sda", "/", &err));
  /* By the parameter: an upload from a pipe into which nobody writes. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  fd = open (fifo, O_RDWR);
  t = g_thread_new ("cancel", cancel_soon, &w);
  g_assert_false (guestfs_session_upload (g, fifo, "/x", w.cancellable, &err));
  failed (G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  g_thread_join (t);
  close (fd);
  /* Before it begins. */
  g_assert_false (guestfs_session_upload (g, fifo, "/x", w.cancellable, &err));
  failed (G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  /* The thread's current one, of any call. */
  g_cancellable_reset (w.cancellable);
  g_cancellable_push_current (w.cancellable);
  t = g_thread_new ("cancel", cancel_soon, &w);
  g_assert_null (sleep_60 (g));
  failed (G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  g_thread_join (t);
  g_cancellable_pop_current (w.cancellable);
  /* The call for it. */
  g_clear_object (&w.cancellable);
  t = g_thread_new ("cancel", cancel_soon, &w);
  g_assert_null (sleep_60 (g));
  failed (GUESTFS_ERROR, EINTR, "");
  g_thread_join (t);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 40 * G_USEC_PER_SEC);
  /* And it goes on. */
  g_assert_true (guestfs_session_touch (g, "/y", &err));
  g_assert_no_error (err);
  /* Closed while another thread is in a call: that ends as it would, all others fail. */
  t = g_thread_new ("sleep", sleep_1, g);
  g_usleep (G_USEC_PER_SEC / 2);
  g_assert_true (guestfs_session_close (g, &err));
  g_assert_cmpint (guestfs_session_get_smp (g, &err), ==, -1);
  failed (GUESTFS_ERROR, EBADF, "attempt to call get_smp after");
  said = g_thread_join (t);
  g_assert_cmpstr (said, ==, "slept\n");
}

static void
on_enter (GuestfsSession *g, GuestfsSessionEventParams *params, gpointer data)
{
  g_assert_cmpint (params->event, ==, GUESTFS_SESSION_EVENT_ENTER);
  /* The text ends with a NUL that is not counted. */
  g_assert_cmpuint (strlen ((char *) params->buf->data), ==, params->buf->len);
  if (strcmp ((char *) params->buf->data, "get_memsize") == 0) {
    g_assert_cmpint (guestfs_session_get_smp (g, NULL), ==, 1);
    g_object_unref (g);
  }
  g_atomic_int_inc ((gint *) data);
}

static void
threads (void)
{
  GuestfsSession *g = guestfs_session_new ();
  struct waiting w = { .g = g };
  gint heard = 0;
  GThread *a, *b;

  a = g_thread_new ("a", count, &w);
  b = g_thread_new ("b", count, &w);
  g_signal_connect (g, "enter", G_CALLBACK (on_enter), &heard);
  g_thread_join (a);
  g_thread_join (b);
  g_assert_cmpint (w.turns, ==, 4000);
  heard = 0;
  /* The handler drops the last reference. */
  g_assert_cmpint (guestfs_session_get_memsize (g, NULL), >, 0);
  g_assert_cmpint (heard, >=, 2);
}

static size_t
resident (void)
{
  g_autofree char *text = NULL;
  size_t pages = 0;

  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    pages = g_ascii_strtoull (strchr (text, ' '), NULL, 10);
  return pages * 4;
}

static void
shapes (GuestfsSession *g)
{
  char *list[] = { (char *) "x", (char *) "y", NULL };
  GuestfsInternalTest *o = g_object_new (GUESTFS_TYPE_INTERNAL_TEST, "obool", 1, "oint", 1, "oint64", G_GINT64_CONSTANT (1),
                                         "ostring", "s", "ostringlist", list, NULL);
  GuestfsPV **pvs = guestfs_session_internal_test_rstructlist (g, "20", NULL);
  gsize i;

  g_assert_true (guestfs_session_internal_test (g, "a", "b", list, TRUE, 1, 1, "", "", (const guint8 *) "x", 1, o, NULL,
                                                NULL));
  g_object_unref (o);
  for (i = 0; pvs[i]; i++)
    g_boxed_free (guestfs_lvm_pv_get_type (), pvs[i]);
  g_free (pvs);
  g_boxed_free (guestfs_lvm_pv_get_type (), guestfs_session_internal_test_rstruct (g, "x", NULL));
  g_strfreev (guestfs_session_internal_test_rstringlist (g, "20", NULL));
  g_hash_table_unref (guestfs_session_internal_test_rhashtable (g, "20", NULL));
  g_free (guestfs_session_internal_test_rbufferout (g, "0123", &i, NULL));
  g_free (guestfs_session_internal_test_rstring (g, "x", NULL));
  guestfs_session_internal_test_rint (g, "1", NULL);
  guestfs_session_internal_test_rint64 (g, "1", NULL);
  guestfs_session_internal_test_rbool (g, "true", NULL);
  guestfs_session_internal_test_rconststring (g, "x", NULL);
  guestfs_session_internal_test_rstringerr (g, &err);
  g_clear_error (&err);
  guestfs_session_internal_test_rstructlisterr (g, &err);
  g_clear_error (&err);
}

static void
nothing (GuestfsSession *g G_GNUC_UNUSED, GuestfsSessionEventParams *params G_GNUC_UNUSED, gpointer data)
{
  ++*(int *) data;
}

static void
memory (void)
{
  GuestfsSession *g = guestfs_session_new ();
  GCancellable *cancellable = g_cancellable_new ();
  int heard = 0, i;
  size_t before = 0;

  guestfs_session_internal_test_set_output (g, "/dev/null", NULL);
  for (i = 0; i < 12000; i++) {
    gulong id = g_signal_connect (g, "enter", G_CALLBACK (nothing), &heard);

    if (i == 2000)
      before = resident ();
    shapes (g);
    g_signal_handler_disconnect (g, id);
    guestfs_session_internal_test_only_optargs (g, NULL, cancellable, NULL);
  }
  g_assert_cmpuint (resident (), <, before + 2048);
  g_assert_cmpint (heard, >=, 12000 * 12);
  g_object_unref (g);
  g_object_unref (cancellable);
  before = resident ();
  heard = 0;
  for (i = 0; i < 200; i++) {
    g = guestfs_session_new ();
    g_signal_connect (g, "close", G_CALLBACK (nothing), &heard);
    g_object_unref (g);
  }
  g_assert_cmpint (heard, ==, 200);
  g_assert_cmpuint (resident (), <, before + 4096);
}

int
main (int argc, char *argv[])
{
  g_assert_cmpint (argc, ==, 2);
  errors ();
  threads ();
  memory ();
  cancelling (argv[1]);
  return 0;
}
