/* handle.c: objects, and the frame of every call.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "perl_guestfs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct pg_object *
hold (struct pg_object *object)
{
  __atomic_add_fetch (&object->refs, 1, __ATOMIC_RELAXED);
  return object;
}

static void
drop (pTHX_ struct pg_object *object)
{
  int saved = errno;

  if (__atomic_sub_fetch (&object->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  if (object->pid == getpid () && (object->close_on_exit || !PL_dirty))
    glue_free (object->h);
  free (object);
  errno = saved;
}

/* The hash of an object carries the handle as magic, which Perl code cannot forge and which goes with the hash, also
 * when a subclass has a DESTROY that does not call ours. */

static int
magic_free (pTHX_ SV *sv, MAGIC *mg)
{
  PERL_UNUSED_ARG (sv);
  if (mg->mg_ptr)
    drop (aTHX_ (struct pg_object *) mg->mg_ptr);
  mg->mg_ptr = NULL;
  return 0;
}

static int
magic_dup (pTHX_ MAGIC *mg, CLONE_PARAMS *params)
{
  PERL_UNUSED_CONTEXT;
  PERL_UNUSED_ARG (params);
  if (mg->mg_ptr)
    hold ((struct pg_object *) mg->mg_ptr);
  return 0;
}

static const MGVTBL magic = { .svt_free = magic_free, .svt_dup = magic_dup };

static HV *
hash_of (pTHX_ SV *self, const char *name)
{
  SvGETMAGIC (self);
  if (!SvROK (self) || !SvOBJECT (SvRV (self)) || SvTYPE (SvRV (self)) != SVt_PVHV)
    croak ("Sys::Guestfs::%s(): g is not a blessed HV reference", name);
  return (HV *) SvRV (self);
}

/* Run by the savestack, whether the call has returned or died. */
static void
end_frame (pTHX_ void *arg)
{
  struct pg_frame *p = arg;

  /* A callback has called exit, and Perl unwinds what is still in use: pg_back does this later. */
  if (p->running)
    return;
  glue_end (&p->f);
  drop (aTHX_ p->object);
  Safefree (p);
}

struct pg_frame *
pg_begin (pTHX_ SV *self, const char *name, const struct glue_call *call)
{
  MAGIC *mg = mg_findext ((SV *) hash_of (aTHX_ self, name), PERL_MAGIC_ext, &magic);
  struct pg_object *object = mg ? (struct pg_object *) mg->mg_ptr : NULL;
  struct pg_frame *p;

  if (object == NULL || !glue_is_open (object->h))
    croak ("Sys::Guestfs::%s(): called on a closed handle", name);
  Newxz (p, 1, struct pg_frame);
  p->object = hold (object);
  if (glue_begin (&p->f, object->h, call) == -1) {
    drop (aTHX_ object);
    Safefree (p);
    croak ("Sys::Guestfs::%s(): called on a closed handle", name);
  }
  ENTER;
  SAVEDESTRUCTOR_X (end_frame, p);
  return p;
}

static void
exit_if_wanted (pTHX)
{
  struct pg_context *context = pg_context (aTHX);

  if (context->exiting) {
    context->exiting = 0;
    my_exit (STATUS_EXIT);
  }
}

void
pg_end (pTHX)
{
  LEAVE;
  exit_if_wanted (aTHX);
}

void
pg_back (pTHX_ struct pg_frame *p)
{
  if (pg_context (aTHX)->exiting) {
    end_frame (aTHX_ p);
    exit_if_wanted (aTHX);
  }
}

void
pg_fail (pTHX_ struct pg_frame *p)
{
  SV *message = sv_2mortal (newSVpv (glue_error (&p->f), 0));

  /* The program's handler first: what it dies with is what ended the call. */
  if (p->f.interrupted)
    PERL_ASYNC_CHECK ();
  croak ("%" SVf, SVfARG (message));
}

static void
usage (pTHX_ const CV *cv, const struct glue_call *call)
{
  SV *params = sv_2mortal (newSVpvs ("g"));
  unsigned i;

  for (i = 0; i < call->nr_args; i++)
    sv_catpvf (params, ", %s", call->params[i].name);
  if (call->nr_opts)
    sv_catpvs (params, ", ...");
  croak_xs_usage (cv, SvPV_nolen (params));
}

