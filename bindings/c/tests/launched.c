/* What the C ABI promises of a handle that was launched: data written without an unmount is kept on close and
 * at exit (autosync), callbacks of the old kind are called, the end of the appliance is told.
 *
 * In: a directory to work in; in the second process, that it is the second. Out: `ok`, or what is not so.
 */

#define GUESTFS_NO_WARN_DEPRECATED 1
#include <guestfs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

static char image[1000];
static int launched, quit, progressed, logged;

static void
on_launch (guestfs_h *g, void *opaque)
{
  CHECK (opaque == image && guestfs_is_ready (g));
  launched++;
}

static void
on_quit (guestfs_h *g, void *opaque)
{
  (void) g;
  CHECK (opaque == image);
  quit++;
}

static void
on_progress (guestfs_h *g, void *opaque, int proc_nr, int serial, uint64_t position, uint64_t total)
{
  (void) serial;
  if (proc_nr == 0)             /* a launch that takes long */
    return;
  CHECK (g != NULL && opaque == image && proc_nr > 0 && position <= total);
  progressed++;
}

static void
on_log (guestfs_h *g, void *opaque, char *buf, int len)
{
  (void) g;
  CHECK (opaque == image && buf != NULL && len > 0);
  buf[0] = 'x';                 /* the old type lets it */
  logged++;
}

