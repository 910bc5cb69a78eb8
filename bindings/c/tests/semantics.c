/* What the C ABI promises of callbacks, errors, closing and memory, beyond that it can be called: who is
 * told what in which order, what may be done from inside a callback, and what happens at exit.
 *
 * In: the name of one part. Out: `ok`, or what is not so. Each part is a process of its own.
 */

#define GUESTFS_NO_WARN_DEPRECATED 1
#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

static char told[100];          /* letters, in the order of what was called */

static guestfs_h *
create (void)
{
  guestfs_h *g = guestfs_create ();

  CHECK (g != NULL);
  told[0] = '\0';
  return g;
}

static void
fail (guestfs_h *g)
{
  CHECK (guestfs_set_memsize (g, 1) == -1);
}

/* Error handlers. */

static void
letter (guestfs_h *g, void *opaque, const char *msg)
{
  /* The handler sees what the program will see, and may ask. */
  CHECK (guestfs_last_error (g) != NULL && strcmp (msg, guestfs_last_error (g)) == 0);
  CHECK (guestfs_last_errno (g) == EINVAL);
  strcat (told, opaque);
}

static void
pops_itself (guestfs_h *g, void *opaque, const char *msg)
{
  char before[200];

  strcat (told, opaque);
  snprintf (before, sizeof before, "%s", msg);
  guestfs_pop_error_handler (g);
  /* The text is good until the handler returns, also when the handler is gone. */
  CHECK (strcmp (msg, before) == 0);
}

static void
fails_again (guestfs_h *g, void *opaque, const char *msg)
{
  (void) msg;
  strcat (told, opaque);
  guestfs_push_error_handler (g, letter, (void *) "i");
  fail (g);
  guestfs_pop_error_handler (g);
}

static void
handlers (void)
{
  guestfs_h *g = create (), *h = create ();
  static char names[20][2];
  void *opaque = NULL;
  int i;

  guestfs_set_error_handler (g, letter, (void *) "0");
  guestfs_set_error_handler (h, letter, (void *) "h");
  for (i = 0; i < 20; i++) {
    names[i][0] = 'a' + i;
    guestfs_push_error_handler (g, letter, names[i]);
    if (i % 5 == 0)
      fail (g);
  }
  for (i = 0; i < 20; i++) {
    CHECK (guestfs_get_error_handler (g, &opaque) == letter && opaque == names[19 - i]);
    if (i % 5 == 4)
      fail (g);
    guestfs_pop_error_handler (g);
  }
  fail (g);
  CHECK (strcmp (told, "afkppkfa0") == 0);
  /* Setting replaces the top; popping goes back to what was below it. */
  told[0] = '\0';
  guestfs_push_error_handler (g, letter, (void *) "x");
  guestfs_set_error_handler (g, letter, (void *) "y");
  fail (g);
  guestfs_pop_error_handler (g);
  fail (g);
  fail (h);
  CHECK (strcmp (told, "y0h") == 0);
  /* Handlers that change handlers, and that make calls which fail. */
  told[0] = '\0';
  guestfs_push_error_handler (g, pops_itself, (void *) "p");
  fail (g);
  fail (g);
  guestfs_push_error_handler (g, fails_again, (void *) "o");
  fail (g);
  guestfs_pop_error_handler (g);
  CHECK (strcmp (told, "p0oi") == 0);
  /* More pops than pushes: the handler that prints. */
  for (i = 0; i < 5; i++)
    guestfs_pop_error_handler (g);
  CHECK (guestfs_get_error_handler (g, NULL) != NULL && guestfs_get_error_handler (g, NULL) != letter);
  guestfs_close (g);
  guestfs_close (h);
}

/* The last error belongs to a handle and a thread. */

static pthread_barrier_t barrier;

static void *
one_of_many (void *opaque)
{
  guestfs_h *g = ((guestfs_h **) opaque)[0], *h = ((guestfs_h **) opaque)[1];
  const char *mine;
  char path[100], other[100];

  CHECK (guestfs_last_error (g) == NULL && guestfs_last_errno (g) == 0);
  snprintf (path, sizeof path, "/nonexistent/%lx", (unsigned long) pthread_self ());
  snprintf (other, sizeof other, "/nonexistent/other/%lx", (unsigned long) pthread_self ());
  CHECK (guestfs_add_drive_ro (g, path) == -1);
  mine = guestfs_last_error (g);
  CHECK (guestfs_last_error (h) == NULL);
  CHECK (guestfs_add_drive_ro (h, other) == -1);
  pthread_barrier_wait (&barrier);
  /* The pointer is still good when all others have had their errors, and a success changes nothing. */
  CHECK (guestfs_get_memsize (g) > 0);
  CHECK (guestfs_last_error (g) == mine && strstr (mine, path) != NULL && guestfs_last_errno (g) == ENOENT);
  CHECK (strstr (guestfs_last_error (h), other) != NULL);
  fail (g);
  CHECK (guestfs_last_errno (g) == EINVAL && guestfs_last_errno (h) == ENOENT);
  return NULL;
}

