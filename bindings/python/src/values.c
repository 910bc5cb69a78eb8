/* values.c: values of Python to C, and results to Python.
 *
 * In: items of the argument tuple. Out: C values that live as long as the call, and what it returned as new references.
 * Texts are UTF-8 with surrogateescape, so that any bytes a guest came up with go back as they were.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <limits.h>

/* Hold on to O (a new reference) until gfs_end; NULL when that fails. */
static PyObject *
keep (struct gfs_call *c, PyObject *o)
{
  if (o && c->kept == NULL)
    c->kept = PyList_New (0);
  if (o == NULL || c->kept == NULL || PyList_Append (c->kept, o) == -1) {
    Py_XDECREF (o);
    return NULL;
  }
  Py_DECREF (o);                /* the list has its own reference */
  return o;
}

static void *
wrong_type (const struct gfs_call *c, Py_ssize_t i, const char *wanted, PyObject *o)
{
  PyObject *type = PyObject_GetAttrString ((PyObject *) Py_TYPE (o), "__name__");

  if (type)
    PyErr_Format (PyExc_TypeError, "%s() argument %zd must be %s, not %U", c->name, i, wanted, type);
  Py_XDECREF (type);
  return NULL;
}

int
gfs_integer (struct gfs_call *c, Py_ssize_t i, int wide, int64_t *n)
{
  PyObject *index = PyNumber_Index (PyTuple_GetItem (c->args, i));

  *n = index ? PyLong_AsLongLong (index) : -1;
  Py_XDECREF (index);
  if (*n == -1 && PyErr_Occurred ())
    return -1;
  if (!wide && (*n < INT_MIN || *n > INT_MAX)) {
    PyErr_Format (PyExc_OverflowError, "%s() argument %zd: %lld does not fit 32 bits", c->name, i, (long long) *n);
    return -1;
  }
  return 0;
}

/* A copy of BYTES, a new reference that is used up. */
static const char *
string (struct gfs_call *c, Py_ssize_t i, PyObject *bytes)
{
  const char *s = NULL;
  char *p;
  Py_ssize_t size;

  if (bytes && PyBytes_AsStringAndSize (bytes, &p, &size) == 0) {
    if (strlen (p) != (size_t) size)
      PyErr_Format (PyExc_ValueError, "%s() argument %zd: embedded null character", c->name, i);
    else if ((s = glue_copy (&c->frame, p, (size_t) size)) == NULL)
      PyErr_NoMemory ();
  }
  Py_XDECREF (bytes);
  return s;
}

static PyObject *
encoded (PyObject *text)
{
  return PyUnicode_AsEncodedString (text, "utf-8", "surrogateescape");
}

/* A str; with PATH whatever names a file. */
static const char *
text (struct gfs_call *c, Py_ssize_t i, PyObject *o, int path)
{
  PyObject *name;

  if (PyUnicode_Check (o))
    return string (c, i, encoded (o));
  if (!path)
    return wrong_type (c, i, "str", o);
  name = PyOS_FSPath (o);
  if (name && PyUnicode_Check (name)) {
    PyObject *bytes = encoded (name);

    Py_DECREF (name);
    name = bytes;
  }
  else if (name == NULL && PyErr_ExceptionMatches (PyExc_TypeError)) {
    PyErr_Clear ();
    return wrong_type (c, i, "str, bytes or os.PathLike", o);
  }
  return string (c, i, name);
}

static char *const *
list (struct gfs_call *c, Py_ssize_t i, PyObject *o, int path)
{
  PyObject *items;
  Py_ssize_t n, k;
  const char **strings;

  /* They can be iterated over, letter by letter, which nobody means. */
  if (PyUnicode_Check (o) || PyBytes_Check (o) || PyByteArray_Check (o))
    return wrong_type (c, i, "a list of strings", o);
  /* A list of our own: neither the caller nor another thread changes it meanwhile. */
  items = PySequence_List (o);
  if (items == NULL)
    return NULL;
  n = PyList_Size (items);
  /* As many pointers as the list itself has, and one. */
  strings = glue_room (&c->frame, ((size_t) n + 1) * sizeof *strings);
  if (strings == NULL)
    PyErr_NoMemory ();
  for (k = 0; strings && k < n; k++)
    if ((strings[k] = text (c, i, PyList_GetItem (items, k), path)) == NULL)
      strings = NULL;
  if (strings)
    strings[n] = NULL;
  Py_DECREF (items);
  return (char *const *) strings;
}

/* libvirt-python keeps the pointer of an object in a capsule named after its type, as attribute _o. */
static void *
pointer (struct gfs_call *c, Py_ssize_t i, PyObject *o)
{
  static const char type[] = "virDomainPtr";
  PyObject *capsule = keep (c, PyObject_GetAttrString (o, "_o"));

  if (capsule && PyCapsule_IsValid (capsule, type))
    return PyCapsule_GetPointer (capsule, type);
  PyErr_Clear ();
  return wrong_type (c, i, "a libvirt.virDomain", o);
}

