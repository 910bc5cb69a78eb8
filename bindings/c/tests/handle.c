/* What the C ABI has beside calls: handles, errors, events, private data, structs; and the plain, variadic
 * and _argv forms of options, all on a handle that is not launched.
 *
 * Runs as well on Debian's libguestfs.so.0, save for the parts behind OURS.
 */

#define GUESTFS_NO_WARN_DEPRECATED 1
#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef OURS
#define OURS 1
#endif

#define CHECK(EXPR)                                                     \
  do {                                                                  \
    if (!(EXPR)) {                                                      \
      fprintf (stderr, "%s:%d: not true: %s (last error: %s)\n",        \
               __FILE__, __LINE__, #EXPR, guestfs_last_error (g) ? guestfs_last_error (g) : "none"); \
      exit (1);                                                         \
    }                                                                   \
  } while (0)

static char told[10];           /* letters of the handlers that were called */

static void
on_error (guestfs_h *g, void *opaque, const char *msg)
{
  CHECK (strcmp (msg, guestfs_last_error (g)) == 0);
  strncat (told, opaque, 1);
}

static void
handlers (guestfs_h *g)
{
  void *opaque = &opaque;

  CHECK (guestfs_last_error (g) == NULL && guestfs_last_errno (g) == 0);
  CHECK (guestfs_get_error_handler (g, NULL) != NULL);
  guestfs_set_error_handler (g, on_error, (void *) "A");
  CHECK (guestfs_get_error_handler (g, &opaque) == on_error && strcmp (opaque, "A") == 0);
  CHECK (guestfs_set_memsize (g, 1) == -1);
  guestfs_push_error_handler (g, on_error, (void *) "B");
  guestfs_push_error_handler (g, NULL, NULL);
  CHECK (guestfs_get_error_handler (g, NULL) == NULL);
  CHECK (guestfs_set_memsize (g, 1) == -1);
  guestfs_pop_error_handler (g);
  CHECK (guestfs_set_memsize (g, 1) == -1);
  guestfs_pop_error_handler (g);
  CHECK (guestfs_set_memsize (g, 1) == -1);
  CHECK (strcmp (told, "ABA") == 0);
  /* A success leaves the last error alone. */
  CHECK (guestfs_get_memsize (g) > 0 && strstr (guestfs_last_error (g), "memsize") != NULL);
  guestfs_pop_error_handler (g);
  CHECK (guestfs_get_error_handler (g, NULL) != NULL);
  guestfs_set_error_handler (g, NULL, NULL);

  CHECK (guestfs_add_drive_ro (g, "/nonexistent/disk.img") == -1);
  CHECK (guestfs_last_errno (g) == ENOENT);
}

static void *
other_thread (void *opaque)
{
  guestfs_h *g = opaque;

  CHECK (guestfs_last_error (g) == NULL);
  CHECK (guestfs_internal_test_rinterr (g) == -1);
  CHECK (strcmp (guestfs_last_error (g), "error") == 0);
  return NULL;
}

static void
threads (guestfs_h *g)
{
  pthread_t thread;

  CHECK (guestfs_add_drive_ro (g, "/nonexistent/disk.img") == -1);
  CHECK (pthread_create (&thread, NULL, other_thread, g) == 0);
  CHECK (pthread_join (thread, NULL) == 0);
  CHECK (strstr (guestfs_last_error (g), "/nonexistent/disk.img") != NULL);
}

static void
properties (guestfs_h *g)
{
  const char *first, *again;
  char *owned, **list;
  char *settings[] = { (char *) "force_tcg", (char *) "a=b", NULL };
  struct guestfs_version *v;

  CHECK (guestfs_set_path (g, "/one") == 0);
  first = guestfs_get_path (g);
  CHECK (strcmp (first, "/one") == 0);
  CHECK (guestfs_set_path (g, "/two") == 0);
  again = guestfs_get_path (g);
  CHECK (strcmp (again, "/two") == 0);
#if OURS
  /* Upstream frees the old string here; ours lives as long as the handle. */
  CHECK (strcmp (first, "/one") == 0);
#endif
  CHECK (guestfs_get_append (g) == NULL);
  CHECK (guestfs_set_append (g, "quiet") == 0 && strcmp (guestfs_get_append (g), "quiet") == 0);
  CHECK (guestfs_set_append (g, NULL) == 0 && guestfs_get_append (g) == NULL);
  CHECK (guestfs_set_network (g, 5) == 0 && guestfs_get_network (g) == 1);
  CHECK (guestfs_set_autosync (g, 0) == 0 && guestfs_get_autosync (g) == 0);
  CHECK (guestfs_set_smp (g, 2) == 0 && guestfs_get_smp (g) == 2);
  CHECK (guestfs_set_backend_settings (g, settings) == 0);
  CHECK ((list = guestfs_get_backend_settings (g)) != NULL);
  CHECK (strcmp (list[0], "force_tcg") == 0 && strcmp (list[1], "a=b") == 0 && list[2] == NULL);
  free (list[0]);
  free (list[1]);
  free (list);
  CHECK ((owned = guestfs_get_backend_setting (g, "a")) != NULL && strcmp (owned, "b") == 0);
  free (owned);
  CHECK (guestfs_get_backend_setting (g, "none") == NULL && guestfs_last_errno (g) == ESRCH);
  CHECK ((v = guestfs_version (g)) != NULL && v->major == 1 && v->extra != NULL);
  guestfs_free_version (v);
  CHECK (guestfs_is_config (g) == 1 && guestfs_is_ready (g) == 0 && guestfs_is_busy (g) == 0);
  CHECK (guestfs_user_cancel (g) == 0);
  CHECK (guestfs_mkdir (g, "/x") == -1);
  CHECK (strstr (guestfs_last_error (g), "launch") != NULL);
}

static void
options (guestfs_h *g, const char *dir)
{
  char raw[1000], qcow2[1000], *format;
  struct guestfs_disk_create_argv none = { .bitmask = 0 };
  struct guestfs_add_drive_opts_argv argv = {
    .bitmask = GUESTFS_ADD_DRIVE_OPTS_READONLY_BITMASK | GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK,
    .readonly = 1,
    .format = "raw"
  };

  snprintf (raw, sizeof raw, "%s/disk.img", dir);
  snprintf (qcow2, sizeof qcow2, "%s/disk.qcow2", dir);
  CHECK (guestfs_disk_create_argv (g, raw, "raw", 1048576, &none) == 0);
  CHECK (guestfs_disk_create (g, qcow2, "qcow2", -1, GUESTFS_DISK_CREATE_BACKINGFILE, raw,
                              GUESTFS_DISK_CREATE_BACKINGFORMAT, "raw", -1) == 0);
  CHECK ((format = guestfs_disk_format (g, qcow2)) != NULL && strcmp (format, "qcow2") == 0);
  free (format);
  CHECK (guestfs_disk_virtual_size (g, qcow2) == 1048576);
  CHECK (guestfs_disk_create (g, raw, "raw", 1048576, 99, 1, -1) == -1);
  CHECK (guestfs_disk_create (g, NULL, "raw", 1048576, -1) == -1);
  CHECK (guestfs_add_drive (g, raw) == 0);
  CHECK (guestfs_add_drive_opts (g, raw, -1) == 0);
  CHECK (guestfs_add_drive_opts (g, qcow2, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "qcow2",
                                 GUESTFS_ADD_DRIVE_OPTS_READONLY, 1, -1) == 0);
  CHECK (guestfs_add_drive_opts_argv (g, raw, &argv) == 0);
  CHECK (guestfs_add_drive_opts_argv (g, raw, NULL) == 0);
}

struct seen {
  uint64_t events;
  char last[200];
  int handle;
};

static void
on_event (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
          const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  struct seen *seen = opaque;

  CHECK (flags == 0 && array == NULL && array_len == 0);
  seen->events |= event;
  seen->handle = event_handle;
  if (buf && buf_len < sizeof seen->last) {
    memcpy (seen->last, buf, buf_len);
    seen->last[buf_len] = '\0';
  }
  /* Calls are allowed here, also while the handle is being closed. */
  if (event == GUESTFS_EVENT_CLOSE)
    CHECK (guestfs_get_private (g, "key") == &told);
}

static void
on_old_style_close (guestfs_h *g, void *opaque)
{
  (void) g;
  ++*(int *) opaque;
}

static void
events (guestfs_h *g, struct seen *trace, struct seen *close_seen, int *old_style)
{
  char *names;
  int trace_handle, enter_handle;
  struct seen enter = { 0, "", -1 };
  const uint64_t noisy = GUESTFS_EVENT_TRACE | GUESTFS_EVENT_CLOSE;

  trace_handle = guestfs_set_event_callback (g, on_event, GUESTFS_EVENT_TRACE, 0, trace);
  enter_handle = guestfs_set_event_callback (g, on_event, GUESTFS_EVENT_ENTER, 0, &enter);
  CHECK (trace_handle >= 0 && enter_handle >= 0 && trace_handle != enter_handle);
  CHECK (guestfs_set_event_callback (g, on_event, GUESTFS_EVENT_ALL, 1, trace) == -1);
  CHECK (guestfs_set_trace (g, 1) == 0);
  CHECK (guestfs_get_smp (g) == 2);
  CHECK (strcmp (trace->last, "get_smp = 2") == 0 && trace->handle == trace_handle);
  CHECK (strcmp (enter.last, "get_smp") == 0);
  guestfs_delete_event_callback (g, enter_handle);
  guestfs_delete_event_callback (g, 12345);
  CHECK (guestfs_get_memsize (g) > 0);
  CHECK (strcmp (enter.last, "get_smp") == 0);
  CHECK (guestfs_set_trace (g, 0) == 0);

  CHECK (guestfs_set_event_callback (g, on_event, noisy, 0, close_seen) >= 0);
  guestfs_set_close_callback (g, on_old_style_close, old_style);
  guestfs_set_close_callback (g, on_old_style_close, old_style); /* replaces: called once */
  guestfs_set_log_message_callback (g, NULL, NULL);
  guestfs_set_progress_callback (g, NULL, NULL);
  guestfs_set_launch_done_callback (g, NULL, NULL);
  guestfs_set_subprocess_quit_callback (g, NULL, NULL);

  CHECK ((names = guestfs_event_to_string (noisy | UINT64_C (1) << 40)) != NULL);
  CHECK (strcmp (names, "close,trace") == 0);
  free (names);
  CHECK ((names = guestfs_event_to_string (0)) != NULL && strcmp (names, "") == 0);
  free (names);
}

static void
private_data (guestfs_h *g)
{
  const char *key = NULL;
  int i, found = 0;
  char name[10];
  void *p;

  CHECK (guestfs_get_private (g, "key") == NULL);
  CHECK (guestfs_first_private (g, &key) == NULL);
  for (i = 0; i < 5; i++) {
    snprintf (name, sizeof name, "key%d", i);
    guestfs_set_private (g, name, &told[i]);
  }
  guestfs_set_private (g, "key3", NULL);
  for (p = guestfs_first_private (g, &key); p; p = guestfs_next_private (g, &key)) {
    CHECK (guestfs_get_private (g, key) == p && strcmp (key, "key3") != 0);
    found++;
  }
  CHECK (found == 4);
  guestfs_set_private (g, "key", &told);
}

static void
structs (guestfs_h *g)
{
  struct guestfs_xattr a = { (char *) "n", 3, (char *) "a\0b" }, b = a, *copy;
  struct guestfs_xattr two[2] = { { (char *) "n", 3, (char *) "a\0b" }, { (char *) "m", 0, (char *) "" } };
  struct guestfs_xattr_list list = { 2, two }, shorter = { 1, two }, *copies;
  struct guestfs_lvm_lv lv, *lv_copy;
  struct guestfs_dirent d1 = { 1, 'd', (char *) "x" }, d2 = { 1, 'r', (char *) "x" };

  CHECK (guestfs_compare_xattr (&a, &b) == 0);
  b.attrval = (char *) "a\0c";
  CHECK (guestfs_compare_xattr (&a, &b) < 0 && guestfs_compare_xattr (&b, &a) > 0);
  b.attrval_len = 2;
  CHECK (guestfs_compare_xattr (&a, &b) > 0);
  copy = guestfs_copy_xattr (&a);
  CHECK (copy && copy->attrval != a.attrval && guestfs_compare_xattr (copy, &a) == 0);
  guestfs_free_xattr (copy);

  CHECK (guestfs_compare_xattr_list (&list, &shorter) > 0 && guestfs_compare_xattr_list (&shorter, &list) < 0);
  copies = guestfs_copy_xattr_list (&list);
  CHECK (copies && copies->len == 2 && guestfs_compare_xattr_list (copies, &list) == 0);
  copies->val[1].attrname[0] = 'z';
  CHECK (guestfs_compare_xattr_list (copies, &list) > 0);
  guestfs_free_xattr_list (copies);

  memset (&lv, 0, sizeof lv);
  lv.lv_name = lv.lv_attr = lv.origin = lv.move_pv = lv.lv_tags = lv.mirror_log = lv.modules = (char *) "";
  memset (lv.lv_uuid, 'u', sizeof lv.lv_uuid);
  lv.snap_percent = -1;
  lv_copy = guestfs_copy_lvm_lv (&lv);
  CHECK (lv_copy && guestfs_compare_lvm_lv (&lv, lv_copy) == 0);
  lv_copy->lv_uuid[31] = 'v';
  CHECK (guestfs_compare_lvm_lv (&lv, lv_copy) < 0);
  memcpy (lv_copy->lv_uuid, lv.lv_uuid, sizeof lv.lv_uuid);
  lv_copy->snap_percent = 50;
  CHECK (guestfs_compare_lvm_lv (&lv, lv_copy) < 0);
  guestfs_free_lvm_lv (lv_copy);

  CHECK (guestfs_compare_dirent (&d1, &d2) < 0);
  guestfs_free_stat (NULL);
  guestfs_free_stat_list (NULL);
}

static void
no_handle (guestfs_h *g)
{
#if OURS
  CHECK (guestfs_get_memsize (NULL) == -1);
  CHECK (guestfs_get_path (NULL) == NULL);
  CHECK (guestfs_last_error (NULL) == NULL && guestfs_last_errno (NULL) == 0);
  guestfs_set_private (NULL, "k", NULL);
  guestfs_close (NULL);
  CHECK (guestfs_internal_test_rbufferout (g, "x", NULL) == NULL);
#else
  (void) g;
#endif
}

static void
out_of_memory (void)
{
  _exit (3);
}

int
main (int argc, char **argv)
{
  guestfs_h *g;
  struct seen trace = { 0, "", -1 }, close_seen = { 0, "", -1 };
  int old_style = 0;

  if (argc != 2)
    return 2;
  g = guestfs_create_flags (GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  if (g == NULL)
    return 2;
  handlers (g);
  threads (g);
  properties (g);
  options (g, argv[1]);
  private_data (g);
  events (g, &trace, &close_seen, &old_style);
  structs (g);
  no_handle (g);
  CHECK (guestfs_get_out_of_memory_handler (g) != NULL);
  guestfs_set_out_of_memory_handler (g, (guestfs_abort_cb) out_of_memory);
  CHECK (guestfs_get_out_of_memory_handler (g) == (guestfs_abort_cb) out_of_memory);
  guestfs_close (g);
  if (close_seen.events != GUESTFS_EVENT_CLOSE || old_style != 1) {
    fprintf (stderr, "close callbacks: events %#llx, old style %d\n",
             (unsigned long long) close_seen.events, old_style);
    return 1;
  }

  /* Left open on purpose: closed by atexit, which the caller sees in the trace on stderr. */
  g = guestfs_create ();
  if (g == NULL || guestfs_set_trace (g, 1) == -1)
    return 2;
  puts ("ok");
  return 0;
}
