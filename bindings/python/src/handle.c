/* handle.c: handles as capsules, the frame of every call, errors as exceptions.
 *
 * A capsule outlives its guestfs_h: a closed handle is an exception, never a stale pointer. A handle
 * that is closed while other threads (or the callback that closes it) are inside a call goes away when
 * the last of them is out.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <stdlib.h>

static const char capsule_name[] = "guestfs_h";

/* Open handles that want to be closed when Python exits. */
static struct gfs_handle *open_handles;

static void
forget (struct gfs_handle *h)
{
  struct gfs_handle **at = &open_handles;

  while (*at && *at != h)
    at = &(*at)->next;
  if (*at)
    *at = h->next;
}

/* Close now. The GIL is held before and after; callbacks run meanwhile. */
static void
close_now (struct gfs_handle *h)
{
  guestfs_h *g = h->g;

  if (g == NULL)
    return;
  h->g = NULL;
  forget (h);
  GFS_UNLOCKED (guestfs_close (g));
  gfs_free_callbacks (h);
}

static void
destroy (PyObject *capsule)
{
  struct gfs_handle *h = PyCapsule_GetPointer (capsule, capsule_name);
  PyObject *type, *value, *traceback;

  if (h == NULL)
    return;
  /* A destructor may run while an exception is on its way. */
  PyErr_Fetch (&type, &value, &traceback);
  close_now (h);
  Py_XDECREF (h->pending[0]);
  Py_XDECREF (h->pending[1]);
  Py_XDECREF (h->pending[2]);
  free (h);
  PyErr_Restore (type, value, traceback);
}

static struct gfs_handle *
handle_of (PyObject *capsule)
{
  struct gfs_handle *h = PyCapsule_GetPointer (capsule, capsule_name);

  if (h && (h->g == NULL || h->closing)) {
    PyErr_SetString (PyExc_ValueError, "guestfs handle is closed");
    return NULL;
  }
  return h;
}

void
gfs_begin (struct gfs_call *c, PyObject *args, const char *name, Py_ssize_t count)
{
  Py_ssize_t given = PyTuple_Size (args);

  c->handle = NULL;
  c->g = NULL;
  c->name = name;
  c->args = args;
  c->kept = NULL;
  c->failed = 1;
  c->watched = 0;
  c->interrupted = 0;
  if (given != count) {
    PyErr_Format (PyExc_TypeError, "%s() takes exactly %zd arguments (%zd given)", name, count, given);
    return;
  }
  c->handle = handle_of (PyTuple_GetItem (args, 0));
  if (c->handle == NULL)
    return;
  c->g = c->handle->g;
  c->handle->busy++;
  c->failed = 0;
  gfs_watch_interrupt (c);
}

PyObject *
gfs_end (struct gfs_call *c, PyObject *result)
{
  gfs_forget_interrupt (c);
  Py_XDECREF (c->kept);
  if (c->handle) {
    c->handle->busy--;
    if (c->handle->closing && c->handle->busy == 0) {
      /* The tuple of arguments still holds the capsule. */
      PyObject *type, *value, *traceback;

      PyErr_Fetch (&type, &value, &traceback);
      close_now (c->handle);
      PyErr_Restore (type, value, traceback);
    }
    if (gfs_raise_pending (c->handle)) {
      Py_XDECREF (result);
      return NULL;
    }
    if (gfs_raise_interrupt (c)) {
      Py_XDECREF (result);
      return NULL;
    }
  }
  return result;
}

PyObject *
gfs_raise (struct gfs_call *c)
{
  const char *text = guestfs_last_error (c->g);
  PyObject *message = gfs_from_const_str (text ? text : "unknown error");

  if (message) {
    PyErr_SetObject (PyExc_RuntimeError, message);
    Py_DECREF (message);
  }
  return NULL;
}

PyObject *
gfs_create (PyObject *module, PyObject *args)
{
  unsigned flags;
  struct gfs_handle *h;
  PyObject *capsule;

  (void) module;
  if (!PyArg_ParseTuple (args, "I:create", &flags))
    return NULL;
  h = calloc (1, sizeof *h);
  if (h == NULL)
    return PyErr_NoMemory ();
  /* The C library would close at exit when there is no interpreter for the callbacks any more:
   * module guestfs closes through Python's atexit instead. */
  h->close_on_exit = !(flags & GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  h->g = guestfs_create_flags (flags | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  if (h->g == NULL) {
    free (h);
    PyErr_SetString (PyExc_RuntimeError, "guestfs.create: failed to allocate handle");
    return NULL;
  }
  guestfs_set_error_handler (h->g, NULL, NULL);
  capsule = PyCapsule_New (h, capsule_name, destroy);
  if (capsule == NULL) {
    guestfs_close (h->g);
    free (h);
    return NULL;
  }
  h->capsule = capsule;
  h->next = open_handles;
  open_handles = h;
  return capsule;
}

PyObject *
gfs_close (PyObject *module, PyObject *args)
{
  PyObject *capsule;
  struct gfs_handle *h;

  (void) module;
  if (!PyArg_ParseTuple (args, "O:close", &capsule)
      || !(h = PyCapsule_GetPointer (capsule, capsule_name)))
    return NULL;
  /* Closing twice is nothing: Python's atexit may have come before the object's destructor. */
  if (h->busy)
    h->closing = 1;
  else
    close_now (h);
  if (gfs_raise_pending (h))
    return NULL;
  return gfs_from_none ();
}

PyObject *
gfs_close_all (PyObject *module, PyObject *args)
{
  struct gfs_handle *h, *next;

  (void) module;
  (void) args;
  for (h = open_handles; h; h = next) {
    next = h->next;
    if (h->close_on_exit && h->busy == 0) {
      PyObject *capsule = h->capsule;

      Py_INCREF (capsule);
      close_now (h);
      Py_DECREF (capsule);
      /* Callbacks may have changed the list. */
      next = open_handles;
    }
  }
  return gfs_from_none ();
}

PyObject *
gfs_last_errno (PyObject *module, PyObject *args)
{
  PyObject *capsule;
  struct gfs_handle *h;

  (void) module;
  if (!PyArg_ParseTuple (args, "O:last_errno", &capsule) || !(h = handle_of (capsule)))
    return NULL;
  return PyLong_FromLong (guestfs_last_errno (h->g));
}