static const char *
buffer (struct gfs_call *c, Py_ssize_t i, PyObject *o, size_t *size)
{
  PyObject *bytes;
  char *p;
  Py_ssize_t n;

  if (PyBytes_Check (o))
    bytes = o;                  /* which the tuple holds */
  else if (PyUnicode_Check (o))
    bytes = keep (c, encoded (o));
  else if (PyByteArray_Check (o) || PyMemoryView_Check (o))
    bytes = keep (c, PyBytes_FromObject (o));
  else
    return wrong_type (c, i, "bytes", o);
  if (bytes == NULL || PyBytes_AsStringAndSize (bytes, &p, &n) == -1)
    return NULL;
  *size = (size_t) n;
  return p;
}

static int
take (struct gfs_call *c, Py_ssize_t i, const struct glue_param *p, PyObject *o, union glue_value *v)
{
  int64_t n;

  switch (p->shape) {
  case GLUE_BOOL: case GLUE_INT:
    if (gfs_integer (c, i, 0, &n) == -1)
      return -1;
    v->i = p->shape == GLUE_INT ? (int) n : n != 0;
    return 0;
  case GLUE_INT64:
    return gfs_integer (c, i, 1, &v->n);
  case GLUE_OPT_STR:
    if (o == Py_None) {
      v->s = NULL;
      return 0;
    } /* fallthrough */
  case GLUE_STR:
    return (v->s = text (c, i, o, p->path)) ? 0 : -1;
  case GLUE_STR_LIST:
    return (v->list = list (c, i, o, p->path)) ? 0 : -1;
  case GLUE_BUFFER:
    return (v->buffer.bytes = buffer (c, i, o, &v->buffer.size)) ? 0 : -1;
  case GLUE_POINTER:
    return (v->pointer = pointer (c, i, o)) ? 0 : -1;
  }
  PyErr_SetString (PyExc_SystemError, "bad table of calls");
  return -1;
}

int
gfs_take (struct gfs_call *c)
{
  const struct glue_call *call = c->frame.call;
  unsigned i;

  for (i = 0; i < call->nr_args + call->nr_opts; i++) {
    PyObject *o = PyTuple_GetItem (c->args, (Py_ssize_t) i + 1);
    union glue_value *v = &c->frame.values[i];

    if (i >= call->nr_args) {
      if (o == Py_None)
        continue;
      v = glue_give (&c->frame, i - call->nr_args);
    }
    if (take (c, (Py_ssize_t) i + 1, &call->params[i], o, v) == -1)
      return -1;
  }
  return 0;
}

PyObject *
gfs_text (const char *bytes, size_t size)
{
  return PyUnicode_DecodeUTF8 (bytes, (Py_ssize_t) size, "surrogateescape");
}

static PyObject *
one (struct glue_item item)
{
  switch (item.type) {
  case GLUE_ABSENT: break;
  /* Upstream returns 0 and 1 for truth, and programs print them. */
  case GLUE_TRUTH: case GLUE_NUMBER: return PyLong_FromLongLong (item.n);
  case GLUE_UNSIGNED: return PyLong_FromUnsignedLongLong (item.u);
  case GLUE_FLOAT: return PyFloat_FromDouble (item.number);
  case GLUE_CHAR: case GLUE_TEXT: return gfs_text (item.bytes, item.size);
  case GLUE_BYTES: return PyBytes_FromStringAndSize (item.bytes, (Py_ssize_t) item.size);
  }
  Py_RETURN_NONE;
}

static PyObject *
record (const struct glue_struct *s, const void *data)
{
  PyObject *dict = PyDict_New ();
  size_t i;

  for (i = 0; dict && i < s->nr_fields; i++) {
    PyObject *value = one (glue_field (&s->fields[i], data));

    if (value == NULL || PyDict_SetItemString (dict, s->fields[i].name, value) == -1)
      Py_CLEAR (dict);
    Py_XDECREF (value);
  }
  return dict;
}

static PyObject *
pair (const struct glue_frame *f, size_t i)
{
  struct glue_item key, value;
  PyObject *k, *v, *both;

  glue_pair (f, i, &key, &value);
  k = one (key);
  v = one (value);
  both = k && v ? PyTuple_Pack (2, k, v) : NULL;
  Py_XDECREF (k);
  Py_XDECREF (v);
  return both;
}

PyObject *
gfs_result (const struct glue_frame *f)
{
  enum glue_form form = glue_form (f->call);
  PyObject *list;
  size_t i, n;

  switch (form) {
  case GLUE_NOTHING: Py_RETURN_NONE;
  case GLUE_ONE: return one (glue_one (f));
  case GLUE_RECORD: return record (f->call->structure, glue_record (f, 0));
  case GLUE_LIST: case GLUE_PAIRS: case GLUE_RECORDS: break;
  }
  n = glue_count (f);
  list = PyList_New ((Py_ssize_t) n);
  for (i = 0; list && i < n; i++) {
    PyObject *o = form == GLUE_LIST ? one (glue_at (f, i)) : form == GLUE_PAIRS ? pair (f, i)
      : record (f->call->structure, glue_record (f, i));

    if (o == NULL || PyList_SetItem (list, (Py_ssize_t) i, o) == -1)
      Py_CLEAR (list);
  }
  return list;
}
