/* handle.c: handles as capsules, the frame of every call, errors as exceptions.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <stdlib.h>

static const char capsule_name[] = "guestfs_h";

static void
destroy (PyObject *capsule)
{
  struct gfs_handle *h = PyCapsule_GetPointer (capsule, capsule_name);
  PyObject *type, *value, *traceback;

  if (h == NULL)
    return;
  /* A destructor may run while an exception is on its way. */
  PyErr_Fetch (&type, &value, &traceback);
  glue_free (h->glue);
  Py_XDECREF (h->pending[0]);
  Py_XDECREF (h->pending[1]);
  Py_XDECREF (h->pending[2]);
  free (h);
  PyErr_Restore (type, value, traceback);
}

int
gfs_begin (struct gfs_call *c, PyObject *args, const char *name, size_t count, const struct glue_call *call)
{
  Py_ssize_t given = PyTuple_Size (args);

  if (given != (Py_ssize_t) count + 1) {
    PyErr_Format (PyExc_TypeError, "%s() takes exactly %zu arguments (%zd given)", name, count + 1, given);
    return -1;
  }
  c->handle = PyCapsule_GetPointer (PyTuple_GetItem (args, 0), capsule_name);
  if (c->handle == NULL)
    return -1;
  if (glue_begin (&c->frame, c->handle->glue, call) == -1) {
    PyErr_SetString (PyExc_ValueError, "guestfs handle is closed");
    return -1;
  }
  c->name = name;
  c->args = args;
  c->kept = NULL;
  return 0;
}

/* Raise what a callback could not raise itself (KeyboardInterrupt, SystemExit); true when there was one. */
static int
raise_pending (struct gfs_handle *h)
{
  if (h->pending[0] == NULL)
    return 0;
  PyErr_Restore (h->pending[0], h->pending[1], h->pending[2]);
  h->pending[0] = h->pending[1] = h->pending[2] = NULL;
  return 1;
}

/* Raise KeyboardInterrupt in place of what the cancelled call failed with; true when there was one. */
static int
raise_interrupt (void)
{
  PyObject *type, *value, *traceback;

  PyErr_Fetch (&type, &value, &traceback);
  if (PyErr_CheckSignals () == 0) {
    PyErr_Restore (type, value, traceback);
    return 0;
  }
  Py_XDECREF (type);
  Py_XDECREF (value);
  Py_XDECREF (traceback);
  return 1;
}

PyObject *
gfs_end (struct gfs_call *c, PyObject *result)
{
  PyObject *type, *value, *traceback;

  /* This may close the handle, and so run callbacks. The tuple of arguments still holds the capsule. */
  PyErr_Fetch (&type, &value, &traceback);
  Py_XDECREF (c->kept);
  glue_end (&c->frame);
  PyErr_Restore (type, value, traceback);
  if (raise_pending (c->handle) || (c->frame.interrupted && raise_interrupt ()))
    Py_CLEAR (result);
  return result;
}

PyObject *
gfs_raise (struct gfs_call *c)
{
  const char *text = glue_error (&c->frame);
  PyObject *message = gfs_text (text, strlen (text));

  if (message)
    PyErr_SetObject (PyExc_RuntimeError, message);
  Py_XDECREF (message);
  return NULL;
}

PyObject *
gfs_create (PyObject *module, PyObject *args)
{
  unsigned flags;
  struct gfs_handle *h;

  (void) module;
  if (!PyArg_ParseTuple (args, "I:create", &flags))
    return NULL;
  h = calloc (1, sizeof *h);
  if (h == NULL)
    return PyErr_NoMemory ();
  h->glue = glue_create (flags);
  if (h->glue == NULL)
    PyErr_SetString (PyExc_RuntimeError, "guestfs.create: failed to allocate handle");
  else {
    h->glue->owner = h;
    h->capsule = PyCapsule_New (h, capsule_name, destroy);
    if (h->capsule)
      return h->capsule;
    glue_free (h->glue);
  }
  free (h);
  return NULL;
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
  glue_close (h->glue);
  if (raise_pending (h))
    return NULL;
  Py_RETURN_NONE;
}

PyObject *
gfs_close_all (PyObject *module, PyObject *args)
{
  struct glue_handle *h;

  (void) module;
  (void) args;
  while ((h = glue_to_close ())) {
    /* A callback may drop the last reference. */
    PyObject *capsule = ((struct gfs_handle *) h->owner)->capsule;

    Py_INCREF (capsule);
    glue_close (h);
    Py_DECREF (capsule);
  }
  Py_RETURN_NONE;
}

PyObject *
gfs_last_errno (PyObject *module, PyObject *args)
{
  struct gfs_call c;

  (void) module;
  if (gfs_begin (&c, args, "last_errno", 0, NULL) == -1)
    return NULL;
  return gfs_end (&c, PyLong_FromLong (glue_errno (&c.frame)));
}