static void
threads (void)
{
  guestfs_h *both[2] = { create (), create () };
  pthread_t all[8];
  int i;

  guestfs_set_error_handler (both[0], NULL, NULL);
  guestfs_set_error_handler (both[1], NULL, NULL);
  pthread_barrier_init (&barrier, NULL, 8);
  for (i = 0; i < 8; i++)
    CHECK (pthread_create (&all[i], NULL, one_of_many, both) == 0);
  for (i = 0; i < 8; i++)
    CHECK (pthread_join (all[i], NULL) == 0);
  CHECK (guestfs_last_error (both[0]) == NULL);
  pthread_barrier_destroy (&barrier);
  guestfs_close (both[0]);
  guestfs_close (both[1]);
}

/* Events. */

static int event_handles[4];

static void
on_enter (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
          const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  const char *what = opaque;

  (void) event, (void) flags, (void) buf, (void) buf_len, (void) array, (void) array_len;
  strcat (told, what);
  switch (*what) {
  case 'm':                     /* deletes itself */
    CHECK (event_handle == event_handles[0]);
    guestfs_delete_event_callback (g, event_handle);
    guestfs_delete_event_callback (g, event_handle);
    break;
  case 'o':                     /* deletes the one behind it */
    guestfs_delete_event_callback (g, event_handles[2]);
    break;
  case 'n':                     /* adds one, once */
    if (event_handles[3] == -1)
      event_handles[3] = guestfs_set_event_callback (g, on_enter, GUESTFS_EVENT_ENTER, 0, (void *) "+");
    break;
  }
}

static void
events (void)
{
  guestfs_h *g = create ();
  const char *names[3] = { "m", "o", "gone" };
  int i;

  event_handles[3] = -1;
  for (i = 0; i < 3; i++)
    CHECK ((event_handles[i] =
            guestfs_set_event_callback (g, on_enter, GUESTFS_EVENT_ENTER, 0, (void *) names[i])) >= 0);
  /* In the order of registration; the deleted one is not called, not even this time. */
  CHECK (guestfs_get_memsize (g) > 0 && strcmp (told, "mo") == 0);
  CHECK (guestfs_get_memsize (g) > 0 && strcmp (told, "moo") == 0);
  guestfs_delete_event_callback (g, event_handles[1]);
  guestfs_delete_event_callback (g, -1);
  CHECK (guestfs_get_memsize (g) > 0 && strcmp (told, "moo") == 0);
  told[0] = '\0';
  CHECK (guestfs_set_event_callback (g, on_enter, GUESTFS_EVENT_ENTER, 0, (void *) "n") >= 0);
  CHECK (guestfs_get_memsize (g) > 0 && event_handles[3] >= 0);
  told[0] = '\0';
  CHECK (guestfs_get_memsize (g) > 0 && strcmp (told, "n+") == 0);
  guestfs_close (g);
}

/* Closing from a callback. */

static void
closes (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
        const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  (void) opaque, (void) event, (void) event_handle, (void) flags;
  (void) buf, (void) buf_len, (void) array, (void) array_len;
  guestfs_close (g);
  CHECK (strstr (guestfs_last_error (g), "callback") != NULL);
  strcat (told, "c");
}

static void
closes_on_error (guestfs_h *g, void *opaque, const char *msg)
{
  (void) opaque, (void) msg;
  strcat (told, "e");
  if (strlen (told) < 10)
    guestfs_close (g);
}

static void
closes_old_style (guestfs_h *g, void *opaque)
{
  guestfs_close (g);
  guestfs_close (opaque);       /* another handle may be closed */
  strcat (told, "C");
}

static void
close_from_callbacks (void)
{
  guestfs_h *g = create (), *other = create ();
  int enter;

  guestfs_set_error_handler (g, NULL, NULL);
  enter = guestfs_set_event_callback (g, closes, GUESTFS_EVENT_ENTER, 0, NULL);
  CHECK (guestfs_get_memsize (g) > 0);
  CHECK (guestfs_get_memsize (g) > 0 && strcmp (told, "cc") == 0);
  guestfs_delete_event_callback (g, enter);
  /* The handler closes, is told that it must not, and that does not go on for ever. */
  told[0] = '\0';
  guestfs_set_error_handler (g, closes_on_error, NULL);
  fail (g);
  CHECK (strcmp (told, "ee") == 0);
  guestfs_set_error_handler (g, NULL, NULL);
  told[0] = '\0';
  CHECK (guestfs_set_event_callback (g, closes, GUESTFS_EVENT_CLOSE, 0, NULL) >= 0);
  guestfs_set_close_callback (g, closes_old_style, other);
  guestfs_close (g);
  CHECK (strcmp (told, "cC") == 0);
}

/* Closing while another thread is in a call. */

static sem_t inside, go_on;

