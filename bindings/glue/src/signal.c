/* signal.c: SIGINT ends the call that runs.
 *
 * In: SIGINT while the main thread is inside a call, where a language itself would notice when the call is over.
 * Out: the call is cancelled (guestfs_user_cancel); then the program's own handler runs, as it would have.
 * Without a handler of the program the signal does what it always did.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "glue.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls of the main thread, the innermost first: a callback may make calls on other handles. */
static struct glue_frame *volatile running;
/* What SIGINT did before. */
static struct sigaction before;

static void
interrupted (int number, siginfo_t *info, void *context)
{
  int saved = errno;
  struct glue_frame *f;

  for (f = running; f; f = f->outer) {
    f->interrupted = 1;
    guestfs_user_cancel (f->g);
  }
  if (before.sa_flags & SA_SIGINFO)
    before.sa_sigaction (number, info, context);
  else
    before.sa_handler (number);
  errno = saved;
}

void
glue_watch (struct glue_frame *f, int may)
{
  struct sigaction ours = { .sa_sigaction = interrupted };

  f->watched = 0;
  /* The thread that languages run handlers of signals in. */
  if (syscall (SYS_gettid) != getpid ())
    return;
  if (running == NULL) {
    if (!may || sigaction (SIGINT, NULL, &before) == -1
        || (!(before.sa_flags & SA_SIGINFO) && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)))
      return;
    ours.sa_flags = before.sa_flags | SA_SIGINFO;
    ours.sa_mask = before.sa_mask;
    if (sigaction (SIGINT, &ours, NULL) == -1)
      return;
  }
  f->outer = running;
  f->watched = 1;
  running = f;
}

void
glue_unwatch (struct glue_frame *f)
{
  struct sigaction now;

  if (!f->watched)
    return;
  f->watched = 0;
  running = f->outer;
  /* A callback may have set another handler, which stays. */
  if (running == NULL && sigaction (SIGINT, &before, &now) == 0 && now.sa_sigaction != interrupted)
    sigaction (SIGINT, &now, NULL);
}
