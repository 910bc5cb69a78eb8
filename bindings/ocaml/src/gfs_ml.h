/* gfs_ml.h: what the parts of the OCaml binding share.
 *
 * In: OCaml arguments of one call. Out: what the call returned, as OCaml's. Handles, frames and callbacks are glue's.
 * Arguments are copied, because OCaml's garbage collector moves its strings while the runtime is released.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GFS_ML_H
#define GFS_ML_H

#include "glue.h"

#define CAML_NAME_SPACE
#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/custom.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>

/* handle.c */

/* Call number I of the table: OPTIONS_AND_ARGUMENTS in this order, as OCaml's labels come first. */
extern value gfs_ml_call (size_t i, value v, const value *options_and_arguments);

/* Begin what is no call of the table; raises Handle_closed. */
extern void gfs_ml_begin (struct glue_frame *f, value v, const char *name);

/* End, and raise the library's error. */
extern void gfs_ml_raise (struct glue_frame *f) __attribute__ ((__noreturn__));

/* The C finalizer of a handle is running in this thread: the runtime cannot be released, and no callback may run. */
extern __thread int gfs_ml_finalizing;

/* convert.c: a value by its shape, and a result; those that cannot be converted end the frame and raise. */
extern void gfs_ml_take (struct glue_frame *f, const struct glue_param *p, value v, union glue_value *to);
extern value gfs_ml_result (const struct glue_frame *f);

/* Generated: the errno values in the order of module Guestfs.Errno. */
extern const int gfs_ml_errnos[];
extern const size_t gfs_ml_nr_errnos;

#endif /* GFS_ML_H */
