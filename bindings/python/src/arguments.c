/* arguments.c: Python arguments to C.
 *
 * In: items of the argument tuple. Out: C values that live until gfs_end. Strings are encoded as UTF-8
 * with surrogateescape, so that any bytes a guest came up with go back as they were.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <limits.h>
#include <string.h>

static PyObject *
item (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = c->failed ? NULL : PyTuple_GetItem (c->args, i);

  if (o == NULL)
    c->failed = 1;
  return o;
}

/* Hold on to O (a new reference) until gfs_end; NULL when that fails. */
static PyObject *
keep (struct gfs_call *c, PyObject *o)
{
  if (o && c->kept == NULL)
    c->kept = PyList_New (0);
  if (o == NULL || c->kept == NULL || PyList_Append (c->kept, o) == -1) {
    Py_XDECREF (o);
    c->failed = 1;
    return NULL;
  }
  Py_DECREF (o);                /* the list has its own reference */
  return o;
}

static const char *
wrong_type (struct gfs_call *c, Py_ssize_t i, const char *wanted, PyObject *o)
{
  PyObject *type = PyObject_GetAttrString ((PyObject *) Py_TYPE (o), "__name__");

  if (type)
    PyErr_Format (PyExc_TypeError, "%s() argument %zd must be %s, not %U", c->name, i, wanted, type);
  Py_XDECREF (type);
  c->failed = 1;
  return NULL;
}

static const char *
text (struct gfs_call *c, Py_ssize_t i, PyObject *o)
{
  PyObject *bytes;
  const char *s;

  if (!PyUnicode_Check (o))
    return wrong_type (c, i, "str", o);
  bytes = keep (c, PyUnicode_AsEncodedString (o, "utf-8", "surrogateescape"));
  if (bytes == NULL || (s = PyBytes_AsString (bytes)) == NULL) {
    c->failed = 1;
    return NULL;
  }
  if (strlen (s) != (size_t) PyBytes_Size (bytes)) {
    PyErr_Format (PyExc_ValueError, "%s() argument %zd: embedded null character", c->name, i);
    c->failed = 1;
    return NULL;
  }
  return s;
}

int
gfs_given (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = item (c, i);

  return o && o != Py_None;
}

static long long
integer (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = item (c, i), *index;
  long long n;

  if (o == NULL)
    return -1;
  index = PyNumber_Index (o);
  n = index ? PyLong_AsLongLong (index) : -1;
  Py_XDECREF (index);
  if (n == -1 && PyErr_Occurred ())
    c->failed = 1;
  return n;
}

int
gfs_arg_int (struct gfs_call *c, Py_ssize_t i)
{
  long long n = integer (c, i);

  if (!c->failed && (n < INT_MIN || n > INT_MAX)) {
    PyErr_Format (PyExc_OverflowError, "%s() argument %zd: %lld does not fit 32 bits", c->name, i, n);
    c->failed = 1;
  }
  return (int) n;
}

int64_t
gfs_arg_int64 (struct gfs_call *c, Py_ssize_t i)
{
  return integer (c, i);
}

const char *
gfs_arg_str (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = item (c, i);

  return o ? text (c, i, o) : NULL;
}

const char *
gfs_arg_opt_str (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = item (c, i);

  return o && o != Py_None ? text (c, i, o) : NULL;
}

char *const *
gfs_arg_list (struct gfs_call *c, Py_ssize_t i)
{
  PyObject *o = item (c, i), *items, *memory;
  Py_ssize_t n, k;
  const char **list;

  if (o == NULL)
    return NULL;
  /* A list of our own: neither the caller nor another thread changes it meanwhile. */
  items = keep (c, PySequence_List (o));
  if (items == NULL)
    return NULL;
  n = PyList_Size (items);
  if ((size_t) n >= PY_SSIZE_T_MAX / sizeof *list) {
    PyErr_NoMemory ();
    c->failed = 1;
    return NULL;
  }
  memory = keep (c, PyBytes_FromStringAndSize (NULL, (n + 1) * (Py_ssize_t) sizeof *list));
  if (memory == NULL)
    return NULL;
  list = (const char **) (void *) PyBytes_AsString (memory);
  for (k = 0; k < n && !c->failed; k++)
    list[k] = text (c, i, PyList_GetItem (items, k));
  list[n] = NULL;
  return (char *const *) list;
}

const char *
gfs_arg_buffer (struct gfs_call *c, Py_ssize_t i, size_t *size)
{
  PyObject *o = item (c, i), *bytes;
  char *p;
  Py_ssize_t n;

  *size = 0;
  if (o == NULL)
    return NULL;
  if (PyUnicode_Check (o))
    bytes = PyUnicode_AsEncodedString (o, "utf-8", "surrogateescape");
  else if (PyBytes_Check (o)) {
    Py_INCREF (o);
    bytes = o;
  }
  else if (PyByteArray_Check (o) || PyMemoryView_Check (o))
    bytes = PyBytes_FromObject (o);
  else
    return wrong_type (c, i, "bytes", o);
  bytes = keep (c, bytes);
  if (bytes == NULL || PyBytes_AsStringAndSize (bytes, &p, &n) == -1) {
    c->failed = 1;
    return NULL;
  }
  *size = (size_t) n;
  return p;
}