static void
stays (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
       const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  (void) g, (void) event, (void) event_handle, (void) flags;
  (void) buf, (void) buf_len, (void) array, (void) array_len;
  sem_post (&inside);
  if (opaque)
    usleep (300000);
  else
    sem_wait (&go_on);
  strcat (told, "s");
}

static void *
calls (void *opaque)
{
  guestfs_h *g = opaque;
  char *dir = guestfs_get_tmpdir (g);

  CHECK (dir != NULL);
  free (dir);
  return NULL;
}

static pthread_t
in_a_call (guestfs_h *g, int not_for_long)
{
  pthread_t thread;

  sem_init (&inside, 0, 0);
  sem_init (&go_on, 0, 0);
  CHECK (guestfs_set_event_callback (g, stays, GUESTFS_EVENT_ENTER, 0, not_for_long ? "" : NULL) == 0);
  CHECK (pthread_create (&thread, NULL, calls, g) == 0);
  CHECK (sem_wait (&inside) == 0);
  return thread;
}

static void
close_during_calls (void)
{
  static guestfs_h *g;
  pthread_t thread;

  /* The call returns soon: that is waited for. */
  g = create ();
  thread = in_a_call (g, 1);
  guestfs_close (g);
  CHECK (strcmp (told, "s") == 0);
  CHECK (pthread_join (thread, NULL) == 0);
  /* It does not: it finds the handle's memory when it goes on. */
  g = create ();
  thread = in_a_call (g, 0);
  guestfs_close (g);
  CHECK (told[0] == '\0');
  sem_post (&go_on);
  CHECK (pthread_join (thread, NULL) == 0 && strcmp (told, "s") == 0);
}

/* Deleting waits for who is in the callback, but not for the call; and not at all from a callback. */

static void
deletes (guestfs_h *g, void *opaque, const char *msg)
{
  (void) opaque, (void) msg;
  guestfs_delete_event_callback (g, 0);
  strcat (told, "d");
}

static void
delete_during_calls (void)
{
  const char *volatile nothing = NULL;
  guestfs_h *g = create ();
  pthread_t thread = in_a_call (g, 1);

  guestfs_delete_event_callback (g, 0);
  CHECK (strcmp (told, "s") == 0);
  CHECK (pthread_join (thread, NULL) == 0);
  guestfs_close (g);
  g = create ();
  guestfs_set_error_handler (g, deletes, NULL);
  thread = in_a_call (g, 0);
  CHECK (guestfs_add_drive_ro (g, nothing) == -1 && strcmp (told, "d") == 0);
  sem_post (&go_on);
  CHECK (pthread_join (thread, NULL) == 0 && strcmp (told, "ds") == 0);
  guestfs_close (g);
}

static void
exit_during_a_call (void)
{
  guestfs_h *g = create ();

  in_a_call (g, 0);
}

/* At exit. */

static void
exits (guestfs_h *g, void *opaque, const char *msg)
{
  (void) g, (void) opaque, (void) msg;
  exit (7);
}

static void
at_exit (guestfs_h *g, void *opaque)
{
  (void) g;
  CHECK (write (STDOUT_FILENO, opaque, 1) == 1);
}

static void
exit_from_handler (void)
{
  guestfs_h *g = create (), *kept;

  guestfs_set_close_callback (g, at_exit, (void *) "1");
  kept = guestfs_create_flags (GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  CHECK (kept != NULL);
  guestfs_set_close_callback (kept, at_exit, (void *) "2");
  guestfs_set_error_handler (g, exits, NULL);
  fail (g);
}

static void
exit_of_a_child (void)
{
  guestfs_h *g = create ();
  int status, closes;
  pid_t pid;

  /* Its exit is not the end of the parent's handle, and its close not the parent's. */
  guestfs_set_close_callback (g, at_exit, (void *) "1");
  for (closes = 0; closes < 2; closes++) {
    pid = fork ();
    CHECK (pid >= 0);
    if (pid == 0) {
      if (closes)
        guestfs_close (g);
      exit (0);
    }
    CHECK (waitpid (pid, &status, 0) == pid && status == 0);
  }
  CHECK (write (STDOUT_FILENO, "-", 1) == 1);
  CHECK (guestfs_get_memsize (g) > 0);
}

int
main (int argc, char **argv)
{
  static const struct { const char *name; void (*run) (void); } parts[] = {
    { "handlers", handlers },
    { "threads", threads },
    { "events", events },
    { "close-from-callbacks", close_from_callbacks },
    { "close-during-calls", close_during_calls },
    { "delete-during-calls", delete_during_calls },
    { "exit-during-a-call", exit_during_a_call },
    { "exit-from-handler", exit_from_handler },
    { "exit-of-a-child", exit_of_a_child },
  };
  size_t i;

  for (i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++) {
    if (strcmp (parts[i].name, argv[1]) == 0) {
      parts[i].run ();
      puts ("\nok");
      return 0;
    }
  }
  fprintf (stderr, "usage: semantics PART\n");
  return 2;
}
