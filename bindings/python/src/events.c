/* events.c: event callbacks in Python.
 *
 * In: events, on whatever thread they happen, without the GIL. Out: calls cb(event, handle, buf, array).
 * An exception in a callback cannot cross the C library: it is printed, but what should end the program
 * (KeyboardInterrupt, SystemExit) is kept, cancels the running transfer, and is raised when the call returns.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <stdlib.h>

/* Kept until the handle is closed: another thread may be inside it when it is deleted. */
struct gfs_callback {
  struct gfs_handle *handle;
  PyObject *function;
  struct gfs_callback *next;
};

static void
failed (struct gfs_handle *h, guestfs_h *g)
{
  if (PyErr_ExceptionMatches (PyExc_Exception) || h->pending[0]) {
    PyErr_Print ();
    return;
  }
  PyErr_Fetch (&h->pending[0], &h->pending[1], &h->pending[2]);
  guestfs_user_cancel (g);
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
deliver (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
         const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  struct gfs_callback *cb = opaque;
  PyGILState_STATE state;
  PyObject *data, *list, *result = NULL;

  (void) flags;
  if (!Py_IsInitialized ())
    return;
  state = PyGILState_Ensure ();
  data = buf ? gfs_from_text (buf, buf_len) : gfs_from_none ();
  list = integers (array, array_len);
  if (data && list)
    result = PyObject_CallFunction (cb->function, "KiOO", (unsigned long long) event, event_handle, data, list);
  if (result == NULL)
    failed (cb->handle, g);
  Py_XDECREF (result);
  Py_XDECREF (list);
  Py_XDECREF (data);
  PyGILState_Release (state);
}

PyObject *
gfs_set_event_callback (PyObject *module, PyObject *args)
{
  struct gfs_call c;
  PyObject *function = NULL, *result = NULL;
  struct gfs_callback *cb;
  int64_t mask;
  int id;

  (void) module;
  gfs_begin (&c, args, "set_event_callback", 3);
  mask = gfs_arg_int64 (&c, 2);
  if (gfs_ready (&c)) {
    function = PyTuple_GetItem (args, 1);
    if (!PyCallable_Check (function)) {
      PyErr_SetString (PyExc_TypeError, "callback must be callable");
      return gfs_end (&c, NULL);
    }
    cb = calloc (1, sizeof *cb);
    if (cb == NULL)
      return gfs_end (&c, PyErr_NoMemory ());
    Py_INCREF (function);
    cb->function = function;
    cb->handle = c.handle;
    cb->next = c.handle->callbacks;
    c.handle->callbacks = cb;
    GFS_UNLOCKED (id = guestfs_set_event_callback (c.g, deliver, (uint64_t) mask, 0, cb));
    result = id == -1 ? gfs_raise (&c) : PyLong_FromLong (id);
  }
  return gfs_end (&c, result);
}

PyObject *
gfs_delete_event_callback (PyObject *module, PyObject *args)
{
  struct gfs_call c;
  PyObject *result = NULL;
  int id;

  (void) module;
  gfs_begin (&c, args, "delete_event_callback", 2);
  id = gfs_arg_int (&c, 1);
  if (gfs_ready (&c)) {
    GFS_UNLOCKED (guestfs_delete_event_callback (c.g, id));
    result = gfs_from_none ();
  }
  return gfs_end (&c, result);
}

PyObject *
gfs_event_to_string (PyObject *module, PyObject *args)
{
  unsigned long long events;
  char *names;

  (void) module;
  if (!PyArg_ParseTuple (args, "K:event_to_string", &events))
    return NULL;
  names = guestfs_event_to_string (events);
  return names ? gfs_from_str (names) : PyErr_NoMemory ();
}

void
gfs_free_callbacks (struct gfs_handle *h)
{
  while (h->callbacks) {
    struct gfs_callback *cb = h->callbacks;

    h->callbacks = cb->next;
    Py_XDECREF (cb->function);
    free (cb);
  }
}

int
gfs_raise_pending (struct gfs_handle *h)
{
  if (h->pending[0] == NULL)
    return 0;
  PyErr_Restore (h->pending[0], h->pending[1], h->pending[2]);
  h->pending[0] = h->pending[1] = h->pending[2] = NULL;
  return 1;
}
