/* event.c: event callbacks in Python, and what glue wants to know of the language.
 *
 * In: events, on whatever thread they happen, without the GIL. Out: calls cb(event, handle, buf, array).
 * An exception in a callback cannot cross the C library: it is printed, but what should end the program
 * (KeyboardInterrupt, SystemExit) is kept, cancels the running transfer, and is raised when the call returns.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <signal.h>
#include <stdlib.h>

/* Whether SIGINT raises KeyboardInterrupt. A program with a handler of its own says itself what is to end, and its
 * handler runs when the call is over, as with any C function. */
static int
raises (void)
{
  static PyObject *number, *getsignal, *wanted;
  PyObject *module, *is;
  int same;

  if (wanted == NULL) {
    /* Module signal would do it in Python, where handlers of signals run, whose exceptions would be lost below. */
    module = PyImport_ImportModule ("_signal");
    if (module && (number || (number = PyLong_FromLong (SIGINT)))
        && (getsignal || (getsignal = PyObject_GetAttrString (module, "getsignal"))))
      wanted = PyObject_GetAttrString (module, "default_int_handler");
    Py_XDECREF (module);
  }
  is = wanted ? PyObject_CallFunctionObjArgs (getsignal, number, NULL) : NULL;
  same = is && is == wanted;
  Py_XDECREF (is);
  /* Without an answer calls go on as if there were no signals. */
  PyErr_Clear ();
  return same;
}

/* Without the GIL, as any call can wait for another thread that wants it in a callback. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  PyThreadState *thread;

  if (f)
    glue_watch (f, raises ());
  thread = PyEval_SaveThread ();
  fn (arg);
  PyEval_RestoreThread (thread);
  if (f)
    glue_unwatch (f);
}

static void
failed (const struct glue_event *e)
{
  PyObject **pending = ((struct gfs_handle *) e->handle->owner)->pending;

  if (PyErr_ExceptionMatches (PyExc_Exception) || pending[0]) {
    PyErr_Print ();
    return;
  }
  PyErr_Fetch (&pending[0], &pending[1], &pending[2]);
  guestfs_user_cancel (e->g);
}

static PyObject *
integers (const uint64_t *array, size_t len)
{
  PyObject *list = PyList_New ((Py_ssize_t) len);
  size_t i;

  for (i = 0; list && i < len; i++) {
    PyObject *n = PyLong_FromUnsignedLongLong (array[i]);

    /* Steals n, and takes the list apart correctly when it is NULL. */
    if (n == NULL || PyList_SetItem (list, (Py_ssize_t) i, n) == -1)
      Py_CLEAR (list);
  }
  return list;
}

static void
event (void *function, const struct glue_event *e)
{
  PyGILState_STATE state;
  PyObject *data, *list, *result = NULL;

  if (!Py_IsInitialized ())
    return;
  state = PyGILState_Ensure ();
  data = e->text ? gfs_text (e->text, e->size) : Py_BuildValue ("");
  list = integers (e->array, e->array_len);
  if (data && list)
    result = PyObject_CallFunction (function, "KiOO", (unsigned long long) e->event, e->id, data, list);
  if (result == NULL)
    failed (e);
  Py_XDECREF (result);
  Py_XDECREF (list);
  Py_XDECREF (data);
  PyGILState_Release (state);
}

static void
forget (void *function)
{
  Py_DECREF ((PyObject *) function);
}

const struct glue_language glue_language = { unlocked, event, forget };

PyObject *
gfs_set_event_callback (PyObject *module, PyObject *args)
{
  struct gfs_call c;
  PyObject *function, *result = NULL;
  int64_t events;
  int id;

  (void) module;
  if (gfs_begin (&c, args, "set_event_callback", 2, NULL) == -1)
    return NULL;
  function = PyTuple_GetItem (args, 1);
  if (gfs_integer (&c, 2, 1, &events) == 0) {
    if (!PyCallable_Check (function))
      PyErr_SetString (PyExc_TypeError, "callback must be callable");
    else {
      Py_INCREF (function);
      id = glue_set_event_callback (&c.frame, (uint64_t) events, function);
      result = id == -1 ? gfs_raise (&c) : PyLong_FromLong (id);
    }
  }
  return gfs_end (&c, result);
}

PyObject *
gfs_delete_event_callback (PyObject *module, PyObject *args)
{
  struct gfs_call c;
  PyObject *result = NULL;
  int64_t id;

  (void) module;
  if (gfs_begin (&c, args, "delete_event_callback", 1, NULL) == -1)
    return NULL;
  if (gfs_integer (&c, 1, 0, &id) == 0) {
    glue_delete_event_callback (&c.frame, (int) id);
    result = Py_BuildValue ("");
  }
  return gfs_end (&c, result);
}

PyObject *
gfs_event_to_string (PyObject *module, PyObject *args)
{
  unsigned long long events;
  PyObject *result;
  char *names;

  (void) module;
  if (!PyArg_ParseTuple (args, "K:event_to_string", &events))
    return NULL;
  names = guestfs_event_to_string (events);
  if (names == NULL)
    return PyErr_NoMemory ();
  result = gfs_text (names, strlen (names));
  free (names);
  return result;
}
