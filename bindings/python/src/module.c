/* module.c: the extension module libguestfsmod.
 *
 * In: Python's import. Out: the functions that class GuestFS calls, each with the handle's capsule first.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

/* Every call is this function, with the entry of the table of calls as its self. */
static PyObject *
run (PyObject *self, PyObject *args)
{
  const struct glue_call *call = PyCapsule_GetPointer (self, NULL);
  struct gfs_call c;
  PyObject *result = NULL;

  if (call == NULL || gfs_begin (&c, args, call->name, call->nr_args + call->nr_opts, call) == -1)
    return NULL;
  if (gfs_take (&c) == 0)
    result = glue_run (&c.frame) == 0 ? gfs_result (&c.frame) : gfs_raise (&c);
  return gfs_end (&c, result);
}

static int
add_calls (PyObject *module)
{
  /* Functions point to it until Python ends. */
  static PyMethodDef *definitions;
  PyObject *name = PyModule_GetNameObject (module);
  size_t i;
  int failed = name == NULL;

  if (definitions == NULL && (definitions = PyMem_Calloc (glue_nr_calls, sizeof *definitions)) == NULL) {
    PyErr_NoMemory ();
    failed = 1;
  }
  for (i = 0; !failed && i < glue_nr_calls; i++) {
    PyObject *self = PyCapsule_New ((void *) &glue_calls[i], NULL, NULL), *function;

    definitions[i] = (PyMethodDef) { glue_calls[i].name, run, METH_VARARGS, NULL };
    function = self ? PyCFunction_NewEx (&definitions[i], self, name) : NULL;
    failed = function == NULL || PyObject_SetAttrString (module, glue_calls[i].name, function) == -1;
    Py_XDECREF (function);
    Py_XDECREF (self);
  }
  Py_XDECREF (name);
  return failed ? -1 : 0;
}

static PyMethodDef functions[] = {
  { "create", gfs_create, METH_VARARGS, NULL },
  { "close", gfs_close, METH_VARARGS, NULL },
  { "close_all", gfs_close_all, METH_NOARGS, NULL },
  { "last_errno", gfs_last_errno, METH_VARARGS, NULL },
  { "set_event_callback", gfs_set_event_callback, METH_VARARGS, NULL },
  { "delete_event_callback", gfs_delete_event_callback, METH_VARARGS, NULL },
  { "event_to_string", gfs_event_to_string, METH_VARARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  "libguestfsmod",
  "libguestfs module",
  -1,
  functions,
  NULL, NULL, NULL, NULL
};

PyMODINIT_FUNC
PyInit_libguestfsmod (void)
{
  PyObject *module = PyModule_Create (&definition);

  if (module
      && (add_calls (module) == -1
          || PyModule_AddIntConstant (module, "GUESTFS_CREATE_NO_ENVIRONMENT", GUESTFS_CREATE_NO_ENVIRONMENT) == -1
          || PyModule_AddIntConstant (module, "GUESTFS_CREATE_NO_CLOSE_ON_EXIT", GUESTFS_CREATE_NO_CLOSE_ON_EXIT) == -1))
    Py_CLEAR (module);
  return module;
}