static guestfs_h *
launch (int verbose)
{
  guestfs_h *g = guestfs_create ();

  CHECK (g != NULL);
  CHECK (guestfs_add_drive_opts (g, image, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", -1) == 0);
  guestfs_set_launch_done_callback (g, on_launch, image);
  guestfs_set_subprocess_quit_callback (g, on_quit, image);
  guestfs_set_progress_callback (g, on_progress, image);
  guestfs_set_log_message_callback (g, on_log, image);
  CHECK (guestfs_set_verbose (g, verbose) == 0);
  CHECK (guestfs_launch (g) == 0 && launched == 1);
  launched = 0;
  return g;
}

static void
exits (guestfs_h *g, void *opaque, const char *msg)
{
  (void) g, (void) msg;
  exit (opaque == image ? 7 : 8);
}

/* Exit with the handle open, from inside an error handler. */
static int
leave_open (void)
{
  guestfs_h *g = launch (0);

  CHECK (guestfs_mount (g, "/dev/sda", "/") == 0);
  CHECK (guestfs_write (g, "/at-exit", "kept", 4) == 0);
  guestfs_set_error_handler (g, exits, image);
  guestfs_mkdir (g, "/on-close/no");
  return 9;
}

/* That, in a process of its own. */
static void
run_leave_open (char *program, char *directory)
{
  char *args[] = { program, directory, (char *) "leave-open", NULL };
  pid_t pid = fork ();
  int status;

  CHECK (pid >= 0);
  if (pid == 0) {
    execv (program, args);
    _exit (10);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 7);
}

static int in_child;

/* Runs after the library's own exit handler: of memory that belongs to the parent's thread the sanitizer
 * believes in a child that it is lost. */
static void
end_of_child (void)
{
  if (in_child)
    _exit (0);
}

/* A forked child: every call fails, and neither closing nor exiting does anything to the machine. */
static void
run_child (guestfs_h *g, int closes)
{
  pid_t pid = fork ();
  int status;

  CHECK (pid >= 0);
  if (pid == 0) {
    in_child = 1;
    guestfs_set_error_handler (g, NULL, NULL);
    if (guestfs_ping_daemon (g) != -1 || guestfs_last_errno (g) != EPERM
        || strstr (guestfs_last_error (g), "ping_daemon: the handle belongs to the process that made it") == NULL)
      _exit (1);
    if (guestfs_get_memsize (g) != -1 || guestfs_shutdown (g) != -1 || guestfs_set_memsize (g, 500) != -1)
      _exit (2);
    if (closes)
      guestfs_close (g);
    exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  CHECK (guestfs_ping_daemon (g) == 0);
}

/* One that goes on where its parent ends, which was said before: as guestmount goes into the background. */
static void
run_background (void)
{
  int pipes[2], status;
  char answer = 0;
  pid_t pid;

  CHECK (pipe (pipes) == 0);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    guestfs_h *g = guestfs_create ();

    if (g == NULL || guestfs_set_recovery_proc (g, 0) == -1 || guestfs_add_drive_ro (g, image) == -1
        || guestfs_launch (g) == -1)
      _exit (1);
    if (fork () > 0)
      _exit (0);
    answer = guestfs_ping_daemon (g) == 0 && guestfs_shutdown (g) == 0 ? 'y' : 'n';
    if (write (pipes[1], &answer, 1) != 1)
      _exit (2);
    guestfs_close (g);
    _exit (0);
  }
  close (pipes[1]);
  CHECK (waitpid (pid, &status, 0) == pid && WIFEXITED (status) && WEXITSTATUS (status) == 0);
  CHECK (read (pipes[0], &answer, 1) == 1 && answer == 'y');
  close (pipes[0]);
}

/* A handle that has not launched goes over a fork: as Debian's guestfish --listen goes into the background. */
static void
run_launch_in_child (void)
{
  guestfs_h *g = guestfs_create ();
  int status;
  pid_t pid;

  CHECK (g != NULL && guestfs_add_drive_ro (g, image) == 0);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    in_child = 1;
    if (guestfs_set_memsize (g, 700) == -1 || guestfs_launch (g) == -1 || guestfs_ping_daemon (g) == -1)
      _exit (1);
    guestfs_close (g);
    _exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid && WIFEXITED (status) && WEXITSTATUS (status) == 0);
  CHECK (guestfs_get_memsize (g) != 700);
  guestfs_close (g);
}

int
main (int argc, char **argv)
{
  char *debug[] = { (char *) "3", NULL }, *content, **list;
  guestfs_h *g;

  CHECK (argc >= 2 && atexit (end_of_child) == 0);
  snprintf (image, sizeof image, "%s/disk.img", argv[1]);
  if (argc == 3)
    return leave_open ();
  g = guestfs_create ();
  CHECK (g != NULL && guestfs_disk_create (g, image, "raw", INT64_C (64) << 20, -1) == 0);
  guestfs_close (g);

  g = launch (1);
  CHECK (guestfs_mkfs (g, "ext4", "/dev/sda") == 0);
  CHECK (guestfs_mount (g, "/dev/sda", "/") == 0);
  CHECK ((content = guestfs_debug (g, "progress", debug)) != NULL);
  free (content);
  CHECK (progressed > 0);
  CHECK (logged > 0);
  CHECK (guestfs_get_autosync (g) == 1);
  CHECK (guestfs_write (g, "/on-close", "kept", 4) == 0);
  run_child (g, 0);
  run_child (g, 1);
  CHECK (guestfs_write (g, "/on-close", "kept", 4) == 0);
  guestfs_close (g);
  CHECK (quit == 0);            /* closing is no accident */

  run_leave_open (argv[0], argv[1]);
  run_background ();
  run_launch_in_child ();

  g = launch (0);
  CHECK (guestfs_mount_ro (g, "/dev/sda", "/") == 0);
  CHECK ((content = guestfs_cat (g, "/on-close")) != NULL && strcmp (content, "kept") == 0);
  free (content);
  CHECK ((content = guestfs_cat (g, "/at-exit")) != NULL && strcmp (content, "kept") == 0);
  free (content);
  CHECK ((list = guestfs_ls (g, "/")) != NULL && strcmp (list[0], "at-exit") == 0);
  CHECK (strcmp (list[1], "lost+found") == 0 && strcmp (list[2], "on-close") == 0 && list[3] == NULL);
  free (list[0]);
  free (list[1]);
  free (list[2]);
  free (list);
  /* Launched twice is a mistake that says so. */
  guestfs_push_error_handler (g, NULL, NULL);
  CHECK (guestfs_launch (g) == -1 && strstr (guestfs_last_error (g), "config state") != NULL);
  guestfs_pop_error_handler (g);
  CHECK (guestfs_kill_subprocess (g) == 0);
  CHECK (guestfs_is_config (g) == 1);
  guestfs_close (g);
  puts ("ok");
  return 0;
}
