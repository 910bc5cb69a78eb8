/* handle.c: handles as custom blocks, calls, errors as exceptions.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs_ml.h"

#include <errno.h>

__thread int gfs_ml_finalizing;

#define Handle_val(v) (*(struct glue_handle **) Data_custom_val (v))

/* Guestfs.create has put a finaliser on the handle that closes it; this is for the memory, and for programs that end
 * without it. */
static void
finalize (value v)
{
  gfs_ml_finalizing++;
  glue_free (Handle_val (v));
  gfs_ml_finalizing--;
}

static struct custom_operations operations = {
  (char *) "guestfs.t",
  finalize,
  custom_compare_default,
  custom_hash_default,
  custom_serialize_default,
  custom_deserialize_default,
  custom_compare_ext_default,
  custom_fixed_length_default
};

static void
begin (struct glue_frame *f, value v, const struct glue_call *call, const char *name)
{
  if (glue_begin (f, Handle_val (v), call) == -1)
    caml_raise_with_string (*caml_named_value ("guestfs_closed"), name);
}

void
gfs_ml_begin (struct glue_frame *f, value v, const char *name)
{
  begin (f, v, NULL, name);
}

void
gfs_ml_raise (struct glue_frame *f)
{
  CAMLparam0 ();
  CAMLlocal1 (message);
  int interrupted = f->interrupted;

  message = caml_copy_string (glue_error (f));
  glue_end (f);
  /* Sys.Break, where Ctrl-C raises it, and not what the cancelled call failed with. */
  if (interrupted)
    caml_process_pending_actions ();
  caml_raise_with_arg (*caml_named_value ("guestfs_error"), message);
}

value
gfs_ml_call (size_t i, value v, const value *values)
{
  CAMLparam1 (v);
  CAMLlocal1 (result);
  const struct glue_call *call = &glue_calls[i];
  struct glue_frame f;
  unsigned k;

  /* Nothing is allocated on OCaml's heap until the runtime is released: arguments need no roots. */
  begin (&f, v, call, call->name);
  for (k = 0; k < call->nr_opts; k++)
    if (values[k] != Val_int (0))
      gfs_ml_take (&f, &call->params[call->nr_args + k], Field (values[k], 0), glue_give (&f, k));
  for (k = 0; k < call->nr_args; k++)
    gfs_ml_take (&f, &call->params[k], values[call->nr_opts + k], &f.values[k]);
  if (glue_run (&f) == -1)
    gfs_ml_raise (&f);
  result = gfs_ml_result (&f);
  glue_end (&f);
  CAMLreturn (result);
}

CAMLprim value
gfs_ml_create (value environment, value close_on_exit)
{
  unsigned flags = 0;
  struct glue_handle *h;
  value v;

  if (!Bool_val (environment))
    flags |= GUESTFS_CREATE_NO_ENVIRONMENT;
  if (!Bool_val (close_on_exit))
    flags |= GUESTFS_CREATE_NO_CLOSE_ON_EXIT;
  h = glue_create (flags);
  if (h == NULL)
    caml_raise_with_string (*caml_named_value ("guestfs_error"), "cannot create a handle");
  v = caml_alloc_custom (&operations, sizeof h, 0, 1);
  Handle_val (v) = h;
  return v;
}

/* Closing twice is nothing: the finaliser comes after the program's own close. */
CAMLprim value
gfs_ml_close (value v)
{
  CAMLparam1 (v);

  glue_close (Handle_val (v));
  CAMLreturn (Val_unit);
}

CAMLprim value
gfs_ml_close_all (value unit)
{
  (void) unit;
  glue_close_all ();
  return Val_unit;
}

CAMLprim value
gfs_ml_last_errno (value v)
{
  struct glue_frame f;
  int number;

  gfs_ml_begin (&f, v, "last_errno");
  number = glue_errno (&f);
  glue_end (&f);
  return Val_int (number);
}

/* In the order of module Guestfs.Errno. */
CAMLprim value
gfs_ml_errno (value v)
{
  intnat i = Long_val (v);

  return Val_int (i >= 0 && (size_t) i < gfs_ml_nr_errnos ? gfs_ml_errnos[i] : 0);
}
