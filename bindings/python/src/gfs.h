/* gfs.h: what the parts of libguestfsmod share.
 *
 * All calls are one C function, which finds in its capsule what it is to call. Everything here is guarded by the GIL.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GFS_H
#define GFS_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x03090000
#endif
#include <Python.h>

#include "glue.h"

/* What the capsule of a handle holds; it outlives the guestfs_h. */
struct gfs_handle {
  struct glue_handle *glue;
  PyObject *capsule;            /* the owner: borrowed */
  PyObject *pending[3];         /* exception that a callback left: type, value, traceback */
};

/* A call in progress. */
struct gfs_call {
  struct glue_frame frame;
  struct gfs_handle *handle;
  const char *name;             /* for messages */
  PyObject *args;               /* the tuple, whose item 0 is the handle's capsule: borrowed */
  PyObject *kept;               /* list of objects whose memory C values point to, or NULL */
};

/* handle.c */

/* Begin a call of COUNT arguments, CALL or what is none; gfs_end is due. -1 with an exception, and then it is not. */
extern int gfs_begin (struct gfs_call *c, PyObject *args, const char *name, size_t count, const struct glue_call *call);
/* Pass on RESULT, or NULL with an exception, unless a callback or SIGINT has left one. */
extern PyObject *gfs_end (struct gfs_call *c, PyObject *result);
/* Raise the error of the library; NULL. */
extern PyObject *gfs_raise (struct gfs_call *c);
extern PyObject *gfs_create (PyObject *module, PyObject *args);
extern PyObject *gfs_close (PyObject *module, PyObject *args);
extern PyObject *gfs_close_all (PyObject *module, PyObject *args);
extern PyObject *gfs_last_errno (PyObject *module, PyObject *args);

/* values.c: -1 or NULL with an exception. */

/* All arguments of a call to C. */
extern int gfs_take (struct gfs_call *c);
/* A single integer, argument I of the tuple; without WIDE it has 32 bits. */
extern int gfs_integer (struct gfs_call *c, Py_ssize_t i, int wide, int64_t *n);
extern PyObject *gfs_text (const char *bytes, size_t size);
extern PyObject *gfs_result (const struct glue_frame *f);

/* event.c */
extern PyObject *gfs_set_event_callback (PyObject *module, PyObject *args);
extern PyObject *gfs_delete_event_callback (PyObject *module, PyObject *args);
extern PyObject *gfs_event_to_string (PyObject *module, PyObject *args);

#endif /* GFS_H */
