/* results.c: C results to Python.
 *
 * In: malloc'ed results, freed here, or structs, freed by the caller. Out: new references, or NULL with
 * an exception. Bytes that are not UTF-8 become lone surrogates (surrogateescape).
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

#include <stdlib.h>
#include <string.h>

PyObject *
gfs_from_none (void)
{
  Py_INCREF (Py_None);
  return Py_None;
}

PyObject *
gfs_from_text (const char *bytes, size_t size)
{
  return PyUnicode_DecodeUTF8 (bytes, (Py_ssize_t) size, "surrogateescape");
}

PyObject *
gfs_from_const_str (const char *s)
{
  return s ? gfs_from_text (s, strlen (s)) : gfs_from_none ();
}

PyObject *
gfs_from_str (char *s)
{
  PyObject *o = gfs_from_const_str (s);

  free (s);
  return o;
}

static void
free_strings (char **list)
{
  char **p;

  for (p = list; *p; p++)
    free (*p);
  free (list);
}

/* Append a new reference to a list, dropping the list when either is missing. */
static PyObject *
append (PyObject *list, PyObject *o)
{
  if (list == NULL || o == NULL || PyList_Append (list, o) == -1) {
    Py_XDECREF (o);
    Py_XDECREF (list);
    return NULL;
  }
  Py_DECREF (o);
  return list;
}

PyObject *
gfs_from_list (char **strings)
{
  PyObject *list = PyList_New (0);
  char **p;

  for (p = strings; list && *p; p++)
    list = append (list, gfs_from_const_str (*p));
  free_strings (strings);
  return list;
}

PyObject *
gfs_from_hash (char **pairs)
{
  PyObject *list = PyList_New (0);
  char **p;

  for (p = pairs; list && p[0] && p[1]; p += 2) {
    PyObject *key = gfs_from_const_str (p[0]), *value = gfs_from_const_str (p[1]);

    list = append (list, key && value ? PyTuple_Pack (2, key, value) : NULL);
    Py_XDECREF (key);
    Py_XDECREF (value);
  }
  free_strings (pairs);
  return list;
}

PyObject *
gfs_from_buffer (char *bytes, size_t size)
{
  PyObject *o = PyBytes_FromStringAndSize (bytes, (Py_ssize_t) size);

  free (bytes);
  return o;
}

static PyObject *
field (const struct gfs_field *f, const char *s)
{
  const char *p = s + f->offset;

  switch (f->type) {
  case GFS_CHAR:
    return gfs_from_text (p, 1);
  case GFS_STR:
    return gfs_from_const_str (*(char *const *) (const void *) p);
  case GFS_BUFFER:
    return PyBytes_FromStringAndSize (*(char *const *) (const void *) p,
                                      *(const uint32_t *) (const void *) (s + f->len_offset));
  case GFS_I32:
    return PyLong_FromLong (*(const int32_t *) (const void *) p);
  case GFS_U32:
    return PyLong_FromUnsignedLong (*(const uint32_t *) (const void *) p);
  case GFS_I64:
    return PyLong_FromLongLong (*(const int64_t *) (const void *) p);
  case GFS_U64:
    return PyLong_FromUnsignedLongLong (*(const uint64_t *) (const void *) p);
  case GFS_UUID:
    return gfs_from_text (p, 32);
  case GFS_PERCENT: {
    float percent = *(const float *) (const void *) p;

    return percent >= 0 ? PyFloat_FromDouble (percent) : gfs_from_none ();
  }
  }
  PyErr_SetString (PyExc_SystemError, "bad field table");
  return NULL;
}

PyObject *
gfs_from_struct (const struct gfs_field *fields, const void *s)
{
  PyObject *dict = PyDict_New ();
  const struct gfs_field *f;

  for (f = fields; dict && f->name; f++) {
    PyObject *value = field (f, s);

    if (value == NULL || PyDict_SetItemString (dict, f->name, value) == -1)
      Py_CLEAR (dict);
    Py_XDECREF (value);
  }
  return dict;
}

PyObject *
gfs_from_structs (const struct gfs_field *fields, size_t size, const void *val, uint32_t len)
{
  PyObject *list = PyList_New (0);
  uint32_t i;

  for (i = 0; list && i < len; i++)
    list = append (list, gfs_from_struct (fields, (const char *) val + i * size));
  return list;
}
