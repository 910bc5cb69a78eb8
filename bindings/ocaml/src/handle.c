/* handle.c: handles as custom blocks, the frame of every call, errors as exceptions.
 *
 * A handle that is closed while other threads (or the callback that closes it) are inside a call goes
 * away when the last of them is out.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs_ml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Open handles that want to be closed when the program ends. */
static struct gfs_ml_handle *open_handles;

static void
forget (struct gfs_ml_handle *h)
{
  struct gfs_ml_handle **at = &open_handles;

  while (*at && *at != h)
    at = &(*at)->next;
  if (*at)
    *at = h->next;
}

static void
close_now (struct gfs_ml_handle *h)
{
  guestfs_h *g = h->g;
  struct gfs_ml_callback *callbacks = h->callbacks;

  if (g == NULL)
    return;
  h->g = NULL;
  h->callbacks = NULL;
  forget (h);
  /* From here on the block that owns h may be collected. */
  GFS_ML_UNLOCKED (guestfs_close (g));
  gfs_ml_free_callbacks (callbacks);
}

#define Handle_val(v) (*(struct gfs_ml_handle **) Data_custom_val (v))

/* Guestfs.create has put a finaliser on the handle that closes it; this is for the memory. The runtime
 * cannot be released here and no callback may run. */
static void
finalize (value v)
{
  struct gfs_ml_handle *h = Handle_val (v);

  if (h->g) {
    forget (h);
    gfs_ml_delete_callbacks (h);
    guestfs_close (h->g);
  }
  free (h);
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
closed (const char *name)
{
  caml_raise_with_string (*caml_named_value ("guestfs_closed"), name);
}

struct gfs_ml_handle *
gfs_ml_handle_of (value v, const char *name)
{
  struct gfs_ml_handle *h = Handle_val (v);

  if (h->g == NULL || h->closing)
    closed (name);
  return h;
}

void
gfs_ml_begin (struct gfs_ml_call *c, value v, const char *name)
{
  c->handle = gfs_ml_handle_of (v, name);
  c->g = c->handle->g;
  c->name = name;
  c->blocks = NULL;
  c->handle->busy++;
}

void
gfs_ml_end (struct gfs_ml_call *c)
{
  gfs_ml_free_blocks (c);
  c->handle->busy--;
  if (c->handle->closing && c->handle->busy == 0)
    close_now (c->handle);
}

void
gfs_ml_raise (struct gfs_ml_call *c)
{
  const char *last = guestfs_last_error (c->g);
  CAMLparam0 ();
  CAMLlocal1 (message);

  message = caml_copy_string (last ? last : "unknown error");
  gfs_ml_end (c);
  caml_raise_with_arg (*caml_named_value ("guestfs_error"), message);
}

CAMLprim value
gfs_ml_create (value environment, value close_on_exit)
{
  unsigned flags = GUESTFS_CREATE_NO_CLOSE_ON_EXIT;
  struct gfs_ml_handle *h;
  value v;

  if (!Bool_val (environment))
    flags |= GUESTFS_CREATE_NO_ENVIRONMENT;
  h = calloc (1, sizeof *h);
  if (h == NULL)
    caml_raise_out_of_memory ();
  h->close_on_exit = Bool_val (close_on_exit);
  h->g = guestfs_create_flags (flags);
  if (h->g == NULL) {
    free (h);
    caml_raise_with_string (*caml_named_value ("guestfs_error"), "cannot create a handle");
  }
  guestfs_set_error_handler (h->g, NULL, NULL);
  v = caml_alloc_custom (&operations, sizeof h, 0, 1);
  Handle_val (v) = h;
  h->next = open_handles;
  open_handles = h;
  return v;
}

CAMLprim value
gfs_ml_close (value v)
{
  CAMLparam1 (v);
  struct gfs_ml_handle *h = Handle_val (v);

  /* Closing twice is nothing: the finaliser comes after the program's own close. */
  if (h->busy)
    h->closing = 1;
  else
    close_now (h);
  CAMLreturn (Val_unit);
}

CAMLprim value
gfs_ml_close_all (value unit)
{
  struct gfs_ml_handle *h, *next;

  (void) unit;
  for (h = open_handles; h; h = next) {
    next = h->next;
    if (h->close_on_exit && h->busy == 0) {
      close_now (h);
      /* Callbacks may have changed the list. */
      next = open_handles;
    }
  }
  return Val_unit;
}

CAMLprim value
gfs_ml_last_errno (value v)
{
  return Val_int (guestfs_last_errno (gfs_ml_handle_of (v, "last_errno")->g));
}

/* In the order of module Guestfs.Errno. */
CAMLprim value
gfs_ml_errno (value v)
{
  intnat i = Long_val (v);

  return Val_int (i >= 0 && (size_t) i < gfs_ml_nr_errnos ? gfs_ml_errnos[i] : 0);
}
