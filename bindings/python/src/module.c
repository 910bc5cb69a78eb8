/* module.c: the extension module libguestfsmod.
 *
 * In: Python's import. Out: the functions that class GuestFS calls, each with the handle's capsule first.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs.h"

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  "libguestfsmod",
  "libguestfs module",
  -1,
  gfs_methods,
  NULL, NULL, NULL, NULL
};

PyMODINIT_FUNC
PyInit_libguestfsmod (void)
{
  PyObject *module = PyModule_Create (&definition);

  if (module
      && (PyModule_AddIntConstant (module, "GUESTFS_CREATE_NO_ENVIRONMENT", GUESTFS_CREATE_NO_ENVIRONMENT) == -1
          || PyModule_AddIntConstant (module, "GUESTFS_CREATE_NO_CLOSE_ON_EXIT", GUESTFS_CREATE_NO_CLOSE_ON_EXIT) == -1))
    Py_CLEAR (module);
  return module;
}
