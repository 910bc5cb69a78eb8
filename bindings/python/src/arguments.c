/* arguments.c: Python arguments to C.
 *
 * In: items of the argument tuple. Out: C values that live until gfs_end. Texts are encoded as UTF-8
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

/* How strings are taken: str alone, or what names a file as well. */
typedef const char *reader (struct gfs_call *c, Py_ssize_t i, PyObject *o);

/* The C string in BYTES, a new reference. */
static const char *
string (struct gfs_call *c, Py_ssize_t i, PyObject *bytes)
{
  const char *s;

  bytes = keep (c, bytes);
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

static const char *
text (struct gfs_call *c, Py_ssize_t i, PyObject *o)
{
  if (!PyUnicode_Check (o))
    return wrong_type (c, i, "str", o);
  return string (c, i, PyUnicode_AsEncodedString (o, "utf-8", "surrogateescape"));
}

static const char *
path (struct gfs_call *c, Py_ssize_t i, PyObject *o)
{
  PyObject *name = PyOS_FSPath (o);     /* str or bytes */
  const char *s;

  if (name == NULL) {
    if (!PyErr_ExceptionMatches (PyExc_TypeError)) {
      c->failed = 1;
      return NULL;
    }
    PyErr_Clear ();
    return wrong_type (c, i, "str, bytes or os.PathLike", o);
  }
  if (PyBytes_Check (name))
    return string (c, i, name);
  s = text (c, i, name);
  Py_DECREF (name);
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

static const char *
one (struct gfs_call *c, Py_ssize_t i, reader *read)
{
  PyObject *o = item (c, i);

  return o ? read (c, i, o) : NULL;
}

static const char *
one_or_none (struct gfs_call *c, Py_ssize_t i, reader *read)
{
  PyObject *o = item (c, i);

  return o && o != Py_None ? read (c, i, o) : NULL;
}

static char *const *
list (struct gfs_call *c, Py_ssize_t i, reader *read)
{
  PyObject *o = item (c, i), *items, *memory;
  Py_ssize_t n, k;
  const char **strings;

  if (o == NULL)
    return NULL;
  /* They can be iterated over, letter by letter, which nobody means. */
  if (PyUnicode_Check (o) || PyBytes_Check (o) || PyByteArray_Check (o)) {
    wrong_type (c, i, "a list of strings", o);
    return NULL;
  }
  /* A list of our own: neither the caller nor another thread changes it meanwhile. */
  items = keep (c, PySequence_List (o));
  if (items == NULL)
    return NULL;
  n = PyList_Size (items);
  if ((size_t) n >= PY_SSIZE_T_MAX / sizeof *strings) {
    PyErr_NoMemory ();
    c->failed = 1;
    return NULL;
  }
  memory = keep (c, PyBytes_FromStringAndSize (NULL, (n + 1) * (Py_ssize_t) sizeof *strings));
  if (memory == NULL)
    return NULL;
  strings = (const char **) (void *) PyBytes_AsString (memory);
  for (k = 0; k < n && !c->failed; k++)
    strings[k] = read (c, i, PyList_GetItem (items, k));
  strings[n] = NULL;
  return (char *const *) strings;
}

const char *
gfs_arg_str (struct gfs_call *c, Py_ssize_t i)
{
  return one (c, i, text);
}

const char *
gfs_arg_path (struct gfs_call *c, Py_ssize_t i)
{
  return one (c, i, path);
}

const char *
gfs_arg_opt_str (struct gfs_call *c, Py_ssize_t i)
{
  return one_or_none (c, i, text);
}

const char *
gfs_arg_opt_path (struct gfs_call *c, Py_ssize_t i)
{
  return one_or_none (c, i, path);
}

char *const *
gfs_arg_str_list (struct gfs_call *c, Py_ssize_t i)
{
  return list (c, i, text);
}

char *const *
gfs_arg_path_list (struct gfs_call *c, Py_ssize_t i)
{
  return list (c, i, path);
}

/* libvirt-python keeps the pointer of an object in a capsule named after its type, as attribute _o. The argument
 * tuple holds the object, and so the domain, until the call is over.
 */
void *
gfs_arg_pointer (struct gfs_call *c, Py_ssize_t i)
{
  static const char type[] = "virDomainPtr";
  PyObject *o = item (c, i), *capsule;

  if (o == NULL)
    return NULL;
  capsule = keep (c, PyObject_GetAttrString (o, "_o"));
  if (capsule && PyCapsule_IsValid (capsule, type))
    return PyCapsule_GetPointer (capsule, type);
  PyErr_Clear ();
  wrong_type (c, i, "a libvirt.virDomain", o);
  return NULL;
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
