/* Short of memory: a malloc that fails once for results of one size, and the handler that is told, which does
 * not return; without one the call fails. A program of its own, since it replaces malloc, which sanitizers do too.
 */

#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN 1234567

static size_t refused;          /* size that malloc does not have; 0: it has every size */
static int refusals;
static const char *said;

extern void *__libc_malloc (size_t size);

void *
malloc (size_t size)
{
  if (refused != 0 && size == refused) {
    refusals++;
    return NULL;
  }
  return __libc_malloc (size);
}

__attribute__ ((noreturn)) static void
no_memory (void)
{
  /* Plain system calls only: there is no memory. */
  if (write (STDOUT_FILENO, said, strlen (said)) == -1)
    _exit (4);
  _exit (refusals == 1 ? 0 : 5);
}

int
main (int argc, char **argv)
{
  guestfs_h *g = guestfs_create ();
  static char text[LEN + 1];
  char *result;
  size_t size;

  if (g == NULL || argc != 2)
    return 2;
  memset (text, 'x', LEN);
  result = guestfs_internal_test_rbufferout (g, text, &size);
  if (result == NULL || size != LEN)
    return 3;
  free (result);
  said = "ok\n";
  if (strcmp (argv[1], "handler") == 0)
    guestfs_set_out_of_memory_handler (g, no_memory);
  else if (strcmp (argv[1], "default") == 0) {
    guestfs_set_out_of_memory_handler (g, no_memory);
    guestfs_set_out_of_memory_handler (g, NULL);
  }
  refused = LEN + 1;
  result = guestfs_internal_test_rbufferout (g, text, &size);
  if (strcmp (argv[1], "handler") == 0)
    return 1;
  /* Without a handler it is an error of that call. */
  if (result != NULL || refusals != 1 || guestfs_last_errno (g) != ENOMEM)
    return 6;
  refused = 0;
  result = guestfs_internal_test_rbufferout (g, text, &size);
  if (result == NULL || size != LEN)
    return 7;
  free (result);
  guestfs_close (g);
  puts ("ok");
  return 0;
}
