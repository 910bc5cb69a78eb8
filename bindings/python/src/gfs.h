/* gfs.h: what the generated half of libguestfsmod stands on.
 *
 * In: Python arguments of one call. Out: C arguments for guestfs.h, and Python results.
 * Conversions keep going after a failure and do nothing: a generated function converts everything,
 * then asks gfs_ready once.
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

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#define GUESTFS_NO_WARN_DEPRECATED 1
#define GUESTFS_PRIVATE 1
#include <guestfs.h>

/* What a capsule holds. All members are guarded by the GIL. */
struct gfs_handle {
  guestfs_h *g;                 /* NULL once closed */
  unsigned busy;                /* calls in progress, in any thread */
  int closing;                  /* close when busy drops to 0 */
  int close_on_exit;
  PyObject *capsule;            /* the owner: borrowed */
  struct gfs_callback *callbacks;
  PyObject *pending[3];         /* exception that a callback left: type, value, traceback */
  struct gfs_handle *next;      /* in the list of open handles */
};

/* A call in progress. */
struct gfs_call {
  struct gfs_handle *handle;
  guestfs_h *g;
  const char *name;             /* for messages */
  PyObject *args;               /* the tuple: borrowed */
  PyObject *kept;               /* list of objects whose memory C arguments point to */
  int failed;                   /* a Python exception is set */
  int watched;                  /* SIGINT cancels it */
  volatile sig_atomic_t interrupted;
  struct gfs_call *outer;       /* the call of this thread whose callback made this one */
};

/* handle.c */
extern void gfs_begin (struct gfs_call *c, PyObject *args, const char *name, Py_ssize_t count);
extern PyObject *gfs_end (struct gfs_call *c, PyObject *result);
extern PyObject *gfs_raise (struct gfs_call *c);
extern PyObject *gfs_create (PyObject *module, PyObject *args);
extern PyObject *gfs_close (PyObject *module, PyObject *args);
extern PyObject *gfs_close_all (PyObject *module, PyObject *args);
extern PyObject *gfs_last_errno (PyObject *module, PyObject *args);

/* True when the C function can be called. */
static inline int
gfs_ready (const struct gfs_call *c)
{
  return !c->failed;
}

/* Call STATEMENT without the GIL: any call can wait for another thread that wants the GIL in a callback. */
#define GFS_UNLOCKED(STATEMENT)                         \
  do {                                                  \
    PyThreadState *gfs_thread = PyEval_SaveThread ();   \
    STATEMENT;                                          \
    PyEval_RestoreThread (gfs_thread);                  \
  } while (0)

/* interrupt.c: between the two SIGINT cancels the call. */
extern void gfs_watch_interrupt (struct gfs_call *c);
extern void gfs_forget_interrupt (struct gfs_call *c);
/* Raise KeyboardInterrupt, in place of what the cancelled call failed with; true when there was one. */
extern int gfs_raise_interrupt (struct gfs_call *c);

/* arguments.c: argument number I of the tuple; the handle is number 0. */
extern int gfs_given (struct gfs_call *c, Py_ssize_t i);
extern int gfs_arg_int (struct gfs_call *c, Py_ssize_t i);
extern int64_t gfs_arg_int64 (struct gfs_call *c, Py_ssize_t i);
extern const char *gfs_arg_str (struct gfs_call *c, Py_ssize_t i);
extern const char *gfs_arg_opt_str (struct gfs_call *c, Py_ssize_t i);
extern char *const *gfs_arg_str_list (struct gfs_call *c, Py_ssize_t i);
/* Names of files: also bytes and os.PathLike. */
extern const char *gfs_arg_path (struct gfs_call *c, Py_ssize_t i);
extern const char *gfs_arg_opt_path (struct gfs_call *c, Py_ssize_t i);
extern char *const *gfs_arg_path_list (struct gfs_call *c, Py_ssize_t i);
/* The virDomainPtr of a libvirt.virDomain. */
extern void *gfs_arg_pointer (struct gfs_call *c, Py_ssize_t i);
extern const char *gfs_arg_buffer (struct gfs_call *c, Py_ssize_t i, size_t *size);

/* results.c: strings and arrays are freed, also when the conversion fails. */
enum gfs_field_type {
  GFS_CHAR, GFS_STR, GFS_BUFFER, GFS_I32, GFS_U32, GFS_I64, GFS_U64, GFS_UUID, GFS_PERCENT
};

struct gfs_field {
  const char *name;             /* NULL ends the table */
  enum gfs_field_type type;
  size_t offset;
  size_t len_offset;            /* buffers only */
};

extern PyObject *gfs_from_none (void);
extern PyObject *gfs_from_text (const char *bytes, size_t size);
extern PyObject *gfs_from_const_str (const char *s);
extern PyObject *gfs_from_str (char *s);
extern PyObject *gfs_from_list (char **list);
extern PyObject *gfs_from_hash (char **pairs);
extern PyObject *gfs_from_buffer (char *bytes, size_t size);
extern PyObject *gfs_from_struct (const struct gfs_field *fields, const void *s);
extern PyObject *gfs_from_structs (const struct gfs_field *fields, size_t size, const void *val, uint32_t len);

/* events.c */
extern PyObject *gfs_set_event_callback (PyObject *module, PyObject *args);
extern PyObject *gfs_delete_event_callback (PyObject *module, PyObject *args);
extern PyObject *gfs_event_to_string (PyObject *module, PyObject *args);
extern void gfs_free_callbacks (struct gfs_handle *h);
/* Raise what a callback could not raise itself (KeyboardInterrupt, SystemExit); true when there was one. */
extern int gfs_raise_pending (struct gfs_handle *h);

/* Generated. */
#define GFS_METHOD(NAME) extern PyObject *gfs_py_##NAME (PyObject *module, PyObject *args)

extern PyMethodDef gfs_methods[];

#endif /* GFS_H */
