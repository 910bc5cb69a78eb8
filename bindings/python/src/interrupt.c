/* interrupt.c: Ctrl-C ends the call that runs.
 *
 * In: SIGINT while the main thread is inside a call, where Python itself would notice when the call is over.
 * Out: the call is cancelled (guestfs_user_cancel), and KeyboardInterrupt raised when it has ended.
 *
 * Only where SIGINT raises KeyboardInterrupt: a program with a handler of its own says itself what is to end,
 * and its handler runs when the call is over, as with any C function.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls of the main thread, the innermost first: a callback may make calls on other handles. */
static struct gfs_call *volatile running;
/* What SIGINT did before. */
static struct sigaction before;

static void
interrupted (int number, siginfo_t *info, void *context)
{
  int saved = errno;
  struct gfs_call *c;

  for (c = running; c; c = c->outer) {
    c->interrupted = 1;
    guestfs_user_cancel (c->g);
  }
  /* Python takes note. */
  if (before.sa_flags & SA_SIGINFO)
    before.sa_sigaction (number, info, context);
  else
    before.sa_handler (number);
  errno = saved;
}

/* Whether SIGINT raises KeyboardInterrupt. */
static int
raises (void)
{
  static PyObject *getsignal, *wanted, *number;
  PyObject *module, *is;

  /* Module signal would do it in Python, where handlers of signals run, whose exceptions would be lost below. */
  if (getsignal == NULL && (module = PyImport_ImportModule ("_signal"))) {
    number = PyLong_FromLong (SIGINT);
    wanted = PyObject_GetAttrString (module, "default_int_handler");
    getsignal = number && wanted ? PyObject_GetAttrString (module, "getsignal") : NULL;
    Py_DECREF (module);
  }
  is = getsignal ? PyObject_CallFunctionObjArgs (getsignal, number, NULL) : NULL;
  Py_XDECREF (is);
  /* Without an answer calls go on as if there were no signals. */
  PyErr_Clear ();
  return is && is == wanted;
}

/* The main thread, once it was met: to ask takes two system calls, and it is asked with every call. */
static pthread_t main_thread;
static int met;

/* The child's main thread is the one that forked. */
static void
forked (void)
{
  met = 0;
}

static int
is_main_thread (void)
{
  static int told;

  if (met)
    return pthread_equal (main_thread, pthread_self ());
  if (syscall (SYS_gettid) != getpid ())
    return 0;
  if (!told)
    told = pthread_atfork (NULL, NULL, forked) == 0;
  main_thread = pthread_self ();
  met = told;
  return 1;
}

void
gfs_watch_interrupt (struct gfs_call *c)
{
  struct sigaction ours = { .sa_sigaction = interrupted };

  c->watched = 0;
  c->interrupted = 0;
  /* The only thread in which Python runs handlers of signals. */
  if (!is_main_thread ())
    return;
  if (running == NULL) {
    if (!raises () || sigaction (SIGINT, NULL, &before) == -1
        || (!(before.sa_flags & SA_SIGINFO) && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)))
      return;
    ours.sa_flags = before.sa_flags | SA_SIGINFO;
    ours.sa_mask = before.sa_mask;
    if (sigaction (SIGINT, &ours, NULL) == -1)
      return;
  }
  c->outer = running;
  c->watched = 1;
  running = c;
}

void
gfs_forget_interrupt (struct gfs_call *c)
{
  struct sigaction now;

  if (!c->watched)
    return;
  c->watched = 0;
  running = c->outer;
  /* A callback may have set another handler, which stays. */
  if (running == NULL && sigaction (SIGINT, &before, &now) == 0 && now.sa_sigaction != interrupted)
    sigaction (SIGINT, &now, NULL);
}

int
gfs_raise_interrupt (struct gfs_call *c)
{
  PyObject *type, *value, *traceback;

  if (!c->interrupted)
    return 0;
  PyErr_Fetch (&type, &value, &traceback);
  if (PyErr_CheckSignals () == -1) {
    Py_XDECREF (type);
    Py_XDECREF (value);
    Py_XDECREF (traceback);
    return 1;
  }
  PyErr_Restore (type, value, traceback);
  return 0;
}