static void
take_option (pTHX_ struct pg_frame *p, SV *name, SV *value)
{
  const struct glue_call *call = p->f.call;
  STRLEN size;
  const char *s = SvPV (name, size);
  int option = glue_option (call, s, size);

  if (option == -1)
    croak ("unknown optional argument '%s'", s);
  if (p->f.mask & UINT64_C (1) << option)
    croak ("optional argument '%s' given more than once", s);
  pg_take (aTHX_ p, &call->params[call->nr_args + option], value, glue_give (&p->f, (unsigned) option));
}

XS (xs_call)
{
  dXSARGS;
  const struct glue_call *call = XSANY.any_ptr;
  I32 i, n = (I32) call->nr_args + 1;
  struct pg_frame *p;
  SSize_t results;

  if (items < n || (items > n && call->nr_opts == 0))
    usage (aTHX_ cv, call);
  p = pg_begin (aTHX_ ST (0), call->name, call);
  if (call->flags & GLUE_DEPRECATED) {
    if (call->instead)
      Perl_ck_warner (aTHX_ packWARN (WARN_DEPRECATED), "Sys::Guestfs::%s is deprecated; use Sys::Guestfs::%s instead",
                      call->name, call->instead);
    else
      Perl_ck_warner (aTHX_ packWARN (WARN_DEPRECATED), "Sys::Guestfs::%s is deprecated", call->name);
  }
  if ((items - n) % 2)
    croak ("expecting an even number of extra parameters");
  for (i = 1; i < n; i++)
    pg_take (aTHX_ p, &call->params[i - 1], ST (i), &p->f.values[i - 1]);
  for (; i < items; i += 2)
    take_option (aTHX_ p, ST (i), ST (i + 1));
  results = glue_run (&p->f);
  pg_back (aTHX_ p);
  if (results == -1)
    pg_fail (aTHX_ p);
  results = pg_push_result (aTHX_ p, ax);
  pg_end (aTHX);
  XSRETURN (results);
}

/* _attach (self, flags): make a handle for the hash. */
XS (xs_attach)
{
  dXSARGS;
  unsigned flags;
  struct pg_object *object;
  struct pg_frame *p;
  HV *hash;

  if (items != 2)
    croak_xs_usage (cv, "self, flags");
  hash = hash_of (aTHX_ ST (0), "new");
  flags = (unsigned) SvUV (ST (1));
  object = calloc (1, sizeof *object);
  if (object)
    object->h = glue_create (flags);
  if (object == NULL || object->h == NULL) {
    free (object);
    croak ("Sys::Guestfs::new: cannot create a handle: %s", strerror (errno));
  }
  object->refs = 1;
  object->close_on_exit = !(flags & GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  object->pid = getpid ();
  sv_magicext ((SV *) hash, NULL, PERL_MAGIC_ext, &magic, (char *) object, 0)->mg_flags |= MGf_DUP;
  /* For programs that look: we do not. */
  p = pg_begin (aTHX_ ST (0), "new", NULL);
  (void) hv_stores (hash, "_g", newSViv (PTR2IV (p->f.g)));
  (void) hv_stores (hash, "_flags", newSVuv (flags));
  pg_end (aTHX);
  XSRETURN_EMPTY;
}

XS (xs_close)
{
  dXSARGS;
  struct pg_frame *p;

  if (items != 1)
    croak_xs_usage (cv, "g");
  p = pg_begin (aTHX_ ST (0), "close", NULL);
  (void) hv_deletes ((HV *) SvRV (ST (0)), "_g", G_DISCARD);
  /* Done by pg_end, or when the calls in progress are over. */
  glue_close (p->f.handle);
  pg_end (aTHX);
  XSRETURN_EMPTY;
}

XS (xs_destroy)
{
  dXSARGS;
  MAGIC *mg;
  HV *hash;

  if (items != 1)
    croak_xs_usage (cv, "g");
  hash = hash_of (aTHX_ ST (0), "DESTROY");
  mg = mg_findext ((SV *) hash, PERL_MAGIC_ext, &magic);
  (void) hv_deletes (hash, "_g", G_DISCARD);
  if (mg)
    magic_free (aTHX_ (SV *) hash, mg);
  exit_if_wanted (aTHX);
  XSRETURN_EMPTY;
}

XS (xs_last_errno)
{
  dXSARGS;
  int number;

  if (items != 1)
    croak_xs_usage (cv, "g");
  number = glue_errno (&pg_begin (aTHX_ ST (0), "last_errno", NULL)->f);
  pg_end (aTHX);
  XSRETURN_IV (number);
}
